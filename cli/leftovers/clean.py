"""`halab clean`: removes what `make prepare` and the checks put into the checkout, never while a lab is deployed.

`make clean` runs it as a file with any Python: it needs none of what it removes.
"""

import argparse
import contextlib
import fcntl
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
GENERATED = (
    *(
        ".venv",
        "node_modules",
        "tools/cdktn/node_modules",
        ".cache",
        "cdktf.out",
        ".halab",
        "build",
        "dist",
        "halab.egg-info",
    ),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", "artifacts"),
)
STATES = ("*/terraform.tfstate", "terraform.*.tfstate")  # the second: of earlier versions


class Refused(Exception):
    """Something may still need what is to be removed; the text says what."""


def states(checkout: Path) -> list[Path]:
    return [state for form in STATES for state in sorted((checkout / ".halab").glob(form))]


@contextlib.contextmanager
def nothing_deployed(checkout: Path) -> Iterator[None]:
    """No lab is deployed, and none is while the block runs: it holds Terraform's own locks of all states. Refused."""
    with contextlib.ExitStack() as held:
        for state in states(checkout):
            file = held.enter_context(state.open("r+b"))
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                raise Refused(f"a deploy, diff or destroy is under way ({state}): wait for its end") from None
            _check(checkout, state, file.read())
        yield


def _check(checkout: Path, state: Path, text: bytes) -> None:
    """Read through the file that is locked: to close another handle of it would let the lock go."""
    name = state.relative_to(checkout)
    try:
        deployed = bool(text and json.loads(text).get("resources"))
    except (ValueError, AttributeError):
        raise Refused(f"{name} cannot be read, so a lab may be deployed: make destroy puts it back") from None
    if deployed:
        raise Refused(f"a lab is deployed from this checkout ({name}): make destroy first")


def main(arguments: Sequence[str] = ()) -> int:
    """0, or 1 when a lab is deployed from here, or may be: its state and keys are needed to remove it."""
    argparse.ArgumentParser(prog="make clean", description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    try:
        with nothing_deployed(CHECKOUT):
            for path in (CHECKOUT / name for name in GENERATED):
                if path.is_symlink():
                    path.unlink()
                elif path.is_dir():
                    shutil.rmtree(path)
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"error: {error.filename} belongs to another user: run it as that one", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

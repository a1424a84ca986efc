"""`make clean`: removes what `make prepare` and the checks put into the checkout, never while a lab is deployed."""

import json
import shutil
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
GENERATED = (
    *(".venv", "node_modules", ".cache", "cdktf.out", ".halab", "build", "dist", "halab.egg-info"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", "artifacts"),
)
STATES = ("*/terraform.tfstate", "terraform.*.tfstate")  # the second: of earlier versions


def deployed_states(checkout: Path) -> list[Path]:
    """The state files in the checkout that hold resources. ValueError: one of them cannot be read as JSON."""
    states = [state for form in STATES for state in sorted((checkout / ".halab").glob(form))]
    return [state for state in states if state.stat().st_size and json.loads(state.read_text()).get("resources")]


def main() -> int:
    """0, or 1 when a lab is deployed from here: its state and keys are needed to remove it."""
    if deployed := deployed_states(CHECKOUT):
        names = ", ".join(str(state.relative_to(CHECKOUT)) for state in deployed)
        print(f"error: a lab is deployed from this checkout ({names}): make destroy first", file=sys.stderr)
        return 1
    for name in GENERATED:
        shutil.rmtree(CHECKOUT / name, ignore_errors=False) if (CHECKOUT / name).is_dir() else None
    return 0


if __name__ == "__main__":
    sys.exit(main())

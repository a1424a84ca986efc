"""`make sweep`: lists what bears the lab's mark but is in no state, and removes it after a yes.

    make sweep               lists, and asks when there is a terminal
    make sweep ARGS=--yes    removes without asking

Runs that were killed, or a state that was lost, leave such things behind. The next deploy takes most of them over; this
is for when there shall be no next deploy.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from halab.cli import libvirt_daemons
from halab.cli.lab.state import Instance, StateUnusable, instances, locked
from halab.constructs.settings import Settings, SettingsError, load

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = CHECKOUT / ".halab"
# Of the lab's own files: what its resources write. Each may lie there half written under the second name.
FILES = ("id_ed25519", "ssh_config", "known_hosts")


class SweepFailed(Exception):
    """It cannot be told what is left, or something could not be removed."""


def known(state: Iterable[Instance]) -> dict[str, list[str]]:
    """What a state names, as the provider's sweep wants it."""
    found: dict[str, set[str]] = {"uuids": set(), "volumes": set(), "endpoints": set()}
    for instance in state:
        values = instance.attributes
        if instance.type in ("halab_machine", "halab_network", "halab_pool"):
            found["uuids"].add(values["id"])
        if instance.type == "halab_fencing_endpoint":
            found["endpoints"].add(values["id"])
        found["volumes"] |= {path for path in _volumes(instance) if path}
    return {kind: sorted(names) for kind, names in found.items()}


def _volumes(instance: Instance) -> Iterator[str | None]:
    values = instance.attributes
    if instance.type == "halab_volume":
        yield values["path"]
    elif instance.type == "halab_machine":
        yield values["console_log"]
    elif instance.type == "halab_image" and values["disk"]:
        yield from (values[part] for part in ("disk", "kernel", "initrd"))
        yield f"{values['disk'].removesuffix('.disk')}.json"


def files(directory: Path, state: Iterable[Instance]) -> list[Path]:
    """The lab's own files that no state names, once there is no machine that they could be for."""
    types = {instance.type for instance in state}
    if "halab_machine" in types:
        return []
    names = [name for name in FILES if f"halab_{'ssh_key' if name == FILES[0] else 'ssh_config'}" not in types]
    found = [directory / form for name in names for form in (name, f".{name}.new")]
    return [path for path in found if path.exists()]


def ask_provider(
    settings: Settings, state: Sequence[Instance], remove: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """What is left in libvirt and of fencing; `remove` names what may go. SweepFailed."""
    request = {
        "uri": settings.uri,
        "lab": settings.name,
        "directory": str(LAB),
        **known(state),
        "remove": [list(pair) for pair in remove],
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "halab.provider.hypervisor.sweep"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SweepFailed(done.stderr.strip())
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def shown(left: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each."""
    return [
        f"  {item['kind']:<16}  {item['name']:<40}  {item['detail']}"
        + (f"; kept: {item['kept']}" if item["kept"] else "")
        for item in left
    ]


def found(settings: Settings, state: Sequence[Instance]) -> list[dict[str, Any]]:
    """All that bears the lab's mark but is in no state, in the order in which it is to go. SweepFailed."""
    loose = files(LAB, state)
    own = [{"kind": "file", "name": str(path), "detail": "", "kept": ""} for path in loose]
    return [*ask_provider(settings, state, []), *own]


def remove(settings: Settings, state: Sequence[Instance], left: Iterable[dict[str, Any]]) -> None:
    """Take away what was found and is not in use. SweepFailed."""
    pairs = [(item["kind"], item["name"]) for item in left if not item["kept"]]
    ask_provider(settings, state, [pair for pair in pairs if pair[0] != "file"])
    for kind, name in pairs:
        if kind == "file":
            Path(name).unlink()


def sweep(settings: Settings, yes: bool) -> int:
    """0 when nothing is left that could go, 1 when it was not confirmed. SweepFailed, StateUnusable."""
    file = state_file(settings)
    with locked(file):
        state = instances(file)
        left = found(settings, state)
        if not left:
            print(f"Nothing bears the mark of the lab {settings.name!r} without being in its state.")
            return 0
        print(f"These bear the mark of the lab {settings.name!r} but are in no state:", *shown(left), sep="\n")
        if not state:
            print("There is no state at all. If the lab is deployed from another checkout, stop here.")
        if all(item["kept"] for item in left):
            return 0
        if not yes and not _confirmed():
            print("Nothing was removed.")
            return 1
        remove(settings, state, left)
    print("Removed.")
    return 0


def state_file(settings: Settings) -> Path:
    """Where the lab's state is."""
    return LAB / f"terraform.{settings.name}.tfstate"


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        print("Without a terminal: make sweep ARGS=--yes removes them.")
        return False
    return input("Remove them? Type yes: ").strip() == "yes"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when nothing is left that could go, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    yes = parser.parse_args(arguments).yes
    try:
        settings = lab_settings()
        LAB.mkdir(mode=0o700, exist_ok=True)
        record = LAB / "libvirt.json"
        libvirt_daemons.ensure(record)
        code = sweep(settings, yes)
        if not instances(state_file(settings)):
            libvirt_daemons.stop(record, print)
    except (SettingsError, SweepFailed, StateUnusable, libvirt_daemons.LibvirtUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not any(LAB.iterdir()):
        LAB.rmdir()
    return code


def lab_settings() -> Settings:
    """The settings that the other commands use too. SettingsError."""
    return load(json.loads((CHECKOUT / "cdktf.json").read_text()).get("context", {}), os.environ)


if __name__ == "__main__":
    sys.exit(main())

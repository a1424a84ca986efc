"""`make sweep`: lists what bears the lab's mark but is in no state, and removes it after a yes.

    make sweep               lists, and asks when there is a terminal
    make sweep ARGS=--yes    removes without asking

Runs that were killed, or a state that was lost, leave such things behind. The next deploy takes most of them over; this
is for when there shall be no next deploy.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from halab.cli import libvirt_daemons
from halab.cli.checkpoint.kept import Shelf
from halab.cli.lab.state import Instance, StateUnusable, instances, locked
from halab.cli.lab.this_lab import LIBVIRT_RECORD, entered, lab_folder, lab_settings
from halab.constructs.settings import Settings, SettingsError
from halab.provider.run.console_service import ConsoleService
from halab.provider.run.files import unfinished
from halab.provider.run.folder import LabFolder
from halab.provider.run.ownership import private_keys
from halab.provisioners.engine.errors import ConfigError, HalabError


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


def files(folder: LabFolder, state: Iterable[Instance]) -> list[Path]:
    """What the lab's resources have written and no state names, once there is no machine that it could be for."""
    types = {instance.type for instance in state}
    if "halab_machine" in types:
        return []
    found = [] if "halab_ssh_config" in types else [folder.ssh_config, folder.known_hosts]
    if "halab_ssh_key" not in types:
        found += [folder.private_key, *private_keys(folder)]
    if not types:
        found.append(folder.settings)
    # Each may lie there half written.
    return [path for file in dict.fromkeys(found) for path in (file, unfinished(file)) if path.exists()]


def ask_provider(
    settings: Settings, state: Sequence[Instance], remove: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """What is left in libvirt and of fencing; `remove` names what may go. SweepFailed."""
    request = {
        "uri": settings.uri,
        "lab": settings.name,
        "directory": str(lab_folder(settings).path),
        **known(state),
        "snapshots": _snapshots(lab_folder(settings)),
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


def _snapshots(folder: LabFolder) -> list[str]:
    """Those of the lab's checkpoints. SweepFailed: without its record a checkpoint's would go."""
    try:
        return [kept.snapshot for kept in Shelf(folder).all()]
    except ConfigError as error:
        raise SweepFailed(str(error)) from error


def shown(left: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each."""
    return [
        f"  {item['kind']:<16}  {item['name']:<40}  {item['detail']}"
        + (f"; kept: {item['kept']}" if item["kept"] else "")
        for item in left
    ]


def found(settings: Settings, state: Sequence[Instance]) -> list[dict[str, Any]]:
    """All that bears the lab's mark but is in no state, in the order in which it is to go. SweepFailed."""
    loose = files(lab_folder(settings), state)
    own = [{"kind": "file", "name": str(path), "detail": "", "kept": ""} for path in loose]
    return [*console(lab_folder(settings), state), *ask_provider(settings, state, []), *own]


def console(folder: LabFolder, state: Sequence[Instance]) -> list[dict[str, Any]]:
    """A console that runs as a service, or what is left of one, where there is no lab for it."""
    runs = ConsoleService(folder).runs()
    if state or not (runs or folder.console.is_dir()):
        return []
    detail = "running" if runs else "not running"
    return [{"kind": "console", "name": str(folder.console), "detail": detail, "kept": ""}]


def remove(settings: Settings, state: Sequence[Instance], left: Iterable[dict[str, Any]]) -> None:
    """Take away what was found and is not in use. SweepFailed."""
    pairs = [(item["kind"], item["name"]) for item in left if not item["kept"]]
    if any(kind == "console" for kind, _ in pairs):  # first: it asks machines that are about to go
        ConsoleService(lab_folder(settings)).end()
    ask_provider(settings, state, [pair for pair in pairs if pair[0] not in ("console", "file")])
    for kind, name in pairs:
        if kind == "file":
            Path(name).unlink()


def listed(settings: Settings) -> int:
    """Prints what is left as JSON, and removes nothing. 0 when there is nothing, 1 otherwise. SweepFailed."""
    file = lab_folder(settings).state
    with locked(file):
        left = found(settings, instances(file))
    print(json.dumps([{key: item[key] for key in ("kind", "name", "detail", "kept")} for item in left], indent=1))
    return int(bool(left))


def sweep(settings: Settings, yes: bool) -> int:
    """0 when nothing is left that could go, 1 when it was not confirmed. SweepFailed, StateUnusable."""
    file = lab_folder(settings).state
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


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        print("Without a terminal: make sweep ARGS=--yes removes them.")
        return False
    return input("Remove them? Type yes: ").strip() == "yes"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when nothing is left that could go, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    parser.add_argument("--json", action="store_true", help="print a list of objects, and remove nothing")
    given = parser.parse_args(arguments)
    if given.yes and given.json:
        parser.error("--json removes nothing: leave out --yes")
    tell = partial(print, file=sys.stderr) if given.json else print
    try:
        settings = lab_settings()
        folder = entered(lab_folder(settings), tell)
        libvirt_daemons.ensure(LIBVIRT_RECORD)
        code = listed(settings) if given.json else sweep(settings, given.yes)
        if not instances(folder.state):
            libvirt_daemons.stop(LIBVIRT_RECORD, tell)
    except (SettingsError, SweepFailed, StateUnusable, HalabError, libvirt_daemons.LibvirtUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if [*folder.path.iterdir()] == [folder.mark]:  # there was none before
        shutil.rmtree(folder.path)
        with contextlib.suppress(OSError):  # other labs
            folder.path.parent.rmdir()
    return code


if __name__ == "__main__":
    sys.exit(main())

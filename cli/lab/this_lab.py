"""The lab that this checkout's settings name: its settings and its folder, ready for use."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from halab.cli.lab.torn_state import mend
from halab.constructs.settings import Settings, SettingsError, load
from halab.provider.run.console_service import ConsoleService
from halab.provider.run.files import close_file, private_directory, read_or_none
from halab.provider.run.folder import ALL_LABS, LabFolder
from halab.provider.run.ownership import claimed

CHECKOUT = Path(__file__).resolve().parents[2]
LIBVIRT_RECORD = CHECKOUT / ALL_LABS / "libvirt.json"
"""Which of libvirt's daemons were started for labs of this checkout."""


def lab_settings(checkout: Path = CHECKOUT, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings, from the context in cdktf.json (`cdktf` adds nothing to it) and the environment. SettingsError."""
    file = checkout / "cdktf.json"
    try:
        context = json.loads(file.read_text()).get("context", {})
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError([f"{file} cannot be read: {error}. Restore it."]) from error
    return load(context, environment)


def lab_folder(settings: Settings, checkout: Path = CHECKOUT) -> LabFolder:
    """Where the lab's files stand. Nothing is looked at."""
    return LabFolder.of(checkout, settings.name)


def entered(folder: LabFolder, tell: Callable[[str], None]) -> LabFolder:
    """The folder, made if it is not there, and put in order; what was done is told in words.

    What an earlier version left beside it is taken over, a folder that was moved brings its fencing endpoint along, and
    a state that was cut short is put back. Conflict: it is a copy, or somebody else's. StateUnusable: a command is
    under way, or a state cannot be read.
    """
    # They know all that a fencing endpoint is made of: whoever only looks does without.
    from halab.cli.lab import earlier_layout
    from halab.provider.fencing.relocation import bring_over

    checkout = folder.path.parent.parent
    close_file(private_directory(folder.path.parent))
    earlier_layout.take_over(checkout, folder.lab, tell)
    with claimed(folder, folder.lab) as former:
        if former is not None:
            tell(f"the lab {folder.lab!r} was moved here from {former}")
            bring_over(LabFolder(former).fencing, folder.fencing, lambda *said: tell(". ".join(said)))
            ConsoleService(LabFolder(former)).end_moved()
    stack = checkout / "cdktf.out/stacks" / folder.lab
    _forget_former_place(folder.state, stack)
    if said := mend(folder.state, stack):
        tell(said)
    return folder


def _forget_former_place(state: Path, stack: Path) -> None:
    """Terraform remembers by its path where the state was, and refuses to work when it stands elsewhere now."""
    remembered = stack / ".terraform/terraform.tfstate"
    text = read_or_none(remembered, errors="replace")
    if text is not None and _path_in(text) != str(state):
        remembered.unlink()


def _path_in(remembered: str) -> object:
    """None where it was cut short: Terraform could not read it either, and writes it anew."""
    try:
        backend = json.loads(remembered).get("backend") or {}
        return (backend.get("config") or {}).get("path")
    except (ValueError, AttributeError):
        return None


def all_labs(checkout: Path = CHECKOUT) -> list[LabFolder]:
    """Those that have a state."""
    return [LabFolder(state.parent) for state in sorted((checkout / ALL_LABS).glob("*/terraform.tfstate"))]

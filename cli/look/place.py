"""Where the lab that the settings name is looked at from: its libvirt and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from halab.cli.leftovers import sweep


@dataclass(frozen=True, slots=True)
class Place:
    """A lab's name, its libvirt, and its files on this host. `seen`: what was seen of it last."""

    lab: str
    uri: str
    state: Path
    private_key: Path
    ssh_config: Path
    fencing: Path
    seen: Path


def place() -> Place:
    """Of this checkout's lab. SettingsError."""
    settings, folder = sweep.lab_settings(), sweep.LAB
    return Place(
        lab=settings.name,
        uri=settings.uri,
        state=sweep.state_file(settings),
        private_key=folder / "id_ed25519",
        ssh_config=folder / "ssh_config",
        fencing=folder / "fencing",
        seen=folder / f"{settings.name}.seen.json",
    )

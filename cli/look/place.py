"""Where the lab that the settings name is looked at from: its libvirt and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from halab.cli.lab.this_lab import CHECKOUT, lab_folder, lab_settings


@dataclass(frozen=True, slots=True)
class Place:
    """A lab's name, its libvirt, and its files on this host. `seen`: what was seen of it last."""

    lab: str
    uri: str
    state: Path
    private_key: Path
    ssh_config: Path
    fencing: Path
    kvm_verdict: Path
    seen: Path
    console_audit: Path


def place(checkout: Path = CHECKOUT) -> Place:
    """Of this checkout's lab. SettingsError."""
    settings = lab_settings(checkout)
    folder = lab_folder(settings, checkout)
    return Place(
        lab=settings.name,
        uri=settings.uri,
        state=folder.state,
        private_key=folder.private_key,
        ssh_config=folder.ssh_config,
        fencing=folder.fencing,
        kvm_verdict=folder.kvm_verdict,
        seen=folder.seen,
        console_audit=folder.console_audit,
    )

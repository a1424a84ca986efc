"""Doubles of what libvirt's test driver cannot do: contents of volumes, booting, and the fencing daemon.

Networks, pools, volumes and domains are the test driver's, through the real classes; so are waiting for a boot and
reading the console. A machine's double "prints" on its console what the image prints at a boot.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import libvirt
import pytest

from halab.provider.fencing import endpoint, power_files
from halab.provider.fencing.doors.probe import Answer, Probe
from halab.provider.fencing.power_files import PowerConfig
from halab.provider.fencing.power_service import PowerService
from halab.provider.hypervisor import leftovers, removal, sweep
from halab.provider.hypervisor.machine import boot, console
from halab.provider.hypervisor.machine.domain_xml import parse_domain
from halab.provider.hypervisor.network import network
from halab.provider.hypervisor.storage import image
from halab.provisioners.engine.command import Secret

INACTIVE = 2  # VIR_DOMAIN_XML_INACTIVE
_start = boot.start


class Contents:
    """What is in the volumes: path -> bytes. The test driver only knows their names and sizes."""

    def __init__(self) -> None:
        self.by_path: dict[str, bytes] = {}

    def upload(self, _connection: Any, volume: Any, source: Path, _stop: threading.Event) -> None:
        self.by_path[volume.path()] = source.read_bytes()

    def download(self, _connection: Any, volume: Any, offset: int = 0) -> bytes:
        return self.by_path.get(volume.path(), b"")[offset:]

    def start(self, domain: Any) -> None:
        """Switch a machine on; it comes up at once."""
        _start(domain)
        spec = parse_domain(domain.XMLDesc(INACTIVE))
        assert spec is not None
        said = f"HALAB-HOST-KEY {host_key(spec.uuid)}\r\nHALAB-READY\r\n".encode()
        self.by_path[spec.console_log] = self.by_path.get(spec.console_log, b"") + said


def host_key(uuid: str) -> str:
    """The key that a machine would have made at its first boot."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + hashlib.sha256(uuid.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


_answering: set[Path] = set()


class Power(PowerService):
    """The fencing daemon: its files are real, and whether it runs is a word in a set."""

    __slots__ = ()

    def start(self, config: PowerConfig) -> PowerConfig:
        _answering.add(self.files.directory)
        return config

    def stop(self, config: PowerConfig) -> None:
        del config
        _answering.discard(self.files.directory)

    def supervised(self, config: PowerConfig) -> bool:
        del config
        return self.files.directory in _answering

    def reachable(self, config: PowerConfig) -> bool:
        del config
        return True

    def probe(self, config: PowerConfig, username: str, password: Secret | None) -> Probe:
        del config, username, password
        return Probe(Answer.READY)


def stop_fencing_daemons() -> None:
    """Somebody ends them."""
    _answering.clear()


def daemons(directory: Path) -> list[str]:
    """Names of those that run for the lab whose directory this is."""
    return sorted(place.name for place in _answering if directory in place.parents)


def _remove_network(network: Any) -> None:
    """The test driver refuses to forget one that is up."""
    if network.isActive():
        network.destroy()
    network.undefine()


_update_network = libvirt.virNetwork.update


def _update_in_force(network: Any, command: int, section: int, index: int, xml: str, flags: int) -> None:
    """The test driver shows one definition only: of a network that is up, the one in force is changed."""
    config = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
    if flags != config or not network.isActive():
        _update_network(network, command, section, index, xml, flags)


def put_doubles(patch: pytest.MonkeyPatch) -> Contents:
    """Put them in place of the real ones, as long as `patch` lasts."""
    contents = Contents()
    _answering.clear()
    patch.setattr(image, "upload", contents.upload)
    patch.setattr(image, "download", contents.download)
    patch.setattr(console, "download", contents.download)
    patch.setattr(boot, "start", contents.start)
    patch.setattr(boot, "ssh_problem", lambda _address: "")
    patch.setattr(removal, "_with_all_that_belongs_to_it", lambda: 0)  # the test driver knows few of the flags
    patch.setattr(network, "remove_network", _remove_network)
    patch.setattr(leftovers, "remove_network", _remove_network)
    patch.setattr(libvirt.virNetwork, "update", _update_in_force)
    patch.setattr(network, "stored_xml", network._current_xml)  # the test driver has only one definition
    patch.setattr(endpoint, "PowerService", Power)
    patch.setattr(sweep, "PowerService", Power)
    patch.setattr(sweep, "running_configs", lambda: {place / "config.json" for place in _answering})
    patch.setattr(power_files, "BCRYPT_COST", 4)
    return contents


def write_image(directory: Path) -> Path:
    """A base image as `halab.images` leaves it, but empty."""
    directory.mkdir(parents=True)
    for name in ("disk.qcow2", "vmlinuz", "initrd"):
        (directory / name).write_text(f"{name}\n")
    info = {
        "recipe_hash": "0123456789abcdef" * 4,
        "cmdline": "console=ttyS0 root=/dev/vda",
        "cmdline_emulated": "nokaslr",
        "virtual_size_bytes": 1024,
    }
    (directory / "image.json").write_text(json.dumps(info))
    return directory

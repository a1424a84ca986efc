"""The program that the target runs, with a library that writes what it is told: what is on the disk when it ends."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from halab.provisioners.iscsi import lio

WANTED = {
    "iqn": "iqn.2003-01.a:b", "backstore": "lun0", "device": "/dev/vdb1", "serial": "s", "address": "10.0.0.1",
    "port": 3260, "attributes": {}, "initiator": "iqn.2016-06.b:n1",
}  # fmt: skip


class Library(ModuleType):
    """rtslib's names, as far as the program uses them. `folder` is the target's disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__("rtslib_fb")
        (folder / "etc").mkdir()
        (folder / "var").mkdir()
        self.root = SimpleNamespace(
            dbroot=str(folder / "var" / "target"),
            storage_objects=[],
            targets=[],
            save_to_file=lambda save_file: Path(save_file).write_text("{}"),
        )
        self.RTSRoot = lambda: self.root
        self.TPG = lambda *_: SimpleNamespace(luns=[], network_portals=[])
        for name in ("Target", "FabricModule", "LUN", "NetworkPortal", "BlockStorageObject"):
            setattr(self, name, lambda *_, **__: SimpleNamespace(name="lun0"))


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were written to the disk, in their order."""
    paths: list[str] = []

    def fsync(opened: int) -> None:
        paths.append(os.path.relpath(os.readlink(f"/proc/self/fd/{opened}"), tmp_path))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def change(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **wanted: Any) -> None:
    """Runs a change as the target's python3 does, with a lock of its own."""
    library = Library(folder)
    if name == "target":
        Path(library.root.dbroot).mkdir()
    monkeypatch.setitem(sys.modules, "rtslib_fb", library)
    spec = importlib.util.spec_from_file_location("lio_guest", Path(lio.__file__).with_name("lio_guest.py"))
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "LOCK", str(folder / "lock"))
    program.main(name, {**WANTED, "saved": str(folder / "etc" / "saveconfig.json"), **wanted})


def test_the_saved_configuration_is_on_the_disk(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change("no_target", tmp_path, monkeypatch)
    assert synced == ["etc/saveconfig.json", "etc"]


def test_where_keys_are_kept_is_on_the_disk_and_only_where_they_are_wanted(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change("target", tmp_path, monkeypatch, reservations=True)
    assert (tmp_path / "var/target/pr").stat().st_mode & 0o777 == 0o700
    assert synced == ["var/target/pr", "var/target", "var", "etc/saveconfig.json", "etc"]


def test_a_target_without_reservations_gets_no_folder_for_them(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change("target", tmp_path, monkeypatch, reservations=False)
    assert not (tmp_path / "var/target/pr").exists()
    assert synced == ["etc/saveconfig.json", "etc"]

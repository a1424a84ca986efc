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
    "ports": [3260], "attributes": {}, "initiator": "iqn.2016-06.b:n1",
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


def change(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, library: Library | None = None, **wanted: Any
) -> None:
    """Runs a change as the target's python3 does, with a lock of its own."""
    library = library or Library(folder)
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


class Thing(SimpleNamespace):
    """An object of LIO's in a list, which it leaves when it is deleted."""

    def __init__(self, among: list[Thing], **has: Any) -> None:
        super().__init__(**has)
        self._among = among
        among.append(self)

    def delete(self) -> None:
        self._among.remove(self)


def busy(folder: Path) -> Library:
    """Our target and backstore, and others of somebody else's, each like ours in all but one thing."""
    library = Library(folder)
    for wwn in (WANTED["iqn"], "iqn.2003-01.a:other"):
        acls: list[Thing] = []
        tpgs = [SimpleNamespace(tag=2, node_acls=[]), SimpleNamespace(tag=1, node_acls=acls)]
        for initiator in (WANTED["initiator"], "iqn.2016-06.b:n11"):
            Thing(acls, node_wwn=initiator)
        Thing(library.root.targets, wwn=wwn, tpgs=tpgs)
    for plugin, name in (("block", "lun0"), ("fileio", "lun0"), ("block", "lun1")):
        Thing(library.root.storage_objects, plugin=plugin, name=name, udev_path="/dev/vdb1")
    return library


def has(library: Library) -> tuple[list[str], list[str], list[list[str]]]:
    """Its targets, its backstores, each target's ACLs."""
    root = library.root
    return (
        [target.wwn for target in root.targets],
        [f"{storage.plugin}/{storage.name}" for storage in root.storage_objects],
        [[acl.node_wwn for acl in target.tpgs[1].node_acls] for target in root.targets],
    )


def test_only_our_target_and_its_backstore_are_removed(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = busy(tmp_path)
    change("no_target", tmp_path, monkeypatch, library)
    both = [WANTED["initiator"], "iqn.2016-06.b:n11"]
    assert has(library) == (["iqn.2003-01.a:other"], ["fileio/lun0", "block/lun1"], [both])


def test_only_the_initiators_own_acl_is_removed(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = busy(tmp_path)
    change("no_acl", tmp_path, monkeypatch, library)
    targets, storage, acls = has(library)
    assert (len(targets), len(storage)) == (2, 3)
    assert acls == [["iqn.2016-06.b:n11"], [WANTED["initiator"], "iqn.2016-06.b:n11"]]


def test_a_backstore_of_our_name_with_another_disk_is_not_taken_over(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = busy(tmp_path)
    with pytest.raises(SystemExit, match="lun0 exists with /dev/vdb1, not /dev/vdc1"):
        change("target", tmp_path, monkeypatch, library, device="/dev/vdc1", reservations=False)
    assert synced == [], "nothing was saved"


def used(library: Library, luns: list[tuple[int, str]], portals: list[tuple[str, int]]) -> tuple[Any, list[str]]:
    """Our target's TPG, and the names of the objects that the program makes in it."""
    made: list[str] = []
    tpg = SimpleNamespace(tag=1, luns=[], network_portals=[], node_acls=[], enable=False)
    for number, name in luns:
        Thing(tpg.luns, lun=number, storage_object=SimpleNamespace(name=name))
    for address, port in portals:
        Thing(tpg.network_portals, ip_address=address, port=port)
    library.root.targets.append(SimpleNamespace(wwn=WANTED["iqn"], tpgs=[tpg]))
    library.TPG = lambda *_: tpg
    for name in ("LUN", "MappedLUN", "NetworkPortal"):
        setattr(library, name, lambda _, *words, _name=name, **__: made.append(" ".join(map(str, (_name, *words)))))
    return tpg, made


@pytest.mark.parametrize(
    ("luns", "stay", "made"),
    [
        ([(0, "lun0")], [(0, "lun0")], []),
        ([(0, "lun0"), (1, "lun0"), (2, "other")], [(0, "lun0")], []),
        ([(0, "other")], [], ["LUN 0"]),
        ([], [], ["LUN 0"]),
    ],
)
def test_a_lun_that_is_used_is_not_taken_away(
    tmp_path: Path,
    synced: list[str],
    monkeypatch: pytest.MonkeyPatch,
    luns: list[tuple[int, str]],
    stay: list[tuple[int, str]],
    made: list[str],
) -> None:
    """By a change of its target: all initiators would lose their disk, for a moment at least."""
    library = Library(tmp_path)
    tpg, new = used(library, luns, [])
    change("target", tmp_path, monkeypatch, library, reservations=False)
    assert [(lun.lun, lun.storage_object.name) for lun in tpg.luns] == stay
    assert new == [*made, "NetworkPortal 10.0.0.1 3260"]
    assert tpg.enable


def test_portals_that_are_wanted_stay_and_no_others(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path)
    tpg, made = used(
        library, [(0, "lun0")], [("10.0.0.1", 3260), ("10.0.0.1", 3261), ("10.0.0.1", 3270), ("10.0.0.9", 3260)]
    )
    change("target", tmp_path, monkeypatch, library, reservations=False, ports=[3260, 3261])
    assert [(one.ip_address, one.port) for one in tpg.network_portals] == [("10.0.0.1", 3260), ("10.0.0.1", 3261)]
    assert made == ["NetworkPortal 10.0.0.1 3260", "NetworkPortal 10.0.0.1 3261"], "there is one of each in the end"


@pytest.mark.parametrize(
    ("mapped", "stay", "made"),
    [
        ([(0, False)], [0], []),
        ([(0, False), (1, False)], [0], []),
        ([(0, True)], [], ["MappedLUN 0 0 False"]),
        ([], [], ["MappedLUN 0 0 False"]),
    ],
)
def test_an_initiator_keeps_its_lun_when_its_password_changes(
    tmp_path: Path,
    synced: list[str],
    monkeypatch: pytest.MonkeyPatch,
    mapped: list[tuple[int, bool]],
    stay: list[int],
    made: list[str],
) -> None:
    library = Library(tmp_path)
    _, new = used(library, [(0, "lun0")], [])
    attributes = {"authentication": "0"}  # somebody has let it in without a password
    node = SimpleNamespace(
        mapped_luns=[],
        list_attributes=lambda writable: list(attributes),
        get_attribute=attributes.get,
        set_attribute=attributes.__setitem__,
    )
    for number, read_only in mapped:
        Thing(node.mapped_luns, mapped_lun=number, write_protect=read_only)
    library.NodeACL = lambda *_: node  # type: ignore[attr-defined]
    change("acl", tmp_path, monkeypatch, library, user="node1", password="Correct-Horse-42")
    assert (node.chap_userid, node.chap_password, attributes) == ("node1", "Correct-Horse-42", {"authentication": "-1"})
    assert [lun.mapped_lun for lun in node.mapped_luns] == stay
    assert new == made


def test_an_initiator_of_a_target_that_is_not_there_is_an_error(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="there is no target"):
        change("acl", tmp_path, monkeypatch, user="node1", password="Correct-Horse-42")
    assert synced == [], "nothing was saved"

"""A disk grows, and all that lies on it: what is seen of it, and the steps of each part."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.engine.errors import ConfigError
from halab.provisioners.engine.item import Item
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.storage import gfs2, growth, logical_volume, lvm, partition

GIB = 1 << 30
LV = logical_volume.LogicalVolume(cluster="summit", vg="vg_summit", name="lv_web", size="90%VG", lun_bytes=6 * GIB)
VG = lvm.SharedVg(cluster="summit", name="vg_summit", device="/dev/disk/by-id/wwn-0x1-part1", lun_bytes=6 * GIB)
USE = lvm.LvmDevice(machine="m", vg="vg_summit", device="/dev/disk/by-id/wwn-0x1-part1", lun_bytes=6 * GIB)
FS = gfs2.Gfs2(cluster="summit", name="gfs0", device="/dev/vg_summit/lv_web", journals=3, lun_bytes=6 * GIB)
PART = partition.Partition(machine="m", device="/dev/vdb", path="/dev/vdb1", lun_bytes=6 * GIB)


@pytest.mark.parametrize(
    ("actual", "wanted", "shown"),
    [
        (4 * GIB, 6 * GIB, 4 * GIB),
        (6 * GIB, 6 * GIB, 6 * GIB),
        (6 * GIB - (8 << 20), 6 * GIB, 6 * GIB),  # what partition tables take
        (8 * GIB, 6 * GIB, 6 * GIB),  # more than asked for is no difference
        (4 * GIB, None, None),
        (None, 6 * GIB, 6 * GIB),
    ],
)
def test_what_is_shown(actual: int | None, wanted: int | None, shown: int | None) -> None:
    assert growth.grown(actual, wanted) == shown


@pytest.mark.parametrize(
    ("item", "now", "wanted", "command"),
    [
        (partition.PartitionItem(), replace(PART, lun_bytes=4 * GIB), PART, "grow the partition /dev/vdb /dev/vdb1 1"),
        (lvm.SharedVgItem(), replace(VG, lun_bytes=4 * GIB), VG, f"let the physical volume grow {VG.device}"),
        (lvm.LvmDeviceItem(), replace(USE, lun_bytes=None), USE, f"see that the physical volume has grown {VG.device}"),
        (gfs2.Gfs2Item(), replace(FS, lun_bytes=4 * GIB), FS, "let the file system grow /dev/vg_summit/lv_web noatime"),
        (
            gfs2.Gfs2Item(),
            replace(FS, volume_size="50%VG"),
            replace(FS, volume_size="90%VG"),
            "let the file system grow /dev/vg_summit/lv_web noatime",
        ),
        (logical_volume.LogicalVolumeItem(), replace(LV, lun_bytes=4 * GIB), LV, "let vg_summit/lv_web grow to 90%VG"),
        (logical_volume.LogicalVolumeItem(), replace(LV, size="80%VG"), LV, "let vg_summit/lv_web grow to 90%VG"),
    ],
)
def test_the_steps_of_each_part(item: Item[Any], now: Any, wanted: Any, command: str) -> None:
    (step,) = item.steps(DEBIAN_13, now, wanted)
    assert _told(step) == command
    assert list(item.steps(DEBIAN_13, wanted, wanted)) == []


def _told(step: Step) -> str:
    if not isinstance(step, Run):
        return str(step)
    subprocess.run(["sh", "-n", "-c", step.command.argv[2]], check=True)
    return " ".join((step.command.what, *step.command.argv[4:]))


def test_the_file_system_grows_before_its_journals() -> None:
    steps = list(gfs2.Gfs2Item().steps(DEBIAN_13, replace(FS, lun_bytes=4 * GIB, journals=2), FS))
    assert [_told(step).split(" /")[0] for step in steps] == ["let the file system grow", "add journals"]


def test_another_journal_size_holds_for_those_to_come() -> None:
    assert list(gfs2.Gfs2Item().steps(DEBIAN_13, FS, replace(FS, journal_size_mib=64))) == []


def lv_report(size: int, extents: int, free: int) -> str:
    row = (
        f'{{"lv_name":"lv_web", "lv_uuid":"u", "lv_size":"{size}", "vg_extent_size":"4194304", '
        f'"vg_extent_count":"{extents}", "vg_free_count":"{free}"}}'
    )
    return f'seen\n\x1e{{"report": [{{"lv": [{row}]}}]}}'


NINETY = 1382 << 22  # 90 % of 1535 extents, rounded up


@pytest.mark.parametrize(
    ("size", "report", "shown"),
    [
        ("90%VG", lv_report(NINETY, 1535, 153), ("90%VG", 6 * GIB)),
        ("90%VG", lv_report(921 << 22, 1535, 614), ("90%VG", 921 << 22)),
        ("100%FREE", lv_report(921 << 22, 1535, 614), ("100%FREE", 6 * GIB)),
        (str(2 * GIB), lv_report(2 * GIB, 1535, 614), (str(2 * GIB), 6 * GIB)),
        (str(4 * GIB), lv_report(2 * GIB, 1535, 614), (str(2 * GIB), 2 * GIB)),
    ],
)
def test_a_logical_volume_as_it_is(
    size: str, report: str, shown: tuple[str, int], guest_host: Callable[..., Any]
) -> None:
    host, _ = guest_host(report)
    found = logical_volume.LogicalVolumeItem().observe(host, replace(LV, size=size))
    assert found is not None
    assert (found.size, found.lun_bytes) == shown


@pytest.mark.parametrize(
    ("size", "report", "extends"),
    [
        ("90%VG", lv_report(921 << 22, 1535, 614), ["--extents", "90%VG"]),
        ("90%VG", lv_report(NINETY, 1535, 153), []),
        ("100%FREE", lv_report(921 << 22, 1535, 614), ["--extents", "+100%FREE"]),
        ("100%FREE", lv_report(1535 << 22, 1535, 0), []),
        (str(4 * GIB), lv_report(2 * GIB, 1535, 614), ["--size", f"{4 * GIB}b"]),
        (str(2 * GIB), lv_report(2 * GIB, 1535, 614), []),  # lvextend would fail: there is nothing to extend
    ],
)
def test_how_far_a_logical_volume_grows(
    size: str, report: str, extends: list[str], guest_host: Callable[..., Any]
) -> None:
    host, guest = guest_host(report, "")
    host.do(logical_volume.Extend("vg_summit", "lv_web", size, "no"))
    asked = [command.argv for command in guest.asked if "lvextend" in command.argv[2]]
    assert [list(argv[-2:]) for argv in asked] == ([extends] if extends else [])
    for argv in asked:
        subprocess.run(["sh", "-n", "-c", argv[2]], check=True)


@pytest.mark.parametrize(("before", "after"), [("90%VG", "80%VG"), (str(4 * GIB), str(2 * GIB))])
def test_a_logical_volume_cannot_shrink(before: str, after: str) -> None:
    with pytest.raises(ConfigError, match="cannot shrink"):
        logical_volume.LogicalVolumeItem().plan(replace(LV, size=before), replace(LV, size=after))
    for as_large in (before, after):
        logical_volume.LogicalVolumeItem().plan(replace(LV, size=after), replace(LV, size=as_large))


@pytest.mark.parametrize(
    ("sizes", "short"),
    [
        ("", None),
        (f"{4 * GIB}", None),  # not mounted here
        (f"{4 * GIB}\n4096 {4 * GIB // 4096 - 3000}", None),
        (f"{6 * GIB}\n4096 {4 * GIB // 4096}", 4 * GIB),
    ],
)
def test_a_file_system_that_leaves_a_part_of_its_device(sizes: str, short: int | None) -> None:
    assert gfs2.short_bytes(sizes) == short


@pytest.mark.parametrize(
    ("asked", "blocks", "shown"),
    [("90%VG", 4 * GIB // 4096, "90%VG"), ("90%VG", 2 * GIB // 4096, str(2 * GIB)), (None, 2 * GIB // 4096, None)],
)
def test_a_file_system_smaller_than_its_volume_is_seen(asked: str | None, blocks: int, shown: str | None) -> None:
    """Of whatever the volume grew, by a plan or by hand."""
    look = f"seen\n\036TYPE=gfs2\nLABEL=summit:gfs0\nUUID=u\n\036journal0: x\n\036{4 * GIB}\n4096 {blocks}\n"
    found = gfs2.gfs2_seen(look, replace(FS, lun_bytes=None, volume_size=asked), "node1")
    assert found is not None
    assert found.volume_size == shown

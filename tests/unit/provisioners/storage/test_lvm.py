import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine import limits
from halab.provisioners.engine.errors import CommandFailed, Conflict, UnexpectedOutput
from halab.provisioners.engine.item import Item
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.engine.steps import Await, Run, Step
from halab.provisioners.storage import logical_volume, lvm

DATA = Path(__file__).parents[3] / "data" / "lvm"
VGS, NO_VGS, LVS = ((DATA / f"{name}.txt").read_text() for name in ("vgs", "vgs-none", "lvs"))
DEVICE = "/dev/disk/by-id/wwn-0x6001405-part1"
VG = lvm.SharedVg(cluster="summit", name="vg_summit", device=DEVICE)
VG_HAVE = replace(VG, uuid="ueFqAn-CZ13-qrrd-Cdgq-r7xt-8uHL-XFL3hn")
LV = logical_volume.LogicalVolume(cluster="summit", vg="vg_summit", name="lv_web", size="90%FREE")
LV_HAVE = replace(LV, path="/dev/vg_summit/lv_web", uuid="LqBl2h-wnUs-hNC7-XEnR-crQp-UWAj-omhr8j")
USE = lvm.LvmDevice(machine="m", vg="vg_summit", device=DEVICE)
USED = replace(USE, uuid="ueFqAn-CZ13")
NODE = lvm.LvmHost(machine="m")


@pytest.mark.parametrize(
    ("item", "output", "wanted", "expected"),
    [
        (lvm.SharedVgItem(), VGS, VG, VG_HAVE),
        (lvm.SharedVgItem(), NO_VGS, VG, None),
        (lvm.SharedVgItem(), NO_VGS, VG_HAVE, None),
        # the physical volume is not seen on this node: what was made before is not gone
        (lvm.SharedVgItem(), NO_VGS.removeprefix("seen"), VG_HAVE, VG_HAVE),
        (lvm.SharedVgItem(), NO_VGS.removeprefix("seen"), VG, None),
        (logical_volume.LogicalVolumeItem(), LVS, LV, LV_HAVE),
        (logical_volume.LogicalVolumeItem(), LVS, replace(LV, size=""), replace(LV_HAVE, size="2889875456")),
        (logical_volume.LogicalVolumeItem(), NO_VGS.replace('"vg"', '"lv"'), LV_HAVE, None),
        (logical_volume.LogicalVolumeItem(), NO_VGS.replace('"vg"', '"lv"').removeprefix("seen"), LV_HAVE, LV_HAVE),
        (lvm.LvmHostItem(), "use_lvmlockd=1\n", NODE, NODE),
        (lvm.LvmHostItem(), "use_lvmlockd=0\n", NODE, None),
    ],
)
def test_observe(item: Item[Any], output: str, wanted: Any, expected: Any, guest_host: Callable[..., Any]) -> None:
    host, guest = guest_host(output)
    assert item.observe(host, wanted) == expected
    assert len(guest.asked) == 1
    assert guest.answers == []


@pytest.mark.parametrize(
    ("rc", "wanted", "expected"),
    [
        (0, USE, USED),
        (1, USED, None),
        (2, USE, None),
        (2, USED, USED),  # the initiator is logged out: that is its session's difference, not one of LVM
    ],
)
def test_observe_use(
    rc: int, wanted: lvm.LvmDevice, expected: lvm.LvmDevice | None, guest_host: Callable[..., Any]
) -> None:
    host, _ = guest_host((rc, "ueFqAn-CZ13\n"))
    assert lvm.LvmDeviceItem().observe(host, wanted) == expected


def test_a_volume_group_that_is_not_shared_is_in_the_way(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(VGS.replace('"dlm"', '""'))
    with pytest.raises(Conflict, match="not shared"):
        lvm.SharedVgItem().observe(host, VG)


@pytest.mark.parametrize(
    ("item", "answer", "error"),
    [
        (lvm.SharedVgItem(), (5, "  Failed to open /dev/sda: Input/output error"), CommandFailed),
        (lvm.SharedVgItem(), "seen\n\x1enonsense", UnexpectedOutput),
        (lvm.LvmHostItem(), "use_lvmlockd=2\n", UnexpectedOutput),
        (lvm.LvmHostItem(), "", UnexpectedOutput),
    ],
)
def test_failures(item: Item[Any], answer: Any, error: type[Exception], guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(answer)
    with pytest.raises(error):
        item.observe(host, VG)


def told(steps: list[Step]) -> list[str]:
    """What each step does, with its arguments; scripts must at least be shell."""
    found = []
    for step in steps:
        command = step.probe if isinstance(step, Await) else step.command if isinstance(step, Run) else None
        assert command is not None
        if command.argv[0] == "sh":
            subprocess.run(["sh", "-n", "-c", command.argv[2]], check=True)
            found.append(" ".join((command.what, *command.argv[4:])))
        else:
            found.append(str(command))
    return found


@pytest.mark.parametrize(
    ("item", "now", "wanted", "expected"),
    [
        (lvm.LvmHostItem(), None, NODE, ["use lvmlockd"]),
        (lvm.LvmHostItem(), NODE, NODE, []),
        *((item, None, None, []) for item in (lvm.LvmHostItem(), lvm.SharedVgItem(), lvm.LvmDeviceItem())),
        (logical_volume.LogicalVolumeItem(), None, None, []),
        (lvm.LvmHostItem(), NODE, None, ["stop using lvmlockd"]),
        (
            lvm.SharedVgItem(),
            None,
            VG,
            ["lvmlockctl --info", f"make the shared volume group {DEVICE} vg_summit"],
        ),
        (lvm.SharedVgItem(), VG_HAVE, VG, []),
        (lvm.SharedVgItem(), VG_HAVE, None, [f"remove the volume group {DEVICE} vg_summit no"]),
        (
            lvm.LvmDeviceItem(),
            None,
            USE,
            ["lvmlockctl --info", f"join the lockspace of the volume group {DEVICE} vg_summit no"],
        ),
        (lvm.LvmDeviceItem(), USE, USE, []),
        (lvm.LvmDeviceItem(), USE, None, [f"leave the lockspace of the volume group {DEVICE} vg_summit no"]),
        (
            logical_volume.LogicalVolumeItem(),
            None,
            LV,
            ["make the logical volume vg_summit lv_web --extents 90%FREE"],
        ),
        (
            logical_volume.LogicalVolumeItem(),
            None,
            replace(LV, size="2147483648"),
            ["make the logical volume vg_summit lv_web --size 2147483648b"],
        ),
        (logical_volume.LogicalVolumeItem(), LV_HAVE, LV, []),
        (logical_volume.LogicalVolumeItem(), LV_HAVE, None, ["remove the logical volume vg_summit vg_summit/lv_web"]),
    ],
)
def test_steps(item: Item[Any], now: Any, wanted: Any, expected: list[str]) -> None:
    assert told(list(item.steps(DEBIAN_13, now, wanted))) == expected


def test_el_has_a_devices_file() -> None:
    assert told(list(lvm.LvmDeviceItem().steps(EL_9, None, USE)))[1].endswith(" yes")


@pytest.mark.parametrize(
    ("size", "good"),
    [
        ("90%FREE", True),
        ("100%VG", True),
        ("2147483648", True),
        ("0%FREE", False),
        ("5G", False),
        ("", False),
        ("101%FREE", False),
    ],
)
def test_size(size: str, good: bool) -> None:
    assert (limits.lv_size(size) is None) is good


@pytest.mark.parametrize(
    ("joined", "active", "stops"), [(True, "  active", False), (True, "", True), (False, "  active", False)]
)
def test_a_lockspace_is_not_left_under_a_volume_in_use(
    tmp_path: Path, shell: Callable[..., list[str]], joined: bool, active: str, stops: bool
) -> None:
    if joined:
        (tmp_path / "lvm_vg_summit").mkdir()
    (step,) = lvm.LvmDeviceItem().steps(DEBIAN_13, USE, None)
    assert isinstance(step, Run)
    argv = step.command.argv
    text = argv[2].replace("/sys/kernel/dlm", str(tmp_path))
    done = shell((*argv[:2], text, *argv[3:]), lvs=f"echo '{active}'", vgchange="", lvmdevices="exit 9", sync="")
    assert ("vgchange --lockstop vg_summit" in done) == stops
    assert not any(line.startswith("lvmdevices") for line in done), "there is no file of devices here"


def test_of_lvms_configuration_only_our_line_goes(tmp_path: Path, shell: Callable[..., list[str]]) -> None:
    config = tmp_path / "lvmlocal.conf"
    config.write_text("local {\n}\nglobal/use_lvmlockd = 1\n# global/use_lvmlockd = 1 was set\n")
    (step,) = lvm.LvmHostItem().steps(DEBIAN_13, NODE, None)
    assert isinstance(step, Run)
    argv = step.command.argv
    shell((*argv[:2], argv[2].replace("/etc/lvm/lvmlocal.conf", str(config)), *argv[3:]))
    assert config.read_text() == "local {\n}\n# global/use_lvmlockd = 1 was set\n"

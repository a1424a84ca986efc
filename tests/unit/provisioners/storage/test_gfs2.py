import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.errors import CommandFailed, Conflict, UnexpectedOutput
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.engine.steps import Run
from halab.provisioners.storage.gfs2 import Gfs2, Gfs2Item, count_journals, gfs2_seen

DATA = Path(__file__).parents[3] / "data" / "gfs2"
TWO = (DATA / "two-journals.txt").read_text()
FIVE = (DATA / "mounted-five-journals.txt").read_text()
WANTED = Gfs2(cluster="summit", name="gfs0", device="/dev/vg_summit/lv_web", journals=2)
HAVE = replace(WANTED, uuid="27365914-e939-46d6-ae4c-f601cb0d2148")
EXT4 = "seen\n\x1eDEVNAME=/dev/vdb\nUUID=1-2\nTYPE=ext4\nUSAGE=filesystem\n\x1e"
ITEM = Gfs2Item()


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        (TWO, WANTED, HAVE),
        (TWO, replace(WANTED, journals=3), HAVE),
        (FIVE, replace(WANTED, journals=5), replace(HAVE, journals=5)),
        # spare journals stay, and are no difference
        (FIVE, WANTED, HAVE),
        # import: nothing is wanted yet
        (FIVE, replace(WANTED, journals=0), replace(HAVE, journals=5)),
        ("seen\n\x1e\n\x1e", WANTED, None),
        # the volume is not active on this node
        ("", HAVE, HAVE),
        ("", WANTED, None),
    ],
)
def test_seen(text: str, wanted: Gfs2, expected: Gfs2 | None) -> None:
    assert gfs2_seen(text, wanted, "node1") == expected


@pytest.mark.parametrize(
    ("text", "wanted", "named"),
    [
        (EXT4, WANTED, "TYPE=ext4"),
        (TWO, replace(WANTED, cluster="other"), "LABEL=summit:gfs0"),
        (TWO, replace(WANTED, name="gfs1"), "not a GFS2 file system summit:gfs1"),
    ],
)
def test_what_is_not_ours_is_never_formatted(text: str, wanted: Gfs2, named: str) -> None:
    with pytest.raises(Conflict) as error:
        gfs2_seen(text, wanted, "node1")
    assert named in error.value.detail
    assert "wipefs" in error.value.detail
    assert error.value.attribute == "device"


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        (None, WANTED, ("make the GFS2 file system", ("/dev/vg_summit/lv_web", "summit:gfs0", "2", "32"))),
        (HAVE, WANTED, None),
        (HAVE, replace(WANTED, journals=3), ("add journals", ("/dev/vg_summit/lv_web", "noatime", "3", "0", "32"))),
        (
            HAVE,
            replace(WANTED, journals=3, spare_journals=1, journal_size_mib=8),
            ("add journals", ("/dev/vg_summit/lv_web", "noatime", "3", "1", "32")),
        ),
        (replace(HAVE, journals=3), WANTED, None),
        (HAVE, None, ("remove the GFS2 file system", ("/dev/vg_summit/lv_web",))),
        (None, None, None),
    ],
)
def test_steps(now: Gfs2 | None, wanted: Gfs2 | None, expected: tuple[str, tuple[str, ...]] | None) -> None:
    steps = list(ITEM.steps(DEBIAN_13, now, wanted))
    assert len(steps) == (expected is not None)
    for step in steps:
        assert isinstance(step, Run)
        assert (step.command.what, step.command.argv[4:]) == expected
        subprocess.run(["sh", "-n", "-c", step.command.argv[2]], check=True)


def test_it_is_mounted_for_a_moment_with_the_options_that_pacemaker_mounts_it_with() -> None:
    """EL 9's kernel refuses a second mount of a file system with another context=."""
    for step in ITEM.steps(EL_9, replace(HAVE, lun_bytes=1), replace(WANTED, journals=3, lun_bytes=2)):
        assert isinstance(step, Run)
        assert step.command.argv[5] == EL_9.shared_mount_options
        assert 'mount -t gfs2 -o "$2" "$1"' in step.command.argv[2]


def test_a_failing_look_is_an_error(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host((1, "blkid: error: /dev/vg_summit/lv_web: Input/output error"))
    with pytest.raises(CommandFailed, match="Input/output error"):
        ITEM.observe(host, WANTED)


def test_journals_that_cannot_be_read() -> None:
    with pytest.raises(UnexpectedOutput):
        count_journals("")


@pytest.mark.parametrize("steps", [list(ITEM.steps(DEBIAN_13, None, WANTED)), list(ITEM.steps(DEBIAN_13, HAVE, None))])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_volume_that_another_node_has_active_is_not_written_to(
    shell: Callable[..., list[str]], steps: list[Run], elsewhere: bool
) -> None:
    """lvmlockd refuses the exclusive lock then."""
    refuse = 'case "$*" in *" ey "*) exit 5;; esac' if elsewhere else ""
    done = shell(
        steps[0].command.argv, lvs="echo vg", vgchange="", lvchange=refuse, blkid="exit 2", mkfs_gfs2="", wipefs=""
    )
    wrote = [line for line in done if line.startswith(("mkfs.gfs2", "wipefs"))]
    assert len(wrote) == (0 if elsewhere else 1)
    wipes = [line for line in wrote if line.startswith("wipefs")]
    assert wipes in ([], ["wipefs --quiet --all --types gfs2 /dev/vg_summit/lv_web"]), "and no other signature"
    if not elsewhere:
        assert done.index("lvchange --activate ey /dev/vg_summit/lv_web") < done.index(wrote[0])
        shared = "lvchange --activate sy /dev/vg_summit/lv_web"
        assert done[-1] == (shared if "mkfs" in wrote[0] else "lvchange --activate n /dev/vg_summit/lv_web")


@pytest.mark.parametrize(
    ("blkid", "written"),
    [("exit 2", True), ("echo ext4", False), ("exit 1", False)],
    ids=["empty", "in use since", "unreadable"],
)
def test_a_volume_is_looked_at_again_before_it_is_formatted(
    shell: Callable[..., list[str]], blkid: str, written: bool
) -> None:
    (step,) = ITEM.steps(DEBIAN_13, None, WANTED)
    assert isinstance(step, Run)
    done = shell(step.command.argv, lvs="echo vg", vgchange="", lvchange="", blkid=blkid, mkfs_gfs2="")
    assert any(line.startswith("mkfs.gfs2") for line in done) == written
    assert done.index("lvchange --activate ey /dev/vg_summit/lv_web") < done.index(
        next(line for line in done if line.startswith("blkid"))
    ), "nobody else can write to it after the look"

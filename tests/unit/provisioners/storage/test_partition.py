import json
import subprocess
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from halab.provisioners.engine import limits
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Run
from halab.provisioners.storage.partition import (
    Partition,
    PartitionItem,
    SharedPartition,
    SharedPartitionItem,
    partition_label,
    partition_path,
    partition_seen,
)

UUID = "c8fcf89a-abee-4a81-9728-8ea3ceb7906b"
WANTED = Partition(machine="m", device="/dev/vdb", label="lun", path="/dev/vdb1")
HAVE = replace(WANTED, uuid=UUID)
GPT = "DEVNAME=/dev/vdb\nPTUUID=1\nPTTYPE=gpt\n"
ITEM = PartitionItem()
SHARED = SharedPartitionItem()
SHARED_HAVE = SharedPartition(cluster="c", device="/dev/vdb", label="lun", path="/dev/vdb1", uuid=UUID)


def table(*names: str, label: str = "gpt") -> str:
    """As `sfdisk --json` of util-linux 2.41 prints it."""
    partitions = [
        {"node": f"/dev/vdb{n}", "start": 2048, "size": 6287360, "uuid": UUID.upper(), "name": name}
        for n, name in enumerate(names, 1)
    ]
    return json.dumps({"partitiontable": {"label": label, "device": "/dev/vdb", "partitions": partitions}})


def look(sfdisk: str, blkid: str, there: bool = True) -> str:
    return f"{sfdisk}\x1e{blkid}\x1e{'there' if there else ''}\n"


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        (look(table("lun"), GPT), WANTED, HAVE),
        (look(table("lun"), GPT), HAVE, HAVE),
        # somebody gave it another name: it is still the one that was made
        (look(table("web"), GPT), HAVE, replace(HAVE, label="web")),
        (look(table("lun"), GPT, there=False), HAVE, replace(HAVE, condition="/dev/vdb1 is not there on target")),
        (look("", ""), WANTED, None),
        ("", WANTED, None),
        ("", HAVE, replace(HAVE, condition="/dev/vdb is not there on target")),
    ],
)
def test_seen(text: str, wanted: Partition, expected: Partition | None) -> None:
    assert partition_seen(text, wanted, "target") == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (look("", "TYPE=ext4\nUUID=1\n"), "ext4"),
        (look("", "TYPE=LVM2_member\n"), "LVM2_member"),
        (look(table("lun", "more"), GPT), "a gpt partition table with lun, more"),
        (look(table("other"), GPT), "other"),
        (look(table(), GPT), "no partition"),
        (look(table("lun").replace("/dev/vdb1", "/dev/vdb2"), GPT), "a gpt partition table with lun"),
        (look(table("lun", label="dos"), "PTTYPE=dos\n"), "a dos partition table"),
    ],
)
def test_a_disk_that_holds_something_else_is_refused(text: str, named: str) -> None:
    with pytest.raises(Conflict) as error:
        partition_seen(text, WANTED, "target")
    assert named in error.value.detail
    assert error.value.attribute == "device"


def test_another_partition_by_the_same_name_is_refused() -> None:
    with pytest.raises(Conflict) as error:
        partition_seen(look(table("lun"), GPT), replace(HAVE, uuid="11111111-2222-3333-4444-555555555555"), "target")
    assert "a gpt partition table with lun" in error.value.detail


def test_another_name_is_no_other_partition() -> None:
    for spec in (Partition, SharedPartition):
        assert not {f.name: f.metadata["replace"] for f in fields(spec)}["label"]
    assert list(ITEM.requires_replace(HAVE, replace(HAVE, label="web"))) == []


@pytest.mark.parametrize(
    ("use", "holds", "wiped"), [("shared", "TYPE=LVM2_member", False), ("shared", "", True), ("own", "x", True)]
)
def test_a_shared_partition_is_wiped_only_when_nothing_is_on_it(
    shell: Callable[..., list[str]], use: str, holds: str, wiped: bool
) -> None:
    (step,) = (
        PartitionItem().steps(DEBIAN_13, HAVE, None) if use == "own" else SHARED.steps(DEBIAN_13, SHARED_HAVE, None)
    )
    assert isinstance(step, Run)
    done = shell(step.command.argv, blkid=f'echo "{holds}"' if holds else "exit 2", wipefs="")
    assert [line for line in done if line.startswith("wipefs")] == (
        ["wipefs --quiet --lock=yes --all /dev/vdb1", "wipefs --quiet --lock=yes --all /dev/vdb"] if wiped else []
    )


@pytest.mark.parametrize(
    ("blkid", "written"),
    [("exit 2", True), ("echo TYPE=ext4", False), ("exit 1", False), ("exit 8", False)],
    ids=["empty", "in use since", "unreadable", "several signatures"],
)
def test_a_disk_is_looked_at_again_before_it_is_partitioned(
    shell: Callable[..., list[str]], blkid: str, written: bool
) -> None:
    (step,) = ITEM.steps(DEBIAN_13, None, WANTED)
    assert isinstance(step, Run)
    done = shell(step.command.argv, udevadm="", blkid=blkid, sfdisk="cat >/dev/null")
    assert [line for line in done if line.startswith("sfdisk")] == (
        ["sfdisk --quiet --lock=yes /dev/vdb"] if written else []
    )


def test_half_a_look_is_an_error() -> None:
    with pytest.raises(UnexpectedOutput):
        partition_seen("{}", WANTED, "target")


@pytest.mark.parametrize(
    ("device", "path"),
    [
        ("/dev/vdb", "/dev/vdb1"),
        ("/dev/nvme0n1", "/dev/nvme0n1p1"),
        ("/dev/disk/by-id/wwn-0x6001405", "/dev/disk/by-id/wwn-0x6001405-part1"),
    ],
)
def test_path(device: str, path: str) -> None:
    assert partition_path(device, 1) == path
    assert ITEM.plan(None, replace(WANTED, device=device, path=None)).path == path


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        (None, WANTED, ("partition the disk", ("/dev/vdb", "/dev/vdb1", "1", "lun"))),
        (HAVE, WANTED, None),
        (replace(HAVE, condition="not there"), WANTED, ("have the partition seen", ("/dev/vdb", "/dev/vdb1"))),
        (replace(HAVE, label="web"), WANTED, ("rename the partition", ("/dev/vdb", "1", "lun"))),
        (HAVE, None, ("wipe the partition table", ("/dev/vdb", "/dev/vdb1", "own"))),
        (replace(HAVE, condition="not there"), None, None),
        (None, None, None),
    ],
)
def test_steps(now: Partition | None, wanted: Partition | None, expected: Any) -> None:
    steps = list(ITEM.steps(DEBIAN_13, now, wanted))
    assert len(steps) == (expected is not None)
    for step in steps:
        assert isinstance(step, Run)
        assert (step.command.what, step.command.argv[4:]) == expected
        subprocess.run(["sh", "-n", "-c", step.command.argv[2]], check=True)


def test_shared_is_the_same_on_any_node(guest_host: Callable[..., Any]) -> None:
    shared = SharedPartition(cluster="summit", device="/dev/disk/by-id/wwn-0x6001405", label="lun")
    host, guest = guest_host(look(table("lun"), GPT))
    seen = SharedPartitionItem().observe(host, shared)
    assert seen is not None
    assert seen.path == "/dev/disk/by-id/wwn-0x6001405-part1"
    assert guest.asked[0].argv[4:] == (shared.device, seen.path)


@pytest.mark.parametrize(
    ("rule", "value", "good"),
    [
        (partition_label, "lun-0", True),
        (partition_label, 'a"b', False),
        (partition_label, "x" * 37, False),
        (limits.device_path, "/dev/vdb", True),
        (limits.device_path, "vdb", False),
        (limits.device_path, "/dev/../etc/passwd", False),
    ],
)
def test_rules(rule: Any, value: str, good: bool) -> None:
    assert (rule(value) is None) is good

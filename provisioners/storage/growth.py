"""What lies on a disk that can grow, and grows with it: partitions, physical and logical volumes, a file system."""

from __future__ import annotations

from typing import Any

from halab.provisioners.engine.item import attr

# Partition tables, LVM's metadata and whole extents take this much of a disk at most, all together.
SLACK_BYTES = 24 << 20


def _whole_mib(value: object) -> str | None:
    if isinstance(value, int) and value > 0 and value % (1 << 20) == 0:
        return None
    return f"{value!r} bytes is no size here: give whole MiB, for example 4294967296 for 4 GiB."


def lun_bytes() -> Any:
    """The field that all of these have: with it, one plan grows the whole stack, from the disk to the file system."""
    return attr(
        "Size in bytes of the disk that it lies on: when that grows, it grows, too. Left out: it stays as it is.",
        default=None,
        check=_whole_mib,
    )


def grown(actual_bytes: int | None, wanted_bytes: int | None) -> int | None:
    """What is shown for a wanted size: the same once it is there but for the slack, else what there is.

    None for what nobody asked for; what cannot be seen now is taken to be as it should.
    """
    if wanted_bytes is None or actual_bytes is None or actual_bytes + SLACK_BYTES >= wanted_bytes:
        return wanted_bytes
    return actual_bytes

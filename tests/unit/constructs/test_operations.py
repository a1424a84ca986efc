"""Timeouts and intervals of what Pacemaker does, on machines of different speed."""

from __future__ import annotations

from dataclasses import fields

from halab.provisioners.iscsi.session import Session
from tests.unit.constructs.synthesized import Synthesized, synthesized


def times(lab: Synthesized) -> list[str]:
    """Of all operations in the CIB, and of fencing."""
    holders = [*lab.json["resource"]["halab_stonith"].values()]
    for address in ("halab_clone.locking", "halab_clone.shared_fs", "halab_group.site"):
        holders += lab.by_address[address]["primitives"]
    operations = [operation for holder in holders for operation in holder["operations"]]
    stonith = lab.by_address["halab_cluster_property.stonith_timeout"]["value"]
    return [stonith] + [operation[kind] for operation in operations for kind in ("timeout", "interval")]


def test_a_slow_machine_gets_longer_timeouts_and_looks_less_often() -> None:
    usual = times(synthesized())
    assert len(usual) == 1 + 2 * (3 * 2 + 6 * 3)
    assert set(usual) == {"0s", "10s", "20s", "30s", "60s", "90s", "120s", "150s", "180s", "300s"}
    assert times(synthesized(HALAB_TIME_SCALE="2.5")) == [f"{int(text[:-1]) * 5 // 2}s" for text in usual]
    assert times(synthesized(HALAB_TIME_SCALE="0.5")) == usual, "nobody is fenced for a scale that suits the waits"


def test_the_file_systems_monitor_reads_the_device_and_waits_longer_than_the_session() -> None:
    lab = synthesized()
    (mount,) = (one for one in lab.by_address["halab_clone.shared_fs"]["primitives"] if "Filesystem" in one["agent"])
    (monitor,) = (one for one in mount["operations"] if one["name"] == "monitor")
    assert monitor["attributes"] == {"OCF_CHECK_LEVEL": "10"}
    assert monitor["on_fail"] == "fence"
    (waits,) = (one.default for one in fields(Session) if one.name == "replacement_timeout_s")
    assert isinstance(waits, int)
    assert int(monitor["timeout"].rstrip("s")) > waits

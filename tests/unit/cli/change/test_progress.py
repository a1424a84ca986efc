"""Reading the provider's progress file."""

import json
from pathlib import Path

import pytest

from halab.cli.change.progress import Follower, Record, Timeline, describe, parse, table


def line(t: float, event: str, phase: str = "machine", name: str = "node1", **more: object) -> str:
    row = {"t": t, "event": event, "phase": phase, "resource": f"halab_{phase}", "name": name, "machine": name, **more}
    return json.dumps(row) + "\n"


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    follower = Follower(file)
    assert list(follower.new_records()) == []
    whole = line(1, "start", detail="wörks")
    cut = whole.encode().index(b"ame")
    file.write_bytes(line(0, "start").encode() + whole.encode()[:cut])
    assert [record.t for record in follower.new_records()] == [0]
    with file.open("ab") as out:
        out.write(whole.encode()[cut:])
    assert [record.t for record in follower.new_records()] == [1]
    assert list(follower.new_records()) == []


def test_foreign_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text("no json\n[]\n" + line(2, "done"))
    assert [record.event for record in Follower(file).new_records()] == ["done"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"event": "start"}', '{"event": "other", "t": 1}', "no json"])
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


def test_phases_run_from_first_start_to_last_end() -> None:
    timeline = Timeline(began=100.0)
    for text in (
        line(101, "start"),
        line(102, "start", name="node2"),
        line(103, "wait", detail="waiting for ssh"),
        line(110, "done"),
        line(111, "start", phase="iscsi"),
        line(115, "failed", name="node2", detail="no route"),
    ):
        timeline.add(parse(text))
    machine, iscsi = timeline.phases()
    assert (machine.phase, machine.started_s, machine.duration_s) == ("machine", 1.0, 14.0)
    assert (machine.resources, machine.failed) == (2, 1)
    assert (iscsi.phase, iscsi.duration_s) == ("iscsi", 0.0)
    assert [record.phase for record in timeline.active.values()] == ["iscsi"]
    assert table([machine, iscsi], 20.0) == [
        "phase         began at      took  resources",
        "machine          1.0 s    14.0 s  2 (1 failed)",
        "iscsi           11.0 s     0.0 s  1",
        "all              0.0 s    20.0 s",
    ]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Record(0, "start", "machine", "halab_machine", "node1", "node1"), "machine   node1: started"),
        (Record(0, "wait", "iscsi", "r", "lun", "node1", "login", 2), "iscsi     node1 lun: login"),
        (Record(0, "start", "cluster", "halab_pcsd", "", "node1"), "cluster   node1 pcsd: started"),
        (Record(0, "done", "site", "r", "site", elapsed_s=3.04), "site      site: done after 3.0 s"),
        (Record(0, "failed", "site", "r", "site", "", "503", 3), "site      site: FAILED after 3.0 s: 503"),
    ],
)
def test_describe(record: Record, text: str) -> None:
    assert describe(record) == text

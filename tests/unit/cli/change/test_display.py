"""What is shown while a lab is deployed."""

import io

from halab.cli.change.display import LiveDisplay, PlainDisplay, active_lines
from halab.cli.change.progress import Record, Timeline


def wait(t: float, detail: str, name: str = "node1") -> Record:
    return Record(t, "wait", "machine", "halab_machine", name, name, detail, elapsed_s=t)


def test_plain_repeats_an_unchanged_wait_only_now_and_then() -> None:
    out = io.StringIO()
    display = PlainDisplay(out, began=0.0)
    for record in (wait(1, "ssh"), wait(2, "ssh"), wait(3, "ssh", "node2"), wait(4, "boot"), wait(40, "boot")):
        display.record(record)
    assert [text.split()[0] for text in out.getvalue().splitlines()] == ["1.0", "3.0", "4.0", "40.0"]


def test_live_draws_over_its_last_lines() -> None:
    out = io.StringIO()
    display = LiveDisplay(out, began=0.0)
    timeline = Timeline(0.0)
    timeline.add(wait(1, "ssh"))
    timeline.add(wait(1, "ssh", "node2"))
    display.refresh(timeline)
    display.line("a message")
    display.refresh(timeline)
    display.close()
    assert out.getvalue().count("\x1b[2F\x1b[J") == 2
    assert out.getvalue().endswith("\x1b[J")


def test_the_oldest_operation_comes_first() -> None:
    rows = active_lines([wait(5, "b", "node2"), Record(9, "wait", "host", "r", "node1", detail="a", elapsed_s=9)], 10.0)
    assert [row.split("…")[0].strip() for row in rows] == ["10.0 s", "10.0 s"]
    young = Record(9, "start", "host", "r", "young")
    assert active_lines([young, wait(5, "b")], 10.0)[0].endswith("node1: b")

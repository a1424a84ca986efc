"""What is heard of guests: the writer's program, streams that begin again, clocks, recordings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from halab.cli.drill.clients import WRITER, Writer, rest_s
from halab.cli.drill.guest_stream import GuestStream, clock_of
from halab.cli.drill.guests import ranges
from halab.cli.drill.lines import meaning
from halab.cli.drill.listening import Journal
from halab.cli.drill.recording import Recorder, read
from halab.cli.drill.retelling import folders
from halab.provisioners.engine.errors import ConfigError, UnexpectedOutput
from tests.unit.cli.drill.recorded import recorded


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called ssh that runs the command here: its last argument."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path / "ssh_config"


def test_a_stream_begins_again_when_its_program_ends(ssh: Path) -> None:
    heard: list[str] = []
    twice = threading.Event()
    starts = iter(range(100))

    def hear(line: str) -> None:
        heard.append(line)
        if len(heard) == 2:
            twice.set()

    with GuestStream(ssh, "node1", lambda: ["echo", str(next(starts))], hear) as stream:
        assert twice.wait(20)
        assert stream.heard.is_set()
    assert heard[:2] == ["0", "1"]


def test_a_stream_ends_with_its_block_though_its_program_goes_on(ssh: Path) -> None:
    said = ssh.parent / "said"
    said.write_text("here\n")
    with GuestStream(ssh, "node1", lambda: ["tail", "-f", str(said)], lambda _: None) as stream:
        assert stream.heard.wait(20)


@pytest.mark.parametrize(
    ("took_s", "answered", "rest"),
    [(0.01, True, 0.09), (0.07, True, 0.07), (0.3, True, 0.3), (0.01, False, 0.09), (1.0, False, 0.0)],
)
def test_a_slow_site_is_asked_less(took_s: float, answered: bool, rest: float) -> None:
    assert rest_s(took_s, answered) == pytest.approx(rest)


def test_a_clock_is_measured_between_question_and_answer(ssh: Path) -> None:
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    boot, offset, error = clock_of(ssh, "node1", lambda: 1000.0 + float(Path("/proc/uptime").read_text().split()[0]))
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    assert offset == pytest.approx(1000.0, abs=0.5)
    assert 0 <= error < 5
    assert uptime_s > 0


def test_who_is_mute_has_no_clock(ssh: Path) -> None:
    (ssh.parent / "bin/ssh").write_text("#!/bin/sh\nexit 255\n")
    with pytest.raises(OSError, match="node1"):
        clock_of(ssh, "node1", lambda: 0.0)


def test_nothing_is_written_where_gfs2_is_not_mounted(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WRITER, str(tmp_path), "file", "1", "192.0.2.1", "0.1", ".halab-drill-run-"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(3)]
        writer.kill()
    assert said == ["address 0"] * 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_beneath_a_gfs2_that_was_just_unmounted(tmp_path: Path) -> None:
    """It was seen mounted, and the directory is the node's own when it is opened."""
    point = tmp_path / "point"
    point.mkdir()
    device = point.stat().st_dev
    argv = [sys.executable, "-c", _mounted(tmp_path, WRITER, point, device + 1), str(point), "file", "1", "192.0.2.1"]
    with subprocess.Popen([*argv, "0.1", ".halab-drill-run-"], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(3)]
        writer.kill()
    assert said == ["address 0"] * 3
    assert list(point.iterdir()) == []


def test_an_address_of_this_machine_is_seen(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WRITER, "", "file", "1", "127.0.0.1", "0.1", ""]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "address 1\n"
        writer.kill()


def test_a_writer_that_is_started_again_takes_numbers_of_its_own(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drills/run")
    writer = Writer("node1", "/mnt", "192.0.2.50", 3, recorder)
    writer.hear("wrote 4 0.0123")
    writer.hear("failed 5 28")
    writer.hear("address 1")
    writer.hear("half a li")
    assert [event["number"] for event in recorder.events("write")] == [4]
    assert [event["errno"] for event in recorder.events("unwritten")] == [28]
    assert [event["held"] for event in recorder.events("address")] == [True]
    assert int(writer.argv()[6]) > 100


def _mounted(tmp_path: Path, program: str, point: Path, device: int) -> str:
    """The program, which sees GFS2 of that device mounted there."""
    mounts = tmp_path / "mountinfo"
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(
        f"36 35 98:0 / /mnt rw - ext4 /dev/sda rw\n37 35 {number} / {point} rw shared:9 - gfs2 /dev/vg/lv rw\n"
    )
    assert "/proc/self/mountinfo" in program
    return program.replace("/proc/self/mountinfo", str(mounts))


def _reads_one(tmp_path: Path, writer: Writer, point: Path) -> None:
    """Has it write to a folder that looks as if GFS2 were mounted there, until it says that it has."""
    argv = writer.argv()
    program = _mounted(tmp_path, argv[3], point, point.stat().st_dev)
    with subprocess.Popen([sys.executable, "-u", "-c", program, *argv[4:]], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        said = next((line for line in iter(run.stdout.readline, "") if line.startswith("wrote")), "")
        run.kill()
    assert said.startswith("wrote 1 ")
    assert Path(writer.file).read_text().startswith("1\n")


def test_a_run_never_finds_an_earlier_ones_numbers(tmp_path: Path) -> None:
    shared = tmp_path / "$(shared)'place"
    shared.mkdir()
    first, second = (
        Writer("node1", str(shared), "192.0.2.50", 3, Recorder(tmp_path / f"drills/{n}-hang")) for n in "12"
    )
    _reads_one(tmp_path, first, shared)
    (shared / ".halab-drill-filler").write_text("full")
    (shared / ".halab-drill-node1").write_text("1\n2\n")
    (shared / "index.html").write_text("the site's")
    other = Writer("node2", str(shared), "192.0.2.50", 3, Recorder(tmp_path / "drills/2-hang"))
    Path(other.file).write_text("1\n")
    _reads_one(tmp_path, second, shared)
    names = {path.name for path in shared.iterdir()}
    assert names == {".halab-drill-2-hang-node1", ".halab-drill-2-hang-node2", "index.html"}
    (shared / ".halab-drill-filler").write_text("full")
    second.hear("address 0")
    assert second.argv()[-1] == "", "what this drill fills on purpose stays"


def test_what_a_dying_machine_could_not_say_to_its_end_is_left_out(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drills/run")
    journal = Journal("node1", None, recorder, _boots={"b"})  # type: ignore[arg-type]  # its clock is known
    journal.hear('{"__CURSOR":"c1","_BOOT_ID":"b","__MONOTONIC_TIMESTAMP":"1500000","MESSAGE":" hello"}')
    journal.hear('{"__CURSOR":"c2","_BOOT_ID":"b","__MONOTON')
    journal.hear('{"__CURSOR":"c3","_BOOT_ID":"b","__MONOTONIC_TIMESTAMP":"1600000","MESSAGE":[1,2]}')
    (event,) = recorder.events("journal")
    assert (event["up"], event["text"], event["by"], event["priority"]) == (1.5, "hello", "", 6)
    assert journal.argv()[-2:] == ["--after-cursor", "c3"]


@pytest.mark.parametrize(
    ("fields", "by", "priority", "text"),
    [
        ('"MESSAGE":"hello","SYSLOG_IDENTIFIER":"cron","PRIORITY":"3"', "cron", 3, "hello"),
        ('"MESSAGE":["hello","again"],"SYSLOG_IDENTIFIER":["cron","sshd"],"PRIORITY":["3","4"]', "cron", 3, "hello"),
        ('"MESSAGE":"hello","SYSLOG_IDENTIFIER":[99,255],"PRIORITY":[51]', "c\ufffd", 6, "hello"),
        ('"MESSAGE":"hello","SYSLOG_IDENTIFIER":[[99,114],"b"],"PRIORITY":"high"', "cr", 6, "hello"),
        ('"MESSAGE":"hello","SYSLOG_IDENTIFIER":null,"PRIORITY":null', "", 6, "hello"),
        ('"MESSAGE":"hello","SYSLOG_IDENTIFIER":[],"PRIORITY":[]', "", 6, "hello"),
    ],
)
def test_what_anyone_in_a_guest_writes_to_the_journal_is_heard(
    tmp_path: Path, fields: str, by: str, priority: int, text: str
) -> None:
    recorder = Recorder(tmp_path / "drills/run")
    journal = Journal("node1", None, recorder, _boots={"b"})  # type: ignore[arg-type]  # its clock is known
    for message in (f"{{{fields},", '{"MESSAGE":null,', '{"MESSAGE":[[1,2],"x"],'):
        journal.hear(f'{message}"__CURSOR":"c1","_BOOT_ID":"b","__MONOTONIC_TIMESTAMP":"1500000"}}')
    (event,) = recorder.events("journal")
    assert (event["by"], event["priority"], event["text"]) == (by, priority, text)
    assert meaning(event["by"], event["text"]) is None


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drills/20261127T120000-hang")
    recorder.add("run", **{name: value for name, value in recorded().about.items() if name not in ("t", "kind")})
    recorder.add("site", 12.5, took=0.1, node="node1", why="")
    recorder.close()
    recorder.add("site", 13.0, took=0.1, node="node1", why="")
    run = read(tmp_path / "drills/20261127T120000-hang")
    assert [(event["t"], event["node"]) for event in run.of("site")] == [(12.5, "node1")]
    assert folders(tmp_path / "drills", ["hang"]) == [recorder.folder]
    assert folders(tmp_path / "drills", []) == [recorder.folder]
    with pytest.raises(ConfigError, match="no recorded run"):
        folders(tmp_path / "drills", ["crash"])


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnexpectedOutput, match="not a recorded drill"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="no recorded drills"):
        folders(tmp_path, [])


def test_numbers_as_ranges() -> None:
    assert ranges([3, 1, 2, 7, 9, 10]) == [[1, 3], [7, 7], [9, 10]]
    assert ranges([]) == []

import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.managed_block import BEGIN, END, Block, Whole, WriteFiles, block_lines, other_lines


class ThisMachine:
    name = "this machine"

    def run(self, command: Command, timeout_s: float) -> Result:
        done = subprocess.run(command.argv, capture_output=True, text=True, timeout=timeout_s, check=False)
        return Result(command, done.returncode, done.stdout, done.stderr)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise NotImplementedError


def write(*entries: Block | Whole) -> None:
    WriteFiles(entries).run(Host(ThisMachine()))


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        (None, ""),
        ("", ""),
        ("mine\n", "mine\n"),
        ("no newline", "no newline\n"),
        (f"a\n{BEGIN}\nold\n{END}\nb\n", "a\nb\n"),
        ("dots .* and \\1 & stay\n", "dots .* and \\1 & stay\n"),
    ],
)
@pytest.mark.parametrize("lines", [(), ("one", "two $HOME 'x'")])
def test_our_lines_stand_at_the_end_and_others_stay(
    tmp_path: Path, before: str | None, rest: str, lines: Sequence[str]
) -> None:
    path = tmp_path / "new" / "file"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    block = Block(str(path), tuple(lines), mode=0o600)
    write(block)
    write(block)
    ours = "".join(f"{line}\n" for line in (BEGIN, *lines, END)) if lines else ""
    assert path.read_text() == rest + ours
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (block_lines(path.read_text()) or ()) == tuple(lines)
    assert other_lines(path.read_text()) == tuple(rest.splitlines())


def test_whole_files_and_blocks_in_one_call(tmp_path: Path) -> None:
    whole, block = tmp_path / "whole", tmp_path / "block"
    whole.write_text("old")
    write(Whole(str(whole), "new\n", 0o640), Block(str(block), ("x",)))
    assert whole.read_text() == "new\n"
    assert stat.S_IMODE(whole.stat().st_mode) == 0o640
    assert block_lines(block.read_text()) == ("x",)


@pytest.mark.parametrize(("text", "lines"), [(None, None), ("", None), ("a\n", None), (f"{BEGIN}\n{END}\n", ())])
def test_no_block_is_not_an_empty_block(text: str | None, lines: tuple[str, ...] | None) -> None:
    assert block_lines(text) == lines


def test_each_file_gets_its_own_label_where_there_is_selinux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it has its name and its content. A machine without SELinux has no such program."""
    asked, program = tmp_path / "asked", tmp_path / "bin" / "restorecon"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nshift\nfor file; do echo "$file: $(cat "$file")"; done >> {asked}\n')
    program.chmod(0o755)
    first, second = tmp_path / "hosts", tmp_path / "sub" / "sbd"
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    write(Whole(str(first), "one\n"))
    assert not asked.exists()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    write(Whole(str(first), "two\n"), Whole(str(second), "three\n"))
    assert asked.read_text() == f"{first}: two\n{second}: three\n"

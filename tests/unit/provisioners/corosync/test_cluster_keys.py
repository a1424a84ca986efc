"""Key files: text as it is, binary ones in base64."""

from __future__ import annotations

import base64
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from halab.provisioners.corosync.cluster_keys import put_key, shown
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.steps import PutFile, Run
from halab.provisioners.engine.survey import answers, question

BINARY = bytes(range(256))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"c29tZSB0ZXh0\n", "c29tZSB0ZXh0\n"),
        (BINARY, "base64:" + base64.b64encode(BINARY).decode()),
        (None, ""),
    ],
)
def test_what_is_told_of_a_key(content: bytes | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "authkey"
    if content is not None:
        file.write_bytes(content)
    part = shown(str(file))
    done = subprocess.run(question(part).argv, capture_output=True, text=True, check=True)
    assert answers((part,), done.stdout) == [told]


def test_a_text_is_written_as_it_is() -> None:
    step = put_key("/etc/corosync/authkey", Secret("text"), 0o400)
    assert isinstance(step, PutFile)
    assert (step.content, step.mode) == (Secret("text"), 0o400)


def test_a_binary_key_comes_through_stdin(tmp_path: Path) -> None:
    file = tmp_path / "authkey"
    encoded = base64.b64encode(BINARY).decode()
    step = put_key(str(file), Secret(f"base64:{encoded}"), 0o400)
    assert isinstance(step, Run)
    assert encoded not in str(step)
    me = pwd.getpwuid(os.geteuid()).pw_name  # the owner that this user can give
    argv = [me if word == "root:root" else word for word in step.command.argv]
    assert isinstance(step.command.stdin, Secret)
    subprocess.run(argv, input=step.command.stdin.reveal(), text=True, check=True)
    assert file.read_bytes() == BINARY
    assert file.stat().st_mode & 0o777 == 0o400

"""A link for a console in another process: only its hash is written, and it opens once, for ten minutes."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest

from halab.cli.console import link_file
from halab.cli.console.access import LINK_S, Access, hashed


def test_it_opens_once(tmp_path: Path) -> None:
    file = tmp_path / "link.json"
    token = link_file.offer(file, "watch")
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert link_file.take(file, hashed("another")) is None
    assert link_file.take(file, hashed(token)) == "watch"
    assert link_file.take(file, hashed(token)) is None
    assert not file.exists()


def test_the_hash_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "link.json"
    link_file.offer(file, "drill")
    known = json.loads(file.read_text())["hash"]
    assert Access(take=partial(link_file.take, file)).log_in(known) is None


@pytest.mark.parametrize("shift_s", [-LINK_S - 1, 2 * LINK_S])
def test_one_that_is_old_or_of_a_wrong_clock_opens_nothing(tmp_path: Path, shift_s: float) -> None:
    file = tmp_path / "link.json"
    token = link_file.offer(file, "drill")
    known = json.loads(file.read_text())
    file.write_text(json.dumps({**known, "until": time.time() + shift_s}))
    assert link_file.take(file, hashed(token)) is None


def test_a_session_has_the_links_role_and_guesses_are_slowed_down(tmp_path: Path) -> None:
    file = tmp_path / "link.json"
    access = Access(take=partial(link_file.take, file))
    token = link_file.offer(file, "drill")
    cookie = access.log_in(token)
    assert cookie is not None
    assert access.role(cookie) == "drill"
    assert access.log_in(token) is None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"hash": "zz", "role": "watch"}', b"\xff"])
def test_one_that_was_cut_short_opens_nothing_and_the_next_one_does(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "link.json"
    file.write_bytes(text)
    assert link_file.take(file, hashed("token")) is None
    assert link_file.take(file, hashed(link_file.offer(file, "watch"))) == "watch"

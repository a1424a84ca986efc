from pathlib import Path

import pytest

from halab.provider.guests.agenda import Agendas
from halab.provisioners.engine.command import cmd


def refresh(file: Path, host: str, *names: str) -> list[str]:
    """One run: what was known of the host before, and `names` are asked."""
    agendas = Agendas(file)
    agenda = agendas.of(host)
    known = [command.argv[0] for command in agenda.questions()]
    for name in names:
        agenda.learn(cmd(name))
    agendas.save()
    return known


def test_the_next_refresh_knows_what_this_one_asked(tmp_path: Path) -> None:
    file = tmp_path / "questions.json"
    assert refresh(file, "u1", "a", "b", "a") == []
    assert file.stat().st_mode & 0o777 == 0o600
    assert refresh(file, "u1", "a", "c") == ["a", "b"]
    assert refresh(file, "u1", "a", "c") == ["a", "c"], "what nobody asks any more is forgotten"


def test_a_refresh_of_a_part_forgets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "questions.json"
    refresh(file, "u1", *"abcde")
    refresh(file, "u1", "b", "f")
    assert refresh(file, "u1") == [*"abcde", "f"]


def test_of_many_hosts_those_asked_last_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "questions.json"
    for number in range(70):
        refresh(file, f"u{number}", "a")
    assert refresh(file, "u69") == ["a"]
    assert refresh(file, "u0") == []


def test_nothing_is_written_when_nothing_is_new(tmp_path: Path) -> None:
    file = tmp_path / "questions.json"
    Agendas(file).save()
    refresh(file, "u1")
    assert not file.exists()
    refresh(file, "u1", "a")
    before = file.stat().st_ino
    refresh(file, "u1", "a")
    assert file.stat().st_ino == before


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"u1": 5}', '{"u1": [[[1]]]}'])
def test_a_file_that_cannot_be_read_is_no_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "questions.json"
    file.write_text(text)
    refresh(file, "u1", "a")
    assert refresh(file, "u1") == ["a"]

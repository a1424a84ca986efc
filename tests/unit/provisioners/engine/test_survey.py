import subprocess
from pathlib import Path

import pytest

from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.survey import Says, Text, answers, question


def test_a_real_shell_answers_all_parts_in_one_call(tmp_path: Path) -> None:
    there, empty, missing = tmp_path / "it's here", tmp_path / "empty", tmp_path / "missing"
    there.write_text("line\n\nlast without newline")
    empty.touch()
    parts = (
        Text(str(there)),
        Text(str(missing)),
        Says('printf %s "$2-$1"', ("$(reboot)", "b")),
        Text(str(empty)),
        Says("false || true"),
    )
    done = subprocess.run(question(*parts).argv, capture_output=True, text=True, check=True)
    assert answers(parts, done.stdout) == ["line\n\nlast without newline", None, "b-$(reboot)", "", ""]


def test_a_failing_part_fails_the_call() -> None:
    command = question(Says("false"), Says("echo never"))
    assert subprocess.run(command.argv, check=False, capture_output=True).returncode == 1


def test_more_than_nine_arguments(tmp_path: Path) -> None:
    parts = tuple(Text(str(tmp_path / str(n))) for n in range(12))
    (tmp_path / "11").write_text("eleven")
    done = subprocess.run(question(*parts).argv, capture_output=True, text=True, check=True)
    assert answers(parts, done.stdout) == [None] * 11 + ["eleven"]


def test_a_cut_answer_is_an_error_that_quotes_nothing() -> None:
    with pytest.raises(UnexpectedOutput) as caught:
        answers((Text("/key"), Text("/b")), "+SECRET")
    assert "SECRET" not in str(caught.value)

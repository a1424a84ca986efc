import subprocess
from dataclasses import replace

import pytest

from halab.provisioners.engine.batch import compose, split
from halab.provisioners.engine.command import Command, Result, cmd, script
from halab.provisioners.engine.errors import UnexpectedOutput

MARK = "0f1e2d3c"


def answered(*commands: Command) -> list[Result]:
    """What a real shell makes of it."""
    done = subprocess.run(["sh", "-s"], input=compose(commands, MARK), capture_output=True, text=True, check=True)
    return split(commands, Result(cmd("sh", "-s"), done.returncode, done.stdout, done.stderr), MARK)


@pytest.mark.parametrize(
    ("command", "rc", "stdout", "stderr"),
    [
        (cmd("echo", "hello"), 0, "hello\n", ""),
        (cmd("printf", "%s", "no newline"), 0, "no newline", ""),
        (cmd("true"), 0, "", ""),
        (cmd("false"), 1, "", ""),
        (script("# a script\nprintf '\\036one\\0two\\n\\n'; echo bad >&2; exit 3"), 3, "\036one\0two\n\n", "bad\n"),
        (script('# quotes\nprintf %s "$1"', 'it\'s "$HOME" `id`; exit\n#'), 0, 'it\'s "$HOME" `id`; exit\n#', ""),
        (script("# stdin belongs to nobody\ncat"), 0, "", ""),
        (script("exit 7"), 7, "", ""),
        (cmd("sh", "-c", "kill -TERM $$"), 143, "", ""),
    ],
)
def test_each_gets_its_own_answer(command: Command, rc: int, stdout: str, stderr: str) -> None:
    before, found, after = answered(cmd("echo", "before"), command, cmd("echo", "after"))
    said = next(line for line in [found.stderr] if stderr in line) if stderr else ""
    assert (found.rc, found.stdout, said) == (rc, stdout, stderr)
    assert (before.stdout, after.stdout) == ("before\n", "after\n")
    assert found.command == command


def test_a_program_that_is_missing_is_only_its_own_trouble() -> None:
    missing, after = answered(cmd("no-such-program-here"), cmd("echo", "after"))
    assert (missing.rc, after.stdout) == (127, "after\n")
    assert "no-such-program-here" in missing.stderr


def test_many_long_ones() -> None:
    commands = [script(f"# {number}\n" + "# filler\n" * 2000 + f"echo {number}") for number in range(30)]
    assert [result.stdout for result in answered(*commands)] == [f"{number}\n" for number in range(30)]


@pytest.mark.parametrize("lost", ["stdout", "stderr"])
def test_an_answer_that_was_cut_short_is_an_error_and_tells_no_content(lost: str) -> None:
    commands = [cmd("echo", "secret"), cmd("echo", "secret")]
    whole = Result(cmd("sh", "-s"), 0, f"secret\n\n{MARK} 0\nsecret\n\n{MARK} 0\n", f"\n{MARK}\n\n{MARK}\n")
    assert [r.stdout for r in split(commands, whole, MARK)] == ["secret\n", "secret\n"]
    with pytest.raises(UnexpectedOutput) as caught:
        split(commands, replace(whole, **{lost: getattr(whole, lost)[:15]}), MARK)
    assert "secret" not in str(caught.value)

"""The serial console's log: what of it is text, and which machine it is of."""

from __future__ import annotations

import pytest

from halab.cli.console.serial import plain

from .recorded import Stage


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("[    0.0] Linux\r\nnext\n", "[    0.0] Linux\nnext\n"),
        ("\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh\x1b[0m", "  OK  ] Started ssh"),
        ("\x1b]0;title\x07login: \x1b[?2004h\x1bc", "login: "),
        ("a\x00\x07\tb\x1b[2J\x1b[1;1H", "a\tb"),
        ("<script>\x1b[31m</script>", "<script></script>"),
    ],
)
def test_what_only_a_terminal_understands_is_left_out(said: str, shown: str) -> None:
    assert plain(said) == shown


@pytest.mark.parametrize("name", ["", "nobody", "../node1", "node1"])
def test_only_machines_of_the_lab_are_read(stage: Stage, name: str) -> None:
    answer = stage.logged_in("watch").get(f"{stage.url}/api/serial", params={"machine": name}, timeout=10)
    assert answer.status_code == 409  # nothing is deployed here: node1 is a recording

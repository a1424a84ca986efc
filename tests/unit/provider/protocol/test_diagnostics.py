"""Exceptions as diagnostics, secrets out of them, and validators."""

from __future__ import annotations

import errno
import logging
from typing import Any

import pytest

from halab.provider.protocol import LIST, MAP, NUM, STR, UNKNOWN, Attr, Block, Ctx, Diagnostic, Failure, Stopped
from halab.provider.protocol.diagnostics import from_exception, headline
from halab.provider.protocol.redaction import MASK, RedactedLog, Redactor, redact, secrets_of
from halab.provider.protocol.validation import broken_rules


class Shaped(Exception):
    """An error of another layer that has the agreed attributes."""

    def __init__(self, summary: str, detail: str | None = None, attribute: Any = None) -> None:
        self.summary, self.detail, self.attribute = summary, detail, attribute


@pytest.mark.parametrize(
    ("error", "diagnostic"),
    [
        (Failure("S", "D", ("a", 0)), Diagnostic("error", "S", "D", ("a", 0))),
        (Stopped("Later."), Diagnostic("error", "Interrupted", "Later.")),
        (Shaped("S"), Diagnostic("error", "S")),
        (Shaped("S", "D", "size"), Diagnostic("error", "S", "D", ("size",))),
        (Shaped("S", "D", "nics.0.mac"), Diagnostic("error", "S", "D", ("nics", 0, "mac"))),
        (Shaped("S", "D", ["a", ("k",)]), Diagnostic("error", "S", "D", ("a", ("k",)))),
        (
            OSError(errno.ENOSPC, "No space left on device", "/lab/id_ed25519"),
            Diagnostic(
                "error", "No space left on device (/lab/id_ed25519)", "Make room there, and run the command again."
            ),
        ),
    ],
)
def test_error_made_to_be_shown(error: Exception, diagnostic: Diagnostic) -> None:
    assert from_exception(error, "create x") == diagnostic


def test_any_other_is_a_bug() -> None:
    try:
        {}["key"]  # type: ignore[index]
    except KeyError as error:
        diagnostic = from_exception(error, "create halab_machine")
    assert diagnostic.summary == "Bug in the provider: KeyError in create halab_machine"
    assert "KeyError: 'key'" in diagnostic.detail
    assert "test_any_other_is_a_bug" in diagnostic.detail
    assert '{}["key"]' not in diagnostic.detail


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("password hunter22 refused", {"hunter22"}, f"password {MASK} refused"),
        ("xhunter22x", {"hunter22"}, f"x{MASK}x"),
        ("a bad pin: 12", {"12", "a"}, f"{MASK} bad pin: {MASK}"),
        ("12345 that", {"12", "a"}, "12345 that"),
        ("longer secret first: abcdef", {"abcd", "abcdef"}, f"longer secret first: {MASK}"),
        ("ValueError: 'with\\nnewline'", {"with\nnewline"}, f"ValueError: '{MASK}'"),
        ("line: QUJDREVGR0g=", {"-----\nQUJDREVGR0g=\n-----"}, f"line: {MASK}"),
        ("nothing", set(), "nothing"),
    ],
)
def test_redact(text: str, secrets: set[str], shown: str) -> None:
    assert redact(text, secrets) == shown


PASSWORD = Block(attrs={"password": Attr(STR, optional=True, sensitive=True)})


def test_what_one_request_told_is_hidden_in_all() -> None:
    redactor = Redactor()
    for value in ({"password": "tr0ub4dor"}, {"password": "correct horse"}, {"password": UNKNOWN}, None):
        redactor.learn(PASSWORD, value)
    assert redactor("tr0ub4dor or correct horse") == f"{MASK} or {MASK}"


def test_the_log_hides_it_too() -> None:
    redactor = Redactor()
    redactor.learn(PASSWORD, {"password": "tr0ub4dor"})
    record = logging.LogRecord("halab", logging.INFO, __file__, 1, "it is %s", ("tr0ub4dor",), None)
    assert RedactedLog("[%(levelname)s] %(message)s", redactor).format(record) == f"[INFO] it is {MASK}"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nsecond"), "first"),
        (ValueError("\n\n  \nthird"), "third"),
        (ValueError(""), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_any_error_has_a_headline(error: BaseException, line: str) -> None:
    assert headline(error) == line


def test_secrets_of_a_value() -> None:
    block = Block(
        attrs={
            "name": Attr(STR, required=True),
            "password": Attr(STR, optional=True, sensitive=True),
            "token": Attr(STR, optional=True, write_only=True),
            "keys": Attr(MAP(LIST(STR)), optional=True, sensitive=True),
            "pin": Attr(NUM, optional=True, sensitive=True),
            "users": Attr(optional=True, nesting="set", nested={"pass": Attr(STR, optional=True, sensitive=True)}),
        },
        blocks={"login": Block(attrs={"chap": Attr(STR, optional=True, sensitive=True)})},
    )
    value = {
        "name": "n",
        "password": "p",
        "token": "t",
        "keys": {"k": ["k1", UNKNOWN]},
        "pin": 42,
        "users": [{"pass": "u"}, UNKNOWN],
        "login": {"chap": "c"},
    }
    assert secrets_of(block, value) == {"p", "t", "k1", "42", "u", "c"}
    assert secrets_of(block, None) == set()


def positive(value: Any) -> str | None:
    return None if value > 0 else "not positive"


VALIDATED = Block(
    attrs={
        "size": Attr(NUM, optional=True, validators=(positive, lambda value: "odd" if value % 2 else None)),
        "sizes": Attr(LIST(NUM), optional=True, validators=(lambda value: "too many" if len(value) > 1 else None,)),
        "nics": Attr(optional=True, nesting="list", nested={"mtu": Attr(NUM, optional=True, validators=(positive,))}),
        "named": Attr(optional=True, nesting="map", nested={"mtu": Attr(NUM, optional=True, validators=(positive,))}),
    },
    blocks={"disk": Block(nesting="set", attrs={"size": Attr(NUM, optional=True, validators=(positive,))})},
)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, []),
        ({"size": None, "sizes": UNKNOWN, "nics": UNKNOWN}, []),
        ({"size": UNKNOWN, "nics": [UNKNOWN, {"mtu": UNKNOWN}]}, []),
        ({"sizes": [1, UNKNOWN]}, []),
        ({"size": -1}, [("not positive", ("size",)), ("odd", ("size",))]),
        ({"sizes": [1, 2]}, [("too many", ("sizes",))]),
        ({"nics": [{"mtu": 1}, {"mtu": 0}]}, [("not positive", ("nics", 1, "mtu"))]),
        ({"named": {"k": {"mtu": 0}}}, [("not positive", ("named", ("k",), "mtu"))]),
        ({"disk": [{"size": 0}]}, [("not positive", ("disk", "size"))]),
    ],
)
def test_validators_see_known_values_only(config: dict[str, Any], found: list[tuple[str, Any]]) -> None:
    assert [(entry.detail, entry.path) for entry in broken_rules(VALIDATED, config)] == found


def test_context_keeps_a_copy() -> None:
    ctx, state = Ctx(), {"id": "1", "list": [1]}
    ctx.save(state)
    state["list"].append(2)  # type: ignore[attr-defined]
    assert ctx.saved == {"id": "1", "list": [1]}


def test_context_tells_whether_it_failed_and_stops_waiting() -> None:
    ctx = Ctx()
    ctx.warn("careful")
    assert not ctx.failed
    ctx.error("no")
    assert ctx.failed
    ctx.sleep(0)
    ctx.stop.set()
    with pytest.raises(Stopped):
        ctx.sleep(60)

"""Values that Terraform lets through and that no resource has to think of: they are refused in one place."""

from __future__ import annotations

from typing import Any

import pytest

from halab.provider.protocol import INT, LIST, MAP, NUM, SET, STR, UNKNOWN, Attr, Block, Ctx, Provider, Resource
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import pack
from halab.provider.protocol.servicer import Servicer
from halab.provider.protocol.validation import broken_rules, malformed


def never(value: Any) -> str | None:
    pytest.fail(f"a rule was asked about {value!r}")


NULL = "An element has a value"
BLOCK = Block(
    attrs={
        "name": Attr(STR, required=True),
        "size": Attr(INT, optional=True),
        "ratio": Attr(NUM, optional=True),
        "words": Attr(LIST(STR), optional=True),
        "ports": Attr(SET(INT), optional=True),
        "tags": Attr(MAP(STR), optional=True),
        "deep": Attr(MAP(LIST(STR)), optional=True),
        "nics": Attr(optional=True, nesting="list", nested={"mac": Attr(STR, required=True)}),
    }
)


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        ({"name": None}, ("name",), "name is required, and null is no value"),
        ({"size": 20.5}, ("size",), "20.5 is not a whole number"),
        ({"size": float("inf")}, ("size",), "not a whole number"),
        ({"words": ["a", None]}, ("words", 1), f"words[1] is null. {NULL}"),
        ({"ports": [1, None]}, ("ports",), f"ports is null. {NULL}"),
        ({"ports": [1.5]}, ("ports",), "not a whole number"),
        ({"tags": {"a": None}}, ("tags", ("a",)), f'tags["a"] is null. {NULL}'),
        ({"deep": {"a": [None]}}, ("deep", ("a",), 0), NULL),
        ({"nics": [None]}, ("nics", 0), f"nics[0] is null. {NULL}"),
        ({"nics": [{"mac": None}]}, ("nics", 0, "mac"), "mac is required"),
        ({"name": "a\0b"}, ("name",), "NUL"),
        ({"tags": {"a\0b": "c"}}, ("tags", ("a\0b",)), "NUL"),
        ({"words": ["\0"]}, ("words", 0), "NUL"),
    ],
)
def test_one_error_at_the_value(config: dict[str, Any], path: Any, words: str) -> None:
    (found,) = malformed(BLOCK, {"name": "n", **config})
    assert (found.severity, found.path) == ("error", path)
    assert words in found.detail


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"size": 20, "ratio": 0.5, "words": [], "tags": {}, "nics": []},
        {"size": UNKNOWN, "words": UNKNOWN, "tags": {"a": UNKNOWN}, "nics": [UNKNOWN, {"mac": UNKNOWN}]},
        {"words": ["a", UNKNOWN], "ports": [UNKNOWN], "nics": UNKNOWN},
    ],
)
def test_what_is_right_or_not_known_passes(config: dict[str, Any]) -> None:
    assert [*malformed(BLOCK, {"name": "n", **config})] == []


def test_rules_see_no_malformed_value() -> None:
    block = Block(attrs={"words": Attr(LIST(STR), required=True, validators=(never,))})
    assert [*broken_rules(block, {"words": ["a", None]})] == []


class Thing(Resource):
    """Would stumble over a null."""

    type, schema = "test_thing", Block(attrs={"words": Attr(LIST(STR), required=True)})

    def validate(self, ctx: Ctx, cfg: dict[str, Any]) -> None:
        ctx.error("Seen", " ".join(cfg["words"]))


class Things(Provider):
    address, resources = "example.local/test/things", {"test_thing": Thing}


@pytest.mark.parametrize(("words", "summary"), [(["a", None], "Invalid value for words"), (["a"], "Seen")])
def test_a_resource_checks_only_what_it_can_understand(words: list[Any], summary: str) -> None:
    config = pack({"words": words}, Thing.schema.object_type)
    request = pb.ValidateResourceConfig.Request(type_name="test_thing", config=config)
    response = Servicer(Things()).answer("ValidateResourceConfig", request)
    assert [told.summary for told in response.diagnostics] == [summary]


@pytest.mark.parametrize(
    ("raw", "value"), [("1.0", 1), ("1e3", 1000), ("12345678901234567890", 12345678901234567890), (2.0, 2)]
)
def test_a_whole_number_may_be_written_in_any_way(raw: Any, value: int) -> None:
    assert INT.decode(raw) == value
    assert isinstance(INT.decode(raw), int)


def test_a_number_of_a_billion_digits_costs_nothing() -> None:
    number = INT.decode("1e999999999")
    assert [problem for _, problem in INT.flaws(number, ("size",))] != []

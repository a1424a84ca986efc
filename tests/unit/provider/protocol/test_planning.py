"""The plan as tables: configuration, prior state, what Terraform proposes, what comes out."""

from __future__ import annotations

from typing import Any

import pytest

from halab.provider.protocol import NUM, SET, STR, UNKNOWN, Attr, Block, Path
from halab.provider.protocol.planning import plan_values, replacements, without_hidden

U = UNKNOWN
PART = {
    "key": Attr(STR, required=True),
    "kind": Attr(STR, optional=True, replace=True),
    "size": Attr(NUM, default=1),
    "mac": Attr(STR, computed=True, stable=True),
}
SCHEMA = Block(
    attrs={
        "id": Attr(STR, computed=True, stable=True),
        "name": Attr(STR, optional=True, replace=True),
        "size": Attr(NUM, default=10),
        "groups": Attr(SET(STR), optional=True),
        "revision": Attr(NUM, computed=True),
        "serial": Attr(STR, optional=True, computed=True, replace=True),
        "token": Attr(STR, optional=True, write_only=True),
        "one": Attr(optional=True, nested=PART),
        "many": Attr(optional=True, nested=PART, nesting="list"),
        "some": Attr(optional=True, nested=PART, nesting="set"),
        "named": Attr(optional=True, nested=PART, nesting="map"),
        "found": Attr(computed=True, nested={"host": Attr(STR, computed=True)}),
    },
    blocks={"disk": Block(attrs=PART, nesting="list"), "rule": Block(attrs=PART, nesting="set")},
)
Values = dict[str, Any]


def whole(**values: Any) -> Values:
    """An object of SCHEMA: None where nothing is said, no blocks."""
    return dict.fromkeys(SCHEMA.attrs) | {"disk": [], "rule": []} | values


def part(key: Any, **values: Any) -> Values:
    return dict.fromkeys(PART) | {"key": key} | values


PRIOR = whole(id="1", size=10, revision=3, serial="s", found={"host": "h"})


def proposed(config: Values, prior: Values | None) -> Values:
    """Terraform's proposal on the top level: what is configured, else what was computed before."""
    computed = {name for name, attr in SCHEMA.attrs.items() if attr.computed}
    return {k: v if v is not None or k not in computed or prior is None else prior[k] for k, v in config.items()}


def changed(config: Values, prior: Values | None) -> Values:
    """What the plan says besides the configuration: only what is not null."""
    planned = plan_values(SCHEMA, config, prior, proposed(config, prior))
    return {name: value for name, value in planned.items() if value not in (None, [])}


@pytest.mark.parametrize(
    ("config", "prior", "planned"),
    [
        pytest.param({}, None, {"id": U, "size": 10, "revision": U, "serial": U, "found": U}, id="create"),
        pytest.param(
            {"size": 5, "serial": "x"},
            None,
            {"id": U, "size": 5, "revision": U, "serial": "x", "found": U},
            id="create with computed values configured",
        ),
        pytest.param(
            {"size": U}, None, {"id": U, "size": U, "revision": U, "serial": U, "found": U}, id="unknown setting"
        ),
        pytest.param(
            {}, PRIOR, {"id": "1", "size": 10, "revision": 3, "serial": "s", "found": {"host": "h"}}, id="no change"
        ),
        pytest.param(
            {"token": "t"},
            PRIOR,
            {"id": "1", "size": 10, "revision": 3, "serial": "s", "found": {"host": "h"}},
            id="a write-only value is no change",
        ),
        pytest.param(
            {"size": 11},
            PRIOR,
            {"id": "1", "size": 11, "revision": U, "serial": U, "found": U},
            id="update: stable values stay, others are unknown",
        ),
        pytest.param(
            {},
            PRIOR | {"size": 11},
            {"id": "1", "size": 10, "revision": U, "serial": U, "found": U},
            id="setting removed: its default comes back",
        ),
        pytest.param(
            {"groups": ["b", "a"]},
            PRIOR | {"groups": ["a", "b"]},
            {"id": "1", "size": 10, "groups": ["b", "a"], "revision": 3, "serial": "s", "found": {"host": "h"}},
            id="order in a set is no change",
        ),
        pytest.param(
            {"many": U},
            PRIOR,
            {"id": "1", "size": 10, "many": U, "revision": U, "serial": U, "found": U},
            id="a whole list unknown",
        ),
    ],
)
def test_plan(config: Values, prior: Values | None, planned: Values) -> None:
    assert changed(whole(**config), prior) == planned


@pytest.mark.parametrize(
    ("name", "config", "before", "proposal", "planned"),
    [
        pytest.param("one", part("a"), None, part("a"), part("a", size=1, mac=U), id="single, new"),
        pytest.param(
            "one",
            part("b"),
            part("a", size=7, mac="m"),
            part("b", size=7, mac="m"),
            part("b", size=1, mac="m"),
            id="single, changed",
        ),
        pytest.param(
            "many",
            [part("a"), part("b", size=U)],
            [part("a", size=1, mac="m")],
            [part("a", size=1, mac="m"), part("b", size=U)],
            [part("a", size=1, mac="m"), part("b", size=U, mac=U)],
            id="list, element added",
        ),
        pytest.param("many", [U], None, [U], [U], id="list with an unknown element"),
        pytest.param(
            "named",
            {"x": part("a"), "y": part("b")},
            {"x": part("a", size=1, mac="m")},
            {"x": part("a", size=1, mac="m"), "y": part("b")},
            {"x": part("a", size=1, mac="m"), "y": part("b", size=1, mac=U)},
            id="map, element added",
        ),
        pytest.param(
            "some",
            [part("b"), part("a", size=5)],
            [part("a", size=5, mac="ma"), part("b", size=1, mac="mb")],
            [part("a", size=5, mac="ma"), part("b", size=1, mac="mb")],
            [part("a", size=5, mac="ma"), part("b", size=1, mac="mb")],
            id="set, in another order, is no change",
        ),
        pytest.param(
            "some",
            [part("a", size=6), part("c")],
            [part("a", size=5, mac="ma"), part("b", size=1, mac="mb")],
            [part("a", size=6), part("c")],
            [part("a", size=6, mac=U), part("c", size=1, mac=U)],
            id="set, elements replaced",
        ),
        pytest.param(
            "disk",
            [part("a"), part("b")],
            [part("a", size=1, mac="m")],
            [part("a", size=1, mac="m"), part("b")],
            [part("a", size=1, mac="m"), part("b", size=1, mac=U)],
            id="block added",
        ),
    ],
)
def test_plan_of_nested_parts(name: str, config: Any, before: Any, proposal: Any, planned: Any) -> None:
    result = plan_values(SCHEMA, whole(**{name: config}), PRIOR | {name: before}, PRIOR | {name: proposal})
    part_type = SCHEMA.object_type.attrs[name]
    assert part_type.same(result[name], planned), result[name]


def test_arguments_are_left_alone() -> None:
    config, proposal = whole(some=[part("b")]), whole(some=[part("b")])
    plan_values(SCHEMA, config, None, proposal)
    assert config == proposal == whole(some=[part("b")])


@pytest.mark.parametrize(
    ("config", "prior", "planned", "paths"),
    [
        pytest.param({}, {}, {}, [], id="nothing"),
        pytest.param({"name": "b"}, {"name": "a"}, {"name": "b"}, [("name",)], id="changed"),
        pytest.param({}, {"name": "a"}, {}, [("name",)], id="removed"),
        pytest.param({"name": U}, {"name": "a"}, {"name": U}, [("name",)], id="configured, unknown"),
        pytest.param({}, {"serial": "s"}, {"serial": U}, [], id="left open, known after apply"),
        pytest.param({}, {"serial": "s"}, {"serial": "t"}, [("serial",)], id="decided by the plan hook"),
        pytest.param({"size": 2}, {"size": 1}, {"size": 2}, [], id="in place"),
        pytest.param(
            {"one": part("a", kind="x")}, {"one": part("a")}, {"one": part("a", kind="x")}, [("one",)], id="nested"
        ),
        pytest.param(
            {"one": part("b")}, {"one": part("a", mac="m")}, {"one": part("b", mac=U)}, [], id="nested, in place"
        ),
        pytest.param(
            {"many": [part("a"), part("b", kind="y")]},
            {"many": [part("a"), part("b", kind="x")]},
            {"many": [part("a"), part("b", kind="y")]},
            [("many",)],
            id="nested list",
        ),
        pytest.param(
            {"disk": [part("a"), part("b", kind="y")]},
            {"disk": [part("a"), part("b", kind="x")]},
            {"disk": [part("a"), part("b", kind="y")]},
            [("disk", 1, "kind")],
            id="block",
        ),
        pytest.param({}, {"disk": [part("a", kind="x")]}, {}, [("disk",)], id="block removed"),
        pytest.param({}, {"disk": [part("a")]}, {}, [], id="block removed that had nothing of the kind"),
        pytest.param(
            {"rule": [part("a", kind="y")]},
            {"rule": [part("a", kind="x")]},
            {"rule": [part("a", kind="y")]},
            [("rule",)],
            id="set of blocks",
        ),
        pytest.param(
            {"rule": [part("b", kind="y"), part("a", kind="x")]},
            {"rule": [part("a", kind="x"), part("b", kind="y")]},
            {"rule": [part("a", kind="x"), part("b", kind="y")]},
            [],
            id="set of blocks in another order",
        ),
    ],
)
def test_replacements(config: Values, prior: Values, planned: Values, paths: list[Path]) -> None:
    assert replacements(SCHEMA, whole(**config), whole(**prior), whole(**planned)) == paths


def test_replacement_starts_from_nothing() -> None:
    """Terraform plans a replacement again without a prior state: then nothing is stable."""
    assert changed(whole(name="b"), None)["id"] is U


def test_what_is_stored() -> None:
    schema = Block(
        attrs={
            "token": Attr(STR, optional=True, write_only=True),
            "mac": Attr(STR, computed=True),
            "deep": Attr(optional=True, nesting="list", nested={"pin": Attr(STR, optional=True, write_only=True)}),
        }
    )
    state = {"token": "t", "mac": UNKNOWN, "deep": [{"pin": "1"}]}
    assert without_hidden(schema, state) == {"token": None, "mac": None, "deep": [{"pin": None}]}
    assert state["token"] == "t"

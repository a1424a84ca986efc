"""What is kept when an operation goes wrong, for every way in which it can."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from halab.provider.protocol import (
    NUM,
    STR,
    Attr,
    Block,
    Ctx,
    Failure,
    Provider,
    Resource,
    SchemaError,
    State,
)
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import pack, unpack
from halab.provider.protocol.servicer import Servicer

SCHEMA = Block(version=2, attrs={"id": Attr(STR, computed=True), "size": Attr(NUM, optional=True)})
OBJECT = SCHEMA.object_type
PRIOR = {"id": "1", "size": 1}
PLANNED = {"id": "1", "size": 2}
Do = Callable[[Ctx], Any]


class Thing(Resource):
    """Does what the test says, whatever it is asked."""

    type = "test_thing"
    schema = SCHEMA
    upgraders = {1: lambda state: {"id": state["id"], "size": state["weight"]}}  # noqa: RUF012
    provider: Scripted

    def create(self, ctx: Ctx, planned: State, cfg: State) -> Any:
        return self.provider.do(ctx)

    def read(self, ctx: Ctx, state: State) -> Any:
        return self.provider.do(ctx)

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> Any:
        return self.provider.do(ctx)

    def delete(self, ctx: Ctx, state: State) -> None:
        self.provider.do(ctx)

    def import_(self, ctx: Ctx, id: str) -> Any:
        return self.provider.do(ctx)


class Scripted(Provider):
    """Its resources do `do`."""

    address = "example.local/test/scripted"
    resources = {"test_thing": Thing}  # noqa: RUF012

    def __init__(self, do: Do) -> None:
        self.do = do


def says(*steps: Any) -> Do:
    """Go through `steps`: raise an exception, save a dict, call anything else; what the last call gives is returned."""

    def do(ctx: Ctx) -> Any:
        result = None
        for step in steps:
            if isinstance(step, Exception):
                raise step
            result = step(ctx)
        return result

    return do


def save(state: State) -> Do:
    return lambda ctx: ctx.save(state)


def error(ctx: Ctx) -> None:
    ctx.error("No", "Not like this.")


def give(state: Any) -> Do:
    return lambda _ctx: state


def note(ctx: Ctx) -> None:
    ctx.private["note"] = "n"


def apply(do: Do, prior: State | None, planned: State | None, servicer: Servicer | None = None) -> Any:
    request = pb.ApplyResourceChange.Request(
        type_name="test_thing",
        prior_state=pack(prior, OBJECT),
        planned_state=pack(planned, OBJECT),
        config=pack(planned, OBJECT),
    )
    return (servicer or Servicer(Scripted(do))).answer("ApplyResourceChange", request)


BOOM = Failure("Boom")
CREATE, UPDATE, DELETE = (None, PLANNED), (PRIOR, PLANNED), (PRIOR, None)
PART = {"id": "1", "size": None}


@pytest.mark.parametrize(
    ("operation", "do", "kept", "errors"),
    [
        pytest.param(CREATE, says(give(PLANNED)), PLANNED, 0, id="create"),
        pytest.param(CREATE, says(BOOM), None, 1, id="create, raised before anything was made"),
        pytest.param(CREATE, says(save(PART), BOOM), PART, 1, id="create, raised after a save"),
        pytest.param(CREATE, says(error), None, 1, id="create, error and nothing returned"),
        pytest.param(CREATE, says(save(PART), error), PART, 1, id="create, saved, error and nothing returned"),
        pytest.param(CREATE, says(error, give(PLANNED)), PLANNED, 1, id="create, error and a state"),
        pytest.param(CREATE, says(give(None)), None, 1, id="create that returns nothing is a bug"),
        pytest.param(CREATE, says(save(PART), give(None)), PART, 1, id="the same, saved"),
        pytest.param(CREATE, says(give({"id": "1", "size": "x"})), PART, 1, id="create, state does not fit"),
        pytest.param(CREATE, says(give("nonsense")), None, 1, id="create, no state at all"),
        pytest.param(UPDATE, says(give(PLANNED)), PLANNED, 0, id="update"),
        pytest.param(UPDATE, says(BOOM), PRIOR, 1, id="update, raised"),
        pytest.param(UPDATE, says(save(PART), BOOM), PART, 1, id="update, raised after a save"),
        pytest.param(UPDATE, says(error, give(PLANNED)), PRIOR, 1, id="update, error"),
        pytest.param(UPDATE, says(give(None)), PRIOR, 1, id="update that returns nothing is a bug"),
        pytest.param(DELETE, says(give(None)), None, 0, id="delete"),
        pytest.param(DELETE, says(BOOM), PRIOR, 1, id="delete, raised"),
        pytest.param(DELETE, says(save(PART), BOOM), PART, 1, id="delete, raised after a save"),
        pytest.param(DELETE, says(error), PRIOR, 1, id="delete, error"),
    ],
)
def test_what_an_apply_keeps(operation: tuple[Any, Any], do: Do, kept: State | None, errors: int) -> None:
    response = apply(do, *operation)
    assert unpack(response.new_state, OBJECT) == kept
    assert [diagnostic.severity for diagnostic in response.diagnostics] == [pb.Diagnostic.ERROR] * errors


def test_private_data_survives_a_failure() -> None:
    assert json.loads(apply(says(note, save(PART), BOOM), *CREATE).private) == {"note": "n"}


def test_nothing_begins_after_a_stop() -> None:
    servicer = Servicer(Scripted(says(give(PLANNED))))
    servicer.answer("StopProvider", pb.StopProvider.Request())
    response = apply(says(), *UPDATE, servicer=servicer)
    assert response.diagnostics[0].summary == "Interrupted"
    assert unpack(response.new_state, OBJECT) == PRIOR


@pytest.mark.parametrize(("reusable", "stopped"), [(False, True), (True, False)])
def test_a_stop_is_final_unless_reusable(reusable: bool, stopped: bool) -> None:
    servicer = Servicer(Scripted(says()), reusable=reusable)
    servicer.answer("StopProvider", pb.StopProvider.Request())
    servicer.answer("ConfigureProvider", pb.ConfigureProvider.Request())
    assert servicer.stop.is_set() is stopped


@pytest.mark.parametrize(
    ("do", "found"),
    [
        pytest.param(says(give(PLANNED)), PLANNED, id="drift"),
        pytest.param(says(give(None)), None, id="proven gone"),
        pytest.param(says(BOOM), PRIOR, id="raised"),
        pytest.param(says(error), PRIOR, id="error and nothing returned"),
        pytest.param(says(error, give(PLANNED)), PRIOR, id="error and a state"),
        pytest.param(says(give({"id": 1})), PRIOR, id="does not fit"),
    ],
)
def test_read(do: Do, found: State | None) -> None:
    request = pb.ReadResource.Request(type_name="test_thing", current_state=pack(PRIOR, OBJECT))
    response = Servicer(Scripted(do)).answer("ReadResource", request)
    assert unpack(response.new_state, OBJECT) == found


def upgrade(version: int, state: State) -> Any:
    request = pb.UpgradeResourceState.Request(
        type_name="test_thing", version=version, raw_state=pb.RawState(json=json.dumps(state).encode())
    )
    return Servicer(Scripted(says())).answer("UpgradeResourceState", request)


@pytest.mark.parametrize(
    ("version", "state"), [(1, {"id": "1", "weight": 1}), (2, PRIOR), (2, PRIOR | {"no longer there": "x"})]
)
def test_upgrade(version: int, state: State) -> None:
    assert unpack(upgrade(version, state).upgraded_state, OBJECT) == PRIOR


@pytest.mark.parametrize(("version", "summary"), [(0, "Cannot upgrade the state"), (3, "newer provider")])
def test_upgrade_without_a_way(version: int, summary: str) -> None:
    assert summary in upgrade(version, PRIOR).diagnostics[0].summary


def test_import_of_nothing_is_an_error() -> None:
    request = pb.ImportResourceState.Request(type_name="test_thing", id="x")
    response = Servicer(Scripted(says(give(None)))).answer("ImportResourceState", request)
    assert response.diagnostics[0].detail == "There is no test_thing called 'x'."
    assert not response.imported_resources


def test_unknown_resource_type() -> None:
    request = pb.ReadResource.Request(type_name="test_other", current_state=pack(PRIOR, OBJECT))
    response = Servicer(Scripted(says())).answer("ReadResource", request)
    assert response.diagnostics[0].summary == "Unknown resource type test_other"
    assert response.new_state.msgpack == request.current_state.msgpack


def test_factories_are_called_when_needed_and_once() -> None:
    calls: list[str] = []

    class Counting(Scripted):
        resources = {"test_thing": lambda provider: calls.append("thing") or Thing(provider)}  # type: ignore[func-returns-value]  # noqa: RUF012

    servicer = Servicer(Counting(says(give(None))))
    assert calls == []
    for _ in range(2):
        servicer.answer("GetProviderSchema", pb.GetProviderSchema.Request())
    assert calls == ["thing"]


def test_schema_that_terraform_would_refuse() -> None:
    class Wrong(Thing):
        schema = Block(attrs={"count": Attr(NUM, optional=True)})

    class Provides(Scripted):
        resources = {"test_thing": Wrong}  # noqa: RUF012

    response = Servicer(Provides(says())).answer("GetProviderSchema", pb.GetProviderSchema.Request())
    assert SchemaError.__name__ in response.diagnostics[0].summary


def test_idle() -> None:
    servicer = Servicer(Scripted(says()))
    assert servicer.wait_idle(0)
    busy = Servicer(Scripted(lambda _ctx: busy.wait_idle(0.01) and pytest.fail("a request is being answered")))
    apply(says(), *DELETE, servicer=busy)
    assert busy.wait_idle(0)

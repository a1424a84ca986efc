"""What a plan and an apply make of a machine that cannot be looked at."""

from __future__ import annotations

import pytest

from halab.provider.guests.guest import GuestResource
from halab.provider.protocol import UNKNOWN, Ctx, Failure
from halab.provisioners.engine.errors import ConnectError, HostKeyError
from tests.unit.provider.guests.test_guest import Guest, Provider, WordItem, state


@pytest.fixture
def provider() -> Provider:
    return Provider(Guest())


@pytest.fixture
def resource(provider: Provider) -> GuestResource:
    return GuestResource(provider, "halab_word", WordItem())


def test_one_that_runs_but_is_mute_is_told_and_looked_at_by_the_apply(
    provider: Provider, resource: GuestResource
) -> None:
    provider.absent = ConnectError("node1 runs but does not answer", "reset it")  # type: ignore[assignment]
    ctx, planned = Ctx(), state()
    assert resource.read(ctx, state()) == state()
    resource.plan(ctx, state(), state(), planned)
    assert planned == state(id=UNKNOWN)
    assert [(d.severity, d.summary) for d in ctx.diagnostics] == [("warning", "node1 runs but does not answer")]
    provider.answers_after_a_while = True
    assert resource.update(ctx, state(), planned, {}) == state()


def test_another_host_key_fails_a_plan_but_no_destroy(provider: Provider, resource: GuestResource) -> None:
    provider.absent = HostKeyError("node1 shows another host key", "replace it")  # type: ignore[assignment]
    ctx = Ctx()
    assert resource.read(ctx, state()) == state()
    with pytest.raises(Failure, match="node1 shows another host key: replace it"):
        resource.plan(ctx, state(), state(), state())
    resource.plan(ctx, state(), state(), None)
    provider.destroying = True  # Terraform plans as ever before it plans the destroy
    resource.plan(ctx, state(), state(), state())
    provider.destroying = False
    resource.plan(ctx, state(), state(), state(machine=UNKNOWN))  # the machine is made anew: that is a remedy
    resource.delete(ctx, state())
    assert [d.severity for d in ctx.diagnostics] == ["warning", "warning"]
    assert "node1 shows another host key" in ctx.diagnostics[1].detail
    provider.absent = None
    provider.guest.words["greeting"] = "hello"
    resource.read(ctx, state())
    resource.plan(ctx, state(), state(), state())

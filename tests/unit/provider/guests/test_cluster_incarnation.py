"""When halab_cluster is another cluster: what is in the CIB is made anew then, and only then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.guests.cluster_definition import ClusterResource
from halab.provider.protocol import UNKNOWN, Ctx
from halab.provider.protocol.planning import plan_values
from halab.provisioners.engine.errors import ConfigError

MEMBERS = [{"name": f"node{n}", "address": f"10.0.0.{n}", "node_id": n} for n in (1, 2)]


@pytest.mark.parametrize(
    ("before", "incarnation", "after", "planned"),
    [
        (["a", "b"], "first", ["a", UNKNOWN], "first"),
        (["a", "b"], "first", [UNKNOWN, UNKNOWN], UNKNOWN),
        (["a", "b"], "first", ["c", "d"], UNKNOWN),
        pytest.param(None, None, ["a", "b"], None, id="a state of an older version"),
    ],
)
def test_incarnation(before: list[str] | None, incarnation: str | None, after: list[Any], planned: Any) -> None:
    resource = ClusterResource(SimpleNamespace(parallelism=10, destroying=False))
    config = dict.fromkeys(resource.schema.attrs) | {"name": "c", "members": MEMBERS, "machines": after}
    made = {"id": "c", "corosync_conf": "", "corosync_authkey": "k", "pacemaker_authkey": "k"}
    prior = {**config, **made, "machines": before, "incarnation": incarnation}
    proposed = {**prior, "machines": after}
    seen = plan_values(resource.schema, config, prior, proposed)
    resource.plan(Ctx(), config, prior, seen)
    assert seen["incarnation"] == planned


def planned_with(parallelism: int, prior: dict[str, Any] | None, *, members: int = 3, destroying: bool = False) -> None:
    """Plan a cluster. Raises what the plan does."""
    resource = ClusterResource(SimpleNamespace(parallelism=parallelism, destroying=destroying))
    nodes = [{"name": f"node{n}", "address": f"10.0.0.{n}", "node_id": n} for n in range(1, members + 1)]
    config = dict.fromkeys(resource.schema.attrs) | {"name": "c", "members": nodes, "machines": ["a"]}
    made = {"id": "c", "corosync_conf": "", "corosync_authkey": "k", "pacemaker_authkey": "k"}
    before = None if prior is None else {**config, **made, "incarnation": "first", **prior}
    seen = plan_values(resource.schema, config, before, {**(before or {}), **{k: v for k, v in config.items() if v}})
    resource.plan(Ctx(), config, before, seen)


@pytest.mark.parametrize("prior", [None, {"machines": ["others"]}], ids=["a new one", "founded anew"])
@pytest.mark.parametrize(("members", "too_few"), [(2, 1), (3, 1), (5, 2)])
def test_a_cluster_that_cannot_form_is_refused_at_once(
    prior: dict[str, Any] | None, members: int, too_few: int
) -> None:
    """Each member waits for a majority, which Terraform would begin only when that member is complete."""
    with pytest.raises(ConfigError, match=f"only {too_few} at a time") as refused:
        planned_with(too_few, prior, members=members)
    assert f"set it to {too_few + 1} or more" in refused.value.detail
    planned_with(too_few + 1, prior, members=members)
    planned_with(too_few, prior, members=members, destroying=True)


def test_a_cluster_that_runs_may_be_changed_one_by_one() -> None:
    planned_with(1, {"machines": ["a"]})
    planned_with(1, None, members=1)


def test_a_plan_that_was_kept_is_refused_when_it_is_carried_out() -> None:
    inventory = SimpleNamespace(members=lambda _name: [])
    resource = ClusterResource(SimpleNamespace(parallelism=1, inventory=inventory))
    planned = dict.fromkeys(resource.schema.attrs) | {"name": "c", "members": MEMBERS, "machines": ["a", "b"]}
    with pytest.raises(ConfigError, match="only 1 at a time"):
        resource.create(Ctx(), planned, planned)

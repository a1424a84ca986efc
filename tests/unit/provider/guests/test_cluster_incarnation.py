"""When halab_cluster is another cluster: what is in the CIB is made anew then, and only then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.guests.cluster_definition import ClusterResource
from halab.provider.protocol import UNKNOWN, Ctx
from halab.provider.protocol.planning import plan_values

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
    resource = ClusterResource(SimpleNamespace())
    config = dict.fromkeys(resource.schema.attrs) | {"name": "c", "members": MEMBERS, "machines": after}
    made = {"id": "c", "corosync_conf": "", "corosync_authkey": "k", "pacemaker_authkey": "k"}
    prior = {**config, **made, "machines": before, "incarnation": incarnation}
    proposed = {**prior, "machines": after}
    seen = plan_values(resource.schema, config, prior, proposed)
    resource.plan(Ctx(), config, prior, seen)
    assert seen["incarnation"] == planned

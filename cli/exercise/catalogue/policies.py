"""What an administrator has set for a moment, and forgotten: modes, policies, failures that are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from halab.cli.drill.declaration import ACTIVE, GFS2
from halab.cli.exercise.declaration import Configured, Exercise, Healthy, Step, Survives
from halab.provisioners.pacemaker.values import score

_TRUE = frozenset({"true", "yes", "on", "1", "y"})
# Each node counts as one on which the server has failed for good.
_FAILED_EVERYWHERE = """for node in $(crm_node --list | cut -d' ' -f2); do
  attrd_updater --node "$node" --name 'fail-count-{lab}-apache#monitor_10000' --update INFINITY
done"""


def option(cib: Element, name: str) -> str:
    """A cluster property's value; empty: it is not set. Of several sets pcs's own counts first."""
    sets = cib.findall("configuration/crm_config/cluster_property_set")
    found = (one for one in sorted(sets, key=_rank) if one.find("rule") is None)
    pairs = (pair for one in found for pair in one.iterfind(f"nvpair[@name='{name}']"))
    return next((pair.get("value", "") for pair in pairs), "")


def _rank(options: Element) -> tuple[bool, int]:
    return options.get("id") != "cib-bootstrap-options", -(score(options.get("score", "0")) or 0)


def _no_maintenance(cib: Element, _cast: Mapping[str, str]) -> bool:
    return option(cib, "maintenance-mode").lower() not in _TRUE


def _freezes(cib: Element, _cast: Mapping[str, str]) -> bool:
    return option(cib, "no-quorum-policy").lower() == "freeze"


def _nobody_stands_by(cib: Element, _cast: Mapping[str, str]) -> bool:
    values = cib.findall("configuration/nodes/node/instance_attributes/nvpair[@name='standby']")
    return not any(value.get("value", "").lower() in _TRUE for value in values)


EXERCISES = (
    Exercise(
        "forgotten-standby",
        level=1,
        symptom="Three nodes are online, and one of them has run nothing since last week's update. If one more goes, "
        "the site has a single place left.",
        breaks=(Step(ACTIVE, "crm_standby --node {idle} --update on; crm_resource --wait --timeout=240s"),),
        broken=Step(ACTIVE, '[ "$(crm_standby --node {idle} --query --quiet)" = on ]'),
        hints=(
            "`crm_mon -1` says of each node in which state it is.",
            "Standby is an attribute of the node: it outlives a reboot.",
        ),
        solution=(Step(ACTIVE, "crm_standby --node {idle} --delete; crm_resource --wait --timeout=240s"),),
        checks=(
            Healthy(40),
            Configured(30, "a node still stands by", _nobody_stands_by),
            Survives(30, "apache-killed"),
        ),
    ),
    Exercise(
        "forgotten-maintenance",
        level=1,
        symptom="The site is down. Apache has ended on the node that had it, and the cluster looks on: nothing is "
        "restarted, nothing moves.",
        breaks=(
            Step(
                ACTIVE,
                "crm_attribute --name maintenance-mode --update true; crm_resource --wait --timeout=60s; "
                "pkill -KILL -x 'apache2|httpd'",
            ),
        ),
        broken=Step(ACTIVE, '! pidof apache2 httpd; [ "$(crm_attribute -n maintenance-mode -G -q)" = true ]'),
        hints=(
            "`crm_mon -1` says it in its head, and behind each resource.",
            "A cluster in maintenance mode manages nothing until the mode is taken back: a property of the cluster.",
        ),
        solution=(Step(ACTIVE, "crm_attribute --name maintenance-mode --delete; crm_resource --wait --timeout=240s"),),
        checks=(
            Healthy(40),
            Configured(30, "the cluster does not manage its resources", _no_maintenance),
            Survives(30, "apache-killed"),
        ),
    ),
    Exercise(
        "remembered-failures",
        level=2,
        symptom="The site is down. Apache's configuration is right again, started by hand it answers, and yet the "
        "cluster starts it on no node.",
        breaks=(
            Step(ACTIVE, _FAILED_EVERYWHERE),
            Step(ACTIVE, "crm_resource --wait --timeout=240s"),
        ),
        broken=Step(ACTIVE, '[ -z "$(crm_resource --locate --quiet --resource {lab}-apache)" ]'),
        hints=(
            "Failures are counted, for each resource and node: `crm_mon -1 --failcounts`.",
            "A resource that has failed too often on a node does not go there again, until somebody says that the "
            "cause is mended.",
        ),
        solution=(Step(ACTIVE, "crm_resource --refresh --resource {lab}-apache; crm_resource --wait --timeout=240s"),),
        checks=(Healthy(60), Survives(40, "apache-killed")),
    ),
    Exercise(
        "quorum-policy",
        level=3,
        symptom="Last night the network between the nodes was away for a minute. Instead of standing still, the part "
        "without quorum tried to stop everything, hung in unmounting GFS2, and was fenced when it came back.",
        breaks=(Step(ACTIVE, "crm_attribute --name no-quorum-policy --update stop"),),
        broken=Step(ACTIVE, '[ "$(crm_attribute -n no-quorum-policy -G -q)" = stop ]'),
        hints=(
            "What a part without quorum does is a property of the cluster: `crm_attribute --list-options=cluster`, or "
            "`pcs property`.",
            "To unmount GFS2 takes locks, and DLM grants none without quorum: a part without it must stand still.",
        ),
        solution=(Step(ACTIVE, "crm_attribute --name no-quorum-policy --update freeze"),),
        checks=(
            Healthy(20),
            Configured(50, "a part without quorum would still stop what it has", _freezes),
            Survives(30, "pause"),
        ),
        needs=frozenset({GFS2}),
    ),
)

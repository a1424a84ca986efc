"""What stands in a CIB, as imports; and what halab does not describe and so leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from halab.provider.export.found import Found, LeftAlone
from halab.provisioners.pacemaker.cib import Cib
from halab.provisioners.pacemaker.constraints import carried, leftovers
from halab.provisioners.pacemaker.primitives import agent_of, options
from halab.provisioners.pacemaker.stonith import left_by_hand
from halab.provisioners.pacemaker.values import check_agent, check_fence_agent, check_id, check_property

_TYPES = {"primitive": "halab_primitive", "group": "halab_group", "clone": "halab_clone"}
_CONSTRAINTS = {
    "rsc_location": ("halab_location", "rsc", "node"),
    "rsc_colocation": ("halab_colocation", "rsc", "with-rsc"),
    "rsc_order": ("halab_order", "first", "then"),
}
# Sections that halab does not describe at all.
_SECTIONS = ("rsc_defaults", "op_defaults", "acls", "tags", "alerts")
# Written by the cluster itself.
_NOT_PROPERTIES = frozenset({"cluster-name"})


def in_cib(cib: Cib, cluster: str) -> Iterator[Found | LeftAlone]:
    """Properties, resources, fencing levels and constraints, in an order in which they could be made."""
    for name in options(cib.section("crm_config"), "cluster_property_set"):
        if name not in _NOT_PROPERTIES and check_property(name) is None:
            yield Found("halab_cluster_property", name, f"{cluster}:{name}")
    resources = [e for e in cib.section("resources") if isinstance(e.tag, str)]
    exported = []
    for element in resources:
        name = element.get("id", "")
        if reason := _unfit(element):
            yield LeftAlone(f"the {element.tag} {name}", reason)
        else:
            exported.append(name)
            yield Found(_type(element), name, f"{cluster}:{name}")
    yield from _levels(cib, cluster)
    yield from _constraints(cib, cluster, exported)
    for section in _SECTIONS:
        found = cib.root.find(f"configuration/{section}")
        if found is not None and len(found):
            yield LeftAlone(f"{section} in the CIB", "halab does not describe them")
    for node in cib.root.iterfind("configuration/nodes/node/instance_attributes/.."):
        yield LeftAlone(f"attributes of the node {node.get('uname')}", "halab does not describe them")


def _type(element: Element) -> str:
    return "halab_stonith" if element.get("class") == "stonith" else _TYPES[element.tag]


def _unfit(element: Element) -> str | None:
    """Why a resource cannot be described; None if it can."""
    if element.tag not in _TYPES:
        return "halab describes primitives, groups and clones"
    for inner in (element, *element.iter()):
        if problem := check_id(inner.get("id", "")) if inner.tag in _TYPES else None:
            return problem
    for primitive in element.iter("primitive"):
        if primitive.get("template"):
            return f"{primitive.get('id')} is made from a template"
        agent = agent_of(primitive)
        wrong = check_fence_agent if primitive.get("class") == "stonith" else check_agent
        if problem := wrong(agent.removeprefix("stonith:")):
            return problem
    return None


def _levels(cib: Cib, cluster: str) -> Iterator[Found | LeftAlone]:
    for level in cib.root.iterfind("configuration/fencing-topology/fencing-level"):
        if left_by_hand(level):
            yield LeftAlone(f"the fencing level {level.get('id')}", "`halab fence` has left it: an apply removes it")
        elif level.get("target"):
            label = f"{level.get('target')}-{level.get('index')}"
            yield Found("halab_fencing_level", label, f"{cluster}:{level.get('target')}:{level.get('index')}")
        else:
            yield LeftAlone(f"the fencing level {level.get('id')}", "its target is a pattern or an attribute")


def _constraints(cib: Cib, cluster: str, exported: list[str]) -> Iterator[Found | LeftAlone]:
    """Those that no exported resource carries."""
    inside = [
        inner.get("id", "") for name in exported if (top := cib.resource(name)) is not None for inner in top.iter()
    ]
    taken = {e.get("id") for name in exported for e in carried(cib, name)} | {*leftovers(cib, inside)}
    for element in cib.constraints():
        name = element.get("id", "")
        if name in taken:
            continue
        kind, one, other = _CONSTRAINTS.get(element.tag, ("", "", ""))
        subject = element.get("then" if element.tag == "rsc_order" else "rsc", "")
        if kind and any(e is element for e in carried(cib, subject)):
            ends = f"{element.get(one)}:{element.get(other)}"
            yield Found(kind, ends.replace(":", "-"), f"{cluster}:{ends}")
        else:
            yield LeftAlone(
                f"the constraint {name}", "it has a set, a rule, a role or an action, or stands there twice"
            )

"""What a person's clicks change in the configuration: pure edits of a CIB, the same that `pcs` would make."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.errors import Conflict
from halab.provisioners.pacemaker.cib import Cib


def set_node_attribute(cib: Cib, node: str, name: str, value: str | None) -> None:
    """`value` None removes it."""
    found = next((e for e in cib.section("nodes") if e.get("uname") == node), None)
    if found is None:
        raise Conflict(f"{node} is no member of the cluster", "It may have been removed meanwhile.")
    _set(cib, found, "instance_attributes", name, value, f"nodes-{found.get('id')}")


def set_target_role(cib: Cib, resource: str, value: str | None) -> None:
    """`Stopped` disables a resource, None enables it."""
    _set(cib, _resource(cib, resource), "meta_attributes", "target-role", value, f"{resource}-meta_attributes")


def move(cib: Cib, resource: str, node: str) -> None:
    """As `pcs resource move-with-constraint`: it belongs to that node from now on, until it is cleared."""
    _movable(cib, resource)
    _drop(cib, f"cli-ban-{resource}-on-{node}")
    _locate(cib, f"cli-prefer-{resource}", resource, node, "INFINITY")


def ban(cib: Cib, resource: str, node: str) -> None:
    """As `pcs resource ban`: it may not run on that node, until it is cleared."""
    _resource(cib, resource)
    preferred = next((e for e in cib.constraints() if e.get("id") == f"cli-prefer-{resource}"), None)
    if preferred is not None and preferred.get("node") == node:
        _drop(cib, f"cli-prefer-{resource}")
    _locate(cib, f"cli-ban-{resource}-on-{node}", resource, node, "-INFINITY")


def clear(cib: Cib, resource: str) -> None:
    """As `pcs resource clear`: takes back what move and ban have put in."""
    for e in cib.constraints():
        name = e.get("id", "")
        if e.get("rsc") == resource and name.startswith((f"cli-prefer-{resource}", f"cli-ban-{resource}-on-")):
            _drop(cib, name)


def _resource(cib: Cib, name: str) -> Element:
    if (found := cib.resource(name)) is None:
        raise Conflict(f"There is no resource {name}", "It may have been removed meanwhile.")
    return found


def _movable(cib: Cib, name: str) -> None:
    if _resource(cib, name).tag not in ("primitive", "group"):
        raise Conflict(f"{name} cannot be moved", "It is cloned: it runs on several nodes at once. Ban it from one.")


def _locate(cib: Cib, name: str, resource: str, node: str, score: str) -> None:
    wanted = {"id": name, "rsc": resource, "role": "Started", "node": node, "score": score}
    found = next((e for e in cib.constraints() if e.get("id") == name), None)
    if found is None:
        found = SubElement(cib.section("constraints"), "rsc_location", {"id": name})
    elif dict(found.attrib) == wanted:
        return
    found.attrib.clear()
    found.attrib.update(wanted)


def _drop(cib: Cib, name: str) -> None:
    section = cib.section("constraints")
    for e in [e for e in section if e.get("id") == name]:
        section.remove(e)


def _set(cib: Cib, owner: Element, kind: str, name: str, value: str | None, base: str) -> None:
    held = [(group, e) for group in owner.iterfind(kind) for e in group.iterfind("nvpair") if e.get("name") == name]
    if value is None:
        for group, e in held:
            group.remove(e)
    elif held:
        held[0][1].set("value", value)
    else:
        there = owner.find(kind)
        group = SubElement(owner, kind, {"id": cib.fresh_id(base)}) if there is None else there
        taken = cib.fresh_id(f"{group.get('id')}-{name}")
        SubElement(group, "nvpair", {"id": taken, "name": name, "value": value})

"""From what was found to files: main.tf, imports.tf, and the secrets in files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from halab.provider.export import hcl
from halab.provider.export.hcl import Reference
from halab.provider.protocol import Attr, Block, Resource, State

# Where an attribute's value comes from another resource: (type, attribute) -> (type, attribute). "" is any type.
_COMES_FROM = {
    ("", "cluster"): ("halab_cluster", "name"),
    ("halab_cluster_member", "corosync_conf"): ("halab_cluster", "corosync_conf"),
    ("halab_cluster_member", "corosync_authkey"): ("halab_cluster", "corosync_authkey"),
    ("halab_cluster_member", "pacemaker_authkey"): ("halab_cluster", "pacemaker_authkey"),
    ("halab_iscsi_target", "device"): ("halab_partition", "path"),
    ("halab_iscsi_acl", "target_iqn"): ("halab_iscsi_target", "iqn"),
    ("halab_iscsi_session", "target_iqn"): ("halab_iscsi_target", "iqn"),
    ("halab_shared_partition", "device"): ("halab_iscsi_target", "lun_device"),
    ("halab_shared_vg", "device"): ("halab_shared_partition", "path"),
    ("halab_lvm_device", "vg"): ("halab_shared_vg", "name"),
    ("halab_lvm_device", "device"): ("halab_shared_vg", "device"),
    ("halab_logical_volume", "vg"): ("halab_shared_vg", "name"),
    ("halab_gfs2", "device"): ("halab_logical_volume", "path"),
}
# Attributes that name a resource in the CIB.
_NAMES_RESOURCE = frozenset({"resource", "with_resource", "first", "then", "devices"})
_RESOURCES = ("halab_primitive", "halab_group", "halab_clone", "halab_stonith")
# What halab_secret can be: others become variables.
_SECRET_LENGTH = range(12, 129)


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of the configuration."""

    type: str
    label: str
    id: str
    values: State

    @property
    def address(self) -> str:
        return f"{self.type}.{self.label}"


@dataclass
class Configuration:
    """Grows by `add`, in an order in which the resources could be made; then `files` renders it."""

    resource: Callable[[str], Resource]
    machines: Mapping[str, str]
    """Host name -> UUID."""
    entries: list[Entry] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    """Name -> value, of each halab_secret."""
    variables: dict[str, str] = field(default_factory=dict)
    """Name -> value, of each sensitive variable."""
    _labels: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str, id: str, values: State) -> Entry:
        entry = Entry(kind, hcl.label(name, self._labels.setdefault(kind, set())), id, values)
        self.entries.append(entry)
        return entry

    def files(self, head: str) -> dict[str, str]:
        """File name -> text. `head` is what main.tf begins with."""
        blocks = [self._block(number) for number in range(len(self.entries))]  # also finds the secrets
        secrets = [_secret(name, value) for name, value in self.secrets.items()]
        variables = [hcl.block("variable", (name,), _VARIABLE) for name in self.variables]
        imports = [("halab_secret", _label_of(name), name) for name in self.secrets]
        imports += [(e.type, e.label, e.id) for e in self.entries]
        locals_ = hcl.block("locals", (), {"machines": self.machines})
        return {
            "main.tf": "\n".join([head, locals_, *variables, *secrets, *blocks]),
            "imports.tf": "\n".join(
                hcl.block("import", (), {"to": Reference(f"{kind}.{label}"), "id": id}) for kind, label, id in imports
            ),
        }

    def _block(self, number: int) -> str:
        entry = self.entries[number]
        resource = self.resource(entry.type)
        values = written(resource.schema, entry.values, derived(resource, entry.values))
        before = self.entries[:number]
        attributes = {name: self._refer(entry, name, value, before) for name, value in values.items()}
        for name in [n for n, a in resource.schema.attrs.items() if a.sensitive and n in attributes]:
            if isinstance(attributes[name], str):
                attributes[name] = self._secret(entry, name)
        if entry.type.startswith("halab_") and (after := _after(entry, before)):
            attributes["depends_on"] = [Reference(other.address) for other in after]
        return hcl.block("resource", (entry.type, entry.label), attributes)

    def _refer(self, entry: Entry, name: str, value: Any, before: Iterable[Entry]) -> Any:
        """The value, or a reference to where it comes from."""
        if name == "machine":
            host = next((host for host, uuid in self.machines.items() if uuid == value), None)
            return value if host is None else Reference(f'local.machines["{host}"]')
        source = _COMES_FROM.get((entry.type, name)) or _COMES_FROM.get(("", name))
        if source is not None:
            found = [e for e in before if e.type == source[0] and e.values.get(source[1]) == value]
            return Reference(f"{found[0].address}.{source[1]}") if found and value else value
        return _with_names(name, value, {e.values["name"]: e for e in before if e.type in _RESOURCES})

    def _secret(self, entry: Entry, name: str) -> Reference:
        """A secret stands in a resource that is imported from a file, once for each value."""
        value = entry.values[name]
        known = {text: secret for secret, text in self.secrets.items()}
        if value in known:
            return Reference(f"halab_secret.{_label_of(known[value])}.value")
        label = f"{entry.label}_{name}"
        if len(value) in _SECRET_LENGTH and "\n" not in value:
            self.secrets[label.replace("_", "-")] = value
            return Reference(f"halab_secret.{_label_of(label)}.value")
        self.variables[label] = value
        return Reference(f"var.{label}")


_VARIABLE = {"type": Reference("string"), "sensitive": True}


def _label_of(name: str) -> str:
    return name.replace("-", "_")


def _secret(name: str, value: str) -> str:
    return hcl.block("resource", ("halab_secret", _label_of(name)), {"name": name, "length": len(value)})


def _after(entry: Entry, before: Iterable[Entry]) -> list[Entry]:
    """What must be there before although nothing in it is referred to: the nodes, for what is in their cluster."""
    if "cluster" not in entry.values or entry.type == "halab_cluster_member":
        return []
    return [e for e in before if e.type == "halab_cluster_member"]


def _with_names(name: str, value: Any, resources: Mapping[str, Entry]) -> Any:
    if name in _NAMES_RESOURCE and isinstance(value, str) and value in resources:
        return Reference(f"{resources[value].address}.name")
    if isinstance(value, list):
        return [_with_names(name, element, resources) for element in value]
    if isinstance(value, dict):
        return {key: _with_names(key, inner, resources) for key, inner in value.items()}
    return value


def written(block: Block, values: State, derived: Iterable[str] = ()) -> dict[str, Any]:
    """The attributes that a configuration has to name for these values: not what is computed or a default."""
    skipped = {"id", "condition", *derived}
    return {
        name: _written(attr, values[name])
        for name, attr in block.attrs.items()
        if name not in skipped and _is_told(attr, name, values)
    }


def _is_told(attr: Attr, name: str, values: State) -> bool:
    value = values.get(name)
    if value is None or (attr.computed and not attr.optional):
        return False
    if attr.has_default:
        return bool(value != attr.default_beside(values))
    return attr.required or value not in ([], {})


def _written(attr: Attr, value: Any) -> Any:
    if attr.nested is None:
        return value
    inner = Block(attrs=attr.nested)
    return [written(inner, element) for element in value] if isinstance(value, list) else written(inner, value)


def derived(resource: Resource, values: State) -> list[str]:
    """Attributes that would come out the same if the configuration left them out."""
    from halab.provider.guests import specs

    item = getattr(resource, "_item", None)
    if item is None:
        return []
    names = [n for n, a in resource.schema.attrs.items() if a.computed and a.optional and values.get(n) is not None]
    found = []
    for name in names:
        filled = specs.encode(item.plan(None, specs.decode(item.spec, {**values, name: None})))
        if filled[name] == values[name]:
            found.append(name)
    return found

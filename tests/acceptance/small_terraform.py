"""Terraform in miniature, in this process: it plans and applies a configuration by the plugin protocol's messages.

One resource after another in a fixed order, so that each effect of a deploy has a place that can be named; and a whole
deploy takes a second, so that there can be one for each of those places. What it keeps in its state after an answer,
and after none, is what Terraform keeps: test_interruptions.py does some of the same with the real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Literal

from halab.provider.protocol import UNKNOWN, Block, Provider
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import pack, unpack
from halab.provider.protocol.servicer import Servicer

Action = Literal["create", "update", "replace", "delete"]
_REFERENCE = re.compile(r"\$\{(halab_\w+\.\w+)\.(\w+)\}")
# One kind of conditional: which of two words follows from an attribute; alone, or as what is added to a number.
_CHOICE = re.compile(
    r"(?P<address>\w+\.\w+)\.(?P<name>\w+) == \"(?P<word>\w+)\" \? \"?(?P<yes>[\w%]+)\"? : \"?(?P<no>[\w%]+)\"?"
)
_CHOSEN = re.compile(r"\$\{([\w%]+)\}")
_SUM = re.compile(r"\$\{(?P<address>\w+\.\w+)\.(?P<name>\w+) \+ \((?P<more>\d+)\)\}")
_ADDED_TO = re.compile(r"\$\{(\w+\.\w+)\.\w+ \+ ")
_META = ("//", "depends_on")


@dataclass
class Entry:
    """A resource in the state. `after`: the addresses that it depends on."""

    values: dict[str, Any]
    private: bytes
    tainted: bool
    after: frozenset[str]


@dataclass(frozen=True)
class _Declared:
    """A resource in the configuration."""

    type: str
    attributes: Mapping[str, Any]
    after: frozenset[str]


class SmallTerraform:
    """A state, and what plans and applies change in it.

    `start` gives a new provider; it gets whether everything is to be destroyed. `answered` is the boundary before an
    answer reaches us: it raises when the provider was killed, which ends the command as it ends Terraform's.
    """

    def __init__(self, start: Callable[[bool], Provider], answered: Callable[[str], None]) -> None:
        self.state: dict[str, Entry] = {}
        self._start, self._answered = start, answered
        self._schemas: dict[str, Block] = {}
        self._servicer: Servicer | None = None

    def plan(self, document: Mapping[str, Any] | None) -> dict[str, Action]:
        """Refresh and plan: address -> what would be done. `None`: a destroy."""
        self._begin(document)
        self._refresh()
        return self._planned(_declared(document or {}))

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Plan, and do it: removals first, then the rest in the order of the references."""
        actions = self.plan(document)
        self._begin(document)  # Terraform plans with one process and applies with another
        declared = _declared(document or {})
        removed = {address for address, action in actions.items() if action in ("delete", "replace")}
        for address in reversed(_ordered({address: entry.after for address, entry in self.state.items()})):
            if address in removed:
                self._delete(address)
        for address in _ordered({address: resource.after for address, resource in declared.items()}):
            if actions.get(address, "delete") != "delete":
                self._settle(address, declared[address])

    # --- the steps of a run ---

    def _begin(self, document: Mapping[str, Any] | None) -> None:
        provider = self._start(document is None)
        self._servicer = Servicer(provider)
        if document is not None:
            self._provider_config = document["provider"]["halab"][0]
        config = pack(provider.schema.object_type.decode(dict(self._provider_config)), provider.schema.object_type)
        self._ask("ConfigureProvider", config=config)

    def _refresh(self) -> None:
        for address, entry in list(self.state.items()):
            schema = self._schema(address)
            answer = self._ask(
                "ReadResource",
                type_name=_type(address),
                current_state=pack(entry.values, schema.object_type),
                private=entry.private,
            )
            values = unpack(answer.new_state, schema.object_type)
            if values is None:
                del self.state[address]
            else:
                entry.values, entry.private = values, answer.private

    def _planned(self, declared: Mapping[str, _Declared]) -> dict[str, Action]:
        actions: dict[str, Action] = {address: "delete" for address in self.state if address not in declared}
        known: dict[str, Any] = {}
        for address in _ordered({address: resource.after for address, resource in declared.items()}):
            action, planned = self._plan_one(address, declared[address], known)
            known[address] = planned
            if action is not None:
                actions[address] = action
        return actions

    def _plan_one(
        self, address: str, resource: _Declared, known: Mapping[str, Any]
    ) -> tuple[Action | None, dict[str, Any]]:
        config = self._config(resource, known)
        self._ask("ValidateResourceConfig", type_name=resource.type, config=self._pack(address, config))
        entry = self.state.get(address)
        if entry is None:
            return "create", self._change(address, config, None)[0]
        planned, _private, replace = self._change(address, config, entry)
        if entry.tainted or replace:
            return "replace", self._change(address, config, None)[0]
        same = self._schema(address).object_type.same(planned, entry.values)
        return (None if same else "update"), planned

    def _settle(self, address: str, resource: _Declared) -> None:
        """Create or update it, now that all it refers to is known."""
        config = self._config(resource, {other: entry.values for other, entry in self.state.items()})
        entry = self.state.get(address)
        planned, private, replace = self._change(address, config, entry)
        assert not replace, f"{address} is to be replaced, which the plan did not tell: {replace}"
        if entry is not None and self._schema(address).object_type.same(planned, entry.values):
            return
        answer = self._ask(
            "ApplyResourceChange",
            type_name=resource.type,
            prior_state=self._pack(address, entry.values if entry else None),
            planned_state=self._pack(address, planned),
            config=self._pack(address, config),
            planned_private=private,
        )
        values = unpack(answer.new_state, self._schema(address).object_type)
        self.state[address] = Entry(values, answer.private, False, resource.after)

    def _delete(self, address: str) -> None:
        entry = self.state[address]
        nothing = self._pack(address, None)
        prior = self._pack(address, entry.values)
        planned = self._ask(
            "PlanResourceChange",
            type_name=_type(address),
            prior_state=prior,
            proposed_new_state=nothing,
            config=nothing,
            prior_private=entry.private,
        )
        self._ask(
            "ApplyResourceChange",
            type_name=_type(address),
            prior_state=prior,
            planned_state=nothing,
            config=nothing,
            planned_private=planned.planned_private,
        )
        del self.state[address]

    # --- one question ---

    def _change(
        self, address: str, config: dict[str, Any], entry: Entry | None
    ) -> tuple[dict[str, Any], bytes, list[str]]:
        """What PlanResourceChange says: planned values, private data, the attributes that need a new object."""
        schema = self._schema(address)
        prior = entry.values if entry else None
        proposed = {
            name: (prior or {}).get(name) if attr.computed and config[name] is None else config[name]
            for name, attr in schema.attrs.items()
        }
        answer = self._ask(
            "PlanResourceChange",
            type_name=_type(address),
            prior_state=self._pack(address, prior),
            proposed_new_state=self._pack(address, proposed),
            config=self._pack(address, config),
            prior_private=entry.private if entry else b"",
        )
        replace = [path.steps[0].attribute_name for path in answer.requires_replace] if entry else []
        return unpack(answer.planned_state, schema.object_type), answer.planned_private, replace

    def _ask(self, method: str, **fields: Any) -> Any:
        assert self._servicer is not None
        answer = self._servicer.answer(method, getattr(pb, method).Request(**fields))
        self._answered(f"{method} {fields.get('type_name', '')}")
        errors = [d for d in answer.diagnostics if d.severity == pb.Diagnostic.ERROR]
        assert not errors, f"{method} of {fields.get('type_name')}: {errors}"
        return answer

    def _config(self, resource: _Declared, known: Mapping[str, Any]) -> dict[str, Any]:
        schema = self._schema(f"{resource.type}.")
        values = {name: _resolved(value, known) for name, value in resource.attributes.items()}
        decoded: dict[str, Any] = schema.object_type.decode(values)
        return decoded

    def _pack(self, address: str, values: dict[str, Any] | None) -> Any:
        return pack(values, self._schema(address).object_type)

    def _schema(self, address: str) -> Block:
        kind = _type(address)
        if kind not in self._schemas:
            assert self._servicer is not None
            provider = self._servicer.provider
            self._schemas[kind] = provider.resources[kind](provider).schema
        return self._schemas[kind]


def _type(address: str) -> str:
    return address.partition(".")[0]


def _declared(document: Mapping[str, Any]) -> dict[str, _Declared]:
    return {
        f"{kind}.{name}": _Declared(
            kind,
            {key: value for key, value in attributes.items() if key not in _META},
            frozenset({*_references(attributes), *attributes.get("depends_on", ())}),
        )
        for kind, named in document.get("resource", {}).items()
        for name, attributes in named.items()
    }


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for pattern in (_REFERENCE, _CHOICE, _ADDED_TO):
            yield from (match[1] for match in pattern.finditer(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _resolved(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, known) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if any(known[match["address"]][match["name"]] is UNKNOWN for match in _CHOICE.finditer(value)):
        return UNKNOWN
    value = _CHOICE.sub(
        lambda match: match["yes" if known[match["address"]][match["name"]] == match["word"] else "no"], value
    )
    value = _CHOSEN.sub(lambda match: match[1], value)
    if any(known[match["address"]][match["name"]] is UNKNOWN for match in _SUM.finditer(value)):
        return UNKNOWN
    value = _SUM.sub(lambda match: str(int(known[match["address"]][match["name"]]) + int(match["more"])), value)
    if whole := _REFERENCE.fullmatch(value):
        return known[whole[1]][whole[2]]
    parts = {match[0]: known[match[1]][match[2]] for match in _REFERENCE.finditer(value)}
    if UNKNOWN in parts.values():
        return UNKNOWN
    text = _REFERENCE.sub(lambda match: str(parts[match[0]]), value)
    assert "${" not in text, f"only plain references are understood here, not {value!r}"
    return text


def _ordered(after: Mapping[str, Iterable[str]]) -> list[str]:
    """Addresses, each after all that it depends on; always the same order for the same graph."""
    sorter = TopologicalSorter(
        {address: [a for a in sorted(after[address]) if a in after] for address in sorted(after)}
    )
    return list(sorter.static_order())

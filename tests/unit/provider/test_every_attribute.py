"""Every attribute of every type, in the plan alone: unknown, null, decimals and texts of every kind.

What Terraform does with the answers is tried in tests/acceptance/test_every_attribute.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halab.provider.lab import HalabProvider
from halab.provider.protocol import UNKNOWN, Block
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import pack, unpack
from halab.provider.protocol.servicer import Servicer
from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.hypervisor import write_image
from tests.attributes import ALTERNATIVES, FULL, TEXTS, Slot, put, right, slots

KINDS = sorted({*ITEMS, *RESOURCES})
# Its plan reads an installation tree: tests/unit/provider/hypervisor/installer.
READS_A_TREE = "halab_installed_image"
# Unknown, they would leave open whether all that is in a cluster goes: the plan of what is there is refused.
REFUSED_FOR_WHAT_IS_THERE = {"halab_cluster.machines"}
# What a computed attribute is after apply, where it matters.
MADE = {"hypervisor_used": "qemu", "host_key": "ssh-ed25519 AAAA", "virtual_size_bytes": 1024}


class Terraform:
    """Asks the provider what Terraform asks it up to an apply."""

    def __init__(self, directory: Path) -> None:
        self.provider = HalabProvider()
        self._servicer = Servicer(self.provider)
        schema = self.provider.schema.object_type
        config = schema.decode({"lab": "x", "directory": str(directory), "uri": "test:///default"})
        assert not self._ask("ConfigureProvider", config=pack(config, schema)).diagnostics

    def schema(self, kind: str) -> Block:
        return self._servicer._resource(kind).schema

    def validate(self, kind: str, config: dict[str, Any]) -> list[pb.Diagnostic]:
        return self._told("ValidateResourceConfig", type_name=kind, config=self._pack(kind, config))

    def plan(self, kind: str, config: dict[str, Any], prior: dict[str, Any] | None) -> tuple[Any, bool, list[Any]]:
        """What is planned, whether it is a replacement, and what was told."""
        schema = self.schema(kind)
        config = schema.object_type.decode(config)
        proposed = {
            name: (prior or {}).get(name) if attr.computed and config[name] is None else config[name]
            for name, attr in schema.attrs.items()
        }
        answer = self._ask(
            "PlanResourceChange",
            type_name=kind,
            prior_state=pack(prior, schema.object_type),
            proposed_new_state=self._pack(kind, proposed),
            config=self._pack(kind, config),
        )
        replaced = prior is not None and bool(answer.requires_replace)
        return unpack(answer.planned_state, schema.object_type), replaced, _errors(answer)

    def made(self, kind: str, config: dict[str, Any]) -> dict[str, Any]:
        """The state after an apply of `config`."""
        planned, _, told = self.plan(kind, config, None)
        ok(told, kind)
        filled = {name: _filled(name, value, self.schema(kind)) for name, value in planned.items()}
        state: dict[str, Any] = self.plan(kind, config, filled)[0]  # with an id that follows from the rest
        return state

    def _pack(self, kind: str, config: dict[str, Any]) -> pb.DynamicValue:
        return pack(self.schema(kind).object_type.decode(config), self.schema(kind).object_type)

    def _told(self, method: str, **fields: Any) -> list[pb.Diagnostic]:
        return _errors(self._ask(method, **fields))

    def _ask(self, method: str, **fields: Any) -> Any:
        return self._servicer.answer(method, getattr(pb, method).Request(**fields))


def _errors(answer: Any) -> list[pb.Diagnostic]:
    return [told for told in answer.diagnostics if told.severity == pb.Diagnostic.ERROR]


def _filled(name: str, value: Any, schema: Block) -> Any:
    if value is not UNKNOWN:
        return value
    zero: dict[str, Any] = {"string": "made", "number": 1, "bool": True}
    wire = schema.attrs[name].value_type.wire
    return MADE.get(name) or (zero[wire] if isinstance(wire, str) else {} if wire[0] == "map" else [])


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    with pytest.MonkeyPatch.context() as patch:
        image = write_image(tmp_path_factory.mktemp("image") / "base")
        patch.setitem(FULL["halab_image"], "source", str(image))
        yield Terraform(tmp_path_factory.mktemp("lab"))


def all_slots(terraform: Terraform, kind: str) -> list[Slot]:
    return [*slots(kind, terraform.schema(kind))]


def ok(told: list[Any], what: object) -> None:
    assert not told, f"{what}: {told[0].summary}: {told[0].detail}"


def plain(told: list[Any], what: object) -> None:
    """Errors that a person can act on, each at an attribute."""
    for error in told:
        assert "Bug in the provider" not in error.summary, f"{what}: {error.summary}: {error.detail}"
        assert error.attribute.steps, f"{what}: {error.summary} stands at no attribute"
        assert error.detail, f"{what}: {error.summary} has no remedy"


def keeps_word(planned: Any, later: Any) -> bool:
    """Whether `later` is what `planned` was a promise of: Terraform calls anything else a bug."""
    if planned is UNKNOWN:
        return True
    if isinstance(planned, dict):
        return isinstance(later, dict) and all(keeps_word(planned[key], later.get(key)) for key in planned)
    if isinstance(planned, list):
        same = isinstance(later, list) and len(planned) == len(later)
        return same and all(map(keeps_word, planned, later))
    return bool(planned == later)


def test_every_type_and_attribute_is_here(terraform: Terraform) -> None:
    assert sorted(FULL) == KINDS
    for kind in KINDS:
        given = {name for name, attr in terraform.schema(kind).attrs.items() if attr.required or attr.optional}
        assert {*FULL[kind], *(name for other, name in ALTERNATIVES if other == kind)} == given, kind


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_is_accepted_and_stays(terraform: Terraform, kind: str) -> None:
    ok(terraform.validate(kind, right(kind)), kind)
    if kind != READS_A_TREE:
        state = terraform.made(kind, right(kind))
        planned, replaced, told = terraform.plan(kind, right(kind), state)
        ok(told, kind)
        assert (planned, replaced) == (state, False)


def others(terraform: Terraform, slot: Slot) -> list[Any]:
    """Right values for a place, the usual one first, then others as far as there are any."""
    usual = slot.right
    candidates: list[Any] = [None] if not slot.attr.required and len(slot.way) == 1 else []
    if isinstance(usual, bool):
        candidates.append(not usual)
    elif isinstance(usual, int):
        candidates += [usual + step for step in (1, 512, 1 << 20)]
    elif isinstance(usual, str):
        candidates += [f"{usual}1", "kvm", "auto", "10.17.0.13", f"1{usual}", UUID_OF_ANOTHER]
    elif isinstance(usual, list):
        candidates += [[], [*usual, *usual]]
    elif isinstance(usual, dict):
        candidates += [{}]
    return [usual, *(value for value in candidates if not terraform.validate(slot.kind, slot.filled(value)))]


UUID_OF_ANOTHER = "11111111-2222-4333-8444-666666666666"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != READS_A_TREE])
def test_unknown_at_plan_and_known_at_apply(terraform: Terraform, kind: str) -> None:
    for slot in all_slots(terraform, kind):
        unknown = slot.filled(UNKNOWN)
        ok(terraform.validate(kind, unknown), slot)
        created, _, told = terraform.plan(kind, unknown, None)
        ok(told, slot)
        state = terraform.made(kind, right(kind, str(slot.way[0])))
        changed, replaced, told = terraform.plan(kind, unknown, state)
        if str(slot) in REFUSED_FOR_WHAT_IS_THERE:
            plain(told, slot)
            assert told, slot
            continue
        ok(told, slot)
        for value in others(terraform, slot):
            what = f"{slot} unknown, then {value!r}"
            known = slot.filled(value)
            later, _, told = terraform.plan(kind, known, None)
            (ok if value == slot.right else plain)(told, what)
            assert told or keeps_word(created, later), what
            later, anew, told = terraform.plan(kind, known, state)
            if replaced:
                continue  # the object is made anew: that is the plan of a new one
            plain(told, what)
            assert not anew, f"{what} is a replacement that the plan did not tell"
            assert told or keeps_word(changed, later), what


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != READS_A_TREE])
def test_all_unknown_at_plan_and_known_at_apply(terraform: Terraform, kind: str) -> None:
    unknown = dict.fromkeys(right(kind), UNKNOWN)
    ok(terraform.validate(kind, unknown), kind)
    created, _, told = terraform.plan(kind, unknown, None)
    ok(told, kind)
    assert keeps_word(created, terraform.plan(kind, right(kind), None)[0])
    state = terraform.made(kind, right(kind))
    changed, replaced, told = terraform.plan(kind, unknown, state)
    ok(told, kind)
    later, anew, _ = terraform.plan(kind, right(kind), state)
    assert replaced or (keeps_word(changed, later) and not anew)


@pytest.mark.parametrize("kind", KINDS)
def test_null(terraform: Terraform, kind: str) -> None:
    for slot in all_slots(terraform, kind):
        config = slot.filled(None)
        told = terraform.validate(kind, config)
        plain(told, slot)
        if slot.element or slot.attr.required:
            assert len(told) == 1, f"{slot}: {told}"
            assert ("is null" if slot.element else "is required") in told[0].detail
        elif not told and kind != READS_A_TREE:
            _, _, told = terraform.plan(kind, config, None)
            ok(told, slot)
            _, _, told = terraform.plan(kind, config, terraform.made(kind, right(kind, str(slot.way[0]))))
            plain(told, slot)


@pytest.mark.parametrize("kind", KINDS)
def test_decimals(terraform: Terraform, kind: str) -> None:
    for slot in all_slots(terraform, kind):
        if slot.wire != "number":
            continue
        told = terraform.validate(kind, slot.filled(slot.right + 0.5))
        plain(told, slot)
        assert ["not a whole number" in error.detail for error in told] == ([True] if slot.whole else []), slot
        for value in (-1, 0, 10**30):
            plain(terraform.validate(kind, slot.filled(value)), f"{slot} = {value}")


@pytest.mark.parametrize("kind", KINDS)
def test_texts(terraform: Terraform, kind: str) -> None:
    for slot in all_slots(terraform, kind):
        for name, text in TEXTS.items():
            for config in _with_text(slot, text):
                told = terraform.validate(kind, config)
                plain(told, f"{slot} = {name}")
                assert told or "\0" not in text, f"{slot} = {name} is accepted"
                if not told and kind != READS_A_TREE:
                    _, _, told = terraform.plan(kind, config, None)
                    plain(told, f"{slot} = {name}")


def _with_text(slot: Slot, text: str) -> Iterator[dict[str, Any]]:
    if slot.wire == "string":
        yield slot.filled(text)
    if slot.wire == ["map", "string"]:
        yield put(right(slot.kind), slot.way, {text: "1"})


LINE_ENDS = {"halab_machine.authorized_key", "halab_ca_certificate.pem", "halab_cluster_member.corosync_conf"}
"""What ends with one where it comes from a file: a key (it is taken off), and texts of many lines."""


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_no_lines_takes_none_at_its_end_and_no_other_digits(terraform: Terraform, kind: str) -> None:
    for slot in all_slots(terraform, kind):
        usual = slot.right
        if not isinstance(usual, str):
            continue
        if terraform.validate(kind, slot.filled(f"{usual[:1]}\n{usual[1:]}")) and str(slot) not in LINE_ENDS:
            assert terraform.validate(kind, slot.filled(usual + "\n")), f"{slot} takes a line end"
        other = usual.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
        if other != usual and terraform.validate(kind, slot.filled(usual + "ü")):
            assert terraform.validate(kind, slot.filled(other)), f"{slot} takes other scripts' digits"

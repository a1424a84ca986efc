"""What a create may take over: the rule, over the processes of Terraform's runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from halab.provider import adoption
from halab.provider.adoption import Adoption
from halab.provider.protocol import Block, Resource
from halab.provisioners.engine.errors import Conflict

MANAGED, FOREIGN = "is managed already", "was not made from here"


class Disk(Resource):
    type, schema, named_by = "halab_disk", Block(), ("pool", "name")


class File(Resource):
    type, schema, named_by = "halab_file", Block(), ("machine", "path")


class Machine(Resource):
    type, schema, named_by = "halab_machine", Block(), ("name",)


DISK, FILE, MACHINE = Disk(None), File(None), Machine(None)
ONE = {"pool": "p", "name": "one"}
TWO = {"pool": "p", "name": "two"}


class Lab:
    """A lab's file, and processes that begin and end."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def process(self, **how: Any) -> Adoption:
        return Adoption(self.file, **{"partial": False, "changed": False, **how})

    def plans(self, *shown: dict[str, str], **how: Any) -> None:
        """A plan that is shown these objects in the state."""
        process = self.process(**how)
        for state in shown:
            process.held(DISK, state)
        process.answered(planned=True, failed=False)
        process.close()

    def creates(self, state: dict[str, str], *, found: bool, **how: Any) -> None:
        process = self.process()
        process.answered(planned=True, failed=False)  # Terraform plans once more what it creates
        process.creating(DISK, state)
        process.begin(DISK, state, found=found, **how)
        process.answered(planned=False, failed=False)
        process.close()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab/ledger.jsonl")


def test_what_was_not_made_from_here_is_left_alone(lab: Lab) -> None:
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates(ONE, found=True)
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates(ONE, found=True)
    lab.creates(TWO, found=True, ordinary=True)


def test_what_a_killed_run_has_begun_is_taken_over(lab: Lab) -> None:
    lab.creates(ONE, found=False)
    lab.creates(ONE, found=True)


@pytest.mark.parametrize("ordinary", [True, False])
def test_what_the_state_holds_is_not_taken_over(lab: Lab, ordinary: bool) -> None:
    lab.creates(ONE, found=False)
    lab.plans(ONE)
    with pytest.raises(Conflict, match=MANAGED):
        lab.creates(ONE, found=True, ordinary=ordinary)
    lab.creates(ONE, found=False)  # its block was taken out of the state, and it was removed by hand


def test_two_blocks_in_one_run(lab: Lab) -> None:
    process = lab.process()
    process.creating(DISK, ONE)
    with pytest.raises(Conflict, match=MANAGED):
        process.creating(DISK, ONE)
    process.creating(DISK, TWO)
    process.failed(DISK, ONE)
    process.creating(DISK, ONE)
    process.deleted(DISK, ONE, left=False)
    process.creating(DISK, ONE)


def test_what_a_refresh_does_not_find_is_no_longer_held(lab: Lab) -> None:
    lab.creates(ONE, found=False)
    process = lab.process()
    process.held(DISK, ONE)
    process.missing(DISK, ONE)
    lab.creates(ONE, found=True)


def test_what_was_deleted_is_nobodys_and_what_was_left_is_ours(lab: Lab) -> None:
    for state in (ONE, TWO):
        lab.creates(state, found=False)
    lab.plans(ONE, TWO)
    process = lab.process()
    process.deleted(DISK, ONE, left=False)
    process.deleted(DISK, TWO, left=True)
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates(ONE, found=True)
    lab.creates(TWO, found=True)


def deployed(lab: Lab) -> None:
    lab.creates(ONE, found=False)
    lab.plans(ONE)


def test_a_plan_that_is_shown_nothing_has_lost_its_state(lab: Lab) -> None:
    deployed(lab)
    lab.plans()
    lab.creates(ONE, found=True)


def test_a_plan_of_a_part_that_is_shown_nothing_has_not(lab: Lab) -> None:
    deployed(lab)
    lab.plans(partial=True)
    with pytest.raises(Conflict, match=MANAGED):
        lab.creates(ONE, found=True)


def test_a_plan_that_fails_has_not_either(lab: Lab) -> None:
    deployed(lab)
    process = lab.process()
    process.answered(planned=True, failed=True)
    process.close()
    with pytest.raises(Conflict, match=MANAGED):
        lab.creates(ONE, found=True)


@pytest.mark.parametrize("answers", [[(True, True), (True, False)], [(True, False), (True, True), (False, False)]])
def test_one_failure_of_a_plan_counts_whatever_is_answered_after_it(lab: Lab, answers: list[tuple[bool, bool]]) -> None:
    deployed(lab)
    process = lab.process()
    for planned, failed in answers:
        process.answered(planned=planned, failed=failed)
    process.close()
    with pytest.raises(Conflict, match=MANAGED):
        lab.creates(ONE, found=True)


def test_an_apply_that_creates_only_has_not_either(lab: Lab) -> None:
    deployed(lab)
    lab.creates(TWO, found=False)
    with pytest.raises(Conflict, match=MANAGED):
        lab.creates(ONE, found=True)


def test_a_lab_of_an_earlier_version_goes_on(lab: Lab) -> None:
    """It kept no such file: what it has left is taken over until a run has applied all."""
    lab.plans(ONE, changed=True)
    process = lab.process()
    process.creating(DISK, TWO)
    process.begin(DISK, TWO, found=True)
    process.answered(planned=False, failed=True)
    process.close()
    lab.creates({**TWO, "name": "three"}, found=True)
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates({**TWO, "name": "four"}, found=True)
    with pytest.raises(Conflict, match=MANAGED):
        lab.creates(ONE, found=True)


@pytest.mark.parametrize("partial", [True, False])
def test_an_earlier_version_was_killed_before_its_state_held_anything(lab: Lab, partial: bool) -> None:
    lab.plans(changed=True)
    process = lab.process(changed=True, partial=partial)
    for state in (ONE, TWO):
        process.creating(DISK, state)
        process.begin(DISK, state, found=True)
    process.close()
    process = lab.process(changed=True)
    process.creating(DISK, three := {**ONE, "name": "three"})
    if partial:  # what was not looked at may be left of it still
        process.begin(DISK, three, found=True)
    else:
        with pytest.raises(Conflict, match=FOREIGN):
            process.begin(DISK, three, found=True)


def test_a_lab_of_an_earlier_version_ends_with_its_destroy(lab: Lab) -> None:
    lab.plans(ONE, changed=True)
    process = lab.process()
    process.deleted(DISK, ONE, left=False)
    process.close()
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates(TWO, found=True)


def test_what_was_made_is_told_by_its_type(lab: Lab) -> None:
    """A pool is emptied of what this names."""
    lab.creates(ONE, found=False)
    process = lab.process()
    process.called("u1", "node1")
    process.begin(FILE, {"machine": "u2", "path": "/x"}, found=False)
    assert process.made(DISK.type) == {"p:one"}
    assert process.machines() == ("u1",)


def test_what_has_no_name_yet_is_nobodys(lab: Lab) -> None:
    process = lab.process()
    for _ in range(2):
        process.creating(DISK, {"pool": "p", "name": None})
        process.begin(DISK, {"pool": "p", "name": None}, found=True)
    assert not lab.file.exists()


def test_a_lab_from_which_nothing_was_changed_is_no_earlier_ones(lab: Lab) -> None:
    lab.plans(ONE, changed=False)
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates(TWO, found=True)


def test_what_is_in_a_machine_goes_by_its_name(lab: Lab) -> None:
    """One that is made anew around its disk has another UUID, and has what the first one had."""
    first, second, other = ({"machine": uuid, "path": "/etc/motd"} for uuid in ("u1", "u2", "u3"))
    process = lab.process()
    process.held(MACHINE, {"id": "u1", "name": "node1"})
    process.held(FILE, first)
    process.missing(FILE, first)  # so says a refresh when the domain is gone
    process = lab.process()
    process.called("u2", "node1")
    process.called("u3", "node2")
    process.creating(FILE, second)
    process.begin(FILE, second, found=True)
    with pytest.raises(Conflict, match=FOREIGN):
        process.begin(FILE, other, found=True)
    process = lab.process()
    process.held(FILE, second)
    with pytest.raises(Conflict, match=f"node1:/etc/motd {MANAGED}"):
        process.begin(FILE, second, found=True)


@pytest.mark.parametrize("cut", [b'["held", "halab_disk", "p', b'["held", "halab_disk", "p\xc3', bytes(64)])
def test_a_line_that_was_cut_short_says_nothing(lab: Lab, cut: bytes) -> None:
    lab.creates(ONE, found=False)
    with lab.file.open("ab") as file:
        file.write(cut)
    lab.creates(TWO, found=False)
    lab.creates(ONE, found=True)
    lab.creates(TWO, found=True)


@pytest.mark.parametrize(
    "line", ['["later", "halab_disk", "p/one"]', '["left", "halab_disk"]', '{"left": 1}', '"left"', "7"]
)
def test_a_line_of_another_kind_says_nothing(lab: Lab, line: str) -> None:
    lab.creates(TWO, found=False)
    with lab.file.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(Conflict, match=FOREIGN):
        lab.creates(ONE, found=True)


def test_what_cannot_be_written_down_is_not_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    process = lab.process()
    monkeypatch.setattr("halab.provider.adoption.os.write", full)
    with pytest.raises(OSError, match="No space"):
        process.begin(DISK, ONE, found=False)
    process.held(DISK, TWO)  # a plan goes on


def test_the_file_does_not_grow_for_ever(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "_SPARE_LINES", 3)
    lab.creates(TWO, found=False)
    for _ in range(20):
        lab.creates(ONE, found=False)
        process = lab.process()
        process.deleted(DISK, ONE, left=False)
    entries = [json.loads(line) for line in lab.file.read_text().split("\n") if line]
    assert len(entries) <= 6
    lab.creates(TWO, found=True)

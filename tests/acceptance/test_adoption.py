"""What a create may take over (provider/adoption.py): every resource type, the real Terraform."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.adoption import Adoption
from halab.provider.protocol import Ctx
from halab.provider.registry import ITEMS, RESOURCES
from halab.provisioners.engine.errors import Conflict
from tests.acceptance.doubles import DoubledProvider
from tests.acceptance.guests import Thing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Terraform

Deployed = tuple["Terraform", DoubledProvider]
IN_THE_STATE_ONLY = {"halab_secret", "halab_cluster"}
SEVERAL_FOR_ONE = {"halab_packages"}
NOT_IN_THE_LAB = {"halab_installed_image"}  # tests/unit/provider/hypervisor/installer
# Machines and what is below them last: a target that has moved to another machine is made anew under another name.
TYPES = [kind for kind in (*ITEMS, *RESOURCES) if kind not in IN_THE_STATE_ONLY | SEVERAL_FOR_ONE | NOT_IN_THE_LAB]
QUICK = ("halab_volume", "halab_file", "halab_primitive", "halab_ssh_key")
MANAGED = "is managed already by another block of this state"
FOREIGN = "exists already and was not made from here"


class Configuration:
    """cdk.tf.json of the deployed lab."""

    def __init__(self, terraform: Terraform) -> None:
        self._file = terraform.folder / "cdk.tf.json"
        self._before = self._file.read_text()
        self.document: dict[str, Any] = json.loads(self._before)

    def first(self, kind: str) -> str:
        """The name of a resource of that type."""
        return str(next(iter(self.document["resource"][kind])))

    def write(self) -> None:
        self._file.write_text(json.dumps(self.document))

    def restore(self) -> None:
        self._file.write_text(self._before)


@pytest.fixture
def configuration(deployed: Deployed) -> Iterator[Configuration]:
    made = Configuration(deployed[0])
    yield made
    made.restore()
    deployed[0].apply()  # what was to be replaced together with it may be gone
    deployed[0].apply()  # and with a cluster's only member, its CIB
    assert deployed[0].plan().actions == {}


def world(provider: DoubledProvider) -> Any:
    """All that is there."""
    volumes = [
        volume.path() for pool in provider.connection.libvirt.listAllStoragePools() for volume in pool.listAllVolumes()
    ]
    files = {path: path.stat().st_mtime_ns for path in (provider.folder.private_key, provider.folder.ssh_config)}
    return provider.guests.things(), provider.hypervisor_holds(), sorted(volumes), files


def refused(terraform: Terraform, *options: str) -> set[str]:
    """The types of what was refused since the state holds it; nothing else goes wrong."""
    errors = terraform.fails("apply", *options).errors
    assert {MANAGED in error.summary for error in errors} == {True}
    return {error.summary.split()[0] for error in errors}


def test_two_blocks_of_one_name(deployed: Deployed, configuration: Configuration) -> None:
    """A second block of each type at once: each is refused, and takes nothing with it when it goes."""
    terraform, provider = deployed
    for kind in TYPES:
        blocks = configuration.document["resource"][kind]
        blocks["second"] = copy.deepcopy(blocks[configuration.first(kind)])
    configuration.write()
    before = world(provider)
    assert refused(terraform) == set(TYPES)
    assert world(provider) == before


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.long) for kind in TYPES]
)
def test_create_before_destroy(deployed: Deployed, configuration: Configuration, kind: str) -> None:
    terraform = deployed[0]
    name = configuration.first(kind)
    configuration.document["resource"][kind][name]["lifecycle"] = {"create_before_destroy": True}
    configuration.write()
    before = terraform.resource(f"{kind}.{name}")
    assert refused(terraform, f"-replace={kind}.{name}") == {kind}
    configuration.restore()
    terraform.run("apply", "-refresh-only")  # what is gone leaves the state
    assert terraform.resource(f"{kind}.{name}")["id"] == before["id"]


def test_a_second_block_of_what_is_made_in_the_same_run(deployed: Deployed, configuration: Configuration) -> None:
    """One of the two is made, and goes on when the other's block went."""
    terraform, provider = deployed
    blocks = configuration.document["resource"]["halab_primitive"]
    blocks["one"] = {**copy.deepcopy(blocks["ping"]), "name": "twin"}
    blocks["two"] = copy.deepcopy(blocks["one"])
    configuration.write()
    assert refused(terraform) == {"halab_primitive"}
    assert sum(f"halab_primitive.{name}" in terraform.state() for name in ("one", "two")) == 1
    del blocks["one" if "halab_primitive.two" in terraform.state() else "two"]
    configuration.write()
    terraform.apply()
    assert ("halab_primitive", "summit:twin") in provider.guests.things()


class Disks(dict[str, dict[Thing, str]]):
    """What is on machines, by host key. A machine of the same name finds what was on its disk."""

    def __init__(self, provider: DoubledProvider, hostname: str) -> None:
        super().__init__(provider.guests.machines)
        self._provider, self._hostname = provider, hostname
        self._was = provider.domain(hostname).UUIDString()

    def setdefault(self, key: str, default: dict[Thing, str] | None = None) -> dict[Thing, str]:
        if key not in self and (uuid := self._provider.domain(self._hostname).UUIDString()) != self._was:
            found = [things for things in self.values() if any(self._was in id for _, id in things)]
            self[key] = {
                (kind, id.replace(self._was, uuid)): text.replace(self._was, uuid)
                for things in found
                for (kind, id), text in things.items()
            }
        return super().setdefault(key, default or {})


@pytest.mark.usefixtures("configuration")
def test_a_machine_that_is_made_anew_around_its_disk(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has another UUID, and on its disk is all that was made there: that is still the lab's own."""
    terraform, provider = deployed
    before = {kind for kind, _ in provider.guests.things()}
    monkeypatch.setattr(provider.guests, "machines", Disks(provider, "node1"))
    domain = provider.domain("node1")
    domain.destroy()
    domain.undefine()
    terraform.apply()
    assert {kind for kind, _ in provider.guests.things()} == before


class Created:
    """One object of the lab, created once more by its type's own create."""

    def __init__(self, deployed: Deployed, kind: str) -> None:
        terraform, self.provider = deployed
        self.resource = self.provider.resources[kind](self.provider)
        entries = [entry for entry in terraform.state().values() if entry["type"] == kind]
        self.values: dict[str, Any] = self.resource.schema.object_type.decode(entries[0]["values"])

    def again(self, *verbs: str) -> Any:
        """With a ledger that says this of it."""
        file = self.provider.folder.path / "ledger-of-a-test.jsonl"
        lines = [json.dumps([verb, self.resource.type, self.resource.key(self.values)]) for verb in verbs]
        file.write_text("\n".join(lines))
        kept, self.provider.ledger = self.provider.ledger, Adoption(file, partial=False, changed=True)
        try:
            return self.resource.create(Ctx(), copy.deepcopy(self.values), copy.deepcopy(self.values))
        finally:
            self.provider.ledger = kept
            file.unlink()


def ordinary(kind: str, provider: DoubledProvider) -> bool:
    """Whether each system has one, so that whose it is cannot be told."""
    return kind in ITEMS and bool(provider.resources[kind](provider)._item.ordinary)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", TYPES)
def test_what_nobody_has_made_from_here_is_left_alone(deployed: Deployed, kind: str) -> None:
    created, provider = Created(deployed, kind), deployed[1]
    before = world(provider)
    if ordinary(kind, provider):
        assert created.again()["id"] == created.values["id"]
    else:
        with pytest.raises(Conflict, match=FOREIGN):
            created.again()
    assert world(provider)[:3] == before[:3]


@pytest.mark.parametrize("kind", TYPES)
def test_what_a_killed_run_has_left_is_taken_over(deployed: Deployed, kind: str) -> None:
    created = Created(deployed, kind)
    assert created.again("held", "gone", "left")["id"] == created.values["id"]
    with pytest.raises(Conflict, match=MANAGED):
        created.again("left", "held")

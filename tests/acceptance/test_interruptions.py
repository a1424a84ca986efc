"""The provider is killed at every boundary between two effects; the next command takes up what is there."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from halab.cli.lab.state import Instance
from halab.cli.leftovers import sweep as cli_sweep
from halab.provider.hypervisor import sweep
from halab.provider.hypervisor.leftovers import leftovers
from halab.provider.protocol import reattachable
from halab.provider.protocol.servicer import Servicer
from halab.provider.run.folder import LabFolder
from tests.acceptance.conftest import Terraform
from tests.acceptance.doubles import stack, uncovered, write_stack
from tests.acceptance.mortal import Fate, Killed
from tests.acceptance.small_terraform import SmallTerraform
from tests.acceptance.world import Shape, World

Document = Callable[[Path], dict[str, Any] | None]
Bench = tuple[World, SmallTerraform]
NODE1 = "${halab_machine.node1.id}"
MANY = 1000
EVERY = pytest.mark.parametrize("every", [31, pytest.param(1, marks=pytest.mark.long)])  # seconds each; 11 minutes


def lab(folder: Path, nodes: int = 2) -> dict[str, Any]:
    """The lab with at least one resource of each type."""
    document = stack(nodes, folder)
    for kind, named in uncovered("summit", NODE1).items():
        document["resource"].setdefault(kind, {}).update(named)
    return document


@contextmanager
def bench(folder: Path, number: int) -> Iterator[Bench]:
    """A world of its own for one case."""
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch, folder / f"{number}/lab/.halab/summit")
        yield world, SmallTerraform(world.born, world.answered)


def killed_everywhere(
    folder: Path, before: Document | None, command: Document, check: Callable[..., None], every: int
) -> int:
    """Run `command` after `before` once for each (`every`th) of its boundaries, killed there; how many it has."""
    wrong: list[str] = []
    for number in range(0, MANY, every):
        with bench(folder, number) as (world, terraform):
            if before is not None:
                terraform.apply(before(folder / str(number)))
            world.made.clear()
            with world.life(number) as fate:
                with suppress(Killed):
                    terraform.apply(command(folder / str(number)))
                if not fate.dead:
                    break
            try:
                check(world, terraform, command(folder / str(number)))
            except AssertionError as error:
                wrong.append(f"{number}, before {fate.end}: {error}")
    assert not wrong, f"{len(wrong)} cases on {number} boundaries went wrong:\n" + "\n".join(wrong[:20])
    return number


def converges(expected: Shape) -> Callable[..., None]:
    """The check that the same command leads to the `expected` shape after all, and that a destroy leaves nothing."""

    def check(world: World, terraform: SmallTerraform, wanted: Any) -> None:
        with world.life():
            terraform.apply(wanted)
        assert terraform.plan(wanted) == {}, "the plan afterwards is not empty"
        assert differences(world.shape(), expected) == {}
        twice = [step for step, times in world.made.items() if times > 1]
        assert not twice, f"made twice: {twice}"

    return check


def differences(seen: Shape, expected: Shape) -> dict[str, tuple[list[Any], list[Any]]]:
    """Kind of thing -> what is too much, and what is missing."""
    pairs = {kind: (seen[kind], wanted) for kind, wanted in expected.items() if seen[kind] != wanted}
    return {
        kind: ([thing for thing in has if thing not in wants], [thing for thing in wants if thing not in has])
        for kind, (has, wants) in pairs.items()
    }


def vanishes(world: World, terraform: SmallTerraform, _wanted: Any) -> None:
    """The check that a destroy leaves nothing."""
    terraform.apply(None)
    assert terraform.state == {}
    assert world.left() == {}


def undisturbed(folder: Path, *commands: Document) -> Shape:
    """What these commands lead to when nothing dies."""
    with bench(folder, -1) as (world, terraform):
        for command in commands:
            terraform.apply(command(folder / "-1"))
        return world.shape()


@EVERY
def test_deploy(tmp_path: Path, every: int) -> None:
    expected = undisturbed(tmp_path, lab)
    boundaries = killed_everywhere(tmp_path, None, lab, converges(expected), every)
    print(f"deploy: killed at {boundaries} boundaries")
    assert boundaries > 200


def changed(folder: Path) -> dict[str, Any]:
    """The lab with other values for much that changes in place."""
    document = lab(folder)
    resources = document["resource"]
    resources["halab_cluster"]["cluster"]["token_ms"] = 20000
    resources["halab_stonith"]["fence_node1"]["delay"] = "3s"
    resources["halab_cluster_file"]["page"] |= {"content": "another page\n", "mode": "0600"}
    resources["halab_fencing_endpoint"]["fencing_endpoint"]["username"] = "another"
    resources["halab_secret"]["node1_chap"]["length"] = 20
    return document


UPDATES: dict[str, tuple[Document, Document]] = {
    "more nodes": (partial(lab, nodes=1), lab),
    "fewer nodes": (lab, partial(lab, nodes=1)),
    "in place": (lab, changed),
}


@EVERY
@pytest.mark.parametrize("change", UPDATES)
def test_update(tmp_path: Path, change: str, every: int) -> None:
    before, after = UPDATES[change]
    expected = undisturbed(tmp_path, before, after)
    boundaries = killed_everywhere(tmp_path, before, after, converges(expected), every)
    print(f"{change}: killed at {boundaries} boundaries")
    assert boundaries > 10


@EVERY
def test_destroy(tmp_path: Path, every: int) -> None:
    boundaries = killed_everywhere(tmp_path, lab, lambda _: None, vanishes, every)
    print(f"destroy: killed at {boundaries} boundaries")
    assert boundaries > 100


@pytest.mark.parametrize("effects", [47, pytest.param(31, marks=pytest.mark.long)])
def test_killed_again_and_again(tmp_path: Path, effects: int) -> None:
    """Each life gets a little further than the one before: it is longer than what any one resource takes."""
    expected = undisturbed(tmp_path, lab)
    with bench(tmp_path, 0) as (world, terraform):
        for wanted in (lab(tmp_path / "0"), None):
            for lives in itertools.count(1):
                assert lives < 60
                with world.life(effects) as fate, suppress(Killed):
                    terraform.apply(wanted)
                if not fate.dead:
                    break
            if wanted is not None:
                assert terraform.plan(wanted) == {}
                assert differences(world.shape(), expected) == {}
                print(f"deployed in {lives} lives")
        assert world.left() == {}


def swept(world: World, terraform: SmallTerraform) -> None:
    """What `make sweep ARGS=--yes` does."""
    state = [Instance(address.split(".")[0], entry.values) for address, entry in terraform.state.items()]
    about = {"uri": "", "lab": "summit", "directory": str(world.lab), "snapshots": []}
    request = {**about, **cli_sweep.known(state)}
    found = sweep.sweep({**request, "remove": []})
    sweep.sweep({**request, "remove": [(item["kind"], item["name"]) for item in found]})
    for path in cli_sweep.files(LabFolder(world.lab), state):
        path.unlink()


def test_sweep_removes_what_a_killed_deploy_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a destroy, which knows what is in the state only; and where there is no state any more."""
    for number in itertools.count(0, 21):
        with bench(tmp_path, number) as (world, terraform):
            monkeypatch.setattr(sweep, "_in_libvirt", lambda _uri, *what: leftovers(world.provider.connection, *what))
            with world.life(number) as fate, suppress(Killed):
                terraform.apply(lab(tmp_path / str(number)))
            if number % 2:
                terraform.state.clear()
            else:
                swept(world, terraform)
                assert {*terraform.plan(lab(tmp_path / str(number))).values()} <= {
                    "create"
                }  # nothing in the state went
                terraform.apply(None)
            swept(world, terraform)
            assert world.left() == {}, f"{number}: killed before {fate.end}"
            if not fate.dead:
                return


def test_the_state_is_lost(tmp_path: Path) -> None:
    """All is adopted: machines keep running, and what the new secrets change is changed in place."""
    with bench(tmp_path, 0) as (world, terraform):
        terraform.apply(lab(tmp_path / "0"))
        expected = world.shape()
        terraform.state.clear()
        terraform.apply(lab(tmp_path / "0"))
        assert terraform.plan(lab(tmp_path / "0")) == {}
        assert differences(world.shape(), expected) == {}
        vanishes(world, terraform, None)


# --- some of the same with the real terraform, ten resources at a time ---

SEED = int(os.environ.get("PYTEST_SEED") or random.randrange(1 << 32))
MOMENTS = 8


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[World, Terraform]:
    """A terraform; `attached` gives it a new provider for each command."""
    world = World(monkeypatch, tmp_path / "lab/.halab/summit")
    answer = Servicer.answer

    def unless_dead(servicer: Servicer, method: str, request: Any) -> Any:
        given = answer(servicer, method, request)
        try:
            world.answered(f"{method} {getattr(request, 'type_name', '')}")
        except Killed as death:
            raise ConnectionAbortedError(str(death)) from None  # Terraform gets an error instead of an answer
        return given

    monkeypatch.setattr(Servicer, "answer", unless_dead)
    return world, Terraform(tmp_path, world.provider.address, {"TF_REATTACH_PROVIDERS": ""})


@contextmanager
def attached(world: World, terraform: Terraform, dies_at: int | None, destroying: bool = False) -> Iterator[Fate]:
    """One life of the provider, which terraform's commands in the block find."""
    with reattachable(world.born(destroying)) as entry, world.life(dies_at) as fate:
        terraform.environment["TF_REATTACH_PROVIDERS"] = entry
        yield fate


@pytest.mark.long  # a minute
@pytest.mark.parametrize("number", range(MOMENTS))
def test_terraform_deploys_after_a_kill(number: int, tmp_path: Path, mortal: tuple[World, Terraform]) -> None:
    world, terraform = mortal
    chance = random.Random(SEED + number)
    at, gone_at = chance.randrange(200), chance.randrange(50)
    print(f"seed {SEED} (PYTEST_SEED), case {number}: the deploy dies before effect {at}, the destroy before {gone_at}")
    expected = undisturbed(tmp_path / "undisturbed", lab)
    write_stack(terraform, lab(tmp_path))
    with attached(world, terraform, at) as fate:
        terraform.fails("apply")
    assert fate.dead
    with attached(world, terraform, None):
        terraform.apply()
        assert terraform.plan().actions == {}
    assert differences(world.shape(), expected) == {}
    assert [step for step, times in world.made.items() if times > 1] == []
    with attached(world, terraform, gone_at, destroying=True):
        terraform.fails("apply", "-destroy")
    with attached(world, terraform, None, destroying=True):
        terraform.destroy()
        assert terraform.state() == {}  # in here: Terraform kills the process of a provider that it cannot reach
    assert world.left() == {}

"""halab_installed_image as Terraform drives it: what is known at plan, what is cached, what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from halab.images.cache import ImageInfo
from halab.provider.hypervisor.installer import installed_image
from halab.provider.hypervisor.installer.installed_image import InstalledImageResource
from halab.provider.hypervisor.storage.image import ImageResource
from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.protocol import UNKNOWN, Ctx, Failure, State
from halab.provider.protocol.planning import plan_values
from halab.provisioners.engine.errors import ConfigError, Conflict, ConnectError
from tests.unit.provider.hypervisor.conftest import Configured

_TREEINFO = """\
[release]
name = {name}
version = {version}
[tree]
arch = x86_64
[images-x86_64]
kernel = vmlinuz
initrd = initrd.img
[variant-BaseOS]
repository = BaseOS
[variant-AppStream]
repository = AppStream
"""


def make_tree(directory: Path, name: str = "AlmaLinux", version: str = "9.4") -> Path:
    for variant in ("BaseOS", "AppStream"):
        (directory / variant / "repodata").mkdir(parents=True, exist_ok=True)
        (directory / variant / "repodata/repomd.xml").write_text("<repomd/>")
    for boot in ("vmlinuz", "initrd.img"):
        (directory / boot).write_text(boot)
    (directory / ".treeinfo").write_text(_TREEINFO.format(name=name, version=version))
    return directory


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


@pytest.fixture
def config(tmp_path: Path, tree: Path) -> State:
    attrs = dict.fromkeys(InstalledImageResource.schema.attrs)
    return {
        **attrs,
        "name": "summit-installer",
        "pool": "summit",
        "network": "summit",
        "mac": "52:54:00:00:00:01",
        "cache": str(tmp_path / "cache"),
        "suite": "el9",
        "tree": str(tree),
    }


@pytest.fixture
def resource(provider: Configured, tmp_path: Path) -> InstalledImageResource:
    pool = {**dict.fromkeys(PoolResource.schema.attrs), "name": "summit", "path": str(tmp_path / "pool")}
    PoolResource(provider).create(Ctx(), {**pool, "active": True}, pool)
    return InstalledImageResource(provider)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Installations that were carried out, none of them really: that takes machines (tests/e2e/test_installer.py)."""
    carried_out: list[str] = []

    class Run:
        def __init__(self, *_arguments: Any) -> None:
            pass

        def make(self, directory: Path, name: str) -> ImageInfo:
            carried_out.append(name)
            (directory / "disk.qcow2").write_text("disk")
            return ImageInfo(
                suite="el9", recipe_hash=name, kernel="5.14", cmdline="c", cmdline_emulated="e", packages={},
                virtual_size_bytes=512,
            )  # fmt: skip

    monkeypatch.setattr(installed_image, "InstallerRun", Run)
    return carried_out


def planned(
    resource: InstalledImageResource, config: State, prior: State | None = None, ctx: Ctx | None = None
) -> State:
    attrs = resource.schema.attrs
    proposed = {n: (prior or {}).get(n) if a.computed and config[n] is None else config[n] for n, a in attrs.items()}
    values: State = plan_values(resource.schema, config, prior, proposed)
    resource.plan(ctx or Ctx(), config, prior, values)
    return values


def apply(resource: InstalledImageResource, config: State, prior: State | None = None) -> State:
    wanted = planned(resource, config, prior)
    if prior is None:
        return resource.create(Ctx(), wanted, config)
    return resource.update(Ctx(), prior, wanted, config)


def test_its_directory_is_known_when_it_is_there(
    resource: InstalledImageResource, config: State, runs: list[str]
) -> None:
    first = planned(resource, config)
    assert first["source"] is UNKNOWN, "halab_image would look for it at plan"
    assert first["recipe"] == first["id"]
    state = apply(resource, config)
    assert state["source"] == f"{config['cache']}/{first['recipe']}"
    assert json.loads(Path(state["source"], "image.json").read_text())["recipe_hash"] == first["recipe"]
    assert planned(resource, config)["source"] == state["source"], "another lab finds it in the cache"
    assert planned(resource, config, state) == state
    assert runs == [first["recipe"]]


def test_what_was_installed_once_is_not_installed_again(
    resource: InstalledImageResource, config: State, runs: list[str]
) -> None:
    state = apply(resource, config)
    again = apply(resource, {**config, "name": "summit-installer-2", "deadline_minutes": 5})
    assert again["source"] == state["source"]
    assert len(runs) == 1


def test_another_answer_is_another_image(resource: InstalledImageResource, config: State, runs: list[str]) -> None:
    state = apply(resource, config)
    changed = {**config, "extra_packages": ["tmux"]}
    assert planned(resource, changed, state)["source"] is UNKNOWN
    assert apply(resource, changed, state)["recipe"] != state["recipe"]
    assert len(runs) == 2


def test_a_machine_of_its_own_is_installed_by_itself_and_goes_with_it(
    resource: InstalledImageResource, config: State, runs: list[str]
) -> None:
    nodes = [apply(resource, {**config, "role": "node", "instance": name}) for name in ("node1", "node2")]
    assert [Path(node["source"]).name.rpartition("-")[2] for node in nodes] == ["node1", "node2"]
    assert len(runs) == 2
    resource.delete(Ctx(), nodes[0])
    assert [Path(node["source"]).exists() for node in nodes] == [False, True]


def test_an_image_for_all_stays_in_the_cache(resource: InstalledImageResource, config: State, runs: list[str]) -> None:
    state = apply(resource, config)
    resource.delete(Ctx(), state)
    resource.delete(Ctx(), state)
    assert Path(state["source"]).exists()
    assert len(runs) == 1


def test_a_tree_that_changes_after_the_plan_is_a_conflict(
    resource: InstalledImageResource, config: State, tree: Path, runs: list[str]
) -> None:
    wanted = planned(resource, config)
    make_tree(tree, version="9.5")
    with pytest.raises(Conflict, match="Apply again"):
        resource.create(Ctx(), wanted, config)
    assert runs == []


@pytest.mark.parametrize(
    ("change", "attribute", "told"),
    [
        ({"tree": "/nowhere"}, "tree", "does not exist"),
        ({"tree": "gopher://x"}, "tree", "gopher"),
        ({"disk_gib": 1}, "disk_gib", "too small"),
        ({"kickstart": "/nowhere.ks"}, "kickstart", "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_at_plan(
    resource: InstalledImageResource, config: State, change: State, attribute: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        planned(resource, config | change)
    assert caught.value.attribute == attribute
    assert f"Setting: image.{attribute}." in caught.value.detail


def test_a_tree_that_cannot_be_reached_does_not_stop_a_lab_that_is_there(
    resource: InstalledImageResource, config: State, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = apply(resource, config)

    def unreachable(_request: object) -> None:
        raise ConnectError("the tree cannot be reached", "no route", "image.tree")

    monkeypatch.setattr(installed_image, "prepare", unreachable)
    ctx = Ctx()
    assert planned(resource, config, state, ctx) == state
    assert [(d.severity, d.path) for d in ctx.diagnostics] == [("warning", ("tree",))]
    with pytest.raises(ConnectError):
        planned(resource, {**config, "extra_packages": ["tmux"]}, state)
    with pytest.raises(ConnectError):
        planned(resource, config)
    assert len(runs) == 1


def test_an_image_that_is_yet_to_be_made_replaces_the_one_there_is(provider: Configured) -> None:
    prior = {**dict.fromkeys(ImageResource.schema.attrs), "name": "base", "pool": "summit", "source": "/cache/1"}
    ctx = Ctx()
    ImageResource(provider).plan(ctx, {}, prior, {**prior, "source": UNKNOWN})
    assert ctx.replace == [("source",)]
    ctx = Ctx()
    ImageResource(provider).plan(ctx, {}, None, {**prior, "source": UNKNOWN})
    assert ctx.replace == []


def test_it_cannot_be_imported(resource: InstalledImageResource) -> None:
    with pytest.raises(Failure, match="cannot be imported"):
        resource.import_(Ctx(), "33d0f875a7fa49c5")


def test_the_cache_reads_what_it_writes(resource: InstalledImageResource, config: State, runs: list[str]) -> None:
    state = apply(resource, config)
    fields = json.loads(Path(state["source"], "image.json").read_text())
    assert asdict(ImageInfo(**fields)) == fields
    assert runs == [state["recipe"]]

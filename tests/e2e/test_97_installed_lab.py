"""The whole lab, with one node, on what an installer has made: one image for all machines, or each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.images import DebianRecipe, default_cache_dir
from tests.e2e.lab import Lab, deployed
from tests.e2e.stand_in import StandInTree, root_of

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=["one image", "each machine"])
def installed(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("installed")
    assembled = default_cache_dir() / DebianRecipe().hash
    tree = StandInTree(directory / "tree", assembled)
    root = root_of(assembled, directory)
    tree.install(root)
    root.unlink()
    chosen = {
        "HALAB_NAME": "kick",
        "HALAB_NODE_COUNT": "1",
        "HALAB_NETWORK_CIDR": "192.168.79.0/24",
        "HALAB_IMAGE_SUITE": "el9",
        "HALAB_IMAGE_TREE": str(tree.directory),
        "HALAB_IMAGE_INSTALL_EACH_NODE": "true" if request.param == "each machine" else "false",
        "HALAB_CACHE": str(directory / "cache"),
    }
    with deployed({**environment, **chosen}) as lab:
        yield lab


def test_the_site_is_served_from_the_shared_file_system(installed: Lab) -> None:
    assert installed.served_by() == "node1"
    assert installed.all_mounted()


@pytest.mark.parametrize("name", ["node1", "target"])
def test_the_machines_stand_on_what_was_installed(installed: Lab, name: str) -> None:
    assert installed.ask(name, "findmnt", "-n", "-o", "SOURCE", "/").strip() == "/dev/vda1"
    assert "root=LABEL=" in installed.ask(name, "cat", "/proc/cmdline"), "as the kickstart names it"


def test_it_is_deployed_as_it_is(installed: Lab) -> None:
    assert installed.run("npx", "cdktf", "diff").stdout.count("No changes") == 1
    made = [*Path(installed.environment["HALAB_CACHE"], "images").glob("*/image.json")]
    assert len(made) == (2 if installed.settings.image.install_each_node else 1)

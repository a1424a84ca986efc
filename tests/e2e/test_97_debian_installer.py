"""Debian's real installer with halab's preseed file, from a tree whose pool is empty: as far as an installer gets then.

`make test-long` makes the tree, as far as the archive serves it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.images.archive.release import split
from tests.e2e.installer_lab import INSTALLER, failure, isolated_lab, stages, wants
from tests.e2e.terraform_lab import TerraformLab

pytestmark = pytest.mark.long
STAGES = (
    "the installer starts",
    "it sets up the network",
    "it looks for the archive",
    "it loads its further parts",
)
MADE = Path(__file__).parents[2] / ".cache/trees/debian12"


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerraformLab]:
    with isolated_lab(tmp_path_factory.mktemp("lab")) as terraform:
        yield terraform


@pytest.fixture
def tree_without_files(tmp_path: Path) -> Path:
    """The installer, and the archive's signed lists of what is not there."""
    assert MADE.is_dir(), f"halab tree debian12 {MADE}"
    tree = tmp_path / "debian"
    shutil.copytree(MADE / "dists", tree / "dists")
    dists = tree / "dists/bookworm"
    (dists / "Release").write_text(split((dists / "InRelease").read_text())[0])
    return tree


def test_a_tree_whose_files_are_gone(terraform: TerraformLab, tree_without_files: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    wants(terraform, tree_without_files, cache, suite="bookworm", memory_mib=1024, vcpus=2, deadline_minutes=40)
    said = failure(terraform, cache)
    seen = stages(terraform)
    for stage in STAGES:
        assert stage in seen, seen
    assert f"the installation of {INSTALLER} failed at the stage: {STAGES[-1]}" in said

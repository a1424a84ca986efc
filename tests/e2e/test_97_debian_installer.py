"""Debian's real installer with halab's preseed file: an image and a machine on it, and what comes of a broken tree.

It needs a whole tree (`halab tree debian13 DIRECTORY`), which `make test-long` makes as far as the archive serves it;
HALAB_TEST_TREE names another one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halab.images.archive.release import split
from halab.images.debian import SCRATCH_DIR
from halab.images.host import HOST
from halab.provisioners.engine.command import cmd
from tests.e2e.installer_lab import (
    INSTALLER,
    await_stage,
    failure,
    isolated_lab,
    machine,
    node,
    nothing_left,
    stages,
    wants,
)
from tests.e2e.lab import hypervisor
from tests.e2e.terraform_lab import TerraformLab, unwrapped

pytestmark = pytest.mark.long
SUITE = "trixie"
LOADING, PARTITIONING, BASE_SYSTEM = (
    "it loads its further parts",
    "it partitions the disk",
    "it installs the base system",
)
BEFORE = ("the installer starts", "it sets up the network", "it looks for the archive", LOADING)
PACKAGES, BOOT_LOADER, PROFILE = "it installs packages", "it installs the boot loader", "it applies the host profile"
AFTER = (PARTITIONING, BASE_SYSTEM, PACKAGES, BOOT_LOADER, PROFILE)
NEEDLESS = ("keyboard-setup.service", "console-setup.service", "grub-common.service", "networking.service")
MADE = Path(os.environ.get("HALAB_TEST_TREE", Path(__file__).parents[2] / ".cache/trees/debian13"))


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerraformLab]:
    with isolated_lab(tmp_path_factory.mktemp("lab"), deadline_s=7200) as terraform:
        yield terraform


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy to break."""
    if not (MADE / f"dists/{SUITE}/Release").exists():
        pytest.skip(f"{MADE} is not whole: this host's archive does not serve all that it lists")
    shutil.copytree(MADE, tmp_path / "debian")
    return tmp_path / "debian"


@pytest.fixture
def tree_without_files(tmp_path: Path) -> Path:
    """The installer, and the archive's signed lists of what is not there."""
    assert MADE.is_dir(), f"halab tree debian13 {MADE}"
    tree = tmp_path / "debian"
    shutil.copytree(MADE / "dists", tree / "dists")
    dists = tree / "dists" / SUITE
    (dists / "Release").write_text(split((dists / "InRelease").read_text())[0])
    return tree


def _wants(terraform: TerraformLab, tree: Path, cache: Path, **more: Any) -> None:
    wants(terraform, tree, cache, suite=SUITE, memory_mib=1024, vcpus=2, deadline_minutes=90, **more)


def test_a_tree_whose_files_are_gone(terraform: TerraformLab, tree_without_files: Path, tmp_path: Path) -> None:
    _wants(terraform, tree_without_files, tmp_path / "cache")
    said = failure(terraform, tmp_path / "cache")
    seen = stages(terraform)
    for stage in BEFORE:
        assert stage in seen, seen
    assert f"the installation of {INSTALLER} failed at the stage: {LOADING}" in said
    assert "The installer failed to download a file from the mirror." in said
    assert "What it asked the tree for last, and is not there: /pool/main/" in said


def test_a_tree_that_goes_meanwhile(terraform: TerraformLab, tree: Path, tmp_path: Path) -> None:
    _wants(terraform, tree, tmp_path / "cache")
    process = terraform.start_apply()
    await_stage(terraform, PARTITIONING, process, 1800)
    shutil.rmtree(tree / "pool")
    done = terraform.wait(process)
    assert done.returncode == 1
    said = unwrapped(done.stdout)
    nothing_left(tmp_path / "cache")
    assert f"the installation of {INSTALLER} failed at the stage: {BASE_SYSTEM}" in said
    assert "!! ERROR: " in said
    assert "What it asked the tree for last, and is not there: /pool/main/" in said


def test_a_machine_that_is_reset_meanwhile(terraform: TerraformLab, tree: Path, tmp_path: Path) -> None:
    _wants(terraform, tree, tmp_path / "cache")
    process = terraform.start_apply()
    await_stage(terraform, PARTITIONING, process, 1800)
    with hypervisor() as connection:
        connection.lookupByName(INSTALLER).reset(0)
    done = terraform.wait(process)
    assert done.returncode == 1
    said = unwrapped(done.stdout)
    nothing_left(tmp_path / "cache")
    assert f"the installation of {INSTALLER} ended too early at the stage: {PARTITIONING}" in said
    assert "Its machine is off." in said
    assert "partitioner" in said.partition("The last lines on its console:")[2]


def test_an_image_and_a_machine_on_it(terraform: TerraformLab, tree: Path, tmp_path: Path) -> None:
    """On the smallest disk that halab takes."""
    _wants(terraform, tree, tmp_path / "cache", disk_gib=HOST.disk.least_installed_gib)
    terraform.resources |= machine()
    assert terraform.apply().returncode == 0
    seen = [stage for stage in stages(terraform) if stage in (*BEFORE, *AFTER)]
    assert seen == [*BEFORE, *AFTER]
    host = node(terraform)
    assert host.ask(cmd("findmnt", "-n", "-o", "SOURCE", "/")).stdout.strip() == "/dev/vda1"
    assert "not served any more" in host.ask(cmd("cat", "/etc/apt/sources.list")).stdout
    left = host.ask(cmd("find", "/var/log/installer", "/usr/sbin/policy-rc.d", SCRATCH_DIR, ok=(0, 1)))
    assert left.stdout == "", "what an installer leaves"
    wanted = host.ask(cmd("systemctl", "is-enabled", *NEEDLESS, ok=(0, 1))).stdout.split()
    assert wanted == ["disabled"] * len(NEEDLESS)
    assert terraform.plan_exit_code() == 0

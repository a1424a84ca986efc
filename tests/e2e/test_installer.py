"""An image made by an installer: a stand-in for Anaconda, in a real machine, by real terraform and the real provider.

What it installs carries a machine of a lab at the end. docs/design/009-installed-image.md says what this proves.
"""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halab.images import default_cache_dir
from halab.provisioners.engine.command import cmd
from tests.e2e.installer_lab import (
    INSTALLER,
    await_stage,
    failure,
    isolated_lab,
    machine,
    node,
    nothing_left,
    provider_pid,
    stages,
    wants,
)
from tests.e2e.lab import hypervisor
from tests.e2e.stand_in import StandInTree, root_of, small_root
from tests.e2e.terraform_lab import TerraformLab, unwrapped

KEY = "0123456789-secret-key"


@pytest.fixture(scope="module")
def image() -> Path:
    """Any image that is there: what the stand-in installs is Debian."""
    found = sorted(default_cache_dir().glob("*/image.json"), key=lambda path: path.stat().st_mtime)
    assert found, "build an image first: make prepare"
    return found[-1].parent


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Callable[[], StandInTree]:
    """Makes trees, each with an identity of its own, so that none finds another's image in the cache."""
    numbers = iter(range(100))

    def make() -> StandInTree:
        return StandInTree(tmp_path_factory.mktemp("tree") / "el9", image, next(numbers))

    return make


@pytest.fixture
def tree(trees: Callable[[], StandInTree], tmp_path: Path) -> StandInTree:
    """A tree that installs next to nothing."""
    made = trees()
    made.install(small_root(tmp_path))
    return made


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerraformLab]:
    with isolated_lab(tmp_path_factory.mktemp("lab")) as terraform:
        yield terraform


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_answer_that_the_installer_refuses(
    terraform: TerraformLab, tree: StandInTree, cache: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.ks"
    disk = "disk/by-id/virtio-none"  # a kernel's name would be known to be wrong before
    own.write_text(
        f"cmdline\nrootpw --lock\nignoredisk --only-use={disk}\nzerombr\nclearpart --all\nautopart\npoweroff\n"
    )
    wants(terraform, tree.directory, cache, kickstart=str(own))
    said = failure(terraform, cache)
    assert f"the installation of {INSTALLER} failed at the stage: the installer starts" in said
    assert f'Disk "{disk}" given in ignoredisk command does not exist.' in said
    assert "The last lines on its console: " in said
    assert (terraform.halab / f"{INSTALLER}.console.log").read_text().count("anaconda stand-in started")


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("hang", "hangs at the stage: it installs packages"),
        pytest.param("reboot", "ended with a reboot at the stage: it installs packages", marks=pytest.mark.long),
        pytest.param("off", "ended too early at the stage: it installs packages", marks=pytest.mark.long),
    ],
)
def test_an_installation_that_comes_to_nothing(
    terraform: TerraformLab, tree: StandInTree, cache: Path, mode: str, told: str
) -> None:
    tree.mode = mode
    # Silence shows in nothing but its length, and an emulated boot has pauses of its own. The other two end anyway.
    silence = {"silence_minutes": 0.3} if mode == "hang" else {}
    wants(terraform, tree.directory, cache, **silence)
    said = failure(terraform, cache)
    assert f"the installation of {INSTALLER} {told}" in said
    assert "Preparing transaction from installation source" in said


@pytest.mark.long  # half a minute, as the next
def test_a_tree_that_vanishes_meanwhile(terraform: TerraformLab, tree: StandInTree, cache: Path) -> None:
    (tree.directory / "stand-in/package0").unlink()
    wants(terraform, tree.directory, cache)
    said = failure(terraform, cache)
    assert "the tree vanished while it was read." in said
    assert "What it asked the tree for last, and is not there: /stand-in/package0" in said


@pytest.mark.long
def test_a_disk_with_an_identity_is_no_image(terraform: TerraformLab, tree: StandInTree, cache: Path) -> None:
    tree.mode = "unsealed"
    wants(terraform, tree.directory, cache)
    said = failure(terraform, cache)
    assert "the installed disk has SSH host keys" in said
    assert "ssh_host_ed25519_key in /etc/ssh" in said


def test_a_secret_is_in_the_initrd_alone(
    terraform: TerraformLab, tree: StandInTree, cache: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    info = tree.directory / ".treeinfo"
    info.write_text(info.read_text().replace("AlmaLinux", "Red Hat Enterprise Linux"))
    tree.mode = "script"
    wants(terraform, tree.directory, cache, rhsm_organization="1234", rhsm_activation_key_file=str(key))
    done = terraform.apply()
    assert "the kickstart includes: " in done.stdout, "the stand-in has read it, and shows it"
    nothing_left(cache)
    kept = [terraform.directory / "terraform.log", *terraform.directory.glob("*.tfstate*"), *terraform.halab.iterdir()]
    told = [done.stdout, *(path.read_text(errors="replace") for path in kept)]
    assert not [text for text in told if KEY in text]
    console = terraform.halab / f"{INSTALLER}.console.log"
    assert "***" in console.read_text()
    assert stat.S_IMODE(console.stat().st_mode) == 0o600


def test_a_killed_provider_leaves_nothing_in_the_way(terraform: TerraformLab, tree: StandInTree, cache: Path) -> None:
    tree.mode = "hang"
    wants(terraform, tree.directory, cache)
    apply = terraform.start_apply()
    await_stage(terraform, "it installs packages", apply)
    os.kill(provider_pid(apply.pid), signal.SIGKILL)
    assert terraform.wait(apply).returncode == 1
    assert [path.name for path in cache.iterdir() if path.name.endswith(".unfinished")], "it died in the middle"
    tree.mode = "install"
    assert terraform.apply().returncode == 0
    found = json.loads((Path(terraform.state("halab_installed_image", "el9")["source"]) / "image.json").read_text())
    assert found["suite"] == "el9"
    with hypervisor() as connection:
        assert connection.listAllDomains() == []


def test_an_interrupted_installation_leaves_nothing(terraform: TerraformLab, tree: StandInTree, cache: Path) -> None:
    tree.mode = "hang"
    wants(terraform, tree.directory, cache)
    apply = terraform.start_apply()
    await_stage(terraform, "it installs packages", apply)
    apply.send_signal(signal.SIGINT)
    done = terraform.wait(apply)
    assert done.returncode == 1
    assert "at the stage: it installs packages. Nothing of it was kept" in unwrapped(done.stdout)
    nothing_left(cache)


@pytest.mark.long  # a minute and a half; test_97_debian_installer shows it with the real one
def test_an_installed_image_carries_a_machine(
    terraform: TerraformLab, trees: Callable[[], StandInTree], image: Path, cache: Path, tmp_path: Path
) -> None:
    tree = trees()
    tree.install(root_of(image, tmp_path))
    wants(terraform, tree.directory, cache)
    terraform.resources |= machine()
    done = terraform.apply()
    assert done.returncode == 0
    seen = stages(terraform)
    for stage in ("the installer starts", "it checks the storage", "it installs packages", "it seals the system"):
        assert stage in seen
    assert "it installs packages" in (terraform.directory / "terraform.log").read_text()
    host = node(terraform)
    assert host.ask(cmd("hostname")).stdout.strip() == "node1"
    assert host.ask(cmd("findmnt", "-n", "-o", "SOURCE", "/")).stdout.strip() == "/dev/vda1"
    assert "node1.e2e.test" in host.ask(cmd("cat", "/etc/hosts")).stdout
    assert terraform.plan_exit_code() == 0

    # What was installed once is not installed again.
    terraform.resources["halab_installed_image"]["el9"]["name"] = f"{INSTALLER}-2"
    assert terraform.apply().returncode == 0
    assert "it installs packages" not in stages(terraform)

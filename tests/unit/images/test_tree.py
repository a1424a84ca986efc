"""Installation trees: what they say of themselves, and everything that can be wrong with one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from halab.images.preseed.tree import read_debian_tree
from halab.images.tree import Tree, read_tree
from halab.provisioners.engine.errors import ConfigError, ConnectError
from tests.unit.images.conftest import INITRD, KERNEL, TREES

Compose = Callable[..., Path]


@pytest.fixture(params=["directory", "url", "iso"])
def reach(
    request: pytest.FixtureRequest, served: Callable[[Path], str], iso: Callable[[Path], Path]
) -> Callable[[Path], str]:
    """One tree, in each of the three ways."""
    ways: dict[str, Callable[[Path], str]] = {"directory": str, "url": served, "iso": lambda tree: str(iso(tree))}
    return ways[request.param]


def test_a_tree_is_the_same_however_it_is_reached(
    compose: Compose, reach: Callable[[Path], str], tmp_path: Path
) -> None:
    where = reach(compose("almalinux-9-dvd"))
    tree = read_tree(f"{where}/" if where.startswith("http") else where)
    assert (tree.family, tree.version, tree.variant) == ("AlmaLinux", "9.4", "AppStream")
    assert (tree.kernel, tree.initrd) == (KERNEL, INITRD)
    assert tree.variants == {"AppStream": "AppStream", "BaseOS": "BaseOS"}
    assert tree.location == where
    tree.fetch(tree.kernel, tmp_path / "vmlinuz")
    assert (tmp_path / "vmlinuz").read_text() == "kernel"


def test_the_identity_is_of_what_is_in_the_tree(
    compose: Compose, served: Callable[[Path], str], iso: Callable[[Path], Path]
) -> None:
    directory = compose("rocky-9")
    trees = [read_tree(where) for where in (str(directory), served(directory), str(iso(directory)))]
    assert len({tree.identity for tree in trees}) == 1
    (directory / ".treeinfo").write_text((TREES / "rocky-9").read_text().replace("9.4", "9.5"))
    assert read_tree(str(directory)).identity != trees[0].identity


@pytest.mark.parametrize(
    ("name", "family", "version", "variants"),
    [
        ("almalinux-9-dvd", "AlmaLinux", "9.4", {"AppStream": "AppStream", "BaseOS": "BaseOS"}),
        ("rhel-9-dvd", "Red Hat Enterprise Linux", "9.4", {"AppStream": "AppStream", "BaseOS": "BaseOS"}),
        ("rhel-9-cdn", "Red Hat Enterprise Linux", "9.4", {"BaseOS": "."}),
        ("rocky-9", "Rocky Linux", "9.4", {"BaseOS": ".", "AppStream": "../../../AppStream/x86_64/os"}),
        ("centos-stream-9", "CentOS Stream", "9", {"BaseOS": "."}),
    ],
)
def test_distributions(compose: Compose, name: str, family: str, version: str, variants: dict[str, str]) -> None:
    tree = read_tree(str(compose(name)))
    assert (tree.family, tree.version, tree.variants) == (family, version, variants)


def test_rhel_s_network_has_another_file_name(compose: Compose) -> None:
    tree = compose("rhel-9-cdn")
    (tree / ".treeinfo").rename(tree / "treeinfo")
    assert read_tree(str(tree)).family == "Red Hat Enterprise Linux"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tree: (tree / ".treeinfo").unlink(), ["no installation tree", ".treeinfo", "BaseOS/x86_64/os"]),
        (lambda tree: (tree / KERNEL).unlink(), ["has no kernel", KERNEL]),
        (lambda tree: (tree / INITRD).unlink(), ["has no initrd", INITRD]),
    ],
)
def test_a_tree_that_lacks_something(
    compose: Compose, reach: Callable[[Path], str], change: Callable[[Path], None], words: list[str]
) -> None:
    tree = compose("almalinux-9-dvd")
    change(tree)
    refused(reach(tree), words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no ini file", [".treeinfo", "cannot be read", "no ini file"]),
        ("[tree]\narch = aarch64\n", ["is for aarch64", "x86_64"]),
        ("[general]\nfamily = X\n", ["unknown architecture"]),
        ("[tree]\narch = x86_64\n[general]\nfamily = X\n", ["has no kernel and no initrd", "packages alone"]),
    ],
)
def test_a_treeinfo_that_says_too_little(compose: Compose, text: str, words: list[str]) -> None:
    refused(str(compose("", text=text)), words)


def refused(location: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_tree(location)
    assert caught.value.attribute == "image.tree"
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("location", ["nfs://host/path", "ftp://host/path", "/does/not/exist", "relative"])
def test_what_is_no_location(location: str) -> None:
    refused(location, ["Give an http(s) address, an ISO file or a directory"])


def test_what_is_no_iso_file(tmp_path: Path) -> None:
    (tmp_path / "x.iso").write_text("not an ISO file")
    refused(str(tmp_path / "x.iso"), ["is no ISO file"])


def test_a_server_that_does_not_answer_says_nothing_of_its_tree() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        location = f"http://127.0.0.1:{closed.getsockname()[1]}/9"
    with pytest.raises(ConnectError, match="cannot be reached") as caught:
        read_tree(location)
    assert caught.value.attribute == "image.tree"


def test_a_damaged_file_is_not_used(compose: Compose, served: Callable[[Path], str], tmp_path: Path) -> None:
    directory = compose("rocky-9")
    tree = read_tree(served(directory))
    (directory / INITRD).write_text("half of it")
    with pytest.raises(ConfigError, match="is damaged"):
        tree.fetch(INITRD, tmp_path / "initrd")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_tree_that_vanishes(compose: Compose, served: Callable[[Path], str], tmp_path: Path) -> None:
    directory = compose("rocky-9")
    tree = read_tree(served(directory))
    (directory / INITRD).unlink()
    with pytest.raises(ConfigError, match="is gone"):
        tree.fetch(INITRD, tmp_path / "initrd")
    assert not (tmp_path / "initrd").exists()


NETBOOT = "dists/bookworm/main/installer-amd64/current/images/netboot/debian-installer/amd64"


def debian(root: Path, codename: str = "bookworm") -> Path:
    (root / NETBOOT).mkdir(parents=True)
    (root / NETBOOT / "linux").write_text("kernel")
    (root / NETBOOT / "initrd.gz").write_text("initrd")
    (root / "dists/bookworm/Release").write_text(f"Origin: Debian\nCodename: {codename}\nVersion: 12.7\n")
    return root


def test_debian_archive(tmp_path: Path) -> None:
    tree: Tree = read_debian_tree(str(debian(tmp_path / "debian")), "bookworm")
    assert (tree.family, tree.version, tree.variant) == ("Debian", "12.7", "bookworm")
    assert (tree.kernel, tree.initrd) == (f"{NETBOOT}/linux", f"{NETBOOT}/initrd.gz")


def test_debian_disc(tmp_path: Path, iso: Callable[[Path], Path]) -> None:
    disc = tmp_path / "disc"
    (disc / "dists" / "bookworm").mkdir(parents=True)
    (disc / "dists/bookworm/Release").write_text("Codename: bookworm\n")
    (disc / "install.amd").mkdir()
    (disc / "install.amd/vmlinuz").write_text("kernel")
    (disc / "install.amd/initrd.gz").write_text("initrd")
    tree = read_debian_tree(str(iso(disc)), "bookworm")
    assert (tree.medium, tree.kernel) == ("iso", "install.amd/vmlinuz")


@pytest.mark.parametrize(
    ("codename", "suite", "words"),
    [
        ("bookworm", "trixie", ["has no Debian trixie"]),
        ("sid", "bookworm", ["has Debian sid, not bookworm"]),
    ],
)
def test_another_debian(tmp_path: Path, codename: str, suite: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_debian_tree(str(debian(tmp_path / "debian", codename)), suite)
    assert all(word in str(caught.value) for word in words)


def test_debian_without_installer(tmp_path: Path) -> None:
    root = debian(tmp_path / "debian")
    (root / NETBOOT / "linux").unlink()
    with pytest.raises(ConfigError, match="has no installer"):
        read_debian_tree(str(root), "bookworm")

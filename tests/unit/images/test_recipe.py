"""The Debian recipe: what goes into an image, and that equal recipes are equal."""

import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from halab.images import debian
from halab.images.debian import DebianRecipe
from halab.images.host import FENCE_AGENTS, HOST
from halab.images.profile import TEMPLATES, Names, names_of
from halab.provisioners.engine.errors import ConfigError


def overlay(recipe: DebianRecipe) -> dict[str, tuple[int, bytes]]:
    """Path -> (mode, content) of the files that are laid over the packages."""
    with tarfile.open(fileobj=io.BytesIO(recipe.overlay)) as archive:
        members = [(member, archive.extractfile(member)) for member in archive if member.isfile()]
        return {f"/{member.name}": (member.mode, file.read() if file else b"") for member, file in members}


def test_equal_recipes_have_equal_hashes() -> None:
    assert DebianRecipe().hash == DebianRecipe(suite="trixie").hash
    assert DebianRecipe(extra_packages=("htop", "tmux")).hash == DebianRecipe(extra_packages=("tmux", "htop")).hash


@pytest.mark.parametrize(
    "other",
    [
        DebianRecipe(suite="bookworm"),
        DebianRecipe(extra_packages=("htop",)),
        DebianRecipe(apt_sources=("https://archive.example/debian",)),
        DebianRecipe(profile=replace(HOST, early_modules=("virtio_blk", "ext4"))),
        DebianRecipe(profile=replace(HOST, masked=(*HOST.masked, Names("test", ("x.service",), ())))),
        DebianRecipe(profile=replace(HOST, files=HOST.files[1:])),
    ],
)
def test_whatever_goes_in_changes_the_hash(other: DebianRecipe) -> None:
    assert other.hash != DebianRecipe().hash


def test_a_changed_format_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = DebianRecipe().hash
    monkeypatch.setattr(debian, "FORMAT_VERSION", debian.FORMAT_VERSION + 1)
    assert DebianRecipe().hash != before


def test_suites_name_their_packages() -> None:
    newer, older = DebianRecipe(suite="trixie").packages, DebianRecipe(suite="bookworm").packages
    assert set(FENCE_AGENTS) <= set(newer)
    assert not set(FENCE_AGENTS) & set(older)
    assert older.count("fence-agents") == 1, "one package for all"
    assert {"telnet", "ipmitool", "sg3-utils", "fence-virt", "sbd"} <= set(older), "which names none of them"


def test_metadata_of_each_agent_are_kept_in_the_image() -> None:
    text = (TEMPLATES / "debian-configure").read_text()
    names = next(line for line in text.splitlines() if line.startswith("for name in fence_")).split(";")[0].split()[3:]
    agents = (*FENCE_AGENTS, "fence-agents-mpath")  # it comes with its setting
    assert sorted(names) == sorted(package.replace("fence-agents-", "fence_") for package in agents)
    mpath = DebianRecipe("bookworm", ("multipath-tools", "fence-agents-mpath"))
    assert {"multipath-tools", "fence-agents"} <= set(mpath.packages)
    assert "fence-agents-mpath" not in mpath.packages, "one package for all agents"


def test_extra_packages_are_added_once() -> None:
    packages = DebianRecipe(extra_packages=("tmux", "pcs")).packages
    assert packages.count("pcs") == 1
    assert packages[-1] == "tmux"


@pytest.mark.parametrize(
    ("arguments", "attribute", "words"),
    [
        ({"suite": "sid"}, "image.suite", ["'sid'", "trixie", "bookworm"]),
        ({"extra_packages": ("a b",)}, "image.extra_packages", ["'a b'"]),
        ({"extra_packages": ("-oDebug=1",)}, "image.extra_packages", ["-oDebug=1"]),
        ({"extra_packages": ("Htop", "")}, "image.extra_packages", ["'Htop'", "''"]),
    ],
)
def test_wrong_settings_are_named(arguments: dict[str, object], attribute: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        DebianRecipe(**arguments)  # type: ignore[arg-type]
    assert caught.value.attribute == attribute
    assert all(word in str(caught.value) for word in words)


def test_an_image_has_no_identity_and_no_secret() -> None:
    files = overlay(DebianRecipe())
    assert files["/etc/machine-id"] == (0o644, b"")
    assert files["/etc/hostname"] == (0o644, b"")
    assert files["/etc/iscsi/initiatorname.iscsi"] == (0o600, b"GenerateName=yes\n")
    assert not [path for path in files if "authorized_keys" in path or "ssh_host" in path]
    assert not [path for path, (_, content) in files.items() if b"PRIVATE KEY" in content]
    assert "/etc/corosync/corosync.conf" in names_of(HOST.removed, "debian")


def test_no_archive_is_named() -> None:
    """mmdebstrap knows its own default; a mirror comes from the user."""
    argv = DebianRecipe().mmdebstrap_argv("overlay.tar", "/dev/fd/3")
    assert argv[-2:] == ["trixie", "-"]
    assert not [word for word in argv if "://" in word]
    mirror = "https://archive.example/debian"
    assert DebianRecipe(apt_sources=(mirror,)).mmdebstrap_argv("overlay.tar", "/dev/fd/3")[-1] == mirror


def test_the_cluster_can_start_later() -> None:
    """corosync requires sbd on Debian, so that a mask would keep it from starting for ever."""
    masked = names_of(HOST.masked, "debian")
    kept = {*names_of(HOST.disabled, "debian"), *names_of(HOST.enabled, "debian"), "dbus.service"}
    assert "sbd.service" in names_of(HOST.disabled, "debian")
    assert not kept & set(masked)


@pytest.mark.parametrize("family", ["debian", "el"])
def test_a_unit_is_in_one_table_only(family: str) -> None:
    tables = [name for table in (HOST.enabled, HOST.disabled, HOST.masked) for name in names_of(table, family)]  # type: ignore[arg-type]
    assert len(tables) == len(set(tables))


def test_every_template_is_used() -> None:
    scripts = {"initramfs-init", "debian-configure", "debian-late", "el-configure"}
    used = {file.template for file in HOST.files} | scripts
    assert {path.name for path in TEMPLATES.iterdir()} == used - {None}


@pytest.mark.parametrize("script", [path for path in sorted(TEMPLATES.iterdir()) if path.read_text()[:2] == "#!"])
def test_scripts_parse(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)


LEASE = """# This is private data. Do not parse.
ADDRESS=192.168.122.11
NETMASK=255.255.255.0
ROUTER=192.168.122.1
SERVER_ADDRESS=192.168.122.1
DNS=192.168.122.1 192.168.122.2
DOMAINNAME=lab.example
"""


@pytest.mark.parametrize(
    ("lease", "wanted"),
    [
        (LEASE, "nameserver 192.168.122.1\nnameserver 192.168.122.2\nsearch lab.example\n"),
        (LEASE.replace("DOMAINNAME=lab.example\n", ""), "nameserver 192.168.122.1\nnameserver 192.168.122.2\n"),
        ("ADDRESS=192.168.122.11\n", None),
    ],
)
def test_resolv_conf_comes_from_the_lease(tmp_path: Path, lease: str, wanted: str | None) -> None:
    leases = tmp_path / "leases"
    leases.mkdir()
    (leases / "2").write_text(lease)
    target = tmp_path / "resolv.conf"
    subprocess.run(["sh", TEMPLATES / "halab-resolv-conf", leases, target], check=True)
    assert (target.read_text() if target.exists() else None) == wanted

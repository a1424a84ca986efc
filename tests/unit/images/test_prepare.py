"""From settings to an installation: what is refused at plan, where packages come from, what never shows a secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.images.installation import Installation
from halab.images.kickstart.check import parse
from halab.images.prepare import Request, prepare
from halab.provisioners.engine.errors import ConfigError
from tests.unit.images.conftest import TREES, repository

Compose = Callable[..., Path]
DVD = ("AppStream", "BaseOS")
KEY = "activation-key-0815"


@pytest.fixture
def el9(compose: Compose, iso: Callable[[Path], Path]) -> Callable[..., Installation]:
    """An installation from a DVD with the given .treeinfo."""

    def make(name: str = "almalinux-9-dvd", text: str | None = None, **settings: Any) -> Installation:
        return prepare(Request(suite="el9", tree=str(iso(compose(name, *DVD, text=text))), **settings))

    return make


def refusal(make: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make()
    return caught.value


def test_a_dvd(el9: Callable[..., Installation]) -> None:
    made = el9()
    assert made.answer_name == "ks.cfg"
    assert made.archive_files[0].content == made.answer
    assert made.command_line().startswith("inst.ks=file:/ks.cfg inst.text inst.cmdline")
    assert made.command_line().endswith("inst.repo=cdrom")
    assert made.cdrom == Path(made.tree.location)
    assert made.cmdline.startswith("root=LABEL=halab-root ")
    assert "lsm=" not in made.cmdline  # SELinux
    assert b"REPOSITORIES='highavailability resilientstorage'" in made.answer


def test_a_mirror(compose: Compose, served: Callable[[Path], str]) -> None:
    tree = compose("rocky-9", ".", "../../../AppStream/x86_64/os")
    for addon in ("HighAvailability", "ResilientStorage"):
        repository(tree.parents[2] / addon / "x86_64" / "os")
    address = served(tree)
    made = prepare(Request(suite="el9", tree=address))
    assert made.command_line().endswith(f" inst.repo={address}")
    beside = address.replace("BaseOS", "{}")
    for addon in ("HighAvailability", "ResilientStorage"):
        assert f"repo --name={addon} --baseurl={beside.format(addon)}\n".encode() in made.answer
    assert b"REPOSITORIES=''" in made.answer
    assert b"--name=AppStream" not in made.answer  # the tree names it


def test_a_mirror_whose_tree_does_not_name_appstream(compose: Compose, served: Callable[[Path], str]) -> None:
    tree = compose("centos-stream-9", ".", "../../../AppStream/x86_64/os")
    address = served(tree)
    answer = prepare(Request(suite="el9", tree=address)).answer.decode()
    assert f"repo --name=AppStream --baseurl={address.replace('BaseOS', 'AppStream')}\n" in answer
    assert "REPOSITORIES='highavailability resilientstorage'" in answer


def test_a_directory_is_served(compose: Compose) -> None:
    tree = compose("almalinux-9-dvd", *DVD)
    made = prepare(Request(suite="el9", tree=str(tree)))
    assert made.served_directory == tree
    assert made.command_line("http://192.168.77.1:8080").endswith(" inst.repo=http://192.168.77.1:8080")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("almalinux-9-dvd", "9.4", "10.0", ["AlmaLinux 10.0, which has no GFS2", "EL 10 removed GFS2", "What works:"]),
        (
            "almalinux-9-dvd",
            "9.4",
            "9.1",
            ["AlmaLinux 9.1, whose machines cannot be let in", "systemd", "9.2 or newer"],
        ),
        ("rhel-9-dvd", "9.4", "9.0", ["Red Hat Enterprise Linux 9.0", "9.2 or newer"]),
        ("rhel-9-dvd", "9.4", "10.1", ["which has no GFS2", "trixie", "bookworm"]),
        ("centos-stream-9", "= 9", "= 8", ["CentOS Stream 8, not release 9"]),
        ("centos-stream-9", "= 9", "= 10", ["CentOS Stream 10, which has no GFS2"]),
        ("almalinux-9-dvd", "9.4", "8.10", ["AlmaLinux 8.10, not release 9", "take the tree of AlmaLinux 9"]),
        ("almalinux-9-dvd", "AlmaLinux", "Fedora", ["is Fedora 9.4", "AlmaLinux, Rocky Linux, CentOS Stream"]),
    ],
)
def test_trees_of_another_release(
    el9: Callable[..., Installation], name: str, old: str, new: str, words: list[str]
) -> None:
    text = (TREES / name).read_text().replace(old, new)
    error = refusal(lambda: el9(name, text=text))
    assert error.attribute == "image.tree"
    assert all(word in str(error) for word in words), str(error)


def test_what_a_kickstart_of_one_s_own_chooses_stays_chosen(el9: Callable[..., Installation], tmp_path: Path) -> None:
    own = "rootpw --lock\nignoredisk --drives=vdb\nautopart\n%packages\n@^server-product-environment\n%end\n"
    (file := tmp_path / "own.ks").write_text(own)
    ks = parse(el9("almalinux-9-dvd", kickstart=file).answer.decode())
    assert (ks.ignoredisk.ignoredisk, ks.ignoredisk.onlyuse) == (["vdb"], [])
    assert ks.packages.environment == "server-product-environment"


def test_rhel_without_subscription(el9: Callable[..., Installation]) -> None:
    error = refusal(lambda: el9("rhel-9-dvd"))
    assert error.attribute == "image.rhsm_organization"
    assert "image.rhsm_activation_key_file" in str(error)
    assert "image.repositories" in str(error)


def test_rhel_with_repositories_of_one_s_own(el9: Callable[..., Installation]) -> None:
    made = el9("rhel-9-dvd", repositories=("HA=http://m.example/ha", "RS=http://m.example/rs"))
    assert b"repo --name=HA --baseurl=http://m.example/ha\nrepo --name=RS" in made.answer
    assert b"%include" not in made.answer
    assert not made.secret_files


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    return file


def test_a_subscription_s_key_is_read_when_the_installer_boots(el9: Callable[..., Installation], key: Path) -> None:
    made = el9("rhel-9-dvd", rhsm_organization="12345", rhsm_activation_key_file=key)
    (secret,) = made.secret_files
    assert secret.path == "halab-secret.ks"
    assert secret.content().reveal() == f'rhsm --organization="12345" --activation-key="{KEY}"\n'
    assert b"%include /halab-secret.ks" in made.answer
    shown = f"{made!r} {secret!r} {secret.content()!r} {made.command_line()}"
    assert KEY not in shown
    assert not [file for file in made.archive_files if KEY.encode() in file.content]
    before = made.hash
    key.write_text("another\n")
    assert made.hash == before


def test_a_rhel_boot_iso_is_enough_with_a_subscription(
    compose: Compose, iso: Callable[[Path], Path], key: Path
) -> None:
    tree = str(iso(compose("rhel-9-cdn")))
    made = prepare(Request(suite="el9", tree=tree, rhsm_organization="12345", rhsm_activation_key_file=key))
    assert b"rhel-9-for-x86_64-resilientstorage-rpms" in made.answer


def test_a_boot_iso_has_no_packages(compose: Compose, iso: Callable[[Path], Path]) -> None:
    tree = str(iso(compose("almalinux-9-dvd")))
    error = refusal(lambda: prepare(Request(suite="el9", tree=tree)))
    assert "has no packages of BaseOS and AppStream" in str(error)


@pytest.mark.parametrize(
    ("mode", "content", "words"),
    [
        (0o644, KEY, "can be read by others"),
        (0o600, "", "does not hold one line"),
        (0o600, f"{KEY}\n{KEY}\n", "does not hold one line"),
        (0o600, f'{KEY}"', "does not hold one line"),
        (None, "", "cannot be read"),
    ],
)
def test_a_key_file_that_is_no_key(
    el9: Callable[..., Installation], tmp_path: Path, mode: int | None, content: str, words: str
) -> None:
    file = tmp_path / "key"
    if mode is not None:
        file.write_text(content)
        file.chmod(mode)
    error = refusal(lambda: el9("rhel-9-dvd", rhsm_organization="1", rhsm_activation_key_file=file))
    assert error.attribute == "image.rhsm_activation_key_file"
    assert words in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    ("settings", "attribute", "words"),
    [
        ({"rhsm_organization": "1"}, "image.rhsm_activation_key_file", "go together"),
        ({"rhsm_activation_key_file": Path("/x")}, "image.rhsm_organization", "go together"),
        ({"rhsm_organization": 'a"b', "rhsm_activation_key_file": Path("/x")}, "image.rhsm_organization", "its ID"),
        ({"disk_gib": 4}, "image.disk_gib", "too small"),
        ({"repositories": ("http://no.name",)}, "image.repositories", "id=address"),
        ({"repositories": ("HA=nfs://x",)}, "image.repositories", "id=address"),
        ({"kickstart": Path("/does/not/exist")}, "image.kickstart", "cannot be read"),
    ],
)
def test_wrong_settings(el9: Callable[..., Installation], settings: dict[str, Any], attribute: str, words: str) -> None:
    error = refusal(lambda: el9(**settings))
    assert error.attribute == attribute
    assert words in str(error).replace("Use its ID", "its ID")


def test_a_suite_without_a_tree() -> None:
    error = refusal(lambda: prepare(Request(suite="el9", tree="")))
    assert (error.attribute, "Set image.tree" in str(error)) == ("image.tree", True)


OWN = "lang C.UTF-8\nkeyboard us\ntimezone UTC\nrootpw --lock\nautopart\n%packages\n@core\n%end\n"


def test_a_kickstart_of_one_s_own(el9: Callable[..., Installation], tmp_path: Path) -> None:
    (tmp_path / "my.ks").write_text(OWN)
    made = el9(kickstart=tmp_path / "my.ks")
    assert made.answer.decode().startswith(OWN)
    assert b"HALAB-HOST-KEY" in made.answer
    assert b"\npoweroff\n" in made.answer


def test_a_mistake_in_it_is_told_with_file_and_line(el9: Callable[..., Installation], tmp_path: Path) -> None:
    (tmp_path / "my.ks").write_text(OWN.replace("keyboard us", "keybord us"))
    error = refusal(lambda: el9(kickstart=tmp_path / "my.ks"))
    assert error.attribute == "image.kickstart"
    assert f"{tmp_path}/my.ks, line 2: Unknown command: keybord" in str(error)


def test_what_changes_the_image_changes_its_hash(compose: Compose, iso: Callable[[Path], Path]) -> None:
    tree = str(iso(compose("almalinux-9-dvd", *DVD)))
    base = Request(suite="el9", tree=tree)
    others = (
        replace(base, firewall=False),
        replace(base, role="node"),
        replace(base, extra_packages=("tmux",)),
        replace(base, disk_gib=20),
    )
    hashes = [prepare(request).hash for request in (base, *others)]
    assert len(set(hashes)) == len(hashes)
    assert prepare(base).hash == hashes[0]


def test_stages_and_failures_are_told_from_the_console(el9: Callable[..., Installation]) -> None:
    made = el9()
    console = "[    0.0] Linux version 5.14\r\n"
    assert made.stage(console) == "the installer's kernel boots"
    # As Anaconda prints them in text mode without tmux (RHEL 9).
    console += "Starting installer, one moment...\r\nanaconda 34.25.4.9-1.el9 for AlmaLinux 9.4 started.\r\n"
    assert made.stage(console) == "the installer starts"
    console += "Installing kernel-core.x86_64 (201/431)\r\n"
    assert made.stage(console) == "it installs packages"
    assert made.failure(console) is None
    console += "Running post-installation scripts\r\nHALAB-STAGE seal\r\n"
    assert made.stage(console) == "it seals the system"
    assert (
        made.failure(f"{console}HALAB-STAGE FAILED with exit status 1\r\n") == "HALAB-STAGE FAILED with exit status 1"
    )

"""The preseed file: the same profile in the language of Debian's installer."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from halab.images.debian import SCRATCH_DIR, DebianRecipe
from halab.images.host import HOST
from halab.images.installation import EXPORT_MEMBERS, EXPORT_SERIAL, Installation
from halab.images.prepare import Request, prepare
from halab.provisioners.engine.errors import ConfigError
from tests.unit.images.test_tree import debian


@pytest.fixture
def bookworm(tmp_path: Path, served: Callable[[Path], str]) -> tuple[Installation, str]:
    """An installation from an archive, and the archive's address."""
    address = served(debian(tmp_path / "debian"))
    return prepare(Request(suite="bookworm", tree=address)), address


def answers(installation: Installation) -> dict[str, str]:
    lines = [line for line in installation.answer.decode().splitlines() if line and not line.startswith("#")]
    words = [line.split(maxsplit=3) for line in lines]
    assert {word[0] for word in words} == {"d-i", "popularity-contest"}
    assert {word[2] for word in words} <= {"string", "boolean", "select", "multiselect", "note", "password"}
    return {word[1]: word[3] if len(word) == 4 else "" for word in words}


def test_answers_follow_the_profile(bookworm: tuple[Installation, str]) -> None:
    installation, _ = bookworm
    said = answers(installation)
    assert (said["debian-installer/language"], said["debian-installer/country"]) == ("C", "US")
    assert (said["debian-installer/locale"], said["time/zone"]) == (HOST.region.language, HOST.region.timezone)
    assert said["keyboard-configuration/xkb-keymap"] == HOST.region.keyboard
    assert (said["passwd/root-password-crypted"], said["passwd/make-user"]) == ("*", "false")
    assert said["pkgsel/include"].split() == list(DebianRecipe("bookworm").packages)
    assert said["partman-auto/disk"] == said["grub-installer/bootdev"] == "/dev/vda"
    recipe = said["partman-auto/expert_recipe"]
    assert f"label{{ {HOST.disk.label} }}" in recipe
    assert f"filesystem{{ {HOST.disk.filesystem} }}" in recipe
    assert (said["debian-installer/exit/poweroff"], said["preseed/late_command"]) == ("true", "sh /halab-late")


def test_the_archive_is_that_of_the_tree(bookworm: tuple[Installation, str]) -> None:
    installation, address = bookworm
    said = answers(installation)
    assert said["mirror/protocol"] == "http"
    assert said["mirror/http/hostname"] + said["mirror/http/directory"] == address.removeprefix("http://")
    assert (said["mirror/suite"], said["mirror/http/proxy"]) == ("bookworm", "")


def test_a_directory_is_named_on_the_command_line(tmp_path: Path) -> None:
    installation = prepare(Request(suite="bookworm", tree=str(debian(tmp_path / "debian"))))
    assert "mirror/http/hostname" not in answers(installation)
    line = installation.command_line("http://192.168.77.1:8080")
    assert "mirror/http/hostname=192.168.77.1:8080 mirror/http/directory=/" in line


def test_what_is_put_into_the_initrd(bookworm: tuple[Installation, str]) -> None:
    installation, _ = bookworm
    preseed, overlay, late = installation.archive_files
    assert (preseed.path, preseed.content) == ("preseed.cfg", installation.answer)
    assert "preseed/file=/preseed.cfg" in installation.command_line()
    with tarfile.open(fileobj=io.BytesIO(overlay.content)) as archive:
        assert f"{SCRATCH_DIR}/configure".lstrip("/") in archive.getnames()
    subprocess.run(["sh", "-n"], input=late.content, check=True)
    text = late.content.decode()
    assert f"OVERLAY='/{overlay.path}'" in text
    assert f"EXPORT='/dev/disk/by-id/virtio-{EXPORT_SERIAL}'" in text
    assert f"EXPORT_MEMBERS='{' '.join(EXPORT_MEMBERS)}'" in text
    assert installation.cmdline.startswith("root=/dev/vda1 ")


def test_the_system_differs_from_the_assembled_one_in_its_disk_only(bookworm: tuple[Installation, str]) -> None:
    installation, _ = bookworm
    assembled = DebianRecipe("bookworm")
    assert installation.archive_files[1].content == assembled.overlay
    assert installation.cmdline.replace("/dev/vda1", "/dev/vda") == assembled.cmdline


@pytest.mark.parametrize("setting", ["kickstart", "repositories", "rhsm_organization", "rhsm_activation_key_file"])
def test_settings_of_el_are_refused(tmp_path: Path, setting: str) -> None:
    value = (Path("/x"),) if setting == "repositories" else Path("/x")
    with pytest.raises(ConfigError) as caught:
        prepare(Request(suite="bookworm", tree=str(debian(tmp_path / "debian")), **{setting: value}))  # type: ignore[arg-type]
    assert caught.value.attribute == f"image.{setting}"


# As the real installer printed them on a serial console.
QUESTION = (
    "Starting system log daemon: syslogd, klogd.\r\n"
    "Select your location\r\n--------------------\r\n\r\n"
    "The selected location will be used to set your time zone and also for example \r\n"
    "to help select the system locale. Normally this should be the country where you\r\nlive.\r\n\r\n"
    "Select the continent or region to which your location belongs.\r\nContinent or region:\r\n"
    "  1: Africa,              5: Caribbean,            9: North America,    \r\n"
    "  4: Atlantic Ocean,      8: Indian Ocean,       \r\n"
)


def test_a_question_that_nobody_answers_is_a_failure(bookworm: tuple[Installation, str]) -> None:
    installation, _ = bookworm
    assert installation.failure(QUESTION) is None, "it is not at its prompt yet"
    said = installation.failure(QUESTION + "Prompt: '?' for help> ")
    assert said is not None
    assert said.startswith("Select your location")
    assert "Continent or region:" in said


def test_the_installer_asks_nothing_of_an_isolated_network(bookworm: tuple[Installation, str]) -> None:
    said = answers(bookworm[0])
    assert said["netcfg/no_default_route"] == "true"
    assert said["netcfg/get_nameservers"] == "", "it would ask for one that DHCP does not name"
    assert said["netcfg/target_network_config"] == "loopback", "networkd has the interface, ifupdown must not"
    assert int(said["netcfg/link_wait_timeout"]) < int(said["netcfg/dhcp_timeout"])


def test_a_language_with_a_country_keeps_it(tmp_path: Path) -> None:
    region = replace(HOST.region, language="de_AT.UTF-8")
    tree = str(debian(tmp_path / "debian"))
    said = answers(prepare(Request(suite="bookworm", tree=tree, profile=replace(HOST, region=region))))
    assert (said["debian-installer/language"], said["debian-installer/country"]) == ("de", "AT")

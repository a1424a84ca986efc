"""The endpoint's files on disk."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from halab.provider.fencing.doors import secrets
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import ConfigError, UnexpectedOutput

CONFIG = PowerConfig("summit", "192.168.90.1", 8000, "qemu:///system", ("u-1", "u-2"), "supervisor")


@pytest.fixture
def files(tmp_path: Path) -> PowerFiles:
    made = PowerFiles(tmp_path / "fencing" / "summit")
    made.make_directory()
    return made


def test_config_round_trip(files: PowerFiles) -> None:
    assert files.read_config() is None
    files.write(files.config, CONFIG.dump())
    assert files.read_config() == CONFIG


def test_an_earlier_versions_config_is_read() -> None:
    earlier = {"lab": "summit", "address": "192.168.90.1", "port": 8000, "uri": "qemu:///system", "machines": ["u-1"]}
    config = PowerConfig.parse(json.dumps({**earlier, "supervision": "supervisor", "firewall_rule": True}))
    assert (config.doors, config.plugs, config.door_rules, config.firewall_rule) == ({}, {}, (), True)


def test_doors_round_trip() -> None:
    config = replace(CONFIG, doors={"wti": 2323}, plugs={"u-1": 2}, door_rules=("wti",))
    assert PowerConfig.parse(config.dump()) == config


def test_secrets_are_made_once_and_go_with_their_doors(files: PowerFiles) -> None:
    secrets.make(files, ("wti", "wti-ssh", "virsh", "ipmi", "xvm"))
    made = secrets.present(files, ("wti", "virsh", "ipmi", "xvm"))
    assert sorted(made) == ["ipmi", "virsh", "wti", "xvm"]
    assert 16 <= len(made["ipmi"]) <= 20, "what IPMI takes"
    assert len(made["xvm"]) <= 4096, "what fence_xvm takes"
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.directory.iterdir()} == {0o600}
    host_key = secrets.host_key(files)
    assert host_key.startswith("ssh-ed25519 ")
    secrets.make(files, ("virsh",))
    assert secrets.present(files, ("virsh",))["virsh"] == made["virsh"]
    assert secrets.host_key(files) == host_key
    assert sorted(path.name for path in files.directory.iterdir()) == ["ssh-host.secret", "virsh.secret"]
    secrets.make(files, ())
    assert list(files.directory.iterdir()) == []
    assert secrets.host_key(files) == ""
    with pytest.raises(ConfigError, match="virsh"):
        secrets.read(files, "virsh")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"machines": [], "unknown": 1}'])
def test_a_broken_config_is_an_error_not_an_absence(text: str) -> None:
    with pytest.raises(UnexpectedOutput, match=r"config\.json"):
        PowerConfig.parse(text)


def test_modes(files: PowerFiles) -> None:
    files.directory.chmod(0o755)
    files.make_directory()
    files.write(files.private_key, Secret("key"))
    assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(files.private_key.stat().st_mode) == 0o600
    assert files.private_key.read_text() == "key"
    assert [path.name for path in files.directory.iterdir()] == ["server.key"], "no temporary file is left"


def test_password(files: PowerFiles) -> None:
    assert files.username() is None
    assert not files.accepts("fence", Secret("one-password"))
    files.write_password("fence", Secret("one-password"))
    first = files.htpasswd.read_text()
    assert first.startswith("fence:$2b$10$")
    assert "one-password" not in first
    assert files.username() == "fence"
    files.write_password("fence", Secret("one-password"))
    assert files.htpasswd.read_text() == first, "unchanged when it accepts the password already"
    files.write_password("fence", Secret("two-password"))
    assert files.accepts("fence", Secret("two-password"))
    assert not files.accepts("fence", Secret("one-password"))
    assert not files.accepts("other", Secret("two-password"))


def test_a_damaged_htpasswd_accepts_nothing_and_is_replaced(files: PowerFiles) -> None:
    files.write(files.htpasswd, "fence:plain\n")
    assert not files.accepts("fence", Secret("plain"))
    files.write_password("fence", Secret("one-password"))
    assert files.accepts("fence", Secret("one-password"))


def test_remove(files: PowerFiles) -> None:
    other = PowerFiles(files.directory.parent / "other")
    other.make_directory()
    files.remove()
    files.remove()
    assert other.directory.is_dir()
    other.remove()
    assert not files.directory.parent.exists()

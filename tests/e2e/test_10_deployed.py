"""Right after the deploy: nothing to change, nothing open, and hosts as the talk wants them."""

from __future__ import annotations

import json
import stat
import subprocess
import xml.etree.ElementTree as ET
from functools import partial

import pytest

from halab.provisioners.engine import limits
from halab.provisioners.host.firewall import Rules, parse_nftables
from tests.e2e.lab import CHECKOUT, STATE, Lab, hypervisor


def test_diff_right_after_the_deploy_shows_no_changes(first_diff: subprocess.CompletedProcess[str]) -> None:
    assert first_diff.returncode == 0
    assert "No changes" in first_diff.stdout


def test_outputs_tell_what_to_use(lab: Lab) -> None:
    outputs = json.loads((STATE / "outputs.json").read_text())[lab.settings.name]
    assert outputs["site_url"] == lab.site
    assert outputs["nodes"] == {name: lab.address(name) for name in lab.nodes}
    assert outputs["target_iqn"].startswith("iqn.")
    assert outputs["fencing_endpoint"] == f"https://{lab.settings.gateway}:{lab.settings.fencing.port}"


def test_the_labs_files_are_for_their_owner_only(lab: Lab) -> None:
    assert lab.folder.state.exists()
    loose = [f for f in [STATE, *STATE.rglob("*")] if stat.S_IMODE(f.stat().st_mode) & 0o077]
    assert not loose


def test_a_person_logs_in_without_a_prompt(lab: Lab) -> None:
    for name in [*lab.nodes, "target"]:
        done = subprocess.run(
            ["ssh", "-F", ".halab/summit/ssh_config", "-o", "BatchMode=yes", name, "hostname"],
            cwd=CHECKOUT, text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout.strip()) == (0, name), done.stderr


def _root_logs_in(lab: Lab, name: str, to: list[str], domain: str = "") -> None:
    loop = 'for h; do ssh -o BatchMode=yes -o ConnectTimeout=20 "$h" hostname; done'
    said = lab.ask(name, "sh", "-euc", loop, "sh", *(other + domain for other in to), timeout_s=240)
    assert said.split() == to, name


def test_root_logs_in_from_host_to_host_without_a_prompt(lab: Lab) -> None:
    names = [*lab.nodes, "target"]
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        _root_logs_in(lab, name, [other])


@pytest.mark.long
def test_root_logs_in_from_each_host_to_each_by_short_and_long_name(lab: Lab) -> None:
    names = [*lab.nodes, "target"]
    for name in names:
        for domain in ("", f".{lab.settings.network.domain}"):
            _root_logs_in(lab, name, names, domain)


def _synchronized(lab: Lab, name: str) -> bool:
    return lab.ask(name, "timedatectl", "show", "-p", "NTPSynchronized").strip() == "NTPSynchronized=yes"


def test_time_is_synchronized_without_the_internet(lab: Lab) -> None:
    for name in lab.nodes:
        lab.until(f"NTP synchronization of {name}", partial(_synchronized, lab, name))
        sources = lab.ask(name, "chronyc", "-c", "sources").splitlines()
        assert [line.split(",")[2] for line in sources] == [lab.settings.target_address]


def test_the_firewall_opens_what_a_role_needs_and_no_more(lab: Lab) -> None:
    sources = frozenset({lab.settings.network.cidr})
    for name, ports in [(lab.nodes[0], limits.NODE_PORTS), ("target", limits.TARGET_PORTS)]:
        if lab.settings.image.platform.firewall == "firewalld":
            opened = lab.ask(name, "firewall-cmd", "--zone=halab", "--list-ports").split()
            assert {"/".join(reversed(port.split("/"))) for port in opened} == set(ports)
            assert lab.ask(name, "firewall-cmd", "--list-ports").strip() == ""  # of the default zone
            continue
        listing = lab.ask(name, "nft", "--json", "list", "ruleset")
        assert parse_nftables(listing) == Rules(frozenset(ports), sources), name


def test_addresses_are_fixed_where_the_processor_is_emulated(lab: Lab) -> None:
    """docs/design/002-image-boot.md, "Addresses"."""
    with hypervisor() as connection:
        for name in [*lab.nodes, "target"]:
            domain = ET.fromstring(connection.lookupByName(f"{lab.settings.name}-{name}").XMLDesc())
            randomized = lab.ask(name, "cat", "/proc/sys/kernel/randomize_va_space").strip()
            assert randomized == ("0" if domain.get("type") == "qemu" else "2"), name

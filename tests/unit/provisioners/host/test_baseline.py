import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from halab.provisioners.engine.host import Host
from halab.provisioners.engine.managed_block import Block, WriteFiles
from halab.provisioners.engine.platform import DEBIAN_13, EL_9, Platform
from halab.provisioners.engine.steps import Run
from halab.provisioners.host import firewall
from halab.provisioners.host.baseline import (
    CHANGED,
    DISABLED,
    STOPPED,
    HostEntry,
    HostItem,
    HostSpec,
    hosts_block,
    parse_hosts,
    render_chrony,
)

ITEM = HostItem()
LISTING = (Path(__file__).parents[3] / "data" / "host" / "nft-list-table.json").read_text()
PORTS = ("tcp/22", "tcp/80", "tcp/2224", "tcp/21064", "udp/123", "udp/5405")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJOp7LoPSUanWAPwv0sbBjt2lAAAFFeaT97"
NODE = HostSpec(
    machine="11111111-1111-4111-8111-111111111111",
    hostname="node1",
    domain="lab.test",
    hosts=(HostEntry(name="node1", address="192.168.77.11"), HostEntry(name="target", address="192.168.77.10")),
    time_source="192.168.77.10",
    firewall_open=PORTS,
    firewall_sources=("192.168.77.0/24",),
)
TARGET = replace(NODE, hostname="target", time_source=None, time_clients="192.168.77.0/24")
DONE = replace(NODE, ssh_public_key=KEY)


def words(now: HostSpec | None, wanted: HostSpec | None, platform: Platform = DEBIAN_13) -> list[str]:
    return [str(step) for step in ITEM.steps(platform, now, wanted)]


def test_all_at_once_takes_two_calls() -> None:
    files, run = ITEM.steps(DEBIAN_13, None, NODE)
    assert isinstance(files, WriteFiles)
    assert [entry.path for entry in files.entries] == [
        "/etc/hostname",
        "/etc/hosts",
        "/etc/chrony/chrony.conf",
        firewall.NFT_FILE,
        firewall.NFT_MAIN,
    ]
    assert isinstance(run, Run)
    text = run.command.argv[2]
    for part in ("ssh-keygen", "enable nftables", "restart --no-block", f"nft -f {firewall.NFT_FILE}"):
        assert part in text
    assert run.command.argv[4:] == ("node1", "chrony")
    subprocess.run(["sh", "-n", "-c", text], check=True)


@pytest.mark.parametrize(
    ("now", "wanted", "has", "has_not"),
    [
        (DONE, NODE, [], ["write", "sh"]),
        (DONE, replace(NODE, hosts=NODE.hosts[:1]), ["/etc/hosts"], ["chrony.conf", "nft", "ssh-keygen"]),
        (replace(DONE, hostname="node1 / x"), NODE, ["/etc/hostname", "kernel/hostname"], ["chrony.conf"]),
        (DONE, TARGET, ["chrony.conf", "restart"], ["nft", "ssh-keygen"]),
        (replace(DONE, time_source=CHANGED), NODE, ["chrony.conf"], ["/etc/hosts"]),
        (replace(DONE, firewall="incomplete"), NODE, [firewall.NFT_FILE, "nft -f"], ["chrony.conf"]),
        (DONE, replace(NODE, firewall="disabled"), ["delete table inet halab", "disable nftables"], ["write"]),
        (DONE, replace(NODE, firewall_open=tuple(reversed(PORTS))), [], ["nft"]),
        (DONE, replace(NODE, firewall_open=("tcp/22",)), ["nft -f"], ["hosts"]),
        (
            replace(DONE, firewall="disabled"),
            replace(NODE, firewall="disabled", firewall_open=("tcp/22",)),
            [],
            ["nft"],
        ),
        (NODE, NODE, ["ssh-keygen"], ["chrony.conf", "nft"]),
    ],
)
def test_only_what_differs(now: HostSpec, wanted: HostSpec, has: list[str], has_not: list[str]) -> None:
    done = "\n".join(words(now, wanted))
    assert [part for part in has if part not in done] == []
    assert [part for part in has_not if part in done] == []


def test_removal_takes_names_and_firewall_back() -> None:
    done = words(DONE, None)
    assert done[0] == "write /etc/hosts"
    assert "delete table inet halab" in done[1]
    assert words(replace(DONE, firewall="disabled"), None) == ["write /etc/hosts"]
    assert words(None, None) == []


def test_el_uses_a_zone_of_our_own() -> None:
    done = "\n".join(words(None, NODE, EL_9))
    assert firewall.ZONE_FILE in done
    assert "firewall-cmd -q --reload" in done
    assert "/etc/chrony.conf" in done
    assert "nft" not in done


# --- what is seen ---


def unit(active: str, file: str) -> str:
    """What systemctl shows of one unit."""
    return f"LoadState=loaded\nActiveState={active}\n\n{file}\n"


FULL = {
    "/etc/hostname": "node1\n",
    "uname -n": "node1\n",
    "hosts": "127.0.0.1 localhost\n" + hosts_block(NODE).text,
    "chrony": render_chrony(NODE.time_source, None),
    "unit": unit("active", "enabled"),
    "key": f"{KEY} root@node1\n",
    "nft file": firewall.render_nftables(firewall.Rules(frozenset(PORTS), frozenset(NODE.firewall_sources))),
    "enabled": "enabled\n",
    "live": LISTING,
    "nft main": "flush ruleset\n" + Block("", (firewall.NFT_INCLUDE,)).text,
}


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        ({}, DONE),
        ({"hosts": "127.0.0.1 localhost\n"}, None),
        ({"hosts": None}, None),
        ({"uname -n": "localhost\n"}, replace(DONE, hostname="localhost / node1")),
        ({"/etc/hostname": None}, replace(DONE, hostname=" / node1")),
        ({"hosts": "127.0.1.1 node1\n" + hosts_block(NODE).text}, replace(DONE, hosts=NODE.hosts[1:])),
        ({"hosts": hosts_block(replace(NODE, hosts=NODE.hosts[:1])).text}, replace(DONE, hosts=NODE.hosts[:1])),
        ({"chrony": "pool 2.debian.pool.ntp.org iburst\n"}, replace(DONE, time_source=CHANGED)),
        ({"chrony": render_chrony("10.0.0.1", None)}, replace(DONE, time_source="10.0.0.1")),
        ({"chrony": render_chrony(None, "10.0.0.0/8")}, replace(DONE, time_source=None, time_clients="10.0.0.0/8")),
        ({"unit": unit("inactive", "enabled")}, replace(DONE, time_source=STOPPED)),
        ({"unit": unit("active", "disabled")}, replace(DONE, time_source=DISABLED)),
        ({"unit": unit("activating", "enabled")}, DONE),
        ({"key": None}, NODE),
        ({"live": ""}, replace(DONE, firewall="incomplete")),
        ({"enabled": "disabled\n"}, replace(DONE, firewall="incomplete")),
        ({"live": "", "nft file": None, "enabled": "disabled\n"}, replace(DONE, firewall="disabled")),
    ],
)
def test_observe(
    guest_host: Callable[..., tuple[Host, object]],
    told: Callable[..., str],
    changed: dict[str, str | None],
    seen: HostSpec | None,
) -> None:
    host, _ = guest_host(told(*(FULL | changed).values()))
    assert ITEM.observe(host, NODE) == seen


def test_observe_for_import(guest_host: Callable[..., tuple[Host, object]], told: Callable[..., str]) -> None:
    blank = HostSpec(machine=NODE.machine, hostname="", domain="", hosts=())
    host, _ = guest_host(told(*FULL.values()))
    seen = ITEM.observe(host, blank)
    assert seen is not None
    assert replace(seen, firewall_open=PORTS) == DONE
    assert set(seen.firewall_open) == set(PORTS)


# --- names ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("127.0.0.1 localhost\n", "127.0.0.1 localhost\n"),
        ("127.0.1.1 node1\n", ""),
        ("127.0.1.1\tnode1.lab.test\tnode1\n::1 node1\n", ""),
        ("127.0.0.1 localhost node1 node1.lab.test\n", "127.0.0.1 localhost\n"),
        ("127.0.0.1 node1 localhost\n", "127.0.0.1 localhost\n"),
        ("127.0.1.1 node10\n10.0.0.9 node1\n", "127.0.1.1 node10\n10.0.0.9 node1\n"),
        ("::1 localhost ip6-localhost\n", "::1 localhost ip6-localhost\n"),
    ],
)
def test_the_own_name_leaves_loopback(before: str, after: str) -> None:
    done = subprocess.run(
        ["sed", "-E", hosts_block(NODE).tidy], input=before, capture_output=True, text=True, check=True
    )
    assert done.stdout == after


def test_hosts_are_read_back() -> None:
    block = hosts_block(NODE)
    assert block.lines == ("192.168.77.11 node1.lab.test node1", "192.168.77.10 target.lab.test target")
    assert parse_hosts(block.text, "node1", "lab.test") == NODE.hosts


def test_time() -> None:
    assert render_chrony(None, "10.0.0.0/8").splitlines()[:2] == ["local stratum 10", "allow 10.0.0.0/8"]
    node = render_chrony("10.0.0.1", None)
    assert node.startswith("server 10.0.0.1 iburst minpoll 2")
    assert "pool" not in node
    assert "local" not in node


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (NODE, []),
        (replace(NODE, firewall_open=("tcp/80",)), ["firewall_open"]),
        (replace(NODE, firewall_open=("tcp/80",), firewall="disabled"), []),
        (replace(TARGET, time_clients="lab"), ["time_clients"]),
    ],
)
def test_check(spec: HostSpec, fields: list[str]) -> None:
    assert [field for field, _ in ITEM.check(spec)] == fields

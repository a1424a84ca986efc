"""A lab of two nodes as the talk begins: open target, a page on each node. The one that serves survives a split."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.lab import HALAB, Lab, deployed
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

_DRILLS = ("standby", "apache-killed", "crash-active", "iscsi-blink", "target-reset", "split-two")


@pytest.fixture(scope="module")
def duo(environment: dict[str, str]) -> Iterator[Lab]:
    chosen = {
        "HALAB_NAME": "duo",
        "HALAB_NODE_COUNT": "2",
        "HALAB_SITE_STORAGE": "local",
        "HALAB_ISCSI_DEMO_MODE": "true",
        "HALAB_FIREWALL": "disabled",
        "HALAB_NETWORK_CIDR": "192.168.78.0/24",
    }
    with deployed({**environment, **chosen}) as lab:
        yield lab


def test_two_node_mode_and_delay(duo: Lab) -> None:
    cmap = duo.ask("node1", "corosync-cmapctl")
    assert "quorum.two_node (u8) = 1" in cmap
    device = duo.ask("node1", "cibadmin", "--query", "--xpath", "//primitive[@id='fence-node1']")
    assert 'name="pcmk_delay_base" value="15s"' in device
    properties = duo.ask("node1", "cibadmin", "--query", "--xpath", "//crm_config")
    assert 'name="priority-fencing-delay" value="30s"' in properties
    assert diff(duo).actions == {}


def test_target_is_open_as_in_the_talk(duo: Lab) -> None:
    iqn = json.loads(duo.folder.outputs.read_text())["duo"]["target_iqn"]
    read = (
        'cd "/sys/kernel/config/target/iscsi/$1/tpgt_1/attrib"; cat authentication demo_mode_write_protect; cat g*_acls'
    )
    assert duo.ask("target", "sh", "-euc", read, "sh", iqn).split() == ["0", "0", "1"]
    for node in duo.nodes:
        targets = duo.ask(node, "sh", "-euc", "cat /sys/class/iscsi_session/session*/targetname").split()
        assert sorted(targets) == [iqn, "iqn.2016-06.test.halab:duo-sbd"]


def test_no_firewall_as_in_the_talk(duo: Lab) -> None:
    for name in [*duo.nodes, "target"]:
        ruleset = json.loads(duo.ask(name, "nft", "--json", "list", "ruleset"))["nftables"]
        assert [entry for entry in ruleset if "chain" in entry] == []


def test_each_node_has_its_own_page(duo: Lab) -> None:
    node = duo.until("the site", duo.served_by)
    assert duo.ask(node, "cat", "/var/www/html/index.html") == f"{node}\n"


@pytest.mark.parametrize("serving", ["node2", "node1"])
def test_when_the_link_is_cut_the_node_that_serves_survives_and_the_cluster_heals(duo: Lab, serving: str) -> None:
    (other,) = (node for node in duo.nodes if node != serving)
    duo.until(
        "both online", lambda: all(duo.boot_id(node) and duo.online(node) == set(duo.nodes) for node in duo.nodes), 600
    )
    duo.until("the site", duo.served_by)
    group = f"{duo.settings.name}-site"
    duo.ask(serving, "crm_resource", "--resource", group, "--move", "--node", serving)
    duo.until(f"the site on {serving}", lambda: duo.served_by() == serving)
    duo.ask(serving, "crm_resource", "--resource", group, "--clear")
    before = {node: duo.boot_id(node) for node in duo.nodes}
    cut = "nft add table inet cut; nft 'add chain inet cut in { type filter hook input priority -10; }'; "
    duo.ask(other, "sh", "-euc", cut + "nft add rule inet cut in udp dport 5405 drop")
    duo.until(f"another boot of {other}", lambda: duo.boot_id(other) not in (None, before[other]), deadline_s=600)
    duo.until("both online", lambda: duo.online() == set(duo.nodes), deadline_s=600)
    assert duo.until("the site", duo.served_by) == serving
    assert duo.boot_id(serving) == before[serving]
    events = duo.status(serving).iterfind(f"fence_history/fence_event[@target='{other}']")
    assert "success" in {event.get("status") for event in events}


def test_drills_of_two_nodes_without_a_shared_file_system(duo: Lab) -> None:
    duo.until("health", duo.says_healthy, deadline_s=600)
    refused = duo.run(str(HALAB), "drill", "run", "volume-hangs")
    assert (refused.returncode, "site.storage" in refused.stderr) == (1, True)
    done = duo.run(str(HALAB), "drill", "run", *_DRILLS, "--json", timeout_s=3600)
    duo.reconnect()
    verdicts = {one["drill"]: (one["result"], one["reasons"]) for one in json.loads(done.stdout)}
    assert verdicts == dict.fromkeys(_DRILLS, ("PASS", []))

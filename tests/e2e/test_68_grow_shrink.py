"""The node count changes while a client asks the site every 200 ms; the lab has three nodes again at the end."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import pytest

from halab.cli.watch.site import Load, SiteLoad
from halab.provisioners.storage.gfs2 import count_journals
from tests.e2e.lab import CHECKOUT, STATE, TERRAFORM, Lab, hypervisor
from tests.e2e.planned import diff
from tests.e2e.terraform_lab import unwrapped

pytestmark = pytest.mark.long

ARTIFACTS = CHECKOUT / "artifacts"
_MARK = "/root/made-by-a-test"


@pytest.fixture(scope="module")
def labs(lab: Lab, environment: dict[str, str]) -> dict[int, Lab]:
    """The same lab with other node counts; what is deployed at the end is the one of three nodes."""
    return {3: lab} | {count: Lab({**environment, "HALAB_NODE_COUNT": str(count)}) for count in (1, 2, 4)}


@pytest.fixture(autouse=True)
def fresh(labs: dict[int, Lab]) -> Iterator[None]:
    """Machines were made anew: nobody keeps a connection to the old one."""
    yield
    for lab in labs.values():
        lab.reconnect()


Tell = Callable[[str], None]
UnderLoad = Callable[[Lab, str], AbstractContextManager[Load]]


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str]) -> Tell:
    """Told at once, and kept in artifacts/."""

    def say(text: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        with (ARTIFACTS / "node-count.txt").open("a") as file:
            file.write(text + "\n")
        with capfd.disabled():
            print(f"\n{text}", flush=True)

    return say


@pytest.fixture
def under_load(tell: Tell) -> UnderLoad:
    """under_load(lab, what): while the block runs, a client asks; told is what it took."""

    @contextmanager
    def measured(lab: Lab, what: str) -> Iterator[Load]:
        lab.until("the site", lab.served_by)
        lab.comes_to_rest()
        began = time.monotonic()
        with SiteLoad(lab.site) as load:
            yield load
        tell(f"{what}: {time.monotonic() - began:.0f} s, {load}")

    return measured


def healthy(lab: Lab) -> None:
    """All nodes are online, all mount, all can be fenced, and nobody was."""
    assert lab.online() == set(lab.nodes)
    lab.until("GFS2 everywhere", lab.all_mounted)
    for node in lab.nodes:
        assert lab.runs_on(f"fence-{node}"), node
    assert [e.attrib for e in lab.status().iterfind("fence_history/fence_event")] == []
    nodes = lab.status().iterfind("nodes/node")
    assert {node.get("name") for node in nodes} == set(lab.nodes), "who has left is forgotten"


def place(lab: Lab, node: str) -> None:
    """Have the site on a node, for reasons of its own."""
    site = f"{lab.settings.name}-site"
    if lab.served_by() != node:
        lab.ask("node1", "crm_resource", "--move", "--resource", site, "--node", node)
        lab.until(f"site on {node}", lambda: lab.served_by() == node)
        lab.ask("node1", "crm_resource", "--clear", "--resource", site)


def journals(lab: Lab) -> int:
    return count_journals(lab.ask("node1", "gfs2_edit", "-p", "journals", f"/dev/vg_{lab.settings.name}/lv_web"))


def initiators(lab: Lab) -> list[int]:
    """How many each of the target's IQNs lets in: the shared LUN's, and the one of SBD's disk."""
    count = "for one in /sys/kernel/config/target/iscsi/iqn*; do ls $one/tpgt_1/acls | wc -l; done"
    return [int(number) for number in lab.ask("target", "sh", "-euc", count).split()]


def boots(lab: Lab) -> dict[str, str]:
    names = [*lab.nodes, "target"]
    return {name: lab.until(f"an answer of {name}", partial(lab.boot_id, name)) for name in names}


def cost_of_growth(lab: Lab, node: str, took_s: float) -> tuple[float, str]:
    """A deploy that made one node, as a multiple of its boot and its agents' starts; the same in words."""
    records = [json.loads(line) for line in (STATE / "progress.jsonl").read_text().splitlines()]
    boot = {r["event"]: r["t"] for r in records if r["resource"] == "halab_machine" and r["name"].endswith(node)}
    boot_s = boot["done"] - boot["start"]
    status = ET.fromstring(lab.ask("node1", "cibadmin", "--query", "--scope", "status"))
    there = status.findall(f"node_state[@uname='{node}']//lrm_rsc_op[@operation='start']")
    fencing = status.findall(f".//lrm_resource[@id='fence-{node}']/lrm_rsc_op[@operation='start']")
    agents_s = {op.get("operation_key", ""): int(op.get("exec-time", "")) / 1000 for op in [*there, *fencing]}
    needed_s = boot_s + sum(agents_s.values())
    ratio = took_s / needed_s
    parts = f"boot {boot_s:.1f} s, starts of agents {agents_s}"
    return ratio, f"{node} took {took_s:.0f} s, {ratio:.2f} x its boot and its agents' starts ({parts})"


def test_a_fourth_node_comes_and_goes_without_a_failed_request(
    labs: dict[int, Lab], under_load: UnderLoad, tell: Tell
) -> None:
    three, four = labs[3], labs[4]
    place(three, "node1")
    before, spare = boots(three), journals(three)
    assert spare == 4, "one is to spare"
    with under_load(three, "from 3 nodes to 4") as growing:
        began = time.monotonic()
        four.deploy()
        took_s = time.monotonic() - began
    ratio, words = cost_of_growth(four, "node4", took_s)
    tell(words)
    assert (growing.failed, growing.served_by) == (0, ["node1"])
    healthy(four)
    assert journals(four) == spare, "gfs2_jadd only if there is none to spare"
    assert initiators(four) == [4, 4]
    assert diff(four).actions == {}

    with under_load(four, "from 4 nodes to 3") as shrinking:
        three.deploy()
    assert (shrinking.failed, shrinking.served_by) == (0, ["node1"])
    healthy(three)
    assert initiators(three) == [3, 3]
    assert "fence-node4" not in three.ask("node1", "cibadmin", "--query")
    with hypervisor() as connection:
        assert not [d.name() for d in connection.listAllDomains() if d.name().endswith("node4")]
    assert diff(three).actions == {}
    assert boots(three) == before, "nobody was restarted"
    assert ratio < 6, "docs/design/011-node-count.md has what it was"


def two_node(lab: Lab) -> str:
    return lab.ask("node1", "corosync-cmapctl", "-g", "quorum.two_node", ok=(0, 1)).strip()


def test_two_nodes_and_three_again(labs: dict[int, Lab], under_load: UnderLoad) -> None:
    two, three = labs[2], labs[3]
    place(three, "node1")
    before = boots(two)
    with under_load(three, "from 3 nodes to 2") as shrinking:
        two.deploy()
    assert (shrinking.failed, shrinking.served_by) == (0, ["node1"])
    healthy(two)
    assert two_node(two).endswith("= 1")
    assert diff(two).actions == {}
    with under_load(two, "from 2 nodes to 3") as growing:
        three.deploy()
    assert (growing.failed, growing.served_by) == (0, ["node1"])
    healthy(three)
    assert not two_node(three).endswith("= 1")
    assert boots(two) == before
    assert diff(three).actions == {}


def test_a_node_that_serves_the_site_hands_it_over_before_it_goes(labs: dict[int, Lab], under_load: UnderLoad) -> None:
    two, three = labs[2], labs[3]
    place(three, "node3")
    with under_load(three, "from 3 nodes to 2, the site on the one that goes") as load:
        two.deploy()
    first, then = load.served_by
    assert first == "node3"
    assert then in two.nodes
    healthy(two)
    three.deploy()
    healthy(three)


def test_too_few_are_refused_with_the_way_to_do_it(labs: dict[int, Lab]) -> None:
    done = labs[1].run("npx", "cdktf", "diff")
    assert done.returncode != 0
    assert "node_count 3 -> 2 -> 1" in unwrapped(done.stdout + done.stderr)


@pytest.mark.parametrize("disk", [False, True], ids=["its disk stays", "with its disk"])
def test_a_node_is_replaced_while_the_others_go_on(labs: dict[int, Lab], under_load: UnderLoad, disk: bool) -> None:
    three = labs[3]
    place(three, "node1")
    before = boots(three)
    three.ask("node2", "touch", _MARK)
    assert three.run("npx", "cdktf", "synth").returncode == 0
    terraform = (TERRAFORM, f"-chdir=cdktf.out/stacks/{three.settings.name}")
    assert three.run(*terraform, "init", "-input=false").returncode == 0
    replaced = ["-replace=halab_machine.node2", *(["-replace=halab_volume.node2_disk"] if disk else [])]
    with under_load(three, f"a node made anew{', its disk too' if disk else ''}") as load:
        done = three.run(*terraform, "apply", "-auto-approve", "-input=false", *replaced)
    assert done.returncode == 0
    assert (load.failed, load.served_by) == (0, ["node1"])
    three.reconnect()  # with a new disk came a new host key
    healthy(three)
    after = boots(three)
    assert {name for name in after if after[name] != before[name]} == {"node2"}
    left = three.ask("node2", "sh", "-euc", f"[ ! -e {_MARK} ] || echo there; rm -f {_MARK}").strip()
    assert left == ("" if disk else "there")
    assert diff(three).actions == {}

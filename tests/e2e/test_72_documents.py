"""The commands of the tour and of the runbook, as they are printed there, in a shell on the host."""

from __future__ import annotations

import html
import re
from functools import partial

import pytest

from tests.e2e.lab import CHECKOUT, Lab, hypervisor

pytestmark = pytest.mark.long

SHELL = """lab() { ssh -F .halab/summit/ssh_config "$@"; }
tf() { terraform -chdir=cdktf.out/stacks/summit "$@"; }
export LIBVIRT_DEFAULT_URI=qemu:///system
"""
# What cannot be typed here as it stands, and the test that does it.
ELSEWHERE = {
    "lab node1": "a shell for a person",
    "lab target": "a shell for a person",
    "lab node1 COMMAND": "a placeholder",
    "lab nodeN systemctl reboot": "a placeholder",
    "lab node1 pkill -KILL -x apache2": "test_50_site.py, on the node that serves",
    "lab node3 systemctl reboot": "test_60_people.py",
    "lab node1 stonith_admin --reboot node2": "test_70_fencing.py",
    "lab node1 stonith_admin --confirm node2": "confirms what must be true first",
    "lab node2 crm_mon": "runs until it is interrupted",
    "lab target cat /etc/rtslib-fb-target/saveconfig.json": "shows passwords; test_20_storage_network.py looks into it",
}
SAYS_NO_BY_ITS_CODE = "lab node1 systemctl is-enabled apache2"  # 1: disabled


def section(document: str, title: str) -> str:
    """The text below a heading, down to the next one of its rank."""
    text = CHECKOUT.joinpath(document).read_text()
    start: re.Match[str] | None = re.search(rf"^(#+) {re.escape(title)}$", text, re.M)
    assert start, f"{document} has no section {title!r}"
    rest: str = text[start.end() :]
    end: re.Match[str] | None = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.M)
    return rest[: end.start()] if end is not None else rest


def spans(text: str) -> list[str]:
    """The commands for hosts, and for the site, that stand between backticks."""
    found = [html.unescape(span.replace("\\|", "|")) for span in re.findall(r"`([^`\n]+)`", text)]
    return [span for span in found if re.match(r"(lab|curl|for) ", span)]


def block(text: str, containing: str) -> str:
    """The code block with these words in it."""
    codes: list[str] = re.findall(r"```\n(.*?)```", text, re.S)
    return next(code for code in codes if containing in code)


def typed(lab: Lab, command: str, timeout_s: float = 600) -> str:
    done = lab.run("bash", "-c", SHELL + command, timeout_s=timeout_s)
    assert done.returncode == 0, command
    return done.stdout


def test_the_tour(lab: Lab) -> None:
    commands = spans(section("docs/tour.md", "A tour that follows the talk"))
    assert len(commands) > 30
    for command in commands:
        if command == SAYS_NO_BY_ITS_CODE:
            assert lab.run("bash", "-c", SHELL + command).stdout == "disabled\n"
        elif command not in ELSEWHERE:
            typed(lab, command)
        if "cluster stop" not in command:
            lab.heals()


def test_look_first(lab: Lab) -> None:
    lines = block(section("docs/runbook.md", "Look first"), "crm_mon").splitlines()
    for line in lines:
        typed(lab, line)


def test_the_fence_agent_by_hand(lab: Lab) -> None:
    (command,) = (span for span in spans(section("docs/runbook.md", "Fence test")) if "fence_redfish" in span)
    assert "Status: ON" in typed(lab, command)


def test_maintenance_of_one_node(lab: Lab) -> None:
    standby, looked, _, back = block(section("docs/runbook.md", "Maintenance of one node"), "standby").splitlines()
    typed(lab, standby)
    lab.until("node3 without GFS2", lambda: "node3" not in lab.runs_on("summit-gfs0"))
    typed(lab, looked)
    typed(lab, back)
    lab.heals()


def test_power_off_and_on(lab: Lab) -> None:
    text = section("docs/runbook.md", "Power everything off, and on again")
    boots = {node: lab.boot_id(node) for node in lab.nodes}
    off, on = block(text, "shutdown"), block(text, "virsh start")
    nodes, target = off.split("virsh list", 1)
    typed(lab, nodes)
    for node in lab.nodes:
        lab.until(f"{node} off", partial(is_off, f"summit-{node}"))
    typed(lab, target.split("\n", 1)[1])
    lab.until("target off", partial(is_off, "summit-target"))
    typed(lab, on)
    for node in lab.nodes:
        lab.until(f"boot of {node}", partial(has_booted, lab, node, boots[node]), deadline_s=600)
    lab.heals()
    said = lab.ask("node1", "journalctl", "--boot", "--dmesg", "--no-pager")
    assert "Replaying journal" not in said, "GFS2 was left in order"


def has_booted(lab: Lab, node: str, before: str | None) -> bool:
    return lab.boot_id(node) not in (None, before)


def is_off(domain: str) -> bool:
    with hypervisor() as connection:
        return not connection.lookupByName(domain).isActive()


def test_the_crash_of_the_tour_is_that_of_the_test() -> None:
    told = block(section("docs/tour.md", "Crash"), "sysrq")
    assert "echo s > /proc/sysrq-trigger; echo c > /proc/sysrq-trigger" in told

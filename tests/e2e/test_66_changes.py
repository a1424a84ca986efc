"""Settings that change while the site serves: what cannot be done on the fly is done one node after the other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from halab.cli.watch.site import SiteLoad
from tests.e2e.lab import CHECKOUT, STATE, TERRAFORM, Lab
from tests.e2e.planned import diff
from tests.e2e.terraform_lab import unwrapped

_GIB = 1 << 30
MOUNT_POINT = "/var/www/html"


@pytest.fixture(autouse=True)
def nobody_is_fenced(lab: Lab) -> Iterator[None]:
    before = [e.attrib for e in lab.status().iterfind("fence_history/fence_event")]
    yield
    assert [e.attrib for e in lab.status().iterfind("fence_history/fence_event")] == before


@contextmanager
def deployed(lab: Lab, **variables: str) -> Iterator[Lab]:
    """The lab with other settings, deployed while the block runs."""
    changed = with_settings(lab, **variables)
    try:
        changed.deploy()
        yield changed
    finally:
        changed.reconnect()
        lab.deploy()


def with_settings(lab: Lab, **variables: str) -> Lab:
    """The same lab with other settings."""
    return Lab({**lab.environment, **variables})


def boots(lab: Lab) -> dict[str, str | None]:
    return {name: lab.boot_id(name) for name in [*lab.nodes, "target"]}


def halves(words: list[str]) -> tuple[list[str], list[str]]:
    """What two sessions, to the LUN and to SBD's disk, say to two questions."""
    assert len(words) == 4
    return words[:2], words[2:]


@pytest.mark.long  # 40 s; acceptance/test_changes shows the order of it
def test_a_chap_password_changes_under_the_mounted_file_system(lab: Lab) -> None:
    node = lab.nodes[0]
    session = "cat /sys/class/iscsi_session/session*/password; ls -d /sys/class/iscsi_session/session*"
    (password, of_sbd), names = halves(lab.ask(node, "sh", "-euc", session).split())
    assert of_sbd == password
    before = boots(lab)
    stack = f"-chdir=cdktf.out/stacks/{lab.settings.name}"
    with SiteLoad(lab.site) as site:
        done = lab.run(TERRAFORM, stack, "apply", "-auto-approve", f"-replace=halab_secret.{node}_chap", silent=True)
        assert done.returncode == 0, done.stderr
    new, same = halves(lab.ask(node, "sh", "-euc", session).split())
    assert same == names, "the sessions were not made anew"
    assert new[0] != password
    assert new[0] == new[1]
    assert lab.ask(node, "sh", "-euc", "cat /sys/class/iscsi_session/session*/state").split() == ["LOGGED_IN"] * 2
    assert "iscsi_session" not in lab.ask(node, "cat", "/proc/mounts")
    assert lab.all_mounted()
    assert boots(lab) == before
    assert site.failed == 0, site


@pytest.mark.long
def test_the_fencing_delay_is_set_in_place(lab: Lab) -> None:
    assert diff(with_settings(lab, HALAB_FENCING_DELAY_S="7")).actions == {"halab_stonith.fence_node1": ["update"]}
    with deployed(lab, HALAB_FENCING_DELAY_S="7"):
        device = lab.ask("node1", "cibadmin", "--query", "--xpath", "//primitive[@id='fence-node1']")
        assert 'name="pcmk_delay_base" value="7s"' in device


@pytest.mark.long
def test_hacluster_gets_another_password(lab: Lab) -> None:
    stack = f"-chdir=cdktf.out/stacks/{lab.settings.name}"
    before = {node: lab.ask(node, "sh", "-euc", "grep ^hacluster: /etc/shadow") for node in lab.nodes}
    done = lab.run(TERRAFORM, stack, "apply", "-auto-approve", "-replace=halab_secret.hacluster_password", silent=True)
    assert done.returncode == 0, done.stderr
    after = {node: lab.ask(node, "sh", "-euc", "grep ^hacluster: /etc/shadow") for node in lab.nodes}
    assert all(after[node] != before[node] for node in lab.nodes)


@pytest.mark.long
def test_more_memory_is_a_rolling_restart(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    before = boots(lab)
    more = {"HALAB_MEMORY_MIB": str(lab.settings.memory_mib + 128)}
    planned = diff(with_settings(lab, **more)).actions
    assert planned == {f"halab_machine.{name}": ["update"] for name in [*lab.nodes, "target"]}
    with SiteLoad(lab.site) as load, deployed(lab, **more) as bigger:
        after = boots(bigger)
        assert all(after[name] not in (None, before[name]) for name in before)
        assert sorted(restarted()) == sorted(before), "each of them once"
        bigger.until("GFS2 everywhere", bigger.all_mounted)
        for node in lab.nodes:
            shown = bigger.ask(node, "sh", "-euc", "awk '/^MemTotal/ { print $2 }' /proc/meminfo")
            assert int(shown) > (lab.settings.memory_mib - 64) * 1024
        assert diff(bigger).actions == {}
    with capfd.disabled():
        print(f"\n{len(before)} machines restarted one after the other, twice: {load}", flush=True)
    assert diff(lab).actions == {}


def restarted() -> list[str]:
    """The machines that the last deploy shut down, in order."""
    records = [json.loads(line) for line in (STATE / "progress.jsonl").read_text().splitlines()]
    return [record["machine"] for record in records if record["detail"] == "shutting down"]


@pytest.mark.long
def test_the_lun_grows_under_the_site(lab: Lab) -> None:
    before = boots(lab)
    size = sizes(lab)
    lun_gib = lab.settings.iscsi.lun_gib + 1
    bigger = with_settings(lab, HALAB_ISCSI_LUN_GIB=str(lun_gib))
    with SiteLoad(lab.site) as site:
        bigger.deploy()
    assert boots(lab) == before
    # The node that grew it knows at once, the others when they next read the counts (statfs_quantum, 30 s).
    lab.until("the size on all nodes", lambda: all(now > size[n] + 0.8 * _GIB for n, now in sizes(lab).items()), 200)
    assert site.failed == 0, site
    assert diff(bigger).actions == {}
    # A disk does not shrink: the lab that is left is the bigger one, for the tests that follow too.
    lab.environment.update(HALAB_ISCSI_LUN_GIB=str(lun_gib))
    lab.settings = replace(lab.settings, iscsi=replace(lab.settings.iscsi, lun_gib=lun_gib))


def sizes(lab: Lab) -> dict[str, int]:
    """Size of the mounted file system in bytes, as each node sees it."""
    shown = {n: lab.ask(n, "stat", "--file-system", "--format", "%S %b", MOUNT_POINT).split() for n in lab.nodes}
    return {node: int(block) * int(blocks) for node, (block, blocks) in shown.items()}


def test_what_cannot_shrink_is_refused_at_plan(lab: Lab) -> None:
    smaller = with_settings(lab, HALAB_ISCSI_LUN_GIB="2")
    done: subprocess.CompletedProcess[str] = smaller.run("npx", "cdktf", "diff")
    assert done.returncode != 0
    assert "A disk cannot shrink" in unwrapped(done.stdout + done.stderr)
    assert (CHECKOUT / "cdktf.out").exists()

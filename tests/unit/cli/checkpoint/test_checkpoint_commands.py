"""`halab checkpoint` on libvirt's test driver: what is kept, what comes back, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from halab.cli.checkpoint.commands import Commands
from halab.cli.checkpoint.kept import Shelf
from halab.cli.checkpoint.of_a_deploy import DEPLOYED, NotHealthy, save_deployed
from halab.cli.lab.state import StateUnusable
from halab.cli.look.judgement import judge
from halab.cli.look.report import Report
from halab.cli.look.snapshot import Site
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import write_mark
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.hypervisor.mark import Mark
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import ConfigError, HalabError
from tests.unit.cli.look.samples import lab

XML = "<domain type='test'><name>summit-node1</name><memory>8388608</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def domain(tmp_path: Path) -> Iterator[Any]:
    node = tmp_path / "node.xml"
    node.write_text("<node/>")
    connection = Connection(f"test:///{node}")
    domain = connection.libvirt.defineXML(XML)
    write_mark(domain, Mark(lab="summit", hostname="node1"))
    domain.create()
    domain.halab = connection
    yield domain
    connection.close()


@pytest.fixture
def commands(domain: Any, tmp_path: Path) -> Commands:
    folder = LabFolder.of(tmp_path, "summit")
    folder.path.mkdir(parents=True)
    folder.state.write_text('{"serial": 1}')
    folder.settings.write_text('{"node_count": 3}')
    told: list[str] = []
    return Commands(folder, Checkpoints(domain.halab, "summit"), told.append)


def snapshots(domain: Any) -> list[str]:
    return [snapshot.getName() for snapshot in domain.listAllSnapshots()]


def test_state_and_settings_of_then_come_back(commands: Commands) -> None:
    commands.save("a")
    commands.folder.state.write_text('{"serial": 7}')
    commands.folder.settings.write_text('{"node_count": 3, "token_ms": 5000}')
    commands.restore("a")
    assert json.loads(commands.folder.state.read_text()) == {"serial": 1}
    assert json.loads(commands.folder.settings.read_text()) == {"node_count": 3}


def test_what_is_kept_is_for_its_owner_only(commands: Commands) -> None:
    commands.save("a")
    modes = {path.stat().st_mode & 0o077 for path in commands.folder.checkpoints.rglob("*")}
    assert modes == {0}


def test_one_of_the_same_name_takes_its_place(commands: Commands, domain: Any) -> None:
    """Also within the same second."""
    first = commands.save("a")
    assert snapshots(domain) == [first.snapshot]
    second = commands.save("a")
    assert (snapshots(domain), commands.list()) == ([second.snapshot], [second])
    assert second.snapshot.startswith(f"halab-a-{second.saved_at[:-1].replace('-', '').replace(':', '')}")


def test_a_save_that_fails_keeps_the_one_before(
    commands: Commands, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = commands.save("a")

    def fails(snapshot: str) -> None:
        raise HalabError("No space left", "")

    monkeypatch.setattr(commands.machines, "save", fails)
    with pytest.raises(HalabError):
        commands.save("a")
    assert (snapshots(domain), commands.list()) == ([before.snapshot], [before])


def test_what_a_killed_save_left_goes_with_the_next_removal(commands: Commands, domain: Any) -> None:
    commands.save("a")
    domain.snapshotCreateXML("<domainsnapshot><name>halab-b-1</name></domainsnapshot>", 0)
    commands.remove("a")
    assert (snapshots(domain), commands.list()) == ([], [])


def test_a_name_that_is_not_there_lists_those_that_are(commands: Commands) -> None:
    commands.save("a")
    with pytest.raises(ConfigError) as error:
        commands.restore("b")
    assert "There are: a." in error.value.detail


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "A", "a" * 40, "a\n"])
def test_a_name_is_no_path(commands: Commands, name: str) -> None:
    with pytest.raises(ConfigError):
        commands.save(name)


def test_a_record_that_cannot_be_read_is_told(commands: Commands) -> None:
    commands.save("a")
    (commands.folder.checkpoints / "a/checkpoint.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        Shelf(commands.folder).all()


@pytest.mark.parametrize("name", ["save", "restore", "remove"])
def test_nothing_is_done_while_a_deploy_is_under_way(commands: Commands, domain: Any, name: str) -> None:
    before = commands.save("a")
    domain.suspend()
    holds = (
        "import fcntl,sys; f=open(sys.argv[1],'r+b'); fcntl.lockf(f,fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(commands.folder.state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as deploy:
        assert deploy.stdout is not None
        deploy.stdout.readline()
        with pytest.raises(StateUnusable):
            getattr(commands, name)("a")
        deploy.communicate()
    assert (snapshots(domain), commands.list()) == ([before.snapshot], [before])
    assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED, "nor was it brought back"


def test_the_lock_is_held_until_all_is_kept(commands: Commands, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing another handle of the state would let Terraform in."""

    tries = "import fcntl,sys; f=open(sys.argv[1],'r+b'); fcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB)"
    free: list[bool] = []
    put = Shelf.put

    def putting(shelf: Shelf, *arguments: Any) -> None:
        put(shelf, *arguments)
        done = subprocess.run(
            [sys.executable, "-c", tries, str(commands.folder.state)], capture_output=True, check=False
        )
        free.append(done.returncode == 0)

    monkeypatch.setattr(Shelf, "put", putting)
    commands.save("a")
    assert free == [False]


def _report(*faults: str) -> Report:
    site = Site("http://192.168.77.50/", "" if faults else "node2", "; ".join(faults))
    return judge(lab(site=site))


def test_a_deploy_saves_a_lab_once_it_is_healthy(commands: Commands) -> None:
    looks = iter([_report("gave nothing"), _report("gave nothing"), _report()])
    save_deployed(commands, lambda: next(looks), 30, pause_s=0)
    assert [kept.name for kept in commands.list()] == [DEPLOYED]
    assert next(looks, None) is None, "it waited"


def test_a_deploy_does_not_save_a_lab_that_is_ill(commands: Commands, domain: Any) -> None:
    before = commands.save(DEPLOYED)
    with pytest.raises(NotHealthy, match="gave nothing") as error:
        save_deployed(commands, lambda: _report("gave nothing"), 0, pause_s=0)
    assert "The lab is deployed" in str(error.value)
    assert (commands.list(), snapshots(domain)) == ([before], [before.snapshot])

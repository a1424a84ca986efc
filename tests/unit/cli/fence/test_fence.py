"""`halab fence` at libvirt's test driver: what counts as fenced, whom a trial fires at, what is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from halab.cli.fence import session
from halab.cli.fence.devices import Device, able, chosen, devices
from halab.cli.fence.evidence import OFF, REBOOT, Evidence
from halab.cli.fence.firing import Firing, idlest
from halab.cli.fence.trial import Trial
from halab.cli.main import app
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import write_mark
from halab.provider.hypervisor.mark import Mark
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConfigError, ConnectError, HalabError, TimedOut
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.pacemaker.status import ClusterStatus, NodeStatus, ResourceStatus, parse_status

URI, UUID = "test:///default", "6695eb01-f6a4-8304-79aa-97f2502e193f"
OK = "<pacemaker-result><status code='0' message='OK'/></pacemaker-result>"
FAILED = (
    "<pacemaker-result><status code='1' message='Error'><errors><error>No data available</error></errors></status>"
    "</pacemaker-result>"
)
REDFISH, SBD = Device("fence-node2", "fence_redfish", "node1"), Device("fence-sbd", "fence_sbd", "node3")


def node(name: str, dc: str = "node1") -> NodeStatus:
    return NodeStatus(name, name[4:], True, False, False, False, False, name == dc)


def resource(id: str, agent: str, where: str) -> ResourceStatus:
    return ResourceStatus(id, agent, "Started", True, False, False, True, False, None, None, (where,), ())


STATUS = replace(
    parse_status(Path("tests/data/pacemaker/crm_mon-3.0-one-node.xml").read_text()),
    dc="node1",
    nodes=(node("node1"), node("node2"), node("node3")),
    resources=(
        *(resource(one.name, f"stonith:{one.agent}", one.runs_on) for one in (REDFISH, SBD)),
        resource("site", "ocf:heartbeat:apache", "node3"),
    ),
)


@dataclass
class Cluster:
    """Guests whose Pacemaker does what the test says, and then answers `said`."""

    domain: Any
    fences: Callable[[], object] = lambda: None
    said: str = OK
    asked: list[str] = field(default_factory=list)
    boots: list[str] = field(default_factory=lambda: ["boot-1"])
    silent: bool = False
    journals: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = [SimpleNamespace(name=f"node{n}", uuid=UUID) for n in (1, 2, 3)]
        self.place = SimpleNamespace(uri=URI, lab="summit")

    def machine(self, name: str) -> Any:
        return next(one for one in self.nodes if one.name == name)

    def status(self, among: object = ()) -> ClusterStatus:
        return STATUS

    def forget(self) -> None:
        pass

    def host(self, name: str) -> Host:
        cluster = self

        class Transport:
            def __init__(self) -> None:
                self.name = name

            def run(self, command: Command, timeout_s: float) -> Result:
                return cluster.answer(name, command)

            def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
                raise AssertionError(path)

        return Host(Transport(), pace=Pace())

    def answer(self, name: str, command: Command) -> Result:
        words = command.argv
        self.asked.append(f"{name}: {' '.join(words[:3])}")
        if words[0] == "cat":
            if self.silent:
                raise ConnectError("mute")
            return Result(command, 0, f"{self.boots[0]}\n", "")
        if words[0] == "cibadmin":
            return Result(command, 105, "", "No such device or address")
        if words[0] == "journalctl":
            return Result(command, 0, self.journals.get(name, ""), "")
        self.fences()
        return Result(command, 0 if self.said == OK else 1, self.said, "")


@pytest.fixture
def domain() -> Iterator[Any]:
    connection = Connection(URI)
    found = connection.libvirt.lookupByUUIDString(UUID)
    write_mark(found, Mark(lab="summit", hostname="node2"))
    if not found.isActive():
        found.create()
    yield found
    connection.close()


def firing(cluster: Cluster) -> Firing:
    return Firing(cluster, 0.01)  # type: ignore[arg-type]


def restart(domain: Any) -> None:
    domain.destroy()
    domain.create()


def test_a_restart_that_libvirt_saw(domain: Any) -> None:
    cluster = Cluster(domain, lambda: restart(domain))
    fired = firing(cluster).fire("node2", REBOOT, None)
    assert (fired.fault, fired.proof, fired.asked) == ("", "stopped, started", "node1")
    assert "node1: stonith_admin --reboot node2" in cluster.asked


def test_the_devices_that_did_it(domain: Any) -> None:
    """Asked of those only that were there when it began; a device that was named needs no journal."""
    line = "Operation 'reboot' [7] targeting node2 using fence-sbd returned 0"
    entry = json.dumps({"MESSAGE": line, "SYSLOG_IDENTIFIER": "pacemaker-fenced"})
    cluster = Cluster(domain, lambda: restart(domain), journals={"node3": entry, "node2": entry.replace("sbd", "x")})
    assert firing(cluster).fire("node2", REBOOT, None).by == ("fence-sbd",)
    assert firing(cluster).fire("node2", REBOOT, REDFISH).by == ("fence-node2",)
    assert firing(Cluster(domain)).fire("node2", REBOOT, None).by == ()


def test_a_success_of_which_libvirt_saw_nothing_is_none(domain: Any) -> None:
    for action in (REBOOT, OFF):
        fired = firing(Cluster(domain)).fire("node2", action, SBD)
        assert not fired.proof
        assert "libvirt has seen nothing of it" in fired.fault


def test_a_machine_that_was_only_stopped_has_not_restarted(domain: Any) -> None:
    fired = firing(Cluster(domain, lambda: domain.destroy(), silent=True)).fire("node2", REBOOT, None)
    assert "stopped" in fired.fault


def test_a_machine_that_was_started_again_was_not_left_off(domain: Any) -> None:
    fired = firing(Cluster(domain, lambda: restart(domain))).fire("node2", OFF, None)
    assert not fired.proof
    assert fired.fault.rpartition(": ")[2] in ("stopped, started", "stopped, it runs"), "its last event may come late"


@pytest.mark.parametrize("stays", [True, False])
def test_what_runs_for_libvirt_was_not_left_off(domain: Any, monkeypatch: pytest.MonkeyPatch, stays: bool) -> None:
    """Though its events have not come yet."""
    monkeypatch.setattr(Evidence, "tell", lambda *_: None)
    monkeypatch.setattr(Evidence, "proof", lambda *_: "stopped")
    cluster = Cluster(domain, domain.destroy if stays else lambda: restart(domain))
    fired = firing(cluster).fire("node2", OFF, None)
    assert (fired.proof, fired.fault.rpartition(": ")[2]) == (("stopped", "") if stays else ("", "it runs"))


def test_another_boot_is_a_proof_too(domain: Any) -> None:
    cluster = Cluster(domain)
    cluster.fences = lambda: cluster.boots.insert(0, "boot-2")
    assert firing(cluster).fire("node2", REBOOT, None).proof == "another boot"


def test_pacemaker_s_refusal_is_told_in_its_words(domain: Any) -> None:
    fired = firing(Cluster(domain, said=FAILED)).fire("node2", REBOOT, None)
    assert fired.fault == "No data available"


def test_what_does_not_answer_is_no_proof(domain: Any) -> None:
    assert firing(Cluster(domain, silent=True)).fire("node2", REBOOT, None).fault


def test_a_node_is_back_as_a_member_and_where_that_is_asked_in_another_boot(
    domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halab.cli.fence.firing.BACK_S", 0)
    cluster = Cluster(domain)
    assert firing(cluster).back_s("node2", "boot-0") >= 0
    assert firing(cluster).back_s("node2", "") >= 0
    with pytest.raises(TimedOut, match="no member again"):
        firing(cluster).back_s("node2", "boot-1")
    cluster.silent = True
    with pytest.raises(TimedOut, match="no member again"):
        firing(cluster).back_s("node2", "")


def test_methods_are_called_as_the_setting_does() -> None:
    names = [Device("x", f"fence_{agent}", "").method for agent in ("redfish", "ipmilan", "virt", "xvm", "scsi")]
    assert names == ["redfish", "ipmi", "xvm", "xvm", "scsi"]
    assert devices(STATUS) == [REDFISH, SBD]


def test_a_device_by_its_method_or_its_name() -> None:
    among = [REDFISH, SBD, replace(REDFISH, name="other")]
    assert chosen(among, "sbd", "node2") == SBD
    assert chosen(among, "fence-node2", "node2") == REDFISH
    with pytest.raises(ConfigError, match="fence-node2, other"):
        chosen(among, "redfish", "node2")
    with pytest.raises(ConfigError, match=r"sbd \(fence-sbd\)"):
        chosen(among, "wti", "node2")


def test_a_trial_is_fired_at_who_serves_nothing_and_leads_nothing() -> None:
    assert idlest(STATUS, ["node1", "node2", "node3"]) == "node2"
    assert idlest(replace(STATUS, nodes=STATUS.nodes[:2]), ["node1", "node2"]) == "node2"
    off = replace(node("node2"), online=False)
    assert idlest(replace(STATUS, nodes=(node("node1"), off, node("node3"))), ["node1", "node2", "node3"]) == "node1"
    with pytest.raises(HalabError, match="two nodes"):
        idlest(replace(STATUS, nodes=(node("node1"), off)), ["node1", "node2"])
    with pytest.raises(HalabError, match="two nodes"):
        idlest(replace(STATUS, nodes=(node("node1"),)), ["node1"])


@pytest.mark.parametrize(("name", "words"), [("node9", "no node"), ("target", "no node")])
def test_who_is_no_node_is_refused(domain: Any, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        firing(Cluster(domain)).check(name)


def test_a_mute_node_costs_its_own_devices_only(domain: Any) -> None:
    cluster = Cluster(domain)

    def answer(name: str, command: Command) -> Result:
        if name == "node3":
            raise ConnectError("node3 does not answer")
        return Result(command, 0, "<x><metadata>&lt;x/&gt;</metadata></x>", "")

    cluster.answer = answer  # type: ignore[method-assign]
    rows = Trial(firing(cluster), lambda _: None).look()
    assert {row.device.method: row.fault for row in rows} == {"redfish": "", "sbd": "node3 does not answer"}


@pytest.mark.parametrize("words", [["fence"], ["fence", "--test", "--off"], ["fence", "--test", "--method", "sbd"]])
def test_wrong_usage(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


def test_nothing_deployed_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    where = SimpleNamespace(state=tmp_path / "terraform.tfstate")
    monkeypatch.setattr(session, "place", lambda: where)
    assert session.by_hand("node1", "", False, False) == 1
    assert "No lab is deployed" in capsys.readouterr().err


def test_json_and_exit_codes(monkeypatch: pytest.MonkeyPatch, domain: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for fences, code in ((lambda: restart(domain), 0), (lambda: None, 1)):
        cluster = Cluster(domain, fences)
        assert session._by_hand(firing(cluster), "node2", "", False, True) == code
        assert json.loads(capsys.readouterr().out)["proof"] == ("stopped, started" if code == 0 else "")


@pytest.mark.parametrize(("others", "method"), [([REDFISH], "scsi"), ([], "scsi"), ([], ""), ([REDFISH], "")])
def test_storage_alone_leaves_no_node_off(others: list[Device], method: str) -> None:
    scsi = Device("fence-scsi", "fence_scsi", "node1")
    firing: Any = SimpleNamespace(check=lambda _: None, able=lambda _: [*others, scsi], first=lambda _: [scsi])
    with pytest.raises(ConfigError, match="--off: scsi cuts off a node's storage, not its power"):
        session._by_hand(firing, "node2", method, True, False)


def test_a_watchdog_leaves_no_node_off_and_is_known_to_its_node_only() -> None:
    watchdog = Device("watchdog", "fence_watchdog", "node1")
    assert able([REDFISH, watchdog, SBD], ["fence-node2"]) == [REDFISH, watchdog]
    firing: Any = SimpleNamespace(check=lambda _: None, able=lambda _: [REDFISH, watchdog], first=lambda _: [REDFISH])
    with pytest.raises(ConfigError, match="--off: watchdog resets a node, and cannot leave it off"):
        session._by_hand(firing, "node2", "watchdog", True, False)


@pytest.mark.parametrize(("levels", "first"), [("", [REDFISH, SBD]), ("2=fence-node2 1=fence-sbd", [SBD])])
def test_who_is_tried_first(domain: Any, levels: str, first: list[Device]) -> None:
    cluster = Cluster(domain)
    pairs = [one.split("=") for one in levels.split()]
    found = "".join(f'<fencing-level target="node2" index="{at}" devices="{name}"/>' for at, name in pairs)
    said = f"<x><list><item>fence-node2</item><item>fence-sbd</item></list>{found}</x>"
    cluster.answer = lambda name, command: Result(command, 0, said, "")  # type: ignore[method-assign]
    assert firing(cluster).first("node2") == first

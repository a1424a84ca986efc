"""Each door and its agent: status, off, on, reboot, list; wrong secrets; machines of others; what is no success."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.agents import Agents, Done
from tests.agents.conftest import ADDRESS, Doors
from tests.unit.provider.fencing.doors.conftest import FOREIGN, GONE, OURS, PASSWORD, USER, Domains

pytestmark = pytest.mark.long

ON, OFF, FAILED = 0, 2, 1
METHODS = ("redfish", "wti", "wti-ssh", "virsh", "ipmi", "xvm", "xvm multicast")


class Method:
    """One way to fence: its agent and the options of its device."""

    def __init__(self, name: str, agents: Agents, doors: Doors) -> None:
        self._name, self._agents, self._doors = name, agents, doors

    def __call__(self, action: str, machine: str | None = OURS, **changed: Any) -> Done:
        agent, options = getattr(self, "_" + self._name.replace(" ", "_").replace("-", "_"))(machine)
        return self._agents(agent, action, **{**options, **changed})

    def wrong_secret(self, tmp_path: Path) -> dict[str, Any]:
        """The options that make its secret a wrong one."""
        key = tmp_path / "wrong"
        if self._name == "virsh":
            from halab.provider.fencing.doors import secrets

            key.write_text(secrets._private_key())
            key.chmod(0o600)
            return {"identity_file": key}
        key.write_text("0" * 128)
        return {"key_file": key, "timeout": 4} if "xvm" in self._name else {"passwd": "not-the-password-1"}

    def _plug(self, machine: str | None) -> dict[str, Any]:
        return {} if machine is None else {"port": {OURS: 1, GONE: 2, FOREIGN: 3}[machine]}

    def _by_uuid(self, machine: str | None) -> dict[str, Any]:
        return {} if machine is None else {"port": machine}

    def _redfish(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        port, ca = self._doors.config.port, self._doors.files.authority
        options = {"ipaddr": ADDRESS, "ipport": port, "login": USER, "passwd": PASSWORD, "ca": ca}
        return "fence_redfish", {**options, "systems_uri": f"/redfish/v1/Systems/{machine or OURS}"}

    def _wti(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        telnet, password = self._agents.path("inetutils-telnet"), self._doors.secret("wti").read_text()
        options = {"ipaddr": ADDRESS, "ipport": self._doors.ports["wti"], "passwd": password, "telnet_path": telnet}
        return "fence_wti", {**options, **self._plug(machine)}

    def _wti_ssh(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        password = self._doors.secret("wti").read_text()
        options = {"ipaddr": ADDRESS, "ipport": self._doors.ports["wti-ssh"], "passwd": password, "secure": 1}
        return "fence_wti", {**options, "login": "super", **self._known(), **self._plug(machine)}

    def _virsh(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        options = {"ipaddr": ADDRESS, "ipport": self._doors.ports["virsh"], "login": "fence"}
        key = {"identity_file": self._doors.secret("virsh")}
        return "fence_virsh", {**options, **key, **self._known(), **self._by_uuid(machine)}

    def _known(self) -> dict[str, Any]:
        """ssh keeps host keys below the user's home, whatever HOME says: another run would find others there."""
        return {"ssh_options": f"-o UserKnownHostsFile={self._doors.files.directory / 'known_hosts'}"}

    def _ipmi(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        port = self._doors.ports["ipmi"] + self._plug(machine or OURS)["port"]
        options = {
            "ipaddr": ADDRESS,
            "ipport": port,
            "login": "fence",
            "passwd": self._doors.secret("ipmi").read_text(),
        }
        return "fence_ipmilan", {**options, "lanplus": 1, "ipmitool_path": self._agents.path("ipmitool")}

    def _xvm(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        options = {"ipaddr": ADDRESS, "ipport": self._doors.ports["xvm"], "key_file": self._doors.secret("xvm")}
        return "fence_virt", {**options, **self._by_uuid(machine)}

    def _xvm_multicast(self, machine: str | None) -> tuple[str, dict[str, Any]]:
        options = {"ipport": self._doors.multicast_port, "key_file": self._doors.secret("xvm"), "timeout": 10}
        return "fence_xvm", {**options, **self._by_uuid(machine)}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest, agents: Agents, doors: Doors) -> Method:
    return Method(request.param, agents, doors)


def _is(done: Done, code: int) -> None:
    assert done.code == code, done.said


def test_status_off_on_reboot(method: Method, domains: Domains) -> None:
    ids = set()

    def changed() -> bool:
        seen = domains(OURS).ID()
        ids.add(seen)
        return True

    assert changed()
    _is(method("status"), ON)
    _is(method("off"), 0)
    assert not domains(OURS).isActive()
    _is(method("status"), OFF)
    _is(method("off"), 0)
    _is(method("on"), 0)
    assert domains(OURS).isActive()
    assert changed()
    _is(method("reboot"), 0)
    assert domains(OURS).isActive()
    assert changed()
    assert len(ids) == 3, "each start is a new run of the machine"
    assert domains(FOREIGN).isActive()


def test_monitor_and_list(method: Method, request: pytest.FixtureRequest) -> None:
    _is(method("monitor", None), 0)
    if method._name in ("redfish", "ipmi"):
        return  # one device, one machine: these agents have no list
    done = method("list", None)
    _is(done, 0)
    assert ("node1" if method._name != "wti" else "1,node1") in done.said


def test_a_wrong_secret_opens_nothing(method: Method, domains: Domains, tmp_path: Path) -> None:
    for action in ("off", "status"):
        done = method(action, **method.wrong_secret(tmp_path))
        assert done.code not in (ON, OFF), done.said
    assert domains(OURS).isActive()


def test_a_machine_that_was_removed_counts_as_off(method: Method) -> None:
    for action in ("off", "reboot"):
        _is(method(action, GONE, power_timeout=3), 0)
    _is(method("status", GONE), OFF)


def test_a_machine_of_others_is_out_of_reach(method: Method, domains: Domains) -> None:
    for action in ("status", "off"):
        done = method(action, FOREIGN)
        assert done.code not in (ON, OFF), done.said
    assert domains(FOREIGN).isActive()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, domains: Domains) -> Callable[[], None]:
    """Has libvirt refuse all connections from now on."""
    import libvirt

    def refuse(_: str) -> Any:
        raise libvirt.libvirtError("Failed to connect socket")

    return lambda: monkeypatch.setattr(libvirt, "open", refuse)


def test_a_libvirt_that_does_not_answer_is_no_success(method: Method, broken: Callable[[], None]) -> None:
    broken()
    for action in ("off", "reboot", "status"):
        done = method(action, power_timeout=3, shell_timeout=5)
        assert done.code not in (ON, OFF), done.said


def test_a_libvirt_that_lies_is_no_success(method: Method, domains: Domains, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that the machine was destroyed, and the machine runs on."""
    import libvirt

    monkeypatch.setattr(libvirt.virDomain, "destroy", lambda self: 0)
    for action in ("off", "reboot"):
        done = method(action, power_timeout=3)
        assert done.code != 0, done.said
    assert domains(OURS).isActive()

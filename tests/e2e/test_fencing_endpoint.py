"""The fencing endpoint with the real daemon and real domains: in the sandbox, at its private qemu:///system.

The domains are emulated and have no operating system: power control does not need one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import requests

from halab.provider.fencing import power_process
from halab.provider.fencing.doors.check import look
from halab.provider.fencing.doors.names import DEFAULT_PORTS
from halab.provider.fencing.doors.probe import Answer
from halab.provider.fencing.power_supervisor import SERVER_MODULE, SUPERVISOR_MODULE
from halab.provisioners.engine.errors import Conflict
from tests.e2e.endpoint_client import ADDRESS, DOMAIN, NETWORK, PASSWORD, Endpoint, eventually, running_id

OTHER_PASSWORD = "battery-staple-2"


@pytest.fixture(scope="module", autouse=True)
def network() -> Iterator[None]:
    """The lab's bridge with the endpoint's address."""
    opened = libvirt.open("qemu:///system")
    assert not opened.listAllDomains(), "this test runs in the sandbox, where no other domain is"
    opened.networkCreateXML(NETWORK)
    opened.close()
    yield
    opened = libvirt.open("qemu:///system")
    opened.networkLookupByName("fencing-e2e").destroy()
    opened.close()


@pytest.fixture
def connection() -> Iterator[Any]:
    opened = libvirt.open("qemu:///system")
    yield opened
    opened.close()


@pytest.fixture
def domains(connection: Any) -> Iterator[list[Any]]:
    """Two domains of this lab and one that is not; the first runs."""
    made = [connection.defineXML(DOMAIN.format(name=f"fencing-e2e-{n}")) for n in (1, 2, 3)]
    made[0].create()
    yield made
    for domain in made:
        if domain.isActive():
            domain.destroy()
        domain.undefine()


@pytest.fixture
def endpoint(domains: list[Any], tmp_path: Path) -> Iterator[Endpoint]:
    made = Endpoint(tmp_path / "with blank", [domain.UUIDString() for domain in domains[:2]])
    yield made
    made.resource.delete(made.ctx, made.state)
    assert power_process.processes(made.files.config) == []


def test_power_actions_reach_exactly_that_domain(endpoint: Endpoint, domains: list[Any]) -> None:
    first, second, _ = domains
    assert endpoint.power(first).json()["PowerState"] == "On"
    assert endpoint.power(second).json()["PowerState"] == "Off"
    for reset_type, active in (("ForceOff", False), ("ForceOff", False), ("On", True), ("On", True)):
        assert endpoint.power(first, reset_type).status_code == 204
        assert bool(first.isActive()) is active
        assert endpoint.power(first).json()["PowerState"] == ("On" if active else "Off")
    before = running_id(first)
    assert endpoint.power(first, "ForceRestart").status_code == 204
    assert running_id(first) != before, "a restart is a new QEMU process"
    assert endpoint.power(first, "GracefulShutdown").status_code == 204  # nobody in there answers ACPI
    assert first.isActive()
    assert not second.isActive()
    assert endpoint.power(first, "Explode").status_code == 400


def test_reading_does_not_change_the_domain(endpoint: Endpoint, domains: list[Any]) -> None:
    before = domains[0].XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert endpoint.power(domains[0]).status_code == 200
    assert domains[0].XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == before


def test_what_is_refused(endpoint: Endpoint, domains: list[Any]) -> None:
    first, _, foreign = domains
    systems = endpoint.ask("/redfish/v1/Systems").json()["Members"]
    assert sorted(entry["@odata.id"] for entry in systems) == sorted(endpoint.state["systems"].values())
    assert endpoint.power(foreign).status_code == 404
    assert endpoint.power(foreign, "On").status_code == 404
    assert not foreign.isActive()
    assert endpoint.ask(f"/redfish/v1/Systems/{first.name()}").status_code == 404, "names are no way in"
    for path in ("Managers", f"Managers/{foreign.UUIDString()}", "Chassis", f"Systems/{first.UUIDString()}/BIOS"):
        assert endpoint.ask(f"/redfish/v1/{path}").status_code == 404
    assert endpoint.power(first, password="wrong-password").status_code == 401
    assert endpoint.power(first, "ForceOff", password="wrong-password").status_code == 401
    assert first.isActive()
    with pytest.raises(requests.ConnectionError):
        requests.get(endpoint.state["url"].replace("https", "http"), timeout=10)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(endpoint.state["url"], timeout=10)  # the system's authorities do not vouch for it


def test_the_certificate_passes_strict_checks(endpoint: Endpoint) -> None:
    context = ssl.create_default_context(cadata=endpoint.state["ca_certificate"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    with (
        socket.create_connection((ADDRESS, 8000), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=ADDRESS) as secured,
    ):
        assert secured.version() == "TLSv1.3"


def test_it_listens_on_its_address_only(endpoint: Endpoint) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8000), timeout=5)
    assert endpoint.read()["running"] is True


def test_a_silent_peer_holds_nobody_up(endpoint: Endpoint, domains: list[Any]) -> None:
    silent = [socket.create_connection((ADDRESS, 8000), timeout=5) for _ in range(5)]
    began = time.monotonic()
    assert endpoint.power(domains[0]).status_code == 200
    assert time.monotonic() - began < 3
    for peer in silent:
        peer.close()


@pytest.mark.parametrize("module", [SERVER_MODULE, SUPERVISOR_MODULE])
def test_it_comes_back_after_a_kill(endpoint: Endpoint, domains: list[Any], module: str) -> None:
    victim = eventually("process", lambda: endpoint.pid(module))
    os.kill(victim, signal.SIGKILL)
    if module == SUPERVISOR_MODULE:
        # The daemon goes on serving; that nobody looks after it any more is drift, and an apply repairs it.
        eventually("drift", lambda: endpoint.read()["running"] is False)
        assert endpoint.power(domains[0]).status_code == 200
        endpoint.update(running=True)
    else:
        eventually("new daemon", lambda: endpoint.pid() not in (None, victim))
    eventually("answer", lambda: endpoint.read()["running"])
    assert endpoint.pid(module) not in (None, victim)


def test_what_died_is_drift_and_comes_back(endpoint: Endpoint) -> None:
    authority = endpoint.state["ca_certificate"]
    power_process.end(endpoint.files.config)
    assert endpoint.read() == {**endpoint.state, "running": False}
    endpoint.update(running=True)
    assert endpoint.read() == endpoint.state
    assert endpoint.state["ca_certificate"] == authority
    endpoint.update(running=False)
    assert endpoint.pid() is None
    assert endpoint.read()["running"] is False


def test_machines_and_password_change_without_a_restart(endpoint: Endpoint, domains: list[Any]) -> None:
    first, second, third = domains
    daemon = endpoint.pid()
    endpoint.update(machines=[second.UUIDString(), third.UUIDString()], password=OTHER_PASSWORD)
    assert endpoint.pid() == daemon
    assert endpoint.power(first, password=OTHER_PASSWORD).status_code == 404
    assert endpoint.power(third, password=OTHER_PASSWORD).status_code == 200
    assert endpoint.power(third, password=PASSWORD).status_code == 401
    assert endpoint.read() == endpoint.state
    stale = endpoint.resource.read(endpoint.ctx, {**endpoint.state, "password": PASSWORD})
    assert stale is not None
    assert stale["running"] is False, "a password that is refused is drift"


def test_libvirtd_may_be_restarted(endpoint: Endpoint, domains: list[Any]) -> None:
    assert endpoint.power(domains[1]).status_code == 200
    libvirtd = int(Path("/run/libvirtd.pid").read_text())
    os.kill(libvirtd, signal.SIGTERM)
    eventually("end of libvirtd", lambda: not Path(f"/proc/{libvirtd}").exists())
    assert endpoint.power(domains[1]).status_code == 500
    subprocess.run(["libvirtd", "--daemon"], check=True)
    eventually("answer", lambda: endpoint.power(domains[1]).status_code == 200)
    again = libvirt.open("qemu:///system")
    domains[:] = [again.lookupByUUIDString(domain.UUIDString()) for domain in domains]


def test_secrets_stay_in_files_of_the_owner(endpoint: Endpoint) -> None:
    assert stat.S_IMODE(endpoint.files.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(endpoint.files.directory.parent.stat().st_mode) == 0o700
    for path in endpoint.files.directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert PASSWORD not in path.read_text()
    for process in power_process.processes(endpoint.files.config):
        for kind in ("cmdline", "environ"):
            assert PASSWORD.encode() not in Path(f"/proc/{process.pid}/{kind}").read_bytes()
    assert "PRIVATE" not in str(endpoint.state)


def test_a_port_that_is_taken_is_refused(domains: list[Any], tmp_path: Path) -> None:
    with socket.create_server((ADDRESS, 8000)), pytest.raises(Conflict, match=rf"pid {os.getpid()}\)"):
        Endpoint(tmp_path, [])
    # What the refused create left behind is ended and replaced by the next one.
    endpoint = Endpoint(tmp_path, [])
    endpoint.resource.delete(endpoint.ctx, endpoint.state)
    endpoint.resource.delete(endpoint.ctx, endpoint.state)
    assert not endpoint.files.directory.parent.exists()


def test_doors_come_and_go_and_running_looks_through_each(endpoint: Endpoint, domains: list[Any]) -> None:
    assert endpoint.state["secrets"] == {}
    before = endpoint.pid()
    endpoint.update(doors=DEFAULT_PORTS)
    assert endpoint.pid() != before
    assert endpoint.read() == endpoint.state
    assert sorted(endpoint.state["secrets"]) == ["ipmi", "virsh", "wti", "xvm"]
    assert endpoint.state["plugs"] == {domain.UUIDString(): n for n, domain in enumerate(domains[:2], 1)}
    assert endpoint.state["ssh_host_key"].startswith("ssh-ed25519 ")
    for door, name in (("wti", "wti"), ("wti-ssh", "wti"), ("virsh", "virsh"), ("ipmi", "ipmi"), ("xvm", "xvm")):
        path = endpoint.files.secret(name)
        right = path.read_text()
        path.write_text(endpoint.files.secret("ssh-host").read_text() if name == "virsh" else "a-wrong-secret-00000")
        seen = look(door, endpoint.config(), endpoint.files, 15)
        assert seen.answer is Answer.REFUSED, seen
        path.write_text(right)
        assert look(door, endpoint.config(), endpoint.files, 15).answer is Answer.READY
    endpoint.update(doors={"virsh": 2222})
    assert sorted(endpoint.state["secrets"]) == ["virsh"]
    assert endpoint.read() == endpoint.state
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESS, DEFAULT_PORTS["wti"]), timeout=5)


def test_a_udp_port_that_is_taken_is_refused(endpoint: Endpoint) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind((ADDRESS, 6233))
        with pytest.raises(Conflict, match="UDP port 6233") as refusal:
            endpoint.update(doors={"ipmi": 6230})
    assert refusal.value.attribute == "doors"
    endpoint.update(doors={"ipmi": 6230})
    assert endpoint.read()["running"]


def test_import_finds_it_by_name(endpoint: Endpoint) -> None:
    found = endpoint.resource.read(endpoint.ctx, endpoint.resource.import_(endpoint.ctx, "e2e"))
    assert found == {**endpoint.state, "password": None}


@pytest.mark.skipif(
    not shutil.which("fence_redfish"), reason="fence_redfish (package fence-agents) is not on this host"
)
def test_fence_redfish_itself(endpoint: Endpoint, domains: list[Any], tmp_path: Path) -> None:
    script = tmp_path / "password"
    script.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    script.chmod(0o700)

    def fence(action: str, domain: Any) -> int:
        began = time.monotonic()
        uri = f"/redfish/v1/Systems/{domain.UUIDString()}"
        command = [
            "fence_redfish",
            "--ip",
            ADDRESS,
            "--ipport",
            "8000",
            "--username",
            "fence",
            "--password-script",
            str(script),
        ]
        done = subprocess.run(
            [*command, "--systems-uri", uri, "--action", action],
            env=os.environ | {"REQUESTS_CA_BUNDLE": str(endpoint.files.authority)},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        print(f"fence_redfish {action}: exit code {done.returncode} after {time.monotonic() - began:.1f} s")
        return done.returncode

    first, _, foreign = domains
    assert fence("status", first) == 0
    assert fence("off", first) == 0
    assert not first.isActive()
    assert fence("status", first) == 2, "2 means off"
    assert fence("on", first) == 0
    before = running_id(first)
    assert fence("reboot", first) == 0
    assert first.isActive()
    assert running_id(first) != before
    assert fence("status", foreign) == 1
    assert fence("on", foreign) != 0
    assert not foreign.isActive()

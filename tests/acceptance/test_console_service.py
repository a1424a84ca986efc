"""The console as a service, as its users start it: real processes, a real port, and what is left when it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from halab.cli.lab.this_lab import CHECKOUT
from halab.provider.fencing import power_process
from halab.provider.fencing.power_process import EndpointProcess
from halab.provider.run.console_service import CONSOLE, ConsoleConfig, ConsoleService
from halab.provider.run.folder import LabFolder

from .test_process import PROGRAM, start, write

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

__all__ = ["start"]
MACHINE = {"id": "11111111-2222-4333-8444-555555555555", "hostname": "node1", "hypervisor_used": "kvm"}
_LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/#(\S+)")


class Lab:
    """A lab of this checkout that has a state, and no machine."""

    def __init__(self, name: str) -> None:
        self.folder = LabFolder.of(CHECKOUT, name)
        self.service = ConsoleService(self.folder)
        self.folder.path.mkdir(mode=0o700, parents=True)
        machine = {"type": "halab_machine", "mode": "managed", "instances": [{"attributes": MACHINE}]}
        self.folder.state.write_text(json.dumps({"version": 4, "outputs": {}, "resources": [machine]}))

    def console(self, *options: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "halab.cli.main", "console", *options],
            env={**os.environ, "HALAB_NAME": self.folder.lab, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def link(self, *options: str) -> tuple[int, str]:
        """Port and token."""
        found = _LINK.search(said := self.console("--service", *options))
        assert found, said
        return int(found[1]), found[2]

    def processes(self) -> list[EndpointProcess]:
        return power_process.processes(self.service.config, CONSOLE)

    def pid(self, modules: tuple[str, ...]) -> int:
        return next(one.pid for one in self.processes() if one.module in modules)


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab(f"console{os.getpid()}")
    yield made
    made.service.end()
    shutil.rmtree(made.folder.path)


def _until(true: Callable[[], object], deadline_s: float = 180.0) -> None:
    end = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def _again(lab: Lab, port: int) -> None:
    """Until the daemon that was killed is there again."""
    try:
        _until(lambda: lab.service.listens(port))
    except AssertionError:
        pytest.fail(f"{lab.processes()}\n{lab.service.log.read_text()}")


def _log_in(port: int, token: str) -> requests.Response:
    url = f"http://127.0.0.1:{port}"
    return requests.post(f"{url}/api/login", json={"token": token}, headers={"origin": url}, timeout=20)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_goes_on_without_a_terminal_and_a_second_start_finds_it(lab: Lab) -> None:
    port, first = lab.link()
    there = lab.processes()
    assert [one.module for one in there] == [*CONSOLE.supervisors, *CONSOLE.servers]
    again, second = lab.link()
    assert (again, lab.processes()) == (port, there)
    assert _log_in(port, first).status_code == 401, "another link was printed since"
    assert _log_in(port, second).status_code == 200


def test_a_link_opens_once_and_is_kept_nowhere(lab: Lab) -> None:
    port, token = lab.link()
    for process in lab.processes():
        for name in ("cmdline", "environ"):
            assert token.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
    answer = _log_in(port, token)
    assert (answer.status_code, answer.json()["role"]) == (200, "drill")
    os.kill(lab.pid(CONSOLE.servers), signal.SIGKILL)
    _again(lab, port)
    assert _log_in(port, token).status_code == 401, "a crash makes no link new"
    kept = [file for file in lab.folder.path.rglob("*") if file != lab.folder.state]
    assert lab.service.log in kept
    for file in kept:
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
        assert file.is_dir() or token not in file.read_text()


def test_one_that_crashed_is_started_again_at_its_port(lab: Lab) -> None:
    port, token = lab.link()
    victim = lab.pid(CONSOLE.servers)
    os.kill(victim, signal.SIGKILL)
    _again(lab, port)
    assert lab.pid(CONSOLE.servers) != victim
    assert _log_in(port, token).status_code == 200, "the link was not used yet"


def test_one_that_nothing_would_start_again_is_started_anew(lab: Lab) -> None:
    lab.link()
    before = lab.pid(CONSOLE.servers)
    os.kill(lab.pid(CONSOLE.supervisors), signal.SIGKILL)
    _until(lambda: not lab.service.supervised())
    port, token = lab.link()
    assert lab.pid(CONSOLE.servers) != before
    assert _log_in(port, token).status_code == 200


def test_it_ends_when_told_and_leaves_nothing(lab: Lab) -> None:
    port, _ = lab.link("--watch-only")
    assert _is_open(port)
    assert "has ended" in lab.console("--stop")
    assert lab.processes() == []
    assert not _is_open(port)
    assert not lab.folder.console.exists()
    assert "runs as a service" in lab.console("--stop")


def test_what_the_running_one_is_not_is_refused(lab: Lab) -> None:
    port, _ = lab.link()
    other = port - 1
    assert f"runs already, at port {port}" in lab.console("--service", "--port", str(other), code=1)
    assert "lets its users change the lab" in lab.console("--service", "--watch-only", code=1)
    assert lab.service.listens(port)


def test_a_taken_port_is_told_and_nothing_is_left(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 cannot be used" in lab.console("--service", "--port", str(port), code=1)
        assert _is_open(port)
    assert lab.processes() == []
    assert not lab.folder.console.exists()


def test_a_stranger_at_its_port_gets_no_link(lab: Lab) -> None:
    """Whoever takes the port while the daemon is away would be sent the token."""
    port, _ = lab.link()
    os.kill(lab.pid(CONSOLE.supervisors), signal.SIGKILL)
    os.kill(lab.pid(CONSOLE.servers), signal.SIGKILL)
    _until(lambda: not lab.processes() and not _is_open(port))
    with socket.create_server(("127.0.0.1", port)):
        assert lab.link()[0] != port


def test_no_process_of_another_is_ended(lab: Lab) -> None:
    lab.link()
    module, sleeper = CONSOLE.servers[0], "import time; time.sleep(300)"
    other = lab.folder.path.with_name(f"{lab.folder.lab}-other") / "console/config.json"
    with (
        subprocess.Popen([sys.executable, "-c", sleeper, module, str(other)]) as of_another_lab,
        subprocess.Popen([sys.executable, "-c", sleeper, str(lab.service.config)]) as of_another_program,
    ):
        try:
            lab.console("--stop")
            assert [one.poll() for one in (of_another_lab, of_another_program)] == [None, None]
        finally:
            of_another_lab.kill()
            of_another_program.kill()


def test_terraforms_destroy_of_all_ends_it_and_no_other_command(start: Callable[..., Terraform]) -> None:
    terraform = start(sys.executable, PROGRAM)
    write(terraform, 2)
    terraform.init()
    terraform.apply()
    service = ConsoleService(LabFolder(terraform.folder / ".halab"))
    service.start(ConsoleConfig(0, watch_only=False, environment={}))
    try:
        write(terraform, 3)
        terraform.apply()
        terraform.run("destroy", "-auto-approve", "-json", "-input=false", "-target=halab_file.f[0]")
        assert service.supervised()
        terraform.run("destroy", "-auto-approve", "-json", "-input=false")
        assert not service.runs()
        assert not service.folder.console.exists()
    finally:
        service.end()

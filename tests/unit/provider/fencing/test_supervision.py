"""Supervisor, processes, unit file and port: what keeps the endpoint's daemon alive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halab.provider.fencing import power_port, power_process, power_supervisor, power_unit
from halab.provider.fencing.doors.names import Spot, spots
from halab.provider.fencing.power_process import EndpointProcess
from halab.provider.fencing.power_supervisor import SERVER_MODULE, SUPERVISOR_MODULE
from halab.provisioners.engine.errors import CommandFailed, ConfigError, Conflict


def eventually(probe: Callable[[], object], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not probe():
        assert time.monotonic() < end
        threading.Event().wait(0.05)


@pytest.mark.parametrize(
    ("pause_s", "lived_s", "following_s"),
    [(0.2, 0.1, 0.4), (0.4, 29.0, 0.8), (8.0, 1.0, 10.0), (10.0, 1.0, 10.0), (10.0, 31.0, 0.2)],
)
def test_restarts_slow_down_and_recover(pause_s: float, lived_s: float, following_s: float) -> None:
    assert power_supervisor.next_pause_s(pause_s, lived_s) == pytest.approx(following_s)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A configuration that no daemon can use: the supervisor has to start it again and again."""
    path = tmp_path / "config.json"
    path.write_text("{}")
    yield path
    power_process.end(path)


def _of(config: Path, module: str) -> list[EndpointProcess]:
    return [process for process in power_process.processes(config) if process.module == module]


def _supervisor(config: Path) -> EndpointProcess:
    """The supervisor once it has settled: its forks look like it until they have exited or become the daemon."""
    pid = config.parent / "supervisor.pid"
    eventually(lambda: pid.exists() and pid.read_text().endswith("\n"))
    return next(found for found in _of(config, SUPERVISOR_MODULE) if found.pid == int(pid.read_text()))


def test_the_supervisor_tries_again_and_ends_when_told(config: Path) -> None:
    power_process.start_supervisor(config)
    log = config.parent / "power.log"
    eventually(lambda: log.read_text().count("the daemon ended after") >= 2)
    assert (config.parent / "supervisor.pid").read_text() == f"{_supervisor(config).pid}\n"
    with pytest.raises(CommandFailed, match="another supervisor of this fencing endpoint runs"):
        power_process.start_supervisor(config)
    power_process.end(config)
    assert power_process.processes(config) == []
    power_process.end(config)


def test_the_supervisor_ends_with_its_configuration(config: Path) -> None:
    power_process.start_supervisor(config)
    eventually(lambda: _of(config, SUPERVISOR_MODULE))
    config.unlink()
    eventually(lambda: not power_process.processes(config))


def test_a_daemon_that_does_not_end_is_killed(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_supervisor, "GRACE_S", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        power_supervisor.Supervisor(config, SERVER_MODULE)._end(daemon.pid)
        assert not Path(f"/proc/{daemon.pid}").exists()


def test_it_detaches(config: Path) -> None:
    power_process.start_supervisor(config)
    supervisor = _supervisor(config)
    assert os.getsid(supervisor.pid) != os.getsid(0)
    assert os.readlink(f"/proc/{supervisor.pid}/cwd") == "/"
    targets = {os.readlink(f"/proc/{supervisor.pid}/fd/{number}") for number in (0, 1, 2)}
    assert targets == {"/dev/null", str(config.parent / "power.log")}


def test_the_environment_is_not_inherited(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_password", "very-secret")
    power_process.start_supervisor(config)
    supervisor = _supervisor(config)
    assert b"very-secret" not in Path(f"/proc/{supervisor.pid}/environ").read_bytes()


def test_only_processes_of_exactly_this_configuration_are_ours(tmp_path: Path) -> None:
    ours, sibling = tmp_path / "config.json", tmp_path / "config.json.old"
    sleeper = "import time; time.sleep(60)"
    with (
        subprocess.Popen([sys.executable, "-c", sleeper, SERVER_MODULE, str(sibling)]) as foreign,
        subprocess.Popen([sys.executable, "-c", sleeper, str(ours)]) as unrelated,
        subprocess.Popen([sys.executable, "-c", sleeper, SERVER_MODULE, str(ours)]) as daemon,
    ):
        eventually(lambda: power_process.processes(ours))
        assert power_process.processes(ours) == [EndpointProcess(daemon.pid, SERVER_MODULE)]
        power_process.end(ours)
        assert daemon.wait(10) == -signal.SIGTERM
        for survivor in (foreign, unrelated):
            assert survivor.poll() is None
            survivor.kill()


def test_a_number_that_another_process_has_by_now_gets_no_signal(tmp_path: Path) -> None:
    """The one that was looked up has ended meanwhile."""
    config = tmp_path / "config.json"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        looked_up = EndpointProcess(other.pid, SERVER_MODULE)
        deadline = time.monotonic() + 0.2
        power_process._signal_and_wait(looked_up, config, power_supervisor.ENDPOINT, signal.SIGKILL, deadline)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
        other.kill()


def test_the_unit_file_is_what_systemd_understands(tmp_path: Path) -> None:
    config = tmp_path / 'odd "dir" 100% $x' / "config.json"
    unit = tmp_path / "halab-fencing-summit.service"
    unit.write_text(power_unit.unit_text("summit", config, user=False))
    text = unit.read_text()
    assert f'"{SERVER_MODULE}"' in text
    assert '\\"dir\\" 100%% $$x' in text
    assert "Restart=always" in text
    analyze = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "halab-fencing-summit.service:" not in analyze.stderr, analyze.stderr


def test_a_unit_of_another_lab_is_foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    unit = power_unit.Unit("halab-fencing-summit", user=True)
    assert not unit.foreign(Path("/one/config.json"))
    unit.path.parent.mkdir(parents=True)
    unit.path.write_text(power_unit.unit_text("summit", Path("/one/config.json"), user=True))
    assert not unit.foreign(Path("/one/config.json"))
    assert unit.foreign(Path("/another/config.json"))


@pytest.mark.parametrize("taken_at", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_names_who_has_it(taken_at: str) -> None:
    with socket.create_server((taken_at, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=rf"\(pid {os.getpid()}\) already listens") as refusal:
            power_port.refuse_if_taken("127.0.0.1", port)
        assert refusal.value.attribute == "port"
    power_port.refuse_if_taken("127.0.0.1", port)
    assert power_port.listener(port) is None


def test_a_taken_udp_port_names_who_has_it() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=rf"UDP port.*\(pid {os.getpid()}\)") as refusal:
            power_port.refuse_if_taken("127.0.0.1", port, "udp", "doors")
        assert refusal.value.attribute == "doors"
    power_port.refuse_if_taken("127.0.0.1", port, "udp", "doors")


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1") as refusal:
        power_port.refuse_if_taken("192.0.2.1", 8000)
    assert refusal.value.attribute == "address"


ENDPOINT = Spot("tcp", "192.168.77.1", 8000, 8000)
RULE = 'rule family="ipv4" destination address="192.168.77.1" port port="8000" protocol="tcp" accept'
FIREWALL_CMD = """#!/bin/sh
echo "$*" >> "$0.log"
case "$*" in *--query-*) exit $(cat "$0.query") ;; esac
exit $(cat "$0.change")
"""


@pytest.fixture
def firewall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], Path]:
    """Stands for firewall-cmd with given exit codes: 0 yes, 1 no, 112 no such zone, 252 not running, 253 no right."""

    def install(query: int, change: int) -> Path:
        program = tmp_path / "firewall-cmd"
        program.write_text(FIREWALL_CMD)
        program.chmod(0o755)
        (tmp_path / "firewall-cmd.query").write_text(str(query))
        (tmp_path / "firewall-cmd.change").write_text(str(change))
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return tmp_path / "firewall-cmd.log"

    return install


@pytest.mark.parametrize(("query", "there"), [(0, True), (1, False), (112, None), (252, None)])
def test_whether_firewalld_lets_guests_in(firewall: Callable[[int, int], Path], query: int, there: bool | None) -> None:
    log = firewall(query, 0)
    assert power_port.has_rule(ENDPOINT) is there
    assert log.read_text() == f"--quiet --zone=libvirt --query-rich-rule={RULE}\n"
    assert power_port.is_open(ENDPOINT) is there
    assert log.read_text().count("--query-port=8000/tcp") == (there is False), "the port may be open for all"


def test_the_rule_is_made_for_now_and_for_good(firewall: Callable[[int, int], Path]) -> None:
    log = firewall(1, 0)
    power_port.add_rule(ENDPOINT)
    assert log.read_text().splitlines() == [
        f"--quiet --zone=libvirt --add-rich-rule={RULE}",
        f"--quiet --zone=libvirt --permanent --add-rich-rule={RULE}",
    ]


def test_a_rule_for_a_while_goes_by_itself(firewall: Callable[[int, int], Path]) -> None:
    log = firewall(1, 0)
    power_port.open_for(ENDPOINT, 90.4)
    assert log.read_text() == f"--quiet --zone=libvirt --add-rich-rule={RULE} --timeout=90\n"


@pytest.mark.parametrize(
    ("door", "port", "rules"),
    [
        ("virsh", 2222, ['destination address="192.168.77.1" port port="2222" protocol="tcp"']),
        ("ipmi", 6230, ['destination address="192.168.77.1" port port="6231-6246" protocol="udp"']),
        (
            "xvm",
            1229,
            [
                'destination address="192.168.77.1" port port="1229" protocol="tcp"',
                'destination address="225.0.0.12" port port="1229" protocol="udp"',
            ],
        ),
    ],
)
def test_each_door_has_its_rules(firewall: Callable[[int, int], Path], door: str, port: int, rules: list[str]) -> None:
    log = firewall(1, 0)
    for spot in spots(door, "192.168.77.1", port):
        power_port.add_rule(spot)
    added = [line for line in log.read_text().splitlines() if "--permanent --add-rich-rule" in line]
    assert [rule in line for line, rule in zip(added, rules, strict=True)] == [True] * len(rules)


@pytest.mark.parametrize(("query", "calls"), [(0, 2), (1, 2), (252, 0), (112, 0)])
def test_the_rule_is_removed_again(firewall: Callable[[int, int], Path], query: int, calls: int) -> None:
    log = firewall(query, 0)
    power_port.remove_rule(ENDPOINT)
    assert log.read_text().count(f"--remove-rich-rule={RULE}") == calls
    power_port.close_port(8000)
    assert log.read_text().count("--remove-port=8000/tcp") == calls


def test_no_right_to_change_the_firewall_is_said(firewall: Callable[[int, int], Path]) -> None:
    firewall(1, 253)
    with pytest.raises(CommandFailed, match="Run it as root"):
        power_port.add_rule(ENDPOINT)


def test_without_firewalld_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert power_port.is_open(ENDPOINT) is None
    power_port.remove_rule(ENDPOINT)

"""The power back end: what it believes, and what it does when libvirt lies, hangs, is late or does not answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Power, PowerFailed
from halab.provider.fencing.power_files import PowerFiles
from tests.unit.provider.fencing.doors.conftest import DOMAIN, FOREIGN, GONE, OURS, SHUT_OFF, Allow, Domains

NEVER = "44444444-4444-4444-8444-444444444444"


@pytest.mark.usefixtures("domains")
def test_what_is_no_machine_of_the_lab_is_neither_looked_at_nor_switched(power: Power, domains: Domains) -> None:
    for ask in (power.is_on, power.name, lambda uuid: power.switch(uuid, "off")):
        with pytest.raises(PowerFailed, match="no machine of this endpoint"):
            ask(FOREIGN)
    assert domains(FOREIGN).isActive()


@pytest.mark.usefixtures("domains")
def test_names(power: Power) -> None:
    assert power.name(OURS) == "node1"
    assert power.name(GONE) == GONE
    assert power.find("node1") == power.find(OURS.upper()) == OURS
    assert power.find(GONE) == GONE
    assert power.find("foreign") is power.find(FOREIGN) is power.find("") is None


@pytest.mark.usefixtures("domains")
def test_a_machine_that_was_removed_is_off_and_stays_so(power: Power) -> None:
    for action in ("off", "on", "cycle"):
        power.switch(GONE, action)
        assert power.is_on(GONE) is False


def _removed(domains: Domains, uuid: str) -> None:
    domains(uuid).destroy()
    domains(uuid).undefine()


def test_a_machine_that_libvirt_has_never_shown_is_not_off(power: Power, domains: Domains, allow: Allow) -> None:
    """A typing error in a UUID would be fenced with success for ever."""
    allow(OURS, NEVER)
    for ask in (power.is_on, power.name, lambda uuid: power.switch(uuid, "off")):
        with pytest.raises(PowerFailed, match=f"{NEVER}: libvirt has never shown such a machine"):
            ask(NEVER)
    assert power.states()[NEVER].on is None
    assert power.states()[OURS].on is True


def test_what_was_shown_once_is_known_after_a_restart(
    power: Power, domains: Domains, allow: Allow, files: PowerFiles
) -> None:
    assert power.is_on(OURS)
    _removed(domains, OURS)
    assert Power("qemu:///system", Machines(files)).is_on(OURS) is False
    allow(GONE)
    other = Machines(files)
    other.known.note(GONE, "renamed", other.uuids())
    assert Machines(files).known.names(OURS) == (), "no machine of the endpoint any more"
    assert Machines(files).known.names(GONE) == ("node2", "renamed")


def test_each_name_that_it_ever_had_counts(power: Power, domains: Domains) -> None:
    connection = domains(OURS).connect()
    for name in ("x", "y", "x"):
        assert power.is_on(OURS)
        domains(OURS).destroy()
        domains(OURS).rename(name)
        power.switch(OURS, "on")
    _removed(domains, OURS)
    assert power.is_on(OURS) is False
    connection.defineXML(DOMAIN.format(uuid=NEVER, name="node1", state=SHUT_OFF)).create()
    with pytest.raises(PowerFailed, match="another machine of its name, node1, runs"):
        power.is_on(OURS)


@pytest.mark.parametrize("runs", [True, False])
def test_a_machine_is_not_off_while_another_one_of_its_name_runs(power: Power, domains: Domains, runs: bool) -> None:
    connection = domains(OURS).connect()
    power.switch(OURS, "on")
    _removed(domains, OURS)
    successor = connection.defineXML(DOMAIN.format(uuid=NEVER, name="node1", state=SHUT_OFF))
    if runs:
        successor.create()
        for ask in (power.is_on, lambda uuid: power.switch(uuid, "off")):
            with pytest.raises(PowerFailed, match="another machine of its name, node1, runs"):
                ask(OURS)
        assert successor.isActive()
    else:
        assert power.is_on(OURS) is False


def test_what_is_known_is_kept_or_told(files: PowerFiles, caplog: pytest.LogCaptureFixture) -> None:
    files.write(files.known, "no JSON")
    known = Machines(files).known
    assert "known.json cannot be read" in caplog.text
    files.write(files.known, json.dumps({OURS: "of an earlier version"}))
    assert Machines(files).known.names(OURS) == ("of an earlier version",)
    files.known.unlink()
    files.known.mkdir()
    known.note(OURS, "node1", [OURS])
    assert "known.json cannot be written" in caplog.text
    assert known.names(OURS) == ("node1",), "a full disk is no reason not to fence"


class Libvirt:
    """A connection whose one domain does as it is told here. `answer`: what each of its calls waits for first."""

    def __init__(self, *, obeys: bool = True) -> None:
        self.active, self.obeys, self.calls = True, obeys, list[str]()
        self.answer = threading.Event()
        self.answer.set()

    def __call__(self, _: str) -> Libvirt:
        self.answer.wait(30)
        return self

    def lookupByUUIDString(self, _: str) -> Libvirt:
        return self

    def close(self) -> None:
        pass

    def name(self) -> str:
        return "node1"

    def isActive(self) -> bool:
        return self.active

    def destroy(self) -> None:
        self.calls.append("destroy")
        self.active = self.active and not self.obeys

    def create(self) -> None:
        self.calls.append("create")
        self.active = self.active or self.obeys


@pytest.fixture
def hypervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Libvirt]:
    made = Libvirt()
    monkeypatch.setattr(libvirt, "open", made)
    yield made
    made.answer.set()


@pytest.fixture
def impatient(files: PowerFiles, allow: Allow) -> Power:
    return Power("", Machines(files), answer_s=0.2, calls=2)


def test_a_hypervisor_that_says_done_and_does_nothing_is_found_out(power: Power, hypervisor: Libvirt) -> None:
    hypervisor.obeys = False
    with pytest.raises(PowerFailed, match="is not off"):
        power.switch(OURS, "off")
    hypervisor.active = False
    with pytest.raises(PowerFailed, match="is not on"):
        power.switch(OURS, "on")


def test_a_hypervisor_that_hangs_says_neither_on_nor_off(impatient: Power, hypervisor: Libvirt) -> None:
    hypervisor.answer.clear()
    for ask in (impatient.is_on, lambda uuid: impatient.switch(uuid, "off")):
        with pytest.raises(PowerFailed, match="did not answer within"):
            ask(OURS)
    with pytest.raises(PowerFailed, match="owes answers"):
        impatient.is_on(OURS)


def test_what_comes_too_late_is_not_carried_out(impatient: Power, hypervisor: Libvirt) -> None:
    hypervisor.answer.clear()
    with pytest.raises(PowerFailed, match="did not answer within"):
        impatient.switch(OURS, "off")
    hypervisor.answer.set()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread() and "run" in thread.name:
            thread.join(10)
    assert hypervisor.calls == []
    assert impatient.is_on(OURS) is True


def test_the_second_request_waits_for_the_first(power: Power, hypervisor: Libvirt) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        began.set()
        assert go_on.wait(10)
        hypervisor.calls.append("destroy")
        hypervisor.active = False

    hypervisor.destroy = slowly  # type: ignore[method-assign]
    threads = [threading.Thread(target=power.switch, args=(OURS, "off")) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    assert power.is_on(OURS), "a look does not wait for the switch"
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert hypervisor.calls == ["destroy"], "asked three times, done once"


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_NO_CONNECT])
def test_any_other_error_than_no_such_domain_is_no_answer(
    power: Power, hypervisor: Libvirt, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(_: Any) -> Any:
        error = libvirt.libvirtError("it does not work")
        error.err = (code, 0, "it does not work", 0, "", None, None, 0, 0)
        raise error

    monkeypatch.setattr(hypervisor, "lookupByUUIDString", fail)
    with pytest.raises(PowerFailed, match="it does not work"):
        power.is_on(OURS)


def _error(code: int) -> libvirt.libvirtError:
    error = libvirt.libvirtError("it does not work")
    error.err = (code, 0, "it does not work", 0, "", None, None, 0, 0)
    return error


@pytest.mark.parametrize(
    ("code", "went", "well"),
    [
        (libvirt.VIR_ERR_OPERATION_INVALID, True, True),  # somebody else was quicker
        (libvirt.VIR_ERR_OPERATION_INVALID, False, False),
        (libvirt.VIR_ERR_INTERNAL_ERROR, True, False),
    ],
)
def test_a_refusal_is_no_success_unless_the_machine_is_there_already(
    power: Power, hypervisor: Libvirt, code: int, went: bool, well: bool
) -> None:
    def refuse() -> None:
        hypervisor.active = not went
        raise _error(code)

    hypervisor.destroy = refuse  # type: ignore[method-assign]
    if well:
        power.switch(OURS, "off")
        return
    with pytest.raises(PowerFailed, match="it does not work"):
        power.switch(OURS, "off")


def test_a_machine_whose_state_libvirt_does_not_tell_is_neither_on_nor_off(
    power: Power, hypervisor: Libvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise _error(libvirt.VIR_ERR_INTERNAL_ERROR)

    monkeypatch.setattr(hypervisor, "isActive", fail)
    assert {state.on for state in power.states().values()} == {None}
    assert power.states()[OURS].word("on", "off", "unknown") == "unknown"


def test_only_what_runs_is_told_to_shut_down(power: Power, hypervisor: Libvirt) -> None:
    for action in ("shutdown", "reboot", "injectNMI"):
        setattr(hypervisor, action, lambda action=action: hypervisor.calls.append(action))
    for active, called in ((False, []), (True, ["shutdown", "reboot", "injectNMI"])):
        hypervisor.active = active
        power.switch(OURS, "shutdown")
        power.switch(OURS, "reboot")
        power.switch(OURS, "nmi")
        assert hypervisor.calls == called


def test_a_cycle_is_an_off_and_an_on(power: Power, hypervisor: Libvirt) -> None:
    power.switch(OURS, "cycle")
    assert hypervisor.calls == ["destroy", "create"]


def test_a_cycle_whose_caller_has_given_up_ends_with_the_off(impatient: Power, hypervisor: Libvirt) -> None:
    """The caller was told that it failed: nothing more may happen to the machine."""
    slow, switched = threading.Event(), threading.Event()

    def destroy() -> None:
        slow.wait(10)
        hypervisor.active = False
        switched.set()

    hypervisor.destroy = destroy  # type: ignore[method-assign]
    with pytest.raises(PowerFailed, match="did not answer within"):
        impatient.switch(OURS, "cycle")
    slow.set()
    assert switched.wait(10)
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread() and "run" in thread.name:
            thread.join(10)
    assert (hypervisor.calls, hypervisor.active) == ([], False)

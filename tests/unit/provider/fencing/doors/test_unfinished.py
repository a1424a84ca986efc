"""What a daemon that was killed in the middle of a restart leaves to the next one."""

from __future__ import annotations

import json
import time

import pytest

from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Action, Power
from halab.provider.fencing.doors.unfinished import RECENT_S, Unfinished
from halab.provider.fencing.power_files import PowerFiles
from tests.unit.provider.fencing.doors.conftest import OURS, Allow, Domains


def power(files: PowerFiles, record: Unfinished) -> Power:
    return Power("qemu:///system", Machines(files), watch=record.watch)


def test_the_next_daemon_switches_on_what_was_left_off(files: PowerFiles, allow: Allow, domains: Domains) -> None:
    power(files, Unfinished(files)).switch(OURS, "off")
    after = Unfinished(files)
    after.finish(power(files, after), 0.0)
    assert domains(OURS).isActive()
    assert json.loads(files.unfinished.read_text()) == {}
    assert files.unfinished.stat().st_mode & 0o077 == 0


def test_a_restart_that_came_to_its_end_leaves_nothing(files: PowerFiles, allow: Allow, domains: Domains) -> None:
    restarts: tuple[tuple[Action, ...], ...] = (("cycle",), ("off", "on"))
    for actions in restarts:
        before = Unfinished(files)
        for action in actions:
            power(files, before).switch(OURS, action)
        assert json.loads(files.unfinished.read_text()) == {}


def test_a_cycle_is_noted_before_it_begins(files: PowerFiles, allow: Allow) -> None:
    Unfinished(files).watch(OURS, "cycle", True, False)
    assert OURS in json.loads(files.unfinished.read_text())


@pytest.mark.parametrize("age_s", [RECENT_S + 1, -1.0])
def test_an_off_of_long_ago_or_of_another_start_of_the_host_stays(
    files: PowerFiles, allow: Allow, domains: Domains, age_s: float
) -> None:
    domains(OURS).destroy()
    files.write(files.unfinished, json.dumps({OURS: time.monotonic() - age_s}))
    after = Unfinished(files)
    after.finish(power(files, after), 0.0)
    assert not domains(OURS).isActive()


def test_whoever_was_switched_meanwhile_is_left_alone(files: PowerFiles, allow: Allow, domains: Domains) -> None:
    power(files, Unfinished(files)).switch(OURS, "off")
    after = Unfinished(files)
    again = power(files, after)
    again.switch(OURS, "on")
    again.switch(OURS, "off")
    after.finish(again, 0.0)
    assert not domains(OURS).isActive(), "its client is there, and wants it off"


def test_who_was_off_before_is_left_off(files: PowerFiles, allow: Allow, domains: Domains) -> None:
    domains(OURS).destroy()
    power(files, Unfinished(files)).switch(OURS, "off")
    after = Unfinished(files)
    after.finish(power(files, after), 0.0)
    assert not domains(OURS).isActive()


def test_whoever_wants_it_off_once_more_has_it_off(files: PowerFiles, allow: Allow, domains: Domains) -> None:
    """A client whose connection broke asks again: it has nothing else in mind."""
    power(files, Unfinished(files)).switch(OURS, "off")
    after = Unfinished(files)
    power(files, after).switch(OURS, "off")
    after.finish(power(files, after), 0.0)
    assert not domains(OURS).isActive()


def test_a_daemon_that_ends_as_it_should_leaves_nothing(files: PowerFiles, allow: Allow, domains: Domains) -> None:
    before = Unfinished(files)
    power(files, before).switch(OURS, "off")
    before.forget()
    after = Unfinished(files)
    after.finish(power(files, after), 0.0)
    assert not domains(OURS).isActive()


def test_a_file_that_cannot_be_read_keeps_nobody_from_fencing(
    files: PowerFiles, allow: Allow, domains: Domains
) -> None:
    files.write(files.unfinished, "{")
    power(files, Unfinished(files)).switch(OURS, "off")
    assert not domains(OURS).isActive()

"""A million datagrams, packets and lines at each door: nothing is raised, nothing switched, memory stays flat."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Iterator

import pytest

from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.xvm import Xvm
from halab.provider.fencing.power_files import PowerFiles
from tests.unit.provider.fencing.doors import test_dialogues, test_https
from tests.unit.provider.fencing.doors import test_ipmi as test_ipmi_module
from tests.unit.provider.fencing.doors import test_xvm as test_xvm_module
from tests.unit.provider.fencing.doors.conftest import Allow, allow, files

__all__ = ["allow", "files"]

pytestmark = pytest.mark.long

COUNT = 1_000_000
FLAT_MIB = 16


@pytest.fixture(autouse=True)
def flat(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints the time, and fails when the process has grown."""
    logging.disable(logging.CRITICAL)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    yield
    logging.disable(logging.NOTSET)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{request.node.name}: {COUNT:,} in {time.monotonic() - began:.0f} s, {grown_mib:.1f} MiB more")
    assert grown_mib < FLAT_MIB


def test_ipmi() -> None:
    chassis = test_ipmi_module.Chassis()
    answers = test_ipmi_module.fuzzed(chassis.bmc, chassis, 1, COUNT)
    print(f"{answers:,} answers, {len(chassis.bmc._sessions)} sessions at the end")
    assert chassis.commands == []


@pytest.mark.parametrize("console", test_dialogues.CONSOLES)
def test_consoles(files: PowerFiles, allow: Allow, console: str) -> None:
    make, telnet, words = test_dialogues.CONSOLES[console]
    power = test_dialogues.Recording(Machines(files))
    test_dialogues.fuzzed(lambda: make(power), telnet, words, 1, COUNT)
    assert power.asked == []


def test_xvm(files: PowerFiles, allow: Allow) -> None:
    power = test_dialogues.Recording(Machines(files))
    test_xvm_module.fuzzed(Xvm(power, test_xvm_module.KEY), 1, COUNT)
    assert power.asked == []


def test_redfish(files: PowerFiles, allow: Allow) -> None:
    power = test_dialogues.Recording(Machines(files))
    print(f"{test_https.fuzzed(power, 1, COUNT):,} answers that refused nothing")
    assert power.asked == []

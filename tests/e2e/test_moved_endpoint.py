"""A lab's folder that was moved while its fencing endpoint ran: the real daemon ends there and goes on here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from halab.cli.lab.this_lab import entered
from halab.provider.fencing import power_process
from halab.provider.fencing.power_files import PowerFiles
from halab.provider.fencing.power_supervisor import SUPERVISOR_MODULE
from halab.provider.fencing.relocation import bring_over
from halab.provider.run.folder import LabFolder
from tests.e2e.endpoint_client import NETWORK, Endpoint, eventually


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    """The lab's bridge with the endpoint's address."""
    opened = libvirt.open("qemu:///system")
    opened.networkCreateXML(NETWORK)
    yield
    opened.networkLookupByName("fencing-e2e").destroy()
    opened.close()


def checkout(folder: LabFolder) -> Path:
    return folder.path.parent.parent


@pytest.mark.parametrize("dead", [False, True])
def test_it_goes_on_where_its_folder_is_now(tmp_path: Path, dead: bool) -> None:
    """Unless it was dead before: a move starts nothing, and the next plan shows it as before."""
    before, after = LabFolder.of(tmp_path / "before", "e2e"), LabFolder.of(tmp_path / "after", "e2e")
    told: list[str] = []
    entered(before, told.append)
    endpoint = Endpoint(before.path, [])
    there, here = endpoint.files.config, PowerFiles(after.fencing / "e2e").config
    if dead:
        power_process.end(there)
    checkout(before).rename(checkout(after))
    try:
        entered(after, told.append)
        assert told == [f"the lab 'e2e' was moved here from {before.path}"]
        assert power_process.processes(there) == []
        if dead:
            assert power_process.processes(here) == []
            bring_over(before.fencing, after.fencing, lambda *_: None, wanted=["e2e"])
        endpoint.files = PowerFiles(after.fencing / "e2e")
        assert endpoint.ask("/redfish/v1/Systems").status_code == 200
        victim = eventually("daemon", endpoint.pid)
        os.kill(victim, signal.SIGKILL)
        eventually("its supervisor's next", lambda: endpoint.pid() not in (None, victim))
        assert len([one for one in power_process.processes(here) if one.module == SUPERVISOR_MODULE]) == 1
        entered(after, told.append)
        assert len(told) == 1, "what was moved once is not moved again"
    finally:
        power_process.end(here)
        power_process.end(there)

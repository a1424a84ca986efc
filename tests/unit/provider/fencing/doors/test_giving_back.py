"""What the power back end takes for a request is given back: who has none left can fence nobody any more."""

from __future__ import annotations

import libvirt
import pytest

from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Power, PowerFailed
from halab.provider.fencing.power_files import PowerFiles
from tests.unit.provider.fencing.doors.conftest import OURS, Allow
from tests.unit.provider.fencing.doors.test_power import Libvirt


class Counting(Libvirt):
    """Counts the connections that are open."""

    open = 0

    def __call__(self, uri: str) -> Libvirt:
        self.open += 1
        return super().__call__(uri)

    def close(self) -> None:
        self.open -= 1


def test_a_request_gives_back_its_call_and_its_connection_also_when_it_fails(
    files: PowerFiles, allow: Allow, monkeypatch: pytest.MonkeyPatch
) -> None:
    hypervisor, power = Counting(obeys=False), Power("", Machines(files), calls=8)
    monkeypatch.setattr(libvirt, "open", hypervisor)
    for _ in range(8):
        assert power.is_on(OURS)
        with pytest.raises(PowerFailed, match="is not off"):
            power.switch(OURS, "off")
    assert hypervisor.open == 0

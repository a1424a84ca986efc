"""Which machine is switched: whom a plug means, and whom a list that cannot be read allows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from halab.provider.fencing.doors.machines import Machines, assigned
from halab.provider.fencing.power_files import PowerConfig, PowerFiles


@pytest.mark.parametrize(
    ("machines", "before", "plugs"),
    [
        (("a", "b"), {}, {"a": 1, "b": 2}),
        (("b", "a"), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (("b",), {"a": 1, "b": 2}, {"b": 2}),  # nobody is switched in the place of who went
        (("b", "c"), {"a": 1, "b": 2}, {"b": 2, "c": 1}),
        (("c", "b"), {"b": 1}, {"b": 1, "c": 2}),
        ((), {"a": 1}, {}),
    ],
)
def test_a_machine_keeps_its_plug(machines: tuple[str, ...], before: Mapping[str, int], plugs: dict[str, int]) -> None:
    assert assigned(machines, before) == plugs


def _write(files: PowerFiles, *machines: str, **plugs: int) -> None:
    config = PowerConfig("summit", "127.0.0.1", 8000, "qemu:///system", machines, "supervisor", plugs=plugs)
    files.write(files.config, config.dump())


def test_the_list_is_looked_at_each_time(files: PowerFiles) -> None:
    machines = Machines(files)
    assert machines.uuids() == ()
    _write(files, "a", "b", a=2, b=1)
    assert (machines.at_plug(1), machines.at_plug(2), machines.at_plug(3)) == ("b", "a", None)
    assert ("a" in machines, "c" in machines) == (True, False)
    _write(files, "b", b=1)
    assert (machines.uuids(), machines.at_plug(2), "a" in machines) == (("b",), None, False)


@pytest.mark.parametrize("text", ["{", "{}", ""])
def test_a_list_that_cannot_be_read_allows_nobody(files: PowerFiles, text: str) -> None:
    machines = Machines(files)
    _write(files, "a")
    assert "a" in machines
    files.write(files.config, text)
    assert machines.uuids() == ()
    assert "a" not in machines
    files.config.unlink()
    assert "a" not in machines

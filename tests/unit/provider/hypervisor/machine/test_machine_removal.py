"""How a machine goes: shut down before, since its disk may stay; and gone in any case."""

from __future__ import annotations

from typing import Any

import pytest

from halab.provider.hypervisor import removal
from halab.provider.hypervisor.machine import boot
from halab.provider.hypervisor.machine.machine import MachineResource
from halab.provider.protocol import Ctx
from halab.provisioners.engine.errors import HalabError, Interrupted, Paused, TimedOut
from tests.unit.provider.hypervisor.conftest import Configured

XML = "<domain type='test'><name>summit-node1</name><memory>8388608</memory><os><type>hvm</type></os></domain>"
STATE = {"name": "summit-node1", "hostname": "node1", "host_key": "ssh-ed25519 AAAA"}


@pytest.fixture
def domain(provider: Configured, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The test driver knows neither checkpoints nor NVRAM.
    monkeypatch.setattr(removal, "_with_all_that_belongs_to_it", lambda: 0)
    domain = provider.connection.libvirt.defineXML(XML)
    domain.create()
    return domain


def remove(provider: Configured, domain: Any, **other: object) -> list[str]:
    """Remove it; the words of the warnings."""
    ctx = Ctx()
    MachineResource(provider).remove(ctx, {**STATE, "id": domain.UUIDString(), **other})
    return [f"{d.summary} {d.detail}" for d in ctx.diagnostics]


def gone(provider: Configured) -> bool:
    return provider.connection.domain("summit-node1") is None


def test_it_shuts_down_before(provider: Configured, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[str] = []
    press = boot._press_power_button

    def pressing(domain: Any) -> None:
        pressed.append(domain.name())
        press(domain)

    monkeypatch.setattr(boot, "_press_power_button", pressing)
    assert remove(provider, domain) == []
    assert (pressed, gone(provider)) == (["summit-node1"], True)


@pytest.mark.parametrize("error", [TimedOut("no shutdown", "Mute."), Paused("paused", "Full.")])
def test_one_that_does_not_is_switched_off(
    provider: Configured, domain: Any, monkeypatch: pytest.MonkeyPatch, error: HalabError
) -> None:
    monkeypatch.setattr(boot, "shut_down", _raising(error))
    (warning,) = remove(provider, domain)
    assert "'summit-node1' was switched off" in warning
    assert error.detail in warning
    assert "may not be on its disk" in warning
    assert gone(provider)


def test_one_that_never_came_up_is_not_waited_for(
    provider: Configured, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "shut_down", _raising(AssertionError("it cannot hear")))
    assert remove(provider, domain, host_key=None) == []
    assert gone(provider)


def test_the_whole_lab_goes_at_once(provider: Configured, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.destroying_all = True
    monkeypatch.setattr(boot, "shut_down", _raising(AssertionError("its disk goes, too")))
    assert remove(provider, domain) == []
    assert gone(provider)


def test_an_interrupt_keeps_it(provider: Configured, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "shut_down", _raising(Interrupted("its shutdown")))
    with pytest.raises(Interrupted):
        remove(provider, domain)
    assert not gone(provider)


def _raising(error: BaseException) -> Any:
    def shut_down(*_: object) -> None:
        raise error

    return shut_down

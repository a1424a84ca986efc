from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.engine.errors import ConfigError
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.host.service import Service, ServiceItem

ITEM = ServiceItem()
ON = Service(machine="uuid", name="chrony")


def show(load: str, file: str, active: str) -> str:
    return f"LoadState={load}\nActiveState={active}\n\n{file}\n"


@pytest.mark.parametrize(
    ("said", "enabled", "running"),
    [
        (show("loaded", "enabled", "active"), True, True),
        (show("loaded", "enabled-runtime", "activating"), True, True),
        (show("loaded", "disabled", "inactive"), False, False),
        (show("loaded", "enabled", "failed"), True, False),
        (show("loaded", "static", "active"), True, True),
    ],
)
def test_observe(guest_host: Callable[..., Any], said: str, enabled: bool, running: bool) -> None:
    host, guest = guest_host(said)
    assert ITEM.observe(host, ON) == replace(ON, enabled=enabled, running=running)
    assert guest.asked[0].argv[-2:] == ("halab", "chrony")


def test_a_static_unit_is_never_enabled_by_us(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(show("loaded", "static", "active"))
    wanted = replace(ON, enabled=False)
    assert ITEM.observe(host, wanted) == wanted


def test_no_such_unit(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(show("not-found", "", "inactive"))
    assert ITEM.observe(host, ON) is None
    with pytest.raises(ConfigError, match="no unit named chrony"):
        list(ITEM.steps(DEBIAN_13, None, ON))


def test_masked_unit(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(show("masked", "masked", "inactive"))
    with pytest.raises(ConfigError, match="masked"):
        ITEM.observe(host, ON)


@pytest.mark.parametrize(
    ("now", "wanted", "verbs"),
    [
        (ON, ON, []),
        (replace(ON, running=False), ON, ["start"]),
        (replace(ON, enabled=False), ON, ["enable"]),
        (ON, replace(ON, enabled=False, running=False), ["disable", "stop"]),
        (ON, None, []),
    ],
)
def test_steps(now: Service, wanted: Service | None, verbs: list[str]) -> None:
    done = "\n".join(str(step) for step in ITEM.steps(DEBIAN_13, now, wanted))
    assert [verb for verb in ("enable", "disable", "start", "stop") if f" {verb} " in done] == verbs

"""An action for several machines at once; and how they stand still together and go on, whatever fails between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from halab.provider.hypervisor.connection import doing
from halab.provisioners.engine.errors import HalabError


class StandsStill(HalabError):
    """Machines were held and do not go on."""


@dataclass
class Came:
    """What came of an action: host names of the machines it was done for, and why it failed for others."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, Exception] = field(default_factory=dict)


def each(
    domains: Mapping[str, Any],
    what: str,
    action: Callable[[Any], object],
    came: Came | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Does it for all, by their host names, though it fails for one; then the first one's error. `tell`: who has it."""
    came = came or Came()

    def one(hostname: str, domain: Any) -> None:
        try:
            with doing(f"{what} the machine {hostname!r}"):
                action(domain)
            came.done.add(hostname)
            tell(hostname)
        except Exception as error:
            came.failed[hostname] = error

    with ThreadPoolExecutor(max(1, len(domains))) as pool:
        wait([pool.submit(one, *item) for item in domains.items()])
    for hostname in domains:
        if hostname in came.failed:
            raise came.failed[hostname]


def goes_on(domain: Any) -> bool:
    """Whether it is on and does not stand still."""
    import libvirt

    return bool(domain.isActive()) and domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED


def suspend(domains: Mapping[str, Any]) -> None:
    """Has those that go on stand still. LibvirtFailed."""
    with doing("hold the machines"):
        for domain in domains.values():
            if goes_on(domain):
                domain.suspend()


def let_go(domains: Mapping[str, Any], before: BaseException | None = None) -> None:
    """Has all of them go on; one that does not keeps no other. StandsStill, which tells `before` too."""
    came = Came()
    try:
        each(domains, "resume", _resume, came)
    except Exception as error:
        still = [hostname for hostname in domains if hostname in came.failed]
        earlier = "" if before is None else f" Before that: {str(before) or type(before).__name__}"
        how = ", ".join(f"virsh resume {domains[hostname].name()}" for hostname in still)
        raise StandsStill(f"Still held: {', '.join(still)}", f"{error} Let go on by hand: {how}.{earlier}") from error


def _resume(domain: Any) -> None:
    if domain.isActive() and not goes_on(domain):
        domain.resume()


@contextmanager
def standing_still(domains: Mapping[str, Any]) -> Iterator[None]:
    """Those that go on stand still while the block runs; who stood still before does so afterwards. LibvirtFailed."""
    with doing("look who runs"):
        held = {hostname: domain for hostname, domain in domains.items() if goes_on(domain)}
    try:
        suspend(held)
        yield
        let_go(held)
    except StandsStill:
        raise
    except BaseException as error:
        let_go(held, error)
        raise

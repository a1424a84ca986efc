"""A systemd unit: whether it starts at boot, and whether it runs now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from halab.provisioners.engine import units
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import ConfigError
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step

# Units without an [Install] section: whether they start at boot is not for us to say.
_NOT_OURS_TO_ENABLE = frozenset({"static", "indirect", "generated", "transient", "alias"})


def _name(name: str) -> str | None:
    if not name or name.startswith("-") or any(c.isspace() or c in "/*?[" for c in name):
        return f"{name!r} is not a unit name. Write it as systemctl shows it, such as chrony.service."
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """State of a unit."""

    machine: str = attr("UUID of the machine.", replace=True)
    name: str = attr("Unit name; without a suffix it is a service.", replace=True, check=_name)
    enabled: bool = attr("Whether the unit starts at boot.", default=True)
    running: bool = attr("Whether the unit runs now.", default=True)


class ServiceItem(Item[Service]):
    """Keeps a unit's state. Removing the resource leaves the unit as it is."""

    spec = Service
    phase = "host"
    identity = ("machine", "name")
    ordinary = True  # a unit is its package's

    def observe(self, host: Host, wanted: Service) -> Service | None:
        (state,) = units.parse_show(host.look(script("# look at a unit\n" + units.show('"$1"'), wanted.name)).stdout)
        if state.load == "not-found":
            return None
        if state.load == "masked" and (wanted.enabled or wanted.running):
            remedy = f"Unmask it: systemctl unmask {wanted.name}"
            raise ConfigError(f"{host.name}: {wanted.name} is masked", remedy, "name")
        enabled = wanted.enabled if state.file in _NOT_OURS_TO_ENABLE else state.file.startswith("enabled")
        return replace(wanted, enabled=enabled, running=state.running)

    def steps(self, platform: Platform, now: Service | None, wanted: Service | None) -> Iterator[Step]:
        if wanted is None:
            return
        if now is None:
            remedy = f"Check the spelling, or install its package ({platform.name})."
            raise ConfigError(f"There is no unit named {wanted.name}", remedy, "name")
        lines = ["# set whether it runs and starts at boot"]
        if now.enabled != wanted.enabled:
            lines.append((units.enable if wanted.enabled else units.disable)('"$1"'))
        if now.running != wanted.running:
            lines.append(f'systemctl {"start" if wanted.running else "stop"} -- "$1"')
        if len(lines) > 1:
            yield Run(script("\n".join(lines), wanted.name, timeout_s=600))

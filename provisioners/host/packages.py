"""Packages of the distribution."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from halab.provisioners.engine.command import cmd, script
from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.errors import CommandFailed, ConfigError
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step


def _names(names: tuple[str, ...]) -> str | None:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+._-]*", name):
            return f"{name!r} is not a package name. Give the name alone, without version, path or wildcard."
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """Packages that have to be installed; which version is left to the distribution."""

    machine: str = attr("UUID of the machine.", replace=True)
    names: tuple[str, ...] = attr("Package names as the guest's distribution spells them.", check=_names)


class PackagesItem(Item[Packages]):
    """Installs what is missing. Removing the resource removes no package: whether it was there before is not known."""

    spec = Packages
    phase = "host"
    identity = ("machine",)
    several = ordinary = True
    timeout_s = 1800.0

    def observe(self, host: Host, wanted: Packages) -> Packages | None:
        if not wanted.names:
            return wanted
        # 1: some of the names are unknown or were never installed
        query = cmd(*host.platform.package_query, *wanted.names, ok=(0, 1))
        there = installed(host.look(query).stdout)
        found = tuple(name for name in wanted.names if name in there)
        return replace(wanted, names=found) if found else None

    def steps(self, platform: Platform, now: Packages | None, wanted: Packages | None) -> Iterator[Step]:
        if wanted is None:
            return
        missing = tuple(name for name in wanted.names if now is None or name not in now.names)
        if missing:
            yield Install(missing, platform.package_install, platform.package_refresh)


def installed(listing: str) -> frozenset[str]:
    """Names of installed packages in the output of the platform's package query."""
    rows = (line.split() for line in listing.splitlines())
    return frozenset(row[1].split(":")[0] for row in rows if len(row) >= 2 and row[0] == "ii")


@dataclass(frozen=True, slots=True)
class Install:
    """Step: install packages; the package lists are fetched when the ones on the guest do not know a name."""

    names: tuple[str, ...]
    install: tuple[str, ...]
    refresh: tuple[str, ...]

    def run(self, host: Host) -> None:
        command = cmd(*self.install, *self.names, timeout_s=1500)
        result = host.attempt(command)
        if result.rc != 0 and unknown_packages(result.stdout + result.stderr):
            host.ask(cmd(*self.refresh, timeout_s=600))
            result = host.attempt(command)
        if result.rc == 0:
            host.ask(script(f"# put the packages on the disk\n{KEPT}", timeout_s=300))  # dnf does not
            return
        said = (result.stdout + result.stderr)[-1500:].strip()
        if unknown := unknown_packages(result.stdout + result.stderr):
            raise ConfigError(
                f"{host.name}: no such package: {', '.join(unknown)}",
                f"The guest's package sources ({host.platform.name}) do not have it. Check the spelling.\n{said}",
                "names",
            )
        detail = f"`{command}` exited with {result.rc}: {said}"
        raise CommandFailed(f"{host.name}: packages could not be installed", detail, rc=result.rc)

    def __str__(self) -> str:
        return f"install {' '.join(self.names)}"


def unknown_packages(said: str) -> list[str]:
    """Names that apt-get or dnf says it cannot find."""
    patterns = (
        r"Unable to locate package (\S+)|Package '?([^' ]+)'? has no installation candidate"
        r"|No match for argument: (\S+)"
    )
    return list(dict.fromkeys(next(filter(None, found)) for found in re.findall(patterns, said)))

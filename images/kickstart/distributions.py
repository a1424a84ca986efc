"""The EL 9 distributions: what a tree must be, and where the cluster's packages come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from halab.images.tree import Tree
from halab.images.tree_access import SETTING, open_tree
from halab.provisioners.engine.errors import ConfigError

Addon = Literal["HighAvailability", "ResilientStorage"]
ADDONS: tuple[Addon, ...] = ("HighAvailability", "ResilientStorage")
_RELEASE = "9"
_WITHOUT_CREDENTIALS = ("9.0", "9.1")  # systemd 250; 9.2 has 252
_WORKS = "What works: image.suite el9 with a tree of release 9, trixie, bookworm."
_COMPOSE = re.compile(r"(?P<root>https?://.*)/BaseOS/(?P<arch>[^/]+)/(os|kickstart)")


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution. `repositories`: the ids that its own configuration gives the add-ons, which are off there."""

    name: str
    families: tuple[str, ...]  # as .treeinfo spells it
    repositories: Mapping[Addon, str]
    by_subscription: bool = False


_REBUILD: Mapping[Addon, str] = {"HighAvailability": "highavailability", "ResilientStorage": "resilientstorage"}
DISTRIBUTIONS = (
    Distribution(
        "RHEL",
        ("Red Hat Enterprise Linux",),
        {
            "HighAvailability": "rhel-9-for-x86_64-highavailability-rpms",
            "ResilientStorage": "rhel-9-for-x86_64-resilientstorage-rpms",
        },
        by_subscription=True,
    ),
    Distribution("AlmaLinux", ("AlmaLinux",), _REBUILD),
    Distribution("Rocky Linux", ("Rocky Linux", "Rocky"), _REBUILD),
    Distribution("CentOS Stream", ("CentOS Stream",), _REBUILD),
)


def distribution_of(tree: Tree) -> Distribution:
    """The distribution of a tree; refuses what has no GFS2, and what this was not made for."""
    words = f"{tree.family} {tree.version}".strip()
    release = tree.version.split(".")[0]
    found = next((d for d in DISTRIBUTIONS if tree.family in d.families), None)
    if found is None:
        names = ", ".join(d.name for d in DISTRIBUTIONS)
        raise ConfigError(
            f"the tree {tree.location} is {words or 'of an unknown distribution'}",
            f"image.suite el9 installs {names} {_RELEASE}. {_WORKS}",
            SETTING,
        )
    if release.isdecimal() and int(release) > int(_RELEASE):
        raise ConfigError(
            f"the tree {tree.location} is {words}, which has no GFS2",
            f"EL 10 removed GFS2, DLM and the Resilient Storage add-on: there is no shared file system. {_WORKS}",
            SETTING,
        )
    if release != _RELEASE:
        raise ConfigError(
            f"the tree {tree.location} is {words}, not release {_RELEASE}",
            f"image.suite is el9: take the tree of {found.name} {_RELEASE}. {_WORKS}",
            SETTING,
        )
    if tree.version in _WITHOUT_CREDENTIALS:
        raise ConfigError(
            f"the tree {tree.location} is {words}, whose machines cannot be let in",
            "Its systemd is older than 252 and does not take the key that a machine gets at its boot (SMBIOS). "
            f"Take the tree of {found.name} 9.2 or newer.",
            SETTING,
        )
    return found


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from besides the tree's own repositories.

    `repositories` (id, address) are known to the installer; `enabled` are ids of the distribution's configuration that
    are enabled afterwards, in the installed system; `registered`: a subscription has to be there for that.
    """

    repositories: tuple[tuple[str, str], ...] = ()
    enabled: tuple[str, ...] = ()
    registered: bool = False


def sources_of(tree: Tree, distribution: Distribution, given: tuple[str, ...], registered: bool) -> Sources:
    """Where the add-ons come from: addresses that the user gives, or beside the tree, or by repository id."""
    named = _parse(given)
    if not registered:
        _check_packages(tree)
    repositories = [*named.items()]
    if "AppStream" not in tree.variants and (address := _sibling(tree, "AppStream")):
        repositories.append(("AppStream", address))
    if named:
        return Sources(tuple(repositories), registered=registered)
    if distribution.by_subscription:
        if not registered:
            raise ConfigError(
                "a RHEL tree has no packages of the High Availability and Resilient Storage add-ons",
                "Set image.rhsm_organization and image.rhsm_activation_key_file (a subscription with both add-ons), or "
                "image.repositories with the addresses of both.",
                "image.rhsm_organization",
            )
        return Sources(tuple(repositories), tuple(distribution.repositories.values()), registered=True)
    beside = {addon: _sibling(tree, addon) for addon in ADDONS}
    if all(beside.values()):
        return Sources((*repositories, *((addon, str(address)) for addon, address in beside.items())))
    return Sources(tuple(repositories), tuple(distribution.repositories.values()))


def _parse(given: tuple[str, ...]) -> dict[str, str]:
    named: dict[str, str] = {}
    for word in given:
        name, _, address = word.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not re.fullmatch(r"(https?|ftp)://[^\s\"']+", address):
            raise ConfigError(
                f"{word!r} is no repository",
                "Write each as id=address, for example HighAvailability=http://archive.example/9/HA/x86_64/os.",
                "image.repositories",
            )
        named[name] = address
    return named


def _check_packages(tree: Tree) -> None:
    """Without a subscription all of BaseOS and AppStream must come from the tree or from beside it."""
    with open_tree(tree.location) as access:
        # The installer sees a directory as the root of a server: what stands beside it is out of its reach.
        reachable = {n: path for n, path in tree.variants.items() if tree.medium == "url" or not path.startswith("..")}
        there = [name for name, path in reachable.items() if access.has(f"{path}/repodata/repomd.xml")]
    missing = [name for name in ("BaseOS", "AppStream") if name not in there and _sibling(tree, name) is None]
    if missing:
        raise ConfigError(
            f"the tree {tree.location} has no packages of {' and '.join(missing)}",
            "A boot ISO has none: take the DVD's ISO file, or the address of BaseOS/x86_64/os on a whole mirror.",
            SETTING,
        )


def _sibling(tree: Tree, name: str) -> str | None:
    """Address of another repository of the compose that the tree is part of; None if it is not there."""
    layout = _COMPOSE.fullmatch(tree.location)
    if layout is None:
        return None
    address = f"{layout['root']}/{name}/{layout['arch']}/os"
    with open_tree(address) as access:
        return address if access.has("repodata/repomd.xml") else None

"""requirements/ holds what pyproject.toml asks for: each package at one version, with its hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_CHECKOUT = Path(__file__).resolve().parents[2]
_PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"(?P<because>(?:    #.*\n)+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Pin:
    """One package of a lock. `because`: who asks for it."""

    version: Version
    marker: str | None
    hashes: frozenset[str]
    because: frozenset[str]


def _lock(name: str) -> dict[str, Pin]:
    text = (_CHECKOUT / f"requirements/{name}.txt").read_text()
    rest = _PIN.sub("", text).splitlines()
    assert [line for line in rest if not line.startswith("#")] == [], "a line that is no pin with hashes"
    return {found["name"]: _pin(found) for found in _PIN.finditer(text)}


def _pin(found: re.Match[str]) -> Pin:
    because = {line.strip(" #").removeprefix("via").strip() for line in found["because"].splitlines()}
    hashes = frozenset(re.findall(r"[0-9a-f]{64}", found["hashes"]))
    return Pin(Version(found["version"]), found["marker"], hashes, frozenset(because))


def _asked(*extras: str) -> Iterator[Requirement]:
    with (_CHECKOUT / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return map(Requirement, lines)


@pytest.mark.parametrize(("name", "extras"), [("users", ()), ("developers", ("dev",))])
def test_a_lock_is_what_pyproject_asks_for(name: str, extras: tuple[str, ...]) -> None:
    """After a change: make lock."""
    lock = _lock(name)
    asked = {canonicalize_name(requirement.name): requirement for requirement in _asked(*extras)}
    direct = {package for package, pin in lock.items() if any(who.startswith("halab ") for who in pin.because)}
    assert direct == asked.keys()
    wrong = {
        package: str(lock[package].version)
        for package, requirement in asked.items()
        if lock[package].version not in requirement.specifier
    }
    assert wrong == {}


def test_nodes_lock_is_what_is_asked_for() -> None:
    asked = Requirement((_CHECKOUT / "requirements/node.in").read_text().partition("#")[0])
    lock = _lock("node")
    assert lock.keys() == {asked.name}
    assert lock[asked.name].version in asked.specifier


def test_developers_work_with_what_users_get() -> None:
    users, developers = _lock("users"), _lock("developers")
    for package, pin in users.items():
        same = developers[package]
        assert (same.version, same.marker, same.hashes) == (pin.version, pin.marker, pin.hashes), package
    tools = {canonicalize_name(requirement.name) for requirement in _asked("dev")}
    tools -= {canonicalize_name(requirement.name) for requirement in _asked()}
    assert tools.isdisjoint(users), "users do not get the developers' tools"

"""What the attributes of a fencing endpoint may be: each rule gives what is wrong, for the user, or None."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from halab.provider.fencing.doors import names

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_USERNAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Printable ASCII: what HTTP's basic authentication carries unchanged. 72: bcrypt reads no further.
_PASSWORD = re.compile(r"[!-~]{8,72}")


def name(value: str) -> str | None:
    """A name that a systemd unit and a folder may have."""
    return None if _NAME.fullmatch(value) else "Use 1 to 63 lower-case letters, digits and hyphens."


def address(value: str) -> str | None:
    """One IPv4 address to listen on."""
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        return f"{value!r} is not an IPv4 address. Give the address of the lab's bridge."
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        return "The endpoint listens on one address of the lab only. Give the address of the lab's bridge."
    return None


def port(value: Any) -> str | None:
    """A TCP port."""
    return None if isinstance(value, int) and 1 <= value <= 65535 else "Use a whole number from 1 to 65535."


def username(value: str) -> str | None:
    """A user name for HTTP's basic authentication."""
    return None if _USERNAME.fullmatch(value) else "Use 1 to 64 letters, digits, '.', '_' and '-'."


def password(value: str) -> str | None:
    """A password for it."""
    return None if _PASSWORD.fullmatch(value) else "Use 8 to 72 printable ASCII characters without blanks."


def machines(value: list[str]) -> str | None:
    """UUIDs of domains."""
    for machine in value:
        if not _UUID.fullmatch(machine):
            return f"{machine!r} is not a domain's UUID. Give the ids of halab_machine resources."
    return None


def doors(value: Mapping[str, int]) -> str | None:
    """Doors and their ports."""
    return names.wrong(value, 0)

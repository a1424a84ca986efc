"""The pinned host keys in a lab's `known_hosts`, as `halab_ssh_config` writes them."""

from __future__ import annotations

from halab.provisioners.engine.errors import UnexpectedOutput


def parse(text: str) -> dict[tuple[str, ...], str]:
    """The names of each host -> its key, `type base64`; in the order of the file."""
    lines = (line.partition(" ") for line in text.splitlines())
    return {tuple(names.split(",")): key for names, _, key in lines}


def pinned_key(text: str, name: str) -> str:
    """The key of the host that has this name or address. Raises UnexpectedOutput."""
    for names, key in parse(text).items():
        if name in names:
            return key
    raise UnexpectedOutput(f"known_hosts has no key of {name}", "Deploy again: it is written by the deploy.")

"""What the cluster would do, by crm_simulate."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from halab.provisioners.engine.command import Command, cmd
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.pacemaker.cib import Cib

_SIMULATE = ("crm_simulate", "--simulate", "--xml-pipe", "--output-as=xml")


def simulation(text: str, after: Cib, quorum: bool | None = None) -> Command:
    """Of the CIB with its status, as it would be. `quorum` None: as it is."""
    root = ElementTree.fromstring(text)
    old = root.find("configuration")
    new = after.root.find("configuration")
    if old is None or new is None:
        raise UnexpectedOutput("The CIB has no configuration", text[:200])
    root[list(root).index(old)] = new
    votes = () if quorum is None else (f"--quorum={str(quorum).lower()}",)
    return cmd(*_SIMULATE, *votes, stdin=ElementTree.tostring(root, encoding="unicode"), timeout_s=60.0)


def foretold(xml: str) -> Iterator[str]:
    """What crm_simulate's XML says would be done, in words; nothing when nothing would."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("crm_simulate gave no XML", f"{error}: {xml[:200]!r}") from error
    for e in root.iterfind("actions/*"):
        what, reason = e.get("action", e.get("task", "")), e.get("reason")
        why = f", because of {reason}" if reason else ""
        if e.get("blocked") == "true":
            why += " (blocked: it is not done)"
        if e.tag == "node_action":
            yield f"{what} {e.get('node')}{f': {reason}' if reason else ''}"
        elif e.get("source") and e.get("dest"):
            yield f"{what} {e.get('resource')} from {e.get('source')} to {e.get('dest')}{why}"
        else:
            yield f"{what} {e.get('resource')} on {e.get('node') or e.get('dest') or e.get('source')}{why}"

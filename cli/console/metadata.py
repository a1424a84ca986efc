"""What Pacemaker's daemons and agents tell of themselves: their options, with help, out of their metadata's XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from halab.cli.console.contract import Advised, Parameter
from halab.cli.console.refusing import Refused
from halab.provisioners.engine.command import Command, script
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.pacemaker.values import FALSE, TRUE, milliseconds

_LISTED = ("select", "enum")
_SECRET = re.compile("pass|secret|token|pwd|community", re.IGNORECASE)
_PLACE = re.compile("(script|file|timeout)$")
_NOT_GIVEN = ("action", "help", "version")
_NAMES_THE_NODE = ("port", "plug", "nodename")
# Debian's folder of the daemons, and EL's.
_DAEMON = """\
# ask a daemon of Pacemaker for its options
for folder in /usr/lib/pacemaker /usr/libexec/pacemaker; do
  [ ! -x "$folder/pacemaker-$1" ] || exec "$folder/pacemaker-$1" metadata
done
echo "there is no pacemaker-$1" >&2
exit 1
"""
DAEMONS = ("schedulerd", "controld", "based")
"""Those that have cluster properties; pacemaker-fenced's options are those of devices."""


def of_daemon(name: str) -> Command:
    """The question for a daemon's metadata; all versions of Pacemaker answer it."""
    return script(_DAEMON, name)


def parameters(xml: str) -> Iterator[Parameter]:
    """The options that metadata names. UnexpectedOutput."""
    for one in _root(xml).iterfind("parameters/parameter"):
        content = one.find("content")
        kind = "" if content is None else content.get("type", "")
        choices = () if content is None else tuple(option.get("value", "") for option in content.iterfind("option"))
        default = "" if content is None else content.get("default", "")
        brief, text = _text(one, "shortdesc"), _text(one, "longdesc")
        required = one.get("required", "0") in TRUE
        name = one.get("name", "")
        help_ = "" if text == brief else text
        yield Parameter(name, kind, default, choices, required, brief, help_, is_secret(name))


def is_secret(name: str) -> bool:
    """Whether an option of that name holds a secret itself; a script or a file that has it is none."""
    return bool(_SECRET.search(name)) and not _PLACE.search(name)


def of_device(xml: str) -> Iterator[Parameter]:
    """The options of a fence agent that a person gives: Pacemaker itself says what is to be done, and to whom.

    Deprecated names are left out: each has a successor. UnexpectedOutput.
    """
    deprecated = {one.get("name") for one in _root(xml).iterfind("parameters/parameter[@deprecated='1']")}
    for one in parameters(xml):
        if one.name not in deprecated and one.name not in _NOT_GIVEN:
            yield replace(one, required=one.required and one.name not in _NAMES_THE_NODE)


def texts(xml: str) -> tuple[str, str]:
    """What it is, in a line, and in more words. UnexpectedOutput."""
    root = _root(xml)
    return _text(root, "shortdesc"), _text(root, "longdesc")


def operations(xml: str) -> tuple[Advised, ...]:
    """How an agent wants its operations to be run. UnexpectedOutput."""
    found = _root(xml).iterfind("actions/action")
    return tuple(Advised(*(one.get(key, "") for key in ("name", "timeout", "interval"))) for one in found)


def refuse_misfit(known: Parameter, value: str) -> None:
    """Refused: the value is none that the option takes, with what it takes."""
    if known.kind in _LISTED and known.choices and value not in known.choices:
        raise Refused(f"{known.name} takes {', '.join(known.choices)}.")
    if known.kind == "boolean" and value.lower() not in (*TRUE, *FALSE):
        raise Refused(f"{known.name} takes true or false.")
    if known.kind in ("integer", "second") and not value.removeprefix("-").isdecimal():
        raise Refused(f"{known.name} takes a whole number.")
    if known.kind in ("time", "duration", "timeout") and milliseconds(value) is None:
        raise Refused(f"{known.name} takes a time, for example 10s or 2min.")


def _root(xml: str) -> Element:
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("This is no metadata", f"{error}: {xml[:200]!r}") from error


def _text(one: Element, tag: str) -> str:
    """In one line of text; what is said in English, as all of Pacemaker's own metadata is."""
    return " ".join((one.findtext(tag) or "").split())

"""The constraints that there are, each in a sentence and with what it joins; and how one is removed."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from halab.cli.console.contract import Rule, Rules, Wish
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import Cib, query

_ENDS = {
    "rsc_location": ("rsc", "node"),
    "rsc_colocation": ("rsc", "with-rsc"),
    "rsc_order": ("first", "then"),
}
_ALWAYS = "INFINITY"


def rules(host: Host) -> Rules:
    """All of them. HalabError."""
    return Rules(host.name, tuple(set_now(query(host))))


def set_now(cib: Cib) -> Iterator[Rule]:
    """In the configuration's order."""
    for one in cib.constraints():
        kind, name = one.tag.removeprefix("rsc_"), one.get("id", "")
        first, second = (one.get(end, "") for end in _ENDS.get(one.tag, ("", "")))
        if first and second and one.find("rule") is None:
            yield Rule(name, kind, first, second, _value(one), _told(one, first, second))
        else:  # sets of resources, rules, tickets
            yield Rule(name, kind, "", "", _value(one), f"{one.get('rsc', 'several resources')}: {_further(one)}")


def _value(one: Element) -> str:
    if one.tag == "rsc_order":
        return one.get("kind") or ("Optional" if one.get("score") == "0" else "Mandatory")
    return one.get("score", "")


def _told(one: Element, first: str, second: str) -> str:
    value = _value(one)
    never = value.startswith("-")
    weight = "always" if value == _ALWAYS else "never" if value == f"-{_ALWAYS}" else f"score {value}"
    if one.tag == "rsc_location":
        return f"{first} {'avoids' if never else 'prefers'} {second} ({weight})"
    if one.tag == "rsc_colocation":
        return f"{first} runs {'apart from' if never else 'where'} {second}{'' if never else ' runs'} ({weight})"
    return f"{second} starts after {first} ({value.lower()})"


def _further(one: Element) -> str:
    names = [ref.get("id", "") for ref in one.iter("resource_ref")]
    what = {"rsc_location": "location", "rsc_colocation": "colocation", "rsc_order": "order", "rsc_ticket": "ticket"}
    how = "by a rule" if one.find("rule") is not None else f"of {', '.join(names)}" if names else ""
    return f"{what.get(one.tag, one.tag)} {how or one.get('ticket', '')}".strip()


def remove(cib: Cib, wish: Wish) -> None:
    """The one whose id the wish names, if it is there."""
    section = cib.section("constraints")
    for one in list(section):
        if one.get("id") == wish.name:
            section.remove(one)
            return


def refuse_gone(cib: Cib, wish: Wish) -> None:
    """Conflict: there is no constraint of that id."""
    if wish.name not in {one.get("id") for one in cib.constraints()}:
        raise Conflict(f"There is no constraint {wish.name}", "It may have been removed meanwhile.")

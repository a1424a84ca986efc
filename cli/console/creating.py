"""A new resource: the agents that a node has, what each takes, and what comes of it, as `pcs` would make it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree
from xml.etree.ElementTree import SubElement

from halab.cli.console.actions import Action
from halab.cli.console.contract import Agent, Agents, Parameter, Wish
from halab.cli.console.metadata import is_secret, operations, parameters, refuse_misfit, texts
from halab.cli.console.refusing import Refused
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import Cib, existing
from halab.provisioners.pacemaker.primitives import Member, Operation, write_primitive
from halab.provisioners.pacemaker.values import check_agent, check_id, check_text

CLONE = "clone"
"""What `within` of a wish says for a clone; otherwise it is the name of a group, or empty."""
_DEFAULT_MONITOR = "60s"


def agents(host: Host) -> Agents:
    """All that can be a resource here. HalabError."""
    providers = [one.text or "" for one in told(host, "--list-ocf-providers").iterfind("providers/provider")]
    kinds = [*(f"ocf:{one}" for one in providers), "systemd"]
    return Agents(host.name, tuple(name for kind in kinds for name in _of(host, kind)))


def _of(host: Host, kind: str) -> Iterator[str]:
    for one in told(host, "--list-agents", kind).iterfind("agents/agent"):
        if check_agent(name := f"{kind}:{one.text}") is None and not name.endswith("@"):
            yield name


def told(host: Host, *words: str) -> ElementTree.Element:
    """crm_resource's XML. HalabError."""
    xml = host.ask(cmd("crm_resource", *words, "--output-as=xml")).stdout
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("crm_resource gave no XML", f"{error}: {xml[:200]!r}") from error


def agent(host: Host, name: str) -> Agent:
    """What an agent tells of itself. Refused: it is no agent's name; HalabError: the node has none of that name."""
    if problem := check_agent(name):
        raise Refused(problem)
    xml = host.ask(cmd("crm_resource", "--show-metadata", name)).stdout
    return Agent(name, *texts(xml), tuple(parameters(xml)), operations(xml))


def fitted(action: Action, wish: Wish, about: Agent, taken: Collection[str]) -> Action:
    """The action with the words and the edit for this wish. Refused, with what does not fit. `taken`: names in use."""
    if wish.name in taken:
        raise Refused(f"There is a resource {wish.name} already: choose another name.")
    _refuse(wish, {one.name: one for one in about.parameters})
    wanted = Member(name=wish.name, agent=wish.value, params=wish.options, operations=tuple(_operations(about)))
    return replace(action, words=_words(wish, wanted), edit=partial(_put, wanted))


def _refuse(wish: Wish, known: dict[str, Parameter]) -> None:
    names = (wish.name, wish.within) if wish.within else (wish.name,)
    for problem in (*map(check_id, names), *map(check_text, wish.options.values())):
        if problem:
            raise Refused(problem)
    for name, value in wish.options.items():
        if name not in known:
            raise Refused(f"{wish.value} has no parameter {name}.")
        refuse_misfit(known[name], value)
    needed = [one.name for one in known.values() if one.required and not one.default]
    if lacking := [name for name in needed if name not in wish.options]:
        raise Refused(f"{wish.value} needs {', '.join(lacking)}.")


def _operations(about: Agent) -> Iterator[Operation]:
    """As the agent advises them, and pcs takes them over."""
    advised = {one.name: one for one in about.operations}
    for name in ("monitor", "start", "stop"):
        one = advised.get(name)
        timeout = one.timeout or None if one else None
        if name == "monitor":
            yield Operation(name=name, interval=(one.interval if one else "") or _DEFAULT_MONITOR, timeout=timeout)
        elif timeout:
            yield Operation(name=name, interval="0s", timeout=timeout)


def _words(wish: Wish, wanted: Member) -> str:
    """What a person would type; no secret is shown."""
    words = ["pcs", "resource", "create", wanted.name, wanted.agent]
    words += shown(wanted.params)
    words.append("op")
    for one in wanted.operations:
        words += [one.name, f"interval={one.interval}", *([f"timeout={one.timeout}"] if one.timeout else [])]
    if wish.within:
        words += [CLONE] if wish.within == CLONE else ["--group", wish.within]
    return quoted([*words, "--no-default-ops"])


def shown(options: Mapping[str, str]) -> list[str]:
    """NAME=VALUE, without secrets."""
    return [f"{name}={'***' if value and is_secret(name) else value}" for name, value in options.items()]


def quoted(words: Iterable[str]) -> str:
    """For an action's `words`, which are a template."""
    return shlex.join(words).replace("{", "{{").replace("}", "}}")


def _put(wanted: Member, cib: Cib, wish: Wish) -> None:
    """Into the CIB, once."""
    if existing(cib, wanted.name, "primitive") is not None:
        return
    parent = cib.section("resources")
    if wish.within == CLONE:
        parent = SubElement(parent, "clone", id=cib.fresh_id(f"{wanted.name}-clone"))
    elif wish.within:
        group = existing(cib, wish.within, "group")
        parent = SubElement(parent, "group", id=wish.within) if group is None else group
    write_primitive(cib, parent, None, wanted)

"""Fencing devices: what their agents take, how one is added, changed and removed, and whether it answers."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from xml.etree.ElementTree import Element

from halab.cli.console.actions import Action
from halab.cli.console.contract import Agent, Device, FenceAgents, Parameter, Trial, Trials, Wish
from halab.cli.console.creating import quoted, shown, told
from halab.cli.console.declared import declared
from halab.cli.console.metadata import is_secret, of_daemon, of_device, parameters, refuse_misfit, texts
from halab.cli.console.refusing import Refused
from halab.cli.drill.guests import Guests
from halab.cli.fence import asking
from halab.cli.lab.state import instances
from halab.cli.look.place import Place
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import Conflict, HalabError
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import Cib, existing, query
from halab.provisioners.pacemaker.primitives import (
    PARAMS,
    Member,
    Operation,
    options,
    set_options,
    write_primitive,
)
from halab.provisioners.pacemaker.resource import remove_primitive
from halab.provisioners.pacemaker.values import check_fence_agent, check_id, check_options

ACTIONS = ("fence", "fence-change", "fence-delete")
_CLASS = "stonith"
_MONITOR = Operation(name="monitor", interval="60s")
_SCRIPT = "_script"
_NO_DEVICE = 105  # Pacemaker's exit code for "no such object"


def agents(host: Host, place: Place) -> FenceAgents:
    """All that this node has, and the scripts that the lab has put on its nodes. HalabError, StateUnusable."""
    found = told(host, "--list-agents", _CLASS).iterfind("agents/agent")
    names = sorted({one.text or "" for one in found if (one.text or "").startswith("fence_")})
    return FenceAgents(host.name, tuple(names), tuple(sorted(_scripts(place))))


def _scripts(place: Place) -> set[str]:
    files = [one.attributes for one in instances(place.state) if one.type == "halab_file"]
    return {one["path"] for one in files if one.get("mode") == "0700"}


def agent(host: Host, name: str) -> Agent:
    """With the options that Pacemaker has for all devices. Refused: no agent's name; HalabError: there is none."""
    if problem := check_fence_agent(name):
        raise Refused(problem)
    xml = host.ask(cmd("crm_resource", "--show-metadata", f"{_CLASS}:{name}")).stdout
    own = {one.name: one for one in of_device(xml)}
    common = [one for one in parameters(host.ask(of_daemon("fenced")).stdout) if one.name not in own]
    return Agent(name, *texts(xml), (*own.values(), *common), ())


def device(host: Host, place: Place, name: str) -> Device:
    """As it is now. Refused: there is none of that name; HalabError, StateUnusable."""
    element = _element(query(host), name)
    now = options(element, PARAMS)
    about = agent(host, element.get("type", ""))
    known = {one.name for one in about.parameters}
    further = tuple(_unknown(one) for one in now if one not in known)
    return Device(
        name,
        replace(about, parameters=(*about.parameters, *further)),
        {key: value for key, value in now.items() if not is_secret(key)},
        tuple(key for key in now if is_secret(key)),
        name in declared(place.state),
    )


def _unknown(name: str) -> Parameter:
    return Parameter(name, "", "", (), False, "", "", is_secret(name))


def _element(cib: Cib, name: str) -> Element:
    found = cib.resource(name)
    if found is None or found.get("class") != _CLASS:
        raise Refused(f"There is no fencing device {name}.")
    return found


def agent_of(cib: Cib, wish: Wish) -> str:
    """The fence agent that a wish is about. Refused: there is no such device."""
    return wish.value if wish.action == "fence" else _element(cib, wish.resource).get("type", "")


def fitted(action: Action, wish: Wish, cib: Cib, about: Agent, taken: Collection[str]) -> Action:
    """The action with the words and the edit for this wish. Refused, with what does not fit. `taken`: names in use."""
    if wish.action == "fence":
        return _new(action, wish, cib, about, taken)
    if wish.action == "fence-delete":
        return replace(action, edit=_remove)
    return _change(action, wish, about, options(_element(cib, wish.resource), PARAMS))


def _new(action: Action, wish: Wish, cib: Cib, about: Agent, taken: Collection[str]) -> Action:
    if wish.name in taken:
        raise Refused(f"There is a resource {wish.name} already: choose another name.")
    if problem := check_id(wish.name):
        raise Refused(problem)
    known = {one.name: one for one in about.parameters}
    _refuse(about.name, known, wish.options)
    needed = [one.name for one in known.values() if one.required and not one.default]
    if lacking := [name for name in needed if name not in wish.options]:
        raise Refused(f"{about.name} needs {', '.join(lacking)}.")
    monitor = _monitor(cib)
    wanted = Member(name=wish.name, agent=f"{_CLASS}:{about.name}", params=wish.options, operations=(monitor,))
    limit = [f"timeout={monitor.timeout}"] if monitor.timeout else []
    words = ["pcs", "stonith", "create", wish.name, about.name, *shown(wish.options)]
    return replace(
        action,
        words=quoted([*words, "op", "monitor", f"interval={monitor.interval}", *limit]),
        edit=partial(_put, wanted),
    )


def _monitor(cib: Cib) -> Operation:
    """As the devices have it that are there already: their limits suit these machines."""
    for one in cib.resources():
        if one.get("class") == _CLASS:
            for op in one.iterfind("operations/op[@name='monitor']"):
                return replace(_MONITOR, interval=op.get("interval", "60s"), timeout=op.get("timeout"))
    return _MONITOR


def _change(action: Action, wish: Wish, about: Agent, now: Mapping[str, str]) -> Action:
    """An empty value takes an option away."""
    known = {one.name: one for one in about.parameters}
    known.update({name: _unknown(name) for name in now if name not in known})
    _refuse(about.name, known, {name: value for name, value in wish.options.items() if value})
    after = {**now, **wish.options}
    needed = [one.name for one in known.values() if one.required and not one.default]
    if lacking := [name for name in needed if not after.get(name)]:
        raise Refused(f"{about.name} needs {', '.join(lacking)}.")
    if not wish.options:
        raise Refused("Nothing was changed.")
    words = quoted(["pcs", "stonith", "update", wish.resource, *shown(wish.options)])
    return replace(action, words=words, edit=_update)


def _refuse(name: str, known: Mapping[str, Parameter], given: Mapping[str, str]) -> None:
    if problem := check_options(given):
        raise Refused(problem)
    for key, value in given.items():
        if key not in known:
            raise Refused(f"{name} has no option {key}.")
        if is_secret(key) and (way := f"{key}{_SCRIPT}") in known:
            raise Refused(
                f"{key} would stand in the configuration for all to read. "
                f"Give {way}: the path of a script that prints it, on each node and for root alone."
            )
        refuse_misfit(known[key], value)


def refuse_missing_scripts(guests: Guests, members: Collection[str], given: Mapping[str, str]) -> None:
    """Refused: a script that is to be run is not there on one of the `members`. HalabError."""
    for path in {value for name, value in given.items() if name.endswith(_SCRIPT) and value}:
        for name in members:
            if guests.host(name).ask(cmd("test", "-x", path, ok=(0, 1))).rc != 0:
                raise Refused(f"{name} has no {path} that can be run: put it there first.")


def _put(wanted: Member, cib: Cib, wish: Wish) -> None:
    if existing(cib, wish.name, "primitive") is None:
        write_primitive(cib, cib.section("resources"), None, wanted)


def _update(cib: Cib, wish: Wish) -> None:
    element = cib.resource(wish.resource)
    if element is None:
        raise Conflict(f"There is no fencing device {wish.resource}", "It may have been removed meanwhile.")
    wanted = {name: value for name, value in wish.options.items() if value}
    set_options(cib, element, PARAMS, wish.options, wanted)


def _remove(cib: Cib, wish: Wish) -> None:
    """With its constraints, and out of its levels."""
    remove_primitive(cib, wish.resource)


def consequences(before: Cib, after: Cib) -> Iterator[str]:
    """What a change means for fencing itself."""
    for node in sorted(_fenced(before) - _fenced(after)):
        yield f"No device can fence {node} then: what it runs is started nowhere else when it fails."


def _fenced(cib: Cib) -> set[str]:
    """The nodes that some device fences. One that asks its switch itself may fence each of them."""
    nodes, found = {e.get("uname", "") for e in cib.section("nodes")}, set[str]()
    for one in cib.resources():
        if one.get("class") == _CLASS:
            given = options(one, PARAMS)
            named = f"{given.get('pcmk_host_list', '')} {given.get('pcmk_host_map', '')}".replace(";", " ")
            names = {part.partition(":")[0] for part in named.replace(",", " ").split()}
            found |= names & nodes if names else nodes
    return found


def tried(guests: Guests, members: Collection[str], name: str) -> Trials:
    """The device asked on each of the `members`, at the same time: its monitor, and what it could fence."""
    commands = (f"stonith_admin --query {shlex.quote(name)}", f"stonith_admin --list-targets {shlex.quote(name)}")
    with ThreadPoolExecutor(max(1, len(members))) as pool:
        hosts = [guests.host(member) for member in members]
        return Trials(commands, tuple(pool.map(lambda host: _trial(host, name), hosts)))


def _trial(host: Host, name: str) -> Trial:
    try:
        said = host.attempt(asking.monitor(name))
        if said.rc == _NO_DEVICE:
            return Trial(host.name, "it may not run here: this node does not know it", ())
        if said.rc != 0:
            return Trial(host.name, asking.refusal(said), ())
        answer = host.attempt(asking.targets(name))
        targets = asking.listed(answer) if answer.rc == 0 else ()  # not every agent can tell
    except HalabError as error:
        return Trial(host.name, f"{error.summary}. {error.detail}", ())
    return Trial(host.name, "", tuple(targets))

"""Carries out a wish: works out what it comes to, and does it if the configuration is still the one that was shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from halab.cli.console import audit, creating, daemons, edits, fencing, levels, rules
from halab.cli.console.actions import Action
from halab.cli.console.checking import checked, devices, names
from halab.cli.console.contract import (
    Agent,
    Agents,
    Device,
    FenceAgents,
    Levels,
    Outcome,
    Preview,
    Properties,
    Rules,
    Trials,
    Wish,
)
from halab.cli.console.contract_history import History
from halab.cli.console.foretelling import foretold, simulation
from halab.cli.console.history import Chronicle
from halab.cli.console.properties import properties, refuse_unknown
from halab.cli.console.refusing import Refused
from halab.cli.console.watching import Watch
from halab.cli.drill.guests import Guests
from halab.cli.look.deployed import deployed
from halab.cli.look.place import Place
from halab.cli.look.report import MachineReport, Report
from halab.provisioners.corosync.conf import CorosyncConf, parse_corosync_conf
from halab.provisioners.corosync.founded import CONF
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ClusterNotRunning, Conflict, HalabError
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import QUERY, Cib, fingerprint, parse, query, render
from halab.provisioners.pacemaker.edit import EditCib

T = TypeVar("T")
_CONF = cmd("cat", CONF)


@dataclass(frozen=True)
class Asked:
    """A wish that can be carried out. `on`: where its command is typed; `further_votes`: a quorum device's."""

    wish: Wish
    action: Action
    report: Report
    guests: Guests
    on: str
    further_votes: bool

    @property
    def host(self) -> Host:
        return self.guests.host(self.on)

    @property
    def machine(self) -> MachineReport:
        """The node of the wish."""
        return next(one for one in self.report.machines if one.name == self.wish.node)

    def shown(self, would: Iterable[str], version: str) -> Preview:
        """What a person is told of it. The options stay where they came from: one may be a secret."""
        wish, action = self.wish, self.action
        bare = replace(wish, options={})
        return Preview(bare, action.heading(wish), self.on, action.command(wish), tuple(would), version)


@dataclass(frozen=True)
class Doing:
    """All that changes a lab from the console."""

    place: Place
    watch: Watch
    chronicle: Chronicle = field(default_factory=Chronicle, compare=False)

    def preview(self, wish: Wish) -> Preview:
        """Changes nothing. Refused, HalabError."""
        with self._asked(wish) as asked:
            if asked.action.of_daemons:
                return self._of_daemons(asked)
            if asked.action.edit is None:
                return asked.shown(("The cluster's tools do not foretell this.",), "")
            text = asked.host.ask(QUERY).stdout
            before, after = parse(text), parse(text)
            asked.action.edit(after, wish)
            if render(before) == render(after):
                raise Refused("The configuration says so already.")
            said = foretold(asked.host.ask(simulation(text, after)).stdout)
            return asked.shown([*fencing.consequences(before, after), *said], fingerprint(before))

    def _of_daemons(self, asked: Asked) -> Preview:
        """The quorum first; then what the resources would do, which is what they do when the node is in standby."""
        machine, report, action = asked.machine, asked.report, asked.action
        would = [daemons.consequence(action, machine, report, asked.further_votes)]
        if action.stops and report.cluster is not None and report.cluster.online > 1:
            text = asked.guests.host(_speaker(report)).ask(QUERY).stdout
            after = parse(text)
            edits.set_node_attribute(after, machine.name, "standby", "on")
            quorum = daemons.quorum_after(action, report)
            would += foretold(asked.host.ask(simulation(text, after, quorum)).stdout)
        return asked.shown(would, daemons.version(report))

    def properties(self) -> Properties:
        """All of the cluster's, with help. Refused, HalabError, StateUnusable."""
        return self._of_speaker(lambda host: properties(host, self.place))

    def agents(self) -> Agents:
        """Refused, HalabError, StateUnusable."""
        return self._of_speaker(creating.agents)

    def agent(self, name: str) -> Agent:
        """Refused, HalabError, StateUnusable."""
        return self._of_speaker(lambda host: creating.agent(host, name))

    def fence_agents(self) -> FenceAgents:
        """Refused, HalabError, StateUnusable."""
        return self._of_speaker(lambda host: fencing.agents(host, self.place))

    def fence_agent(self, name: str) -> Agent:
        """Refused, HalabError, StateUnusable."""
        return self._of_speaker(lambda host: fencing.agent(host, name))

    def device(self, name: str) -> Device:
        """Refused, HalabError, StateUnusable."""
        return self._of_speaker(lambda host: fencing.device(host, self.place, name))

    def levels(self) -> Levels:
        """Refused, HalabError, StateUnusable."""
        return self._of_speaker(lambda host: levels.levels(host, self.place))

    def rules(self) -> Rules:
        """The constraints. Refused, HalabError, StateUnusable."""
        return self._of_speaker(rules.rules)

    def history(self, look: bool) -> History:
        """What is known of it; `look`: and the members begin to be asked. Refused, StateUnusable, NothingDeployed."""
        if look:
            self.chronicle.look(self._report(), self._guests)
        return self.chronicle.told(self.watch.snapshot())

    def tried(self, name: str) -> Trials:
        """A fencing device, tried on all members that answer. Nothing is switched. Refused, StateUnusable."""
        report = self._report()
        if name not in devices(report):
            raise Refused(f"There is no fencing device {name}.")
        guests = self._guests()
        try:
            return fencing.tried(guests, _answering(report), name)
        finally:
            guests.forget()

    def _of_speaker(self, ask: Callable[[Host], T]) -> T:
        on = _speaker(self._report())
        guests = self._guests()
        try:
            return ask(guests.host(on))
        finally:
            guests.forget()

    def act(self, wish: Wish, version: str, role: str) -> Outcome:
        """Does it, and writes that down before and after. Refused, HalabError, OSError."""
        with self._asked(wish) as asked:
            said = {"role": role, "on": asked.on, "command": asked.action.command(wish), "action": wish.action}
            audit.note(self.place.console_audit, "begin", **said)
            try:
                _carry_out(asked, version)
                outcome = Outcome(f"Done: {asked.action.heading(wish)}.", "")
            except HalabError as error:
                outcome = Outcome("", f"{error.summary}. {error.detail}")
            finally:
                self.watch.wake()
            audit.note(self.place.console_audit, "failed" if outcome.fault else "done", fault=outcome.fault, **said)
            return outcome

    @contextmanager
    def _asked(self, wish: Wish) -> Iterator[Asked]:
        """The wish, checked, with connections that last as long as the block. Refused, HalabError."""
        report = self._report()
        action = checked(wish, report)
        guests = self._guests()
        try:
            if not action.of_daemons:
                asked = Asked(wish, action, report, guests, _speaker(report), False)
                yield replace(asked, action=_fitted(asked))
                return
            conf = parse_corosync_conf(guests.host(wish.node).ask(_CONF).stdout)
            asked = Asked(wish, action, report, guests, wish.node, _has_device(conf))
            yield replace(asked, action=daemons.fitted(action, asked.machine, report, asked.further_votes))
        finally:
            guests.forget()

    def _guests(self) -> Guests:
        return Guests(self.place, deployed(self.place.state))

    def _report(self) -> Report:
        report = self.watch.overview().report
        if report is None:
            raise Refused("The lab was not seen yet.")
        return report


def _fitted(asked: Asked) -> Action:
    """The action for just this wish. Refused, HalabError."""
    wish, action, report = asked.wish, asked.action, asked.report
    if wish.action == "create":
        return creating.fitted(action, wish, creating.agent(asked.host, wish.value), names(report))
    if wish.action in fencing.ACTIONS:
        cib = query(asked.host)
        about = fencing.agent(asked.host, fencing.agent_of(cib, wish))
        fencing.refuse_missing_scripts(asked.guests, _answering(report), wish.options)
        return fencing.fitted(action, wish, cib, about, names(report))
    if wish.action in levels.ACTIONS:
        return levels.fitted(action, wish, query(asked.host), devices(report))
    if wish.action == "constraint-delete":
        rules.refuse_gone(query(asked.host), wish)
    elif "name" in action.takes:
        refuse_unknown(asked.host, wish.name, wish.value or None)
    return action


def _answering(report: Report) -> list[str]:
    """The members that can be asked now."""
    return [one.name for one in report.machines if one.role == "member" and one.answers]


def _speaker(report: Report) -> str:
    if report.cluster is None or not report.cluster.current:
        raise Refused("No member of the cluster answers now.")
    return report.cluster.seen_by


def _has_device(conf: CorosyncConf) -> bool:
    return any(key[:2] == ("quorum", "device") for key in conf.entries)


def _carry_out(asked: Asked, version: str) -> None:
    action, wish, host = asked.action, asked.wish, asked.host
    if action.edit is None:
        if action.of_daemons and (now := daemons.version(asked.report)) != version:
            raise _changed(f"When it was shown, it was {version}. Now it is {now}.")
        for command in action.run(wish):
            host.ask(command)
        return
    edit = action.edit
    query(host)  # a cluster that does not run is told before anything is tried

    def if_unchanged(cib: Cib) -> None:
        before, was = render(cib), fingerprint(cib)
        edit(cib, wish)
        if render(cib) != before and was != version:
            raise _changed("Somebody changed the configuration after it was shown.")

    EditCib(action.heading(wish), if_unchanged).run(host)


def _changed(detail: str) -> Conflict:
    return Conflict("This was changed meanwhile", f"{detail} Look again.")


def readable(error: Exception) -> str:
    """For the page."""
    if isinstance(error, ClusterNotRunning):
        return f"{error.summary}."
    return f"{error.summary}. {error.detail}" if isinstance(error, HalabError) else str(error)


def as_json(value: object) -> str:
    """A value of the contract."""
    return json.dumps(asdict(value))  # type: ignore[call-overload]

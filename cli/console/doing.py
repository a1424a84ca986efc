"""Carries out a wish: works out what it comes to, and does it if the configuration is still the one that was shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any
from xml.etree import ElementTree

from halab.cli.console import audit
from halab.cli.console.actions import ACTIONS, Action
from halab.cli.console.contract import Outcome, Preview, Wish
from halab.cli.console.watching import Watch
from halab.cli.drill.guests import Guests
from halab.cli.look.deployed import deployed
from halab.cli.look.place import Place
from halab.cli.look.report import Report
from halab.provisioners.engine.command import Command, cmd
from halab.provisioners.engine.errors import ClusterNotRunning, Conflict, HalabError, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import QUERY, Cib, parse, query, render
from halab.provisioners.pacemaker.edit import EditCib

_SIMULATE = ("crm_simulate", "--simulate", "--xml-pipe", "--output-as=xml")


class Refused(Exception):
    """A wish that is not carried out; the text says why."""


@dataclass(frozen=True)
class Doing:
    """All that changes a lab from the console."""

    place: Place
    watch: Watch

    def preview(self, wish: Wish) -> Preview:
        """Changes nothing. Refused, HalabError."""
        report = self._report()
        action = checked(wish, report)
        lab = deployed(self.place.state)
        guests = Guests(self.place, lab)
        try:
            return self._preview(wish, action, guests, report)
        finally:
            guests.forget()

    def _preview(self, wish: Wish, action: Action, guests: Guests, report: Report) -> Preview:
        on = _speaker(report)
        if action.edit is None:
            would: tuple[str, ...] = ("The cluster's tools do not foretell this.",)
            return Preview(wish, action.heading(wish), on, action.command(wish), would, "")
        host = guests.host(on)
        text = host.ask(QUERY).stdout
        before = parse(text)
        after = parse(text)
        action.edit(after, wish)
        if render(before) == render(after):
            raise Refused("The configuration says so already.")
        would = tuple(foretold(host.ask(_simulation(text, after)).stdout))
        return Preview(wish, action.heading(wish), on, action.command(wish), would, _version(before))

    def act(self, wish: Wish, version: str, role: str) -> Outcome:
        """Does it, and writes that down before and after. Refused, OSError."""
        report = self._report()
        action = checked(wish, report)
        on = _speaker(report)
        said = {"role": role, "on": on, "command": action.command(wish), "wish": asdict(wish)}
        audit.note(self.place.console_audit, "begin", **said)
        guests = Guests(self.place, deployed(self.place.state))
        try:
            _carry_out(action, wish, version, guests.host(on))
            outcome = Outcome(f"Done: {action.heading(wish)}.", "")
        except HalabError as error:
            outcome = Outcome("", f"{error.summary}. {error.detail}")
        finally:
            guests.forget()
            self.watch.wake()
        audit.note(self.place.console_audit, "failed" if outcome.fault else "done", fault=outcome.fault, **said)
        return outcome

    def _report(self) -> Report:
        report = self.watch.overview().report
        if report is None:
            raise Refused("The lab was not seen yet.")
        return report


def wish_of(data: Any) -> Wish:
    """From what the browser sent. Refused: it is no wish."""
    known = {one.name for one in fields(Wish)}
    if not isinstance(data, dict) or not all(isinstance(data.get(name, ""), str) for name in known):
        raise Refused("That is not an action.")
    return Wish(data.get("action", ""), data.get("resource", ""), data.get("node", ""))


def checked(wish: Wish, report: Report) -> Action:
    """The action of a wish that names only what the lab has. Refused."""
    action = ACTIONS.get(wish.action)
    if action is None:
        raise Refused("There is no such action.")
    members = {machine.name for machine in report.machines if machine.role == "member"}
    resources = {name for one in report.resources for name in (one.id, *one.within)}
    for field, known in (("node", members), ("resource", resources)):
        given = getattr(wish, field)
        if (field in action.takes) != bool(given):
            raise Refused(f"{wish.action} takes {' and '.join(action.takes)}.")
        if given and given not in known:
            raise Refused(f"The lab has no {field} of that name.")
    return action


def _speaker(report: Report) -> str:
    if report.cluster is None or not report.cluster.current:
        raise Refused("No member of the cluster answers now.")
    return report.cluster.seen_by


def _carry_out(action: Action, wish: Wish, version: str, host: Host) -> None:
    if action.edit is None:
        host.ask(action.run(wish))
        return
    edit = action.edit
    query(host)  # a cluster that does not run is told before anything is tried

    def if_unchanged(cib: Cib) -> None:
        before, was = render(cib), _version(cib)
        edit(cib, wish)
        if render(cib) != before and was != version:
            raise Conflict(
                "This was changed meanwhile", f"The configuration was {version} when it was shown, and is {was} now."
            )

    EditCib(action.heading(wish), if_unchanged).run(host)


def _version(cib: Cib) -> str:
    return ".".join(map(str, cib.version))


def _simulation(text: str, after: Cib) -> Command:
    """Of the CIB with its status, as it would be."""
    root = ElementTree.fromstring(text)
    old = root.find("configuration")
    new = after.root.find("configuration")
    if old is None or new is None:
        raise UnexpectedOutput("The CIB has no configuration", text[:200])
    root[list(root).index(old)] = new
    return cmd(*_SIMULATE, stdin=ElementTree.tostring(root, encoding="unicode"), timeout_s=60.0)


def foretold(xml: str) -> Iterator[str]:
    """What crm_simulate's XML says would be done, in words; nothing when nothing would."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("crm_simulate gave no XML", f"{error}: {xml[:200]!r}") from error
    for e in root.iterfind("actions/*"):
        what, reason = e.get("action", e.get("task", "")), e.get("reason")
        why = f", because of {reason}" if reason else ""
        if e.tag == "node_action":
            yield f"{what} {e.get('node')}{why}"
        elif e.get("source") and e.get("dest"):
            yield f"{what} {e.get('resource')} from {e.get('source')} to {e.get('dest')}{why}"
        else:
            yield f"{what} {e.get('resource')} on {e.get('node') or e.get('dest') or e.get('source')}{why}"


def readable(error: Exception) -> str:
    """For the page."""
    if isinstance(error, ClusterNotRunning):
        return f"{error.summary}."
    return f"{error.summary}. {error.detail}" if isinstance(error, HalabError) else str(error)


def as_json(value: object) -> str:
    """A value of the contract."""
    return json.dumps(asdict(value))  # type: ignore[call-overload]

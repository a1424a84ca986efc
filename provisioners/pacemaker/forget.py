"""Having the cluster forget what it knows of a resource. The command ends before all members have done so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.steps import Await
from halab.provisioners.pacemaker.await_state import await_status
from halab.provisioners.pacemaker.status import (
    STATUS_COMMAND,
    ClusterStatus,
    FailCount,
    FailedOperation,
    parse_status,
    plain_id,
)

_Known = FailedOperation | FailCount
_Operation = tuple[str, str, str]  # its key, and what tells it from the next one of its kind: number, time
_HISTORY = cmd("cibadmin", "--query", "--scope", "status")
_PENDING = "-1"
_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class ForgetFailures:
    """Have the cluster try again what failed under an earlier definition (`crm_resource --cleanup`)."""

    name: str
    primitives: tuple[str, ...]

    def run(self, host: Host) -> None:
        before = self._known(parse_status(host.ask(STATUS_COMMAND).stdout))
        if before:
            host.ask(cmd("crm_resource", "--cleanup", "--resource", self.name, timeout_s=120.0))
            host.wait(_await_forgotten(f"failures of {self.name}", before, self._known))

    def _known(self, status: ClusterStatus) -> frozenset[_Known]:
        return _of(self.primitives, status, (*status.fail_counts, *status.failures))

    def __str__(self) -> str:
        return f"forget earlier failures of {self.name}"


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Have the cluster forget all that it knows of a primitive, and look at it anew (`crm_resource --refresh`).

    One that is managed again before that is judged by what was found while nobody managed it.
    """

    primitive: str

    def run(self, host: Host) -> None:
        status = parse_status(host.ask(STATUS_COMMAND).stdout)
        online = {node.name for node in status.nodes if node.online}
        for node, known in sorted(self._operations(host.ask(_HISTORY).stdout).items()):
            if node in online and known:
                self._refresh(host, node, known)
        host.wait(_await_forgotten(f"failures of {self.primitive}", self._failures(status), self._failures))

    def _refresh(self, host: Host, node: str, known: frozenset[_Operation]) -> None:
        # --force: only the primitive itself, not all of its group. Of a clone that is the first of its instances, and
        # what is sent to the node is that instance's own name while nobody has looked at it yet: a name that the node
        # does not know, so that it forgets nothing and says that all is well. So one node after the other.
        refresh = ("crm_resource", "--refresh", "--force", "--resource", self.primitive, "--node", node)
        host.ask(cmd(*refresh, timeout_s=120.0))
        host.wait(self._await_look(node, known))

    def _await_look(self, node: str, known: frozenset[_Operation]) -> Await:
        def lacks(text: str) -> str:
            now = self._operations(text).get(node, frozenset())
            if left := now & known:
                return f"{node} still knows of {', '.join(' '.join(one) for one in sorted(left))}"
            return "" if now else f"{node} has not looked yet"

        return Await(
            f"a new look at {self.primitive} on {node}",
            _HISTORY,
            lambda result: result.rc == 0 and not lacks(result.stdout),
            _DEADLINE_S,
            seen=lambda result: result.stderr.strip() if result.rc else lacks(result.stdout),
        )

    def _operations(self, text: str) -> dict[str, frozenset[_Operation]]:
        """By node: what it has done with the primitive. crm_mon would leave out the probes that found nothing."""
        return {
            state.get("uname", ""): frozenset(
                (done.get("operation_key", ""), done.get("call-id", ""), done.get("last-rc-change", ""))
                for resource in state.iterfind("lrm/lrm_resources/lrm_resource")
                if plain_id(resource.get("id", "")) == self.primitive
                for done in resource.iterfind("lrm_rsc_op")
                if done.get("op-status") != _PENDING
            )
            for state in _status_section(text).iterfind("node_state")
        }

    def _failures(self, status: ClusterStatus) -> frozenset[_Known]:
        return _of((self.primitive,), status, (*status.fail_counts, *status.failures))

    def __str__(self) -> str:
        return f"have the cluster look at {self.primitive} again"


def _status_section(text: str) -> Element:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("cibadmin gave no XML", f"{error}: {text[:200]!r}") from error


def _of(primitives: tuple[str, ...], status: ClusterStatus, known: Iterable[_Known]) -> frozenset[_Known]:
    """What members know of these. One that is away cannot be told to forget."""
    online = {node.name for node in status.nodes if node.online}
    return frozenset(one for one in known if one.resource in primitives and one.node in online)


def _await_forgotten(
    what: str, before: frozenset[_Known], known: Callable[[ClusterStatus], frozenset[_Known]]
) -> Await:
    """Until nothing is known of what was known `before`. What has failed anew is another thing."""

    def lacks(status: ClusterStatus) -> str:
        return ", ".join(sorted(str(one) for one in before & known(status)))

    return await_status(f"end of the {what}", lacks, _DEADLINE_S, 0.5)

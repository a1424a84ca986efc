"""Having the cluster forget what it knows of a resource. The command ends before all members have done so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.steps import Await
from halab.provisioners.pacemaker.await_state import await_status
from halab.provisioners.pacemaker.status import (
    STATUS_COMMAND,
    ClusterStatus,
    FailCount,
    FailedOperation,
    Operation,
    parse_status,
)

_Known = Operation | FailedOperation | FailCount
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
        before = self._known(parse_status(host.ask(STATUS_COMMAND).stdout))
        # --force: only the primitive itself, not all of its group. Of a clone that is one instance, anybody's: so each
        # node is named.
        refresh = ("crm_resource", "--refresh", "--force", "--resource", self.primitive)
        for node in sorted({one.node for one in before}):
            host.ask(cmd(*refresh, "--node", node, timeout_s=120.0))
        host.wait(_await_forgotten(f"history of {self.primitive}", before, self._known))

    def _known(self, status: ClusterStatus) -> frozenset[_Known]:
        return _of((self.primitive,), status, (*status.history, *status.fail_counts, *status.failures))

    def __str__(self) -> str:
        return f"have the cluster look at {self.primitive} again"


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

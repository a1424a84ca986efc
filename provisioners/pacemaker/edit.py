"""The one way in which the CIB is changed: query, edit, one atomic patch, look again."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from halab.provisioners.engine.command import Command, Result, script
from halab.provisioners.engine.errors import CibRejected, Conflict, ConnectError, TimedOut
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.steps import Await
from halab.provisioners.pacemaker.cib import NOT_CONNECTED, Cib, observe, parse, query, render
from halab.provisioners.pacemaker.status import parse_status

log = logging.getLogger(__name__)

Edit = Callable[[Cib], None]

_ATTEMPTS = 8
# How cibadmin says that a patch does not fit (2.1 and 3.0): what it changes or removes is gone, the result is not
# valid (an id that somebody else has added meanwhile, but also our own mistake), it was made for an older version.
_GONE, _INVALID, _STALE = 1, 78, 103
# Nobody took the request, or no answer came: an election is on. Whether it was carried out is not known.
_NO_ANSWER = frozenset({102, 107, 124})

# $1: length of the old CIB in bytes; stdin: the old CIB, right after it the new one.
# crm_diff exits with 1 when there are differences.
# First line out: cibadmin's exit code; then the CIB as it is after the patch, or what the tools said about it.
_PATCH = """\
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
head -c "$1" >"$d/old"; cat >"$d/new"
rc=0; crm_diff --no-version --original "$d/old" --new "$d/new" >"$d/patch" || rc=$?
[ "$rc" -eq 1 ] || exit 70
rc=0; cibadmin --patch --xml-file "$d/patch" >"$d/said" 2>&1 || rc=$?
echo "$rc"
case $rc in
0) cibadmin --query ;;
78) cat "$d/said"; crm_verify -V --xml-file "$d/new" 2>&1 || : ;;
*) cat "$d/said" ;;
esac
"""


@dataclass(slots=True)
class _Turn:
    """An edit that waits to be carried out, by its own thread or by the one whose turn comes first."""

    edit: EditCib
    over: bool = False
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class EditCib:
    """Bring the CIB to where `edit` changes nothing more.

    `edit` must be pure and idempotent: it changes the CIB that it is given towards what is wanted, or leaves it
    alone. Raises CibRejected with the tools' words, TimedOut when others change the same things again and again.
    """

    what: str
    edit: Edit

    def run(self, host: Host) -> None:
        """Together with all edits that wait for their turn at the same cluster: one patch costs as much as one edit."""
        turn = _Turn(self)
        host.shared.queue.append(turn)
        with host.shared.lock:
            if not turn.over:
                _carry_out(host, _taken(host.shared.queue))
        if turn.error is not None:
            raise turn.error

    def apply(self, host: Host) -> None:
        """Carry it out; the caller holds the cluster's lock."""
        # What was just observed is good enough to start from: a patch that does not fit is refused.
        now, sure = parse(render(observe(host))), False
        for _ in range(_ATTEMPTS):
            change = self._change(now, sure)
            if change is None and sure:
                return
            now, sure = query(host) if change is None else self._patched(host, *change), True
        raise TimedOut(
            f"{host.name}: {self.what} did not stay in the CIB",
            f"It was written {_ATTEMPTS} times, and changed by somebody else each time. Find out who edits it, too.",
        )

    def _change(self, now: Cib, sure: bool) -> tuple[str, str] | None:
        """(before, after) as XML; None when there is nothing to change (or it cannot be known yet)."""
        before = render(now)
        try:
            self.edit(now)
        except Conflict:
            if sure:
                raise
            return None
        after = render(now)
        return None if before == after else (before, after)

    def _patched(self, host: Host, old: str, new: str) -> Cib:
        """The CIB after the attempt, whether it succeeded or not."""
        try:
            result = host.ask(patch_command(old, new))
        except ConnectError:
            # It may or may not have been carried out: only the CIB can say.
            log.info("%s: connection lost during %s, looking again", host.name, self.what)
            return query(host)
        finally:
            host.shared.memo.drop()
        if result.rc == NOT_CONNECTED:  # carried out, and the cluster was stopped right after
            return query(host)
        rc, said = _answer(result)
        if rc == 0:
            return parse(said)
        if rc in _NO_ANSWER:
            host.wait(_DC_ELECTED)
            return query(host)
        now = query(host)
        if rc == _STALE or (rc in (_GONE, _INVALID) and now.version != parse(old).version):
            return now
        raise CibRejected(f"{host.name}: the cluster refused {self.what}", _words(said, rc), rc=rc)

    def __str__(self) -> str:
        return f"change the CIB: {self.what}"


def _taken(queue: deque[object]) -> list[_Turn]:
    """All that waits now; others may go on adding to the queue."""
    taken = []
    while queue:
        taken.append(queue.popleft())
    return [turn for turn in taken if isinstance(turn, _Turn)]


def _carry_out(host: Host, turns: list[_Turn]) -> None:
    """All edits in one patch; one by one when the cluster refuses them, so that only the wrong one fails."""
    try:
        _together([turn.edit for turn in turns]).apply(host)
    except (CibRejected, Conflict) as error:
        if len(turns) == 1:
            turns[0].error = error
        else:
            for turn in turns:
                _carry_out(host, [turn])
    except Exception as error:  # each thread reports it for its own resource
        for turn in turns:
            turn.error = error
    finally:
        for turn in turns:
            turn.over = True


def _together(edits: list[EditCib]) -> EditCib:
    def edit_all(cib: Cib) -> None:
        for each in edits:
            each.edit(cib)

    return EditCib(", ".join(each.what for each in edits), edit_all)


def patch_command(old: str, new: str) -> Command:
    """Patch a CIB from `old` to `new` in one call; stdout is read by EditCib."""
    return script(_PATCH, len(old.encode()), stdin=old + new, timeout_s=120.0, ok=(0, NOT_CONNECTED))


def _answer(result: Result) -> tuple[int, str]:
    first, _, rest = result.stdout.partition("\n")
    return int(first), rest


def _words(said: str, rc: int) -> str:
    """What the tools said, without the copy of the CIB that cibadmin adds to it (people keep secrets in it)."""
    lines = [
        re.sub(r"^/\S+/new:[0-9]+: ", "", line.strip())
        for line in said.splitlines()
        if not re.match(r"\s*[0-9]+\s", line)
    ]
    return " ".join(dict.fromkeys(line for line in lines if line)) or f"cibadmin --patch exited with {rc}."


def _dc_elected(result: Result) -> bool:
    return result.rc == 0 and parse_status(result.stdout).dc is not None


_STOPPED = 200  # no exit code of crm_mon's
_DC_OR_STOPPED = script(f"""# ask crm_mon, and whether Pacemaker was stopped here
rc=0; crm_mon --output-as=xml || rc=$?
[ "$rc" -ne {NOT_CONNECTED} ] || systemctl --quiet is-active pacemaker || rc={_STOPPED}
exit "$rc"
""")
# Nobody will be elected on a node whose Pacemaker was stopped meanwhile: that is for the next query to tell.
_DC_ELECTED = Await(
    "elected DC", _DC_OR_STOPPED, lambda result: result.rc == _STOPPED or _dc_elected(result), deadline_s=120.0
)

"""Who is asked for the cluster when a journal has spoken: one member, for what any of them knows; and who then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from halab.provisioners.pacemaker.status import ClusterStatus, ResourceStatus

TOGETHER_S = 0.3
"""From an answer to the next question, or as long as the answer took if that is longer: a change comes with many lines,
and who is slow to answer is at work."""


class Glances:
    """One question at a time, to one member. The first line of a journal leads to one at once, all others to one more.

    An answer holds all that was known to the cluster when it was asked for, so one of them serves all who spoke before.
    """

    def __init__(self, members: Sequence[str], ask: Callable[[str], bool], together_s: float = TOGETHER_S) -> None:
        """`ask`: asks a member (name); whether it told of a cluster that runs."""
        self._members, self._ask, self._together_s = tuple(members), ask, together_s
        self._lock = threading.Lock()
        self._speaker = self._told = next(iter(self._members), "")
        self._mute = set[str]()
        self._wanted, self._over = threading.Event(), threading.Event()

    def spoke(self, member: str) -> None:
        """Its journal has a new line."""
        with self._lock:
            self._speaker = member
        self._wanted.set()

    def want(self) -> None:
        """Something happened, somewhere."""
        with self._lock:
            self._speaker = self._told
        self._wanted.set()

    def answers(self, member: str) -> None:
        """It is known from elsewhere that it answers again."""
        with self._lock:
            self._mute.discard(member)

    def stop(self) -> None:
        self._over.set()
        self._wanted.set()

    def run(self) -> None:
        """Until it is stopped."""
        while self._wanted.wait():
            self._wanted.clear()  # before the question: who speaks during it gets another one
            if self._over.is_set():  # asked after the clear, which may have taken the wake of `stop` away
                return
            self._over.wait(max(self._together_s, self._glance()))

    def _glance(self) -> float:
        """Seconds that the answer took; 0 without one."""
        for member in self._order():
            if self._over.is_set():
                break
            began = time.monotonic()
            told = self._ask(member)
            with self._lock:
                if told:
                    self._told = member
                    self._mute.discard(member)
                    return time.monotonic() - began
                self._mute.add(member)
        return 0.0

    def _order(self) -> list[str]:
        """The one that spoke, the one that told last, the others; who was mute comes behind."""
        with self._lock:
            first = (self._speaker, self._told)
            return sorted(self._members, key=lambda one: (one in self._mute, *(one != other for other in first)))


def concerned(before: ClusterStatus, now: ClusterStatus) -> frozenset[str]:
    """The nodes of which something may be different that only they can tell: their sessions, volumes, mounts.

    All of them where the members or the quorum are others: DLM and GFS2 stand still then, or go on, everywhere.
    """
    if _together(before) != _together(now):
        return frozenset(node.name for status in (before, now) for node in status.nodes)
    nodes = {node.name for node in set(before.nodes) ^ set(now.nodes)}
    return frozenset({*nodes, *_runs_on(set(before.resources) ^ set(now.resources))})


def _together(status: ClusterStatus) -> tuple[bool, frozenset[tuple[str, bool, bool]]]:
    return status.with_quorum, frozenset((node.name, node.online, node.unclean) for node in status.nodes)


def _runs_on(resources: set[ResourceStatus]) -> Iterator[str]:
    for resource in resources:
        yield from resource.nodes

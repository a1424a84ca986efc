"""Several questions at once, and no waiting for those that are not answered in time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

T = TypeVar("T")

SLOWER = 2.0
"""How many times as long as the slowest of those that set the pace another one may take."""


def together(
    jobs: Mapping[str, Callable[[], T]],
    limit_s: float,
    *,
    needless: Callable[[Mapping[str, T]], Collection[str]] = lambda _: (),
    meanwhile: Callable[[], None] = lambda: None,
    sets_pace: Callable[[T], bool] = lambda _: False,
) -> dict[str, T]:
    """The results of all jobs that end within `limit_s`, by name; what one of them raises is raised.

    The others go on in the background, as long as the process lives. `needless`: the jobs that nobody waits for, going
    by what was found so far; `meanwhile` is done here while the jobs are under way. `sets_pace`: a result that tells
    how fast all are here; where it was late, the others may be later.
    """
    ended: queue.Queue[tuple[str, T | None, BaseException | None]] = queue.Queue()
    for name, job in jobs.items():
        threading.Thread(target=_do, args=(name, job, ended), name=f"look at {name}", daemon=True).start()
    began, found = time.monotonic(), dict[str, T]()
    meanwhile()
    while jobs.keys() - found.keys() - set(needless(found)):
        try:
            name, result, error = ended.get(timeout=max(0.0, began + limit_s - time.monotonic()))
        except queue.Empty:
            break
        if error is not None:
            raise error
        found[name] = result  # type: ignore[assignment]  # a result of None is one, too
        if sets_pace(found[name]):
            limit_s = max(limit_s, SLOWER * (time.monotonic() - began))
    return found


def _do(name: str, job: Callable[[], T], ended: queue.Queue[tuple[str, T | None, BaseException | None]]) -> None:
    try:
        ended.put((name, job(), None))
    except BaseException as error:
        ended.put((name, None, error))

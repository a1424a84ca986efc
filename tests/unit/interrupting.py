"""Ctrl-C at each line of some modules, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def _traced(trace: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def at_each_line(act: Callable[[], object], *modules: ModuleType) -> Iterator[bool]:
    """Acts again and again, interrupted at another line of the modules each time; the last time at none.

    Gives whether the interrupt came out of it. Only the main thread is interrupted, as by Ctrl-C.
    """
    files = {module.__file__ for module in modules}
    for at in range(1000):
        lines, done = iter(range(at)), [False]

        def trace(frame: Any, event: str, _: Any, lines: Any = lines, done: Any = done) -> Any:
            if frame.f_code.co_filename not in files:
                return None
            if event == "line" and not done[0] and next(lines, None) is None:
                done[0] = True
                raise KeyboardInterrupt
            return trace

        came = False
        with _traced(trace):
            try:
                act()
            except KeyboardInterrupt:
                came = True
        yield came
        if not done[0]:
            return

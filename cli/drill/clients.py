"""The lab's users while it is broken: one asks the site from the host, and on each node one writes to GFS2."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import requests

from halab.cli.drill.ear import Ear
from halab.cli.drill.recording import Recorder
from halab.cli.watch.site import SERVED_BY

POLL_S = 0.1
CONNECT_S, ANSWER_S = 1.0, 2.0

# Arguments: the mount point (empty: nothing is written), this writer's file in it, the first number, the floating
# address, seconds between writes, and how names of this run's files begin: those of earlier runs, which have ended too
# early, are removed first (empty: they are left).
# Numbers are acknowledged when they are on the disk. Nothing is written beside GFS2: its directory is opened first, and
# looked at. By its path it may be the node's own a moment after it was seen mounted.
WRITER = r"""
import os, sys, threading, time
point, file, number, address, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5])
own = sys.argv[6]
local = "|-- " + address + "\n"
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())
def holds():
    routes = open("/proc/net/fib_trie").read()
    at = routes.find(local)
    return at >= 0 and "host LOCAL" in routes[at + len(local):].split("\n")[0]
def watch():
    while True:
        say("address", int(holds()))
        time.sleep(0.5)
def mounted():
    for line in open("/proc/self/mountinfo"):
        mount, _, kind = line.partition(" - ")
        if mount.split()[4] == point and kind.startswith("gfs2 "):
            return mount.split()[2]
def on_gfs2(do):
    device = mounted()
    if not device:
        return False
    directory = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    try:
        at = os.fstat(directory).st_dev
        if "%d:%d" % (os.major(at), os.minor(at)) != device:
            return False
        do(directory)
        return True
    finally:
        os.close(directory)
def tidy(directory):
    for entry in os.scandir(directory):
        left = entry.name.startswith(".halab-drill-") and not entry.name.startswith(own)
        if left and not entry.is_dir(follow_symlinks=False):
            try:
                os.unlink(entry.name, dir_fd=directory)
            except FileNotFoundError:
                pass  # another node's writer was quicker
def write(directory):
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, dir_fd=directory)
    try:
        os.write(handle, b"%d\n" % number)
        os.fsync(handle)
    finally:
        os.close(handle)
if own:
    on_gfs2(tidy)
threading.Thread(target=watch, daemon=True).start()
while True:
    began = time.monotonic()
    try:
        if on_gfs2(write):
            say("wrote", number, round(time.monotonic() - began, 4))
            number += 1
    except OSError as error:
        say("failed", number, error.errno)
        number += 1
    time.sleep(max(0.0, began + pause - time.monotonic()))
"""
SKIP = 100
"""How far a writer that is started again goes ahead: what an earlier one had under way keeps a number of its own."""


class SiteClient:
    """While its block runs, the site is asked every POLL_S; see `rest_s`. NotHeard at its end: it has ended before."""

    def __init__(self, url: str, recorder: Recorder) -> None:
        self.url, self._recorder = url, recorder
        self._stop = threading.Event()
        self._ear = Ear("the site", self._ask_on)
        self.served_by = ""
        """The node whose answer came last; empty when the last request failed."""

    def __enter__(self) -> SiteClient:
        self._ear.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._ear.end(error)

    def _ask_on(self) -> None:
        while not self._stop.is_set():
            began = time.time()
            self.served_by, why = ask(self.url)
            self._recorder.add("site", began, took=round(time.time() - began, 4), node=self.served_by, why=why)
            self._stop.wait(rest_s(time.time() - began, bool(self.served_by)))


def rest_s(took_s: float, answered: bool) -> float:
    """Seconds until the site is asked again.

    After an answer at least as long as that took: on a busy host the client may take no more than half of what the
    node that serves can do, or its cluster misses its deadlines for the client's sake. After a failure no longer than
    else: its end is what is measured.
    """
    return max(POLL_S - took_s, took_s if answered else 0.0)


def ask(url: str) -> tuple[str, str]:
    """(the node that answered, why none did): one of them is empty."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy does not know the lab's network
        try:
            answer = session.get(url, timeout=(CONNECT_S, ANSWER_S))
        except requests.RequestException as error:
            return "", type(error).__name__
    node = answer.headers.get(SERVED_BY, "")
    return (node, "") if answer.ok and node else ("", f"status {answer.status_code}")


class Writer:
    """What one node's writer tells. All writers together write every POLL_S. It tells who has the address, too.

    `point`: where GFS2 is mounted; empty: there is none, and nothing is written. Each run has files of its own, named
    by its folder, so that what an earlier one has left is never taken for what this one has written.
    """

    def __init__(self, node: str, point: str, address: str, writers: int, recorder: Recorder) -> None:
        self.node, self._point, self._address, self._recorder = node, point, address, recorder
        self._own = f".halab-drill-{recorder.folder.name}-"
        self._pause_s = POLL_S * writers
        self._next = 1
        self._heard = False

    @property
    def file(self) -> str:
        """Its path, the same on all nodes."""
        return f"{self._point}/{self._own}{self.node}"

    def argv(self) -> list[str]:
        # What is under way later may leave files there on purpose: only the beginning tidies up.
        own = "" if self._heard else self._own
        words = (self._point, f"{self._own}{self.node}", self._next, self._address, self._pause_s, own)
        return ["python3", "-u", "-c", WRITER, *map(str, words)]

    def hear(self, line: str) -> None:
        self._heard = True
        match line.split():
            case ["wrote", number, took]:
                self._next = int(number) + SKIP
                self._recorder.add("write", node=self.node, number=int(number), took=float(took))
            case ["failed", number, errno]:
                self._next = int(number) + SKIP
                self._recorder.add("unwritten", node=self.node, number=int(number), errno=int(errno))
            case ["address", held]:
                self._recorder.add("address", node=self.node, held=held == "1")

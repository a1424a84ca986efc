"""Breaks a command under way on the real lab: which process is killed, or what else happens, at a moment by chance.

What stays broken (a full disk, a network that is cut) is mended when the command has ended.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import libvirt

from tests.e2e.lab import CHECKOUT, HALAB, STATE, Lab, hypervisor

GRACE_S = 900.0  # for a command that was broken to end by itself
DISKS = Path("/var/lib/libvirt/images")


@dataclass
class Under:
    """A command of the user's under way, the leader of a process group of its own, as in a terminal."""

    process: subprocess.Popen[bytes]
    began: float

    def started(self) -> int:
        """How many resources it has begun to change."""
        try:
            lines = (STATE / "progress.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return 0
        records = [json.loads(line) for line in lines if line.endswith("}")]
        return sum(record["event"] == "start" and record["t"] >= self.began for record in records)

    def reached(self, resources: int) -> bool:
        """Wait until it has begun to change so many; False: it ended before."""
        while self.process.poll() is None:
            if self.started() >= resources:
                return True
            time.sleep(0.05)
        return False


def begin(lab: Lab, *command: str) -> Under:
    (CHECKOUT / "artifacts").mkdir(exist_ok=True)
    # As halab does, for plain cdktf: a run that was broken may still be saving what it did.
    waiting = {f"TF_CLI_ARGS_{verb}": "-lock-timeout=300s" for verb in ("plan", "apply", "destroy")}
    log = (CHECKOUT / "artifacts/chaos.log").open("ab")
    began = time.time()
    with log:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env={**lab.environment, **waiting}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    return Under(process, began)


def pids(matches: Callable[[list[str]], bool]) -> list[int]:
    """Processes by their command lines."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words and matches(words):
            found.append(int(place.name))
    return found


def is_module(name: str) -> Callable[[list[str]], bool]:
    return lambda words: name in words


def is_terraform(words: list[str]) -> bool:
    return Path(words[0]).name in ("terraform", "tofu")


def is_cdktf(words: list[str]) -> bool:
    return Path(words[0]).name == "node" and any(Path(word).name.startswith("cdktf") for word in words[1:3])


is_provider = is_module("halab.provider")


def killing(matches: Callable[[list[str]], bool]) -> Callable[[Under, random.Random], None]:
    """SIGKILL to all such processes."""

    def kill(_under: Under, _chance: random.Random) -> None:
        for pid in pids(matches):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    return kill


def interrupt(under: Under, _chance: random.Random) -> None:
    os.killpg(under.process.pid, signal.SIGINT)


def interrupt_often(under: Under, chance: random.Random) -> None:
    for _ in range(3):
        interrupt(under, chance)
        time.sleep(chance.uniform(0, 1))  # people type at their own pace
        if under.process.poll() is not None:
            return


def hang_up(under: Under, _chance: random.Random) -> None:
    os.killpg(under.process.pid, signal.SIGHUP)


def kill_command(under: Under, _chance: random.Random) -> None:
    """What it started is left to itself."""
    under.process.kill()


def restart_libvirtd(_under: Under, _chance: random.Random) -> None:
    pid = int(Path("/run/libvirtd.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end, "libvirtd does not end"
        time.sleep(0.1)
    subprocess.run(["libvirtd", "--daemon"], check=True)


def reset_guest(_under: Under, chance: random.Random) -> None:
    with hypervisor() as connection:
        running = sorted(
            connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE), key=lambda d: str(d.name())
        )
        if not running:
            return
        try:
            chance.choice(running).reset(0)
        except libvirt.libvirtError as error:  # a destroy was quicker
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise


@contextlib.contextmanager
def cut_ssh(_under: Under, _chance: random.Random) -> Iterator[None]:
    """Nothing reaches a guest's SSH any more, and nobody is told so."""
    rules = "table inet chaos { chain out { type filter hook output priority 0; tcp dport 22 drop; }; }"
    subprocess.run(["nft", rules], check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete table inet chaos"], check=True)


@contextlib.contextmanager
def fill_disk(_under: Under, _chance: random.Random) -> Iterator[None]:
    """Not a byte is left where the machines' disks are; QEMU pauses whoever writes."""
    filler = DISKS / "filler"
    try:
        with filler.open("wb") as file:
            fill(file.fileno(), shutil.disk_usage(DISKS).free)
        yield
    finally:
        filler.unlink()
        resume_paused()


def fill(descriptor: int, size_bytes: int) -> None:
    """Until nothing fits any more: others write meanwhile."""
    offset = 0
    while size_bytes >= 4096:
        try:
            os.posix_fallocate(descriptor, offset, size_bytes)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            size_bytes //= 2
        else:
            offset += size_bytes


def resume_paused() -> None:
    """What the error of a paused machine says is to be done."""
    with hypervisor() as connection:
        for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED):
            domain.resume()


Break = Callable[[Under, random.Random], contextlib.AbstractContextManager[None] | None]

BREAKS: dict[str, Break] = {
    "SIGKILL of the provider": killing(is_provider),
    "SIGKILL of terraform": killing(is_terraform),
    "SIGKILL of halab": kill_command,
    "SIGKILL at plain cdktf": killing(is_cdktf),
    "SIGKILL of terraform and provider": killing(lambda words: is_terraform(words) or is_provider(words)),
    "Ctrl-C": interrupt,
    "Ctrl-C again and again": interrupt_often,
    "a closed terminal": hang_up,
    "Ctrl-C at plain cdktf": interrupt,
    "a restart of libvirtd": restart_libvirtd,
    "a reset of a guest": reset_guest,
    "SSH is cut": cut_ssh,
    "the disk is full": fill_disk,
}


def argv(command: str, what: str) -> list[str]:
    """What the user types: the command, or cdktf itself."""
    if what.endswith("plain cdktf"):
        return ["npx", "cdktf", command, "--auto-approve"]
    return [str(HALAB), command, "--yes"]


def breaks(chance: random.Random) -> Iterator[str]:
    """All of them in an order by chance, again and again."""
    while True:
        names = list(BREAKS)
        chance.shuffle(names)
        yield from names


def broken(lab: Lab, command: str, what: str, after: int, chance: random.Random) -> int | None:
    """Run a command and break it after it began to change so many resources; its exit code if it ended before."""
    under = begin(lab, *argv(command, what))
    if not under.reached(after):
        return under.process.wait()
    time.sleep(chance.uniform(0, 3))  # the moment
    if under.process.poll() is not None:
        return under.process.wait()
    with BREAKS[what](under, chance) or contextlib.nullcontext():
        under.process.wait(GRACE_S)
    return None

"""`make bench`: deploys, times a checkpoint, a diff without changes and a failover, destroys; prints times and ratios.

    tests/e2e/sandbox make bench     on a machine without a libvirt of its own

No lab may be deployed from this checkout. What was measured is kept in artifacts/bench.json, also after a failure.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from halab.cli import libvirt_daemons
from halab.cli.bench.failover import Cluster, crash_active
from halab.cli.bench.report import (
    CheckpointTimes,
    Measured,
    NoOpTimes,
    as_json,
    deploy_times,
    hypervisors_used,
    report,
)
from halab.cli.change import destroy
from halab.cli.change.progress import Follower, Timeline
from halab.cli.lab.this_lab import CHECKOUT, lab_folder, lab_settings
from halab.cli.leftovers import clean
from halab.cli.watch.site import SiteWatch
from halab.constructs.settings import Settings, SettingsError
from halab.provisioners.engine.errors import HalabError

RESULT = CHECKOUT / "artifacts/bench.json"
SITE_DEADLINE_S = 60.0
CDKTF_TIMEOUT_S = 600.0
CHECKPOINT, CHECKPOINT_TIMEOUT_S = "bench", 600.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class BenchFailed(Exception):
    """A part of the benchmark did not end as it should; the text says why."""


def refuse_deployed(checkout: Path) -> None:
    """BenchFailed when a lab is deployed: it would be destroyed at the end."""
    try:
        with clean.nothing_deployed(checkout):
            pass
    except clean.Refused as error:
        raise BenchFailed(str(error)) from None


def measure(settings: Settings, measured: Measured) -> None:
    """All parts in turn; `measured` is filled as they end."""
    _stop_by_exception()
    folder, url = lab_folder(settings), f"http://{settings.site_address}/"
    with SiteWatch(url) as site:
        timeline = deployed(folder.progress)
        ended = time.time()
        answered = site.wait(SITE_DEADLINE_S)
    measured.deploy = deploy_times(timeline, ended, answered)
    state = json.loads(folder.state.read_text())
    measured.hypervisors = hypervisors_used(state)
    nodes = {f"node{n}": settings.node_address(n) for n in range(1, settings.node_count + 1)}
    _tell("the lab comes to rest")
    Cluster(folder, nodes, settings.time_scale).settle("node1")
    _tell("a checkpoint")
    measured.checkpoint = checkpoint()
    cluster = Cluster(folder, nodes, settings.time_scale)  # connections of before the restore are dead
    _tell("a diff without changes")
    measured.no_op = no_op()
    if len(nodes) < 2:
        _tell("no failover: the lab has one node")
        return
    _tell("a crash of the active node")
    measured.failover = crash_active(cluster, url)


def deployed(progress: Path) -> Timeline:
    """Deploys as a person would: what the deploy told. BenchFailed.

    A process of its own: whoever starts Terraform has one thread only, and the watch over the site is another.
    """
    timeline = Timeline(time.time())
    with subprocess.Popen([sys.executable, "-P", "-m", "halab.cli.main", "deploy", "--yes"], cwd=CHECKOUT) as process:
        try:
            code = process.wait()
        except BaseException:  # it ends in order
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    if code:
        raise BenchFailed(f"the deploy failed (exit code {code})")
    for record in Follower(progress).new_records():
        timeline.add(record)
    return timeline


def checkpoint() -> CheckpointTimes:
    """A save and the way back, as a person does them; nothing of it stays. BenchFailed."""
    took = {}
    for act in ("save", "restore", "remove"):
        began = time.monotonic()
        command = [sys.executable, "-P", "-m", "halab.cli.main", "checkpoint", act, CHECKPOINT]
        if code := subprocess.run(command, cwd=CHECKOUT, check=False, timeout=CHECKPOINT_TIMEOUT_S).returncode:
            raise BenchFailed(f"halab checkpoint {act} failed (exit code {code})")
        took[act] = time.monotonic() - began
    return CheckpointTimes(save_s=took["save"], restore_s=took["restore"])


def no_op() -> NoOpTimes:
    """One run each of synth and diff, after one for warming up. BenchFailed when the diff shows changes."""
    for command in ("synth", "diff"):
        _timed(command)
    synth_s, _ = _timed("synth")
    diff_s, output = _timed("diff")
    if "No changes" not in output:
        raise BenchFailed(f"cdktf diff shows changes right after the deploy:\n{output}")
    return NoOpTimes(diff_s=diff_s, synth_s=synth_s)


def _timed(command: str) -> tuple[float, str]:
    """Seconds and output of one cdktf command, run as a person would."""
    began = time.monotonic()
    with subprocess.Popen(
        ["npx", "cdktf", command],
        cwd=CHECKOUT,
        env={**os.environ, "CI": "1", "PATH": f"{Path(sys.prefix, 'bin')}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that all of its processes can be ended
    ) as cdktf:
        try:
            output, _ = cdktf.communicate(timeout=CDKTF_TIMEOUT_S)
        except BaseException:  # otherwise they would hold the state's lock while the lab is destroyed
            os.killpg(cdktf.pid, signal.SIGKILL)
            raise
    took_s = time.monotonic() - began
    if cdktf.returncode:
        raise BenchFailed(f"cdktf {command} failed (exit code {cdktf.returncode}):\n{output}")
    return took_s, output


def _stop_by_exception() -> None:
    """The first signal to stop ends the benchmark, which then destroys."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        for other in STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise BenchFailed(f"interrupted by {signal.Signals(number).name}")

    for number in STOP_SIGNALS:
        signal.signal(number, stop)


def circumstances(settings: Settings) -> dict[str, object]:
    """What the times depend on."""
    return {
        "node_count": settings.node_count,
        "memory_mib": settings.memory_mib,
        "vcpus": settings.vcpus,
        "hypervisor": settings.hypervisor,
        "host_cpus": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _tell(what: str) -> None:
    print(f"\nbench: {what}", flush=True)


def bench(keep: bool) -> int:
    """0 when everything was measured and removed again."""
    try:
        refuse_deployed(CHECKOUT)
        settings = lab_settings()
    except (BenchFailed, SettingsError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    measured, conditions, code = Measured(), circumstances(settings), 0
    try:
        measure(settings, measured)
    except (BenchFailed, HalabError, TimeoutError, subprocess.SubprocessError, libvirt_daemons.LibvirtUnavailable) as e:
        print(f"error: {e}", file=sys.stderr)
        code = 1
    finally:
        try:
            _write(measured, conditions)
        finally:
            if keep:
                _tell("the lab stays; remove it with make destroy")
            else:
                _tell("destroying the lab")
                code = destroy.main(yes=True) or code
    print("", *report(measured), "", f"written to {RESULT.relative_to(CHECKOUT)}", sep="\n")
    return code


def _write(measured: Measured, conditions: Mapping[str, object]) -> None:
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(as_json(measured, conditions), indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything was measured and removed again."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the lab deployed")
    return bench(parser.parse_args(arguments).keep)


if __name__ == "__main__":
    sys.exit(main())

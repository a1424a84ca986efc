"""Whether a node of a deployed lab has come to rest.

pcsd starts last, and nothing waits for it: on emulated nodes it goes on for minutes, at the cost of what is measured.
"""

from dataclasses import dataclass

from halab.provisioners.engine.command import Command, Result, script
from halab.provisioners.engine.steps import Await

# cgroup v2: a unit that does not run has no such file.
CPU_OF_PCSD: Command = script("""# ask for the CPU time of pcsd
cat /proc/uptime
cd /sys/fs/cgroup/system.slice
cat pcsd.service/cpu.stat pcsd-ruby.service/cpu.stat
""")
DEADLINE_S = 900.0
QUIET = 0.15
"""Part of a processor. An idle pcsd takes less of an emulated node: 7% as packaged."""


@dataclass
class Quiet:
    """Looks at one node again and again: true when its pcsd has done hardly anything since the last look."""

    _uptime_s: float | None = None
    _used_s: float = 0.0

    def __call__(self, result: Result) -> bool:
        """`result`: what CPU_OF_PCSD said."""
        if result.rc != 0:
            return False
        uptime_s, used_s = parse(result.stdout)
        before_s, self._uptime_s = self._uptime_s, uptime_s
        busy_s, self._used_s = used_s - self._used_s, used_s
        return before_s is not None and uptime_s > before_s and busy_s / (uptime_s - before_s) < QUIET


def rest_of(name: str) -> Await:
    """To wait for on that node."""
    return Await(f"rest of {name}", CPU_OF_PCSD, Quiet(), deadline_s=DEADLINE_S, interval_s=5.0)


def parse(text: str) -> tuple[float, float]:
    """(uptime, CPU time used), both in seconds."""
    uptime, *lines = text.splitlines()
    used_us = sum(int(line.split()[1]) for line in lines if line.startswith("usage_usec "))
    return float(uptime.split()[0]), used_us / 1e6

"""When a node counts as one at rest."""

from __future__ import annotations

from halab.cli.watch.rest import CPU_OF_PCSD, Quiet
from halab.provisioners.engine.command import Result


def said(uptime_s: float, *used_us: int, rc: int = 0) -> Result:
    stats = "".join(f"usage_usec {us}\nuser_usec 1\nsystem_usec 1\n" for us in used_us)
    return Result(CPU_OF_PCSD, rc, f"{uptime_s} 12.34\n{stats}", "")


def test_it_is_quiet_when_little_was_used_since_the_last_look() -> None:
    quiet = Quiet()
    looks = [
        said(100.0, 20_000_000, 10_000_000),  # nothing is known yet
        said(105.0, 23_000_000, 10_000_000),  # 0.6
        said(110.0, 23_000_000, 11_000_000),  # 0.2
        said(115.0, 23_400_000, 11_000_000),  # 0.08
    ]
    assert [quiet(look) for look in looks] == [False, False, False, True]


def test_it_is_not_while_pcsd_does_not_run() -> None:
    quiet = Quiet()
    assert [quiet(look) for look in (said(1.0, 5, rc=1), said(9.0, 5, rc=1), said(9.5, 5))] == [False] * 3

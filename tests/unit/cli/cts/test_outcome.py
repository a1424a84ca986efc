from __future__ import annotations

import pytest

from halab.cli.cts.outcome import Iteration, as_data, is_news, outcome, said, told

STAMP = "Nov 28 12:00:00\ttarget "
BEGUN = [
    ">>>>>>>>>>>>>>>> BEGINNING 2 TESTS",
    "Random Seed:            1795912345",
    "debug: cmd: target=node1, rc=0: uptime",
    "Running test Flip                   (node2)         [  1]",
    "Running test Stonithd               (node1)         [  2]",
]
SUMMARY = [
    "Test Flip:                {'auditfail': 0, 'failure': 0, 'skipped': 0, 'calls': 1}",
    "<<<<<<<<<<<<<<<< TESTS COMPLETED",
]


def _log(*lines: str) -> str:
    return "".join(f"{STAMP}{line}\n" for line in lines)


def _overall(failure: int = 0, bad_news: int = 0) -> str:
    return _numbers(2, failure, bad_news)


def _numbers(success: int, failure: int, bad_news: int, skipped: int = 0) -> str:
    counted = {"success": success, "failure": failure, "BadNews": bad_news, "skipped": skipped}
    return f"Overall Results:{counted!r}"


def _test(name: str, skipped: int) -> str:
    return f"Test {name + ':':<20} {{'calls': 1, 'failure': 0, 'skipped': {skipped}, 'auditfail': 0}}"


def test_nothing_was_wrong() -> None:
    came = outcome(said(_log(*BEGUN, _overall(), *SUMMARY)))
    assert came.passed
    assert [(one.number, one.test, one.node) for one in came.iterations] == [
        (1, "Flip", "node2"),
        (2, "Stonithd", "node1"),
    ]
    assert list(told(came)) == ["2 tests, something was wrong in 0; seed 1795912345. PASS"]


@pytest.mark.parametrize(
    ("line", "overall"),
    [
        ("Test Stonithd                       FAILED: No obvious failures", _overall(failure=1)),
        ("BadNews: Nov 28 12:00:00 node1 pacemaker-controld[1]: error: x", _overall(bad_news=1)),
        ("Audit ResourceAudit FAILED.", _overall()),
        ("Teardown failed", _overall(failure=1)),
    ],
)
def test_what_was_wrong_is_told_with_its_test(line: str, overall: str) -> None:
    came = outcome(said(_log(*BEGUN, line, overall, *SUMMARY)))
    assert not came.passed
    assert came.failed == [Iteration(2, "Stonithd", "node1", (line,))]
    assert f"  {line}" in told(came)
    assert as_data(came, "x.log")["failed"] == [
        {"number": 2, "test": "Stonithd", "node": "node1", "why": (line,), "explained": [""]}
    ]
    assert is_news(line)


CIB = "BadNews: 2026-12-01T15:04:29+00:00 node1 pacemaker-based[5905]:  notice: Local CIB 0.20.168.e8f7 differs from "


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("Test SimulStartLite                 FAILED: Unstable cluster nodes exist: ['node3']", "waits 20 s"),
        (f"{CIB}node2: 0.20.167.a15c 0x555555d63f90", "the last update"),
        (f"{CIB}node2: 0.20.168.a15c 0x555555d63f90", ""),  # the same version, another content
        (
            "BadNews: 2026-12-01T14:45:39+00:00 node3 pacemakerd[383]:  error: Could not get executable for PID 385: "
            "No such file or directory",
            "not collected yet",
        ),
        (
            "BadNews: 2026-12-01T15:32:02+00:00 node1 corosync[475]:   [CPG   ] *** 0x558267d00 can't mcast to group "
            "dlm:ls:lvm_global state:1, error:12",
            "leaving",
        ),
        ("Warning: Stale IPC file on node1: drwxrwx---  2 root root 40 Dec  1 14:53 qb-7733-7734-10-eR0KQQ", "killed"),
        ("Warning: Pacemaker core file on node1: -rw------- 1 root root 40 Dec  1 14:53 core.7733", ""),
        ("Setup failed", ""),
    ],
)
def test_what_was_wrong_is_explained_and_counts(line: str, meaning: str) -> None:
    came = outcome(said(_log(*BEGUN, line, _overall(failure=1), *SUMMARY)))
    assert not came.passed
    (explained,) = as_data(came, "x.log")["failed"][0]["explained"]
    assert meaning in explained
    assert bool(meaning) is bool(explained)
    assert (f"    ({explained})" in told(came)) is bool(meaning)


SBD = "BadNews: 2026-11-29T01:45:41+00:00 node1 sbd[3677]:    cluster:    error: "


@pytest.mark.parametrize(
    "line",
    [
        f"{SBD}log_assertion_as: pcmk__server_message_type: Triggered fatal assertion at servers.c:164 : (server > 0)",
        f"{SBD}pcmk_cpg_dispatch: Connection to the CPG API failed: Library error (2)",
        f"{SBD}set_servant_health: Cluster connection terminated",
    ],
)
def test_what_is_known_of_sbd_counts_for_nothing(line: str) -> None:
    came = outcome(said(_log(line, *BEGUN, line, _overall(bad_news=2), *SUMMARY)))
    assert came.passed
    assert list(came.known.values()) == [2]
    assert next(told(came)).startswith("2 complaints that count for nothing: ")
    assert not is_news(line)
    assert outcome(said(_log(line.replace("sbd[", "pacemaker-based["), *BEGUN, _overall(bad_news=1)))).failed


@pytest.mark.parametrize(
    ("overall", "skipped"),
    [(_numbers(2, 0, 0), (1, 1)), (_numbers(0, 0, 0, 1), (1, 0)), (_numbers(0, 0, 0), (0, 0))],
)
def test_nothing_has_passed_where_nothing_was_run(overall: str, skipped: tuple[int, int]) -> None:
    """This release counts who was skipped as a success, and says so in its summary only."""
    flip, stonithd = (_test(name, times) for name, times in zip(("Flip", "Stonithd"), skipped, strict=True))
    came = outcome(said(_log(*BEGUN, overall, flip, stonithd, SUMMARY[-1])))
    assert not came.passed
    assert as_data(came, "x.log")["skipped"] == sum(skipped)
    assert [*told(came)][-2:] == [
        f"no test was run to its end: {sum(skipped)} were skipped",
        "2 tests, something was wrong in 0; seed 1795912345. FAIL",
    ]


def test_one_that_was_skipped_spoils_no_other() -> None:
    assert outcome(said(_log(*BEGUN, _overall(), _test("Flip", 1), _test("Stonithd", 0)))).passed


@pytest.mark.parametrize(("counted", "lines"), [(1, []), (2, [SBD]), (0, [SBD])])
def test_bad_news_that_were_not_read_are_no_pass(counted: int, lines: list[str]) -> None:
    """The suite logs each one that it counts."""
    news = [f"{line}set_servant_health: Cluster connection terminated" for line in lines]
    came = outcome(said(_log(*BEGUN, *news, _overall(bad_news=counted), *SUMMARY)))
    assert not came.passed
    assert f"the suite counted {counted} bad news, and {len(lines)} were read" in [*told(came)]
    assert as_data(came, "x.log")["doubts"] == came.doubts


def test_failures_that_no_line_tells_are_no_pass() -> None:
    came = outcome(said(_log(*BEGUN, _overall(failure=1), *SUMMARY)))
    assert "the suite counted 1 failures" in [*told(came)]
    assert not came.passed


def test_a_setup_that_failed() -> None:
    came = outcome(said(_log("Audit DiskspaceAudit FAILED.", "Tearing down partial setup")))
    assert not came.passed
    assert [one.number for one in came.failed] == [0]
    assert list(told(came))[-1] == "The suite did not come to its end: 0 tests were begun. FAIL"


def test_debugging_is_no_news() -> None:
    assert [line for line in said(_log(*BEGUN)) if is_news(line)] == [BEGUN[1], *BEGUN[3:]]

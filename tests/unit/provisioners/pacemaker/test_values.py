from __future__ import annotations

import pytest

from halab.provisioners.pacemaker import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INFINITY", 1_000_000),
        ("+INFINITY", 1_000_000),
        ("-INFINITY", -1_000_000),
        ("100", 100),
        ("+5", 5),
        ("-1", -1),
        ("2000000", 1_000_000),
        ("", None),
        ("inf", None),
        ("1.5", None),
    ],
)
def test_score(text: str, expected: int | None) -> None:
    assert values.score(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10_000),
        ("10s", 10_000),
        ("10 sec", 10_000),
        ("500ms", 500),
        ("2min", 120_000),
        ("1h", 3_600_000),
        ("0", 0),
        ("", None),
        ("PT10S", None),
        ("-1s", None),
        ("10 days", None),
    ],
)
def test_milliseconds(text: str, expected: int | None) -> None:
    assert values.milliseconds(text) == expected


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (values.check_id, ["web", "_x", "a.b-c_1"], ["", "1web", "a b", "ä", "a:0", "-a"]),
        (values.check_agent, ["ocf:heartbeat:IPaddr2", "systemd:httpd", "systemd:a@b"], ["IPaddr2", "ocf:IPaddr2", ""]),
        (values.check_fence_agent, ["fence_redfish", "stonith:fence_xvm"], ["", "a b", "ocf:x:y"]),
        (values.check_score, ["0", "-1000000", "INFINITY"], ["1000001", "much", "--1"]),
        (values.check_duration, ["10s", "0"], ["soon", "PT1M"]),
        (values.check_options, [{}, {"ip": "192.0.2.1"}], [{"": "x"}, {"a b": "x"}, {"a": "x\ny"}, {"a": "\x01"}]),
        (values.check_property, ["no-quorum-policy"], ["", "No-Quorum", "dc-version"]),
        (values.one_of("a", "b"), ["a", "b"], ["c", ""]),
    ],
)
def test_checks(check: values.Check, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if check(value) is not None] == []
    assert [value for value in bad if check(value) is None] == []


def test_a_fencing_agent_is_sent_to_its_own_resource() -> None:
    assert "halab_stonith" in (values.check_agent("stonith:fence_xvm") or "")


def test_nothing_equals_an_empty_dict_and_cannot_change() -> None:
    assert values.NOTHING == {}
    assert dict(values.NOTHING) == {}
    assert values.duplicates(["a", "b", "a", "a"]) == ["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10s", 10_000),
        ("PT10S", 10_000),
        ("PT1M30S", 90_000),
        ("P1DT2H", 93_600_000),
        ("P2W", 1_209_600_000),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("P1M", None),  # how long is a month?
        ("PT10S\n", None),
        ("PT\u0661S", None),
        ("never", None),
    ],
)
def test_intervals(text: str, expected: int | None) -> None:
    """ISO 8601, too; a timeout so written Pacemaker 2.1 reads as none at all."""
    assert values.interval_ms(text) == expected
    assert (values.check_interval(text) is None) == (expected is not None)
    assert values.check_duration("PT10S") is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15s", {"": 15_000}),
        ("15", {"": 15_000}),
        ("PT15S", {"": 15_000}),
        ("node1:0s;node2:10s", {"node1": 0, "node2": 10_000}),
        ("Node1:0 node2.a.test:PT10S;", {"node1": 0, "node2.a.test": 10_000}),
        ("node1:1s;NODE1:2s", None),
        ("node1:", None),
        (":5s", None),
        ("node1:5s;10s", None),
        ("node1:a:5s", None),
        ("", None),
    ],
)
def test_delays(text: str, expected: dict[str, int] | None) -> None:
    assert values.delays_ms(text) == expected
    assert (values.check_delay(text) is None) == (expected is not None)


def test_delays_that_say_the_same() -> None:
    assert values.same_delay("node1:0s;node2:10s", "Node2:10 node1:0ms")
    assert not values.same_delay("node1:0s;node2:10s", "node1:0s;node2:11s")
    assert not values.same_delay("node1:10s", "10s")
    assert not values.same_delay("x", "y")

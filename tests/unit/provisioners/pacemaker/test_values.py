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

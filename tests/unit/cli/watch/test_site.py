import threading

import pytest

from halab.cli.watch import site
from halab.cli.watch.site import Load, SiteLoad


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            [(0.1, "node1"), (0.3, "node1"), (0.5, "node1")],
            "0 of 3 requests failed, longest gap 0.2 s, served by node1",
        ),
        (
            [(0.1, "node1"), (1.1, None), (2.1, None), (2.6, "node2")],
            "2 of 4 requests failed, longest gap 2.5 s, served by node1, then node2",
        ),
        ([(1.0, None), (3.0, "node2")], "1 of 2 requests failed, longest gap 3.0 s, served by node2"),
        ([(0.1, "node1"), (5.0, None)], "1 of 2 requests failed, longest gap 5.9 s, served by node1"),
        ([(5.0, None)], "1 of 1 requests failed, longest gap 6.0 s, served by nobody"),
    ],
)
def test_load(answers: list[tuple[float, str | None]], said: str) -> None:
    load = Load(began=0.0)
    for ended, node in answers:
        load.add(ended, node)
    load.end(6.0)
    assert str(load) == said


def test_the_site_is_asked_as_long_as_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "POLL_S", 0.001)
    enough, asked = threading.Event(), list[str]()

    def ask(url: str) -> str:
        asked.append(url)
        if len(asked) == 3:
            enough.set()
        return "node1"

    with SiteLoad("http://site/", ask) as load:
        assert enough.wait(10)
    assert load.asked == len(asked) >= 3
    assert (load.failed, load.served_by) == (0, ["node1"])

from pathlib import Path

import pytest

from halab.provisioners.corosync import CorosyncConf, Member, parse_corosync_conf, render_corosync_conf
from halab.provisioners.errors import ConfigError, UnexpectedOutput

DATA = Path(__file__).parents[2] / "data" / "corosync"


def members(count: int) -> tuple[Member, ...]:
    return tuple(Member(name=f"node{n}", address=f"192.168.77.{10 + n}", node_id=n) for n in range(1, count + 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16])
def test_rendered_text_is_the_golden_file(count: int) -> None:
    assert render_corosync_conf("summit", 10000, members(count)) == (DATA / f"{count}-nodes.conf").read_text()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("token_ms", [None, 10000])
def test_what_was_rendered_is_read_back(count: int, token_ms: int | None) -> None:
    text = render_corosync_conf("summit", token_ms, reversed(members(count)))
    assert parse_corosync_conf(text) == CorosyncConf(name="summit", token_ms=token_ms, members=members(count))
    assert ("two_node: 1" in text) == (count == 2)
    assert ("token:" in text) == (token_ms is not None)


def test_the_file_that_a_package_ships() -> None:
    conf = parse_corosync_conf((DATA / "debian-package.conf").read_text())
    assert (conf.name, conf.is_packaged_example) == ("debian", True)


def test_a_file_that_pcs_wrote() -> None:
    conf = parse_corosync_conf((DATA / "pcs-cluster-setup.conf").read_text())
    assert conf == CorosyncConf(name="HACluster", token_ms=None, members=conf.members)
    assert [(m.name, m.address, m.node_id) for m in conf.members] == [("a", "10.0.0.1", 1), ("b", "10.0.0.2", 2)]
    assert not conf.is_packaged_example


@pytest.mark.parametrize("text", ["totem {\n", "totem {\nversion\n}\n", "}\n"])
def test_a_broken_file_is_an_error(text: str) -> None:
    with pytest.raises(UnexpectedOutput, match=r"corosync\.conf"):
        parse_corosync_conf(text)


TWICE = Member(name="node1", address="192.168.77.99", node_id=9)


@pytest.mark.parametrize(
    ("name", "token_ms", "nodes", "attribute"),
    [
        ("", None, members(1), "name"),
        ("a b", None, members(1), "name"),
        ("x" * 33, None, members(1), "name"),
        ("summit", 10, members(1), "token_ms"),
        ("summit", None, (), "members"),
        ("summit", None, members(17), "members"),
        ("summit", None, (*members(2), TWICE), "members"),
        ("summit", None, (Member(name="a", address="10.0.0.1", node_id=0),), "members"),
    ],
)
def test_what_cannot_work_is_refused(
    name: str, token_ms: int | None, nodes: tuple[Member, ...], attribute: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        render_corosync_conf(name, token_ms, nodes)
    assert caught.value.attribute == attribute

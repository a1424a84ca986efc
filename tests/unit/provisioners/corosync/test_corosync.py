from pathlib import Path

import pytest

from halab.provisioners.corosync.conf import (
    CorosyncConf,
    Member,
    check_options,
    fixed_changes,
    options_of,
    parse_corosync_conf,
    refuse_fixed,
    render_corosync_conf,
    same_meaning,
)
from halab.provisioners.engine.errors import ConfigError, UnexpectedOutput

DATA = Path(__file__).parents[3] / "data" / "corosync"


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


OURS = render_corosync_conf("summit", 10000, members(3))
PCS = (DATA / "pcs-cluster-setup.conf").read_text()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (OURS, True),
        ("# a comment\n" + OURS.replace("    ", "\t"), True),
        (OURS.replace("    to_logfile: no\n    to_stderr: no\n", "    to_stderr: no\n    to_logfile: no\n"), True),
        (OURS.replace("10000", "9000"), False),
        (OURS.replace("192.168.77.12", "192.168.77.99"), False),
        (OURS + "system {\n    sched_rr: no\n}\n", False),
        ("totem {", False),
        ("", False),
    ],
)
def test_what_says_the_same_to_corosync(text: str, same: bool) -> None:
    assert same_meaning(text, OURS) == same


def test_a_cluster_of_pcs_can_be_described() -> None:
    conf, options = parse_corosync_conf(PCS), options_of(PCS)
    assert options == {
        "totem.cluster_uuid": "42a9e3f8026e43acbaeb183b24ac605d",
        "logging.to_logfile": "yes",
        "logging.logfile": "/var/log/corosync/corosync.log",
        "logging.timestamp": "on",
        "logging.to_stderr": "",
    }
    assert check_options(options) is None
    assert same_meaning(render_corosync_conf(conf.name, conf.token_ms, conf.members, options), PCS)
    assert conf.two_node


@pytest.mark.parametrize(
    "text",
    [
        PCS.replace("ring0_addr: 10.0.0.1", "ring0_addr: 10.0.0.1\n        ring1_addr: 10.1.0.1"),
        PCS.replace("nodelist {", "totem {\n    interface {\n        ttl: 1\n    }\n}\nnodelist {"),
    ],
)
def test_what_options_cannot_say(text: str) -> None:
    assert options_of(text) is None


def test_options_in_sections_of_sections() -> None:
    text = render_corosync_conf("c", None, members(1), {"quorum.device.model": "net", "quorum.device.net.host": "q"})
    assert "    device {\n        model: net\n        net {\n            host: q\n        }\n    }\n" in text
    assert options_of(text) == {"quorum.device.model": "net", "quorum.device.net.host": "q"}


@pytest.mark.parametrize(
    ("options", "good"),
    [
        ({"totem.consensus": "12000"}, True),
        ({"consensus": "12000"}, False),
        ({"totem.token": "1"}, False),
        ({"nodelist.node": "x"}, False),
        ({"totem.x": "a\nb"}, False),
        ({"totem.x": "}"}, False),
        ({"totem.keyfile": "/etc/corosync/authkey"}, True),
        ({"totem.key": "secret"}, False),  # it would stand in the state
    ],
)
def test_options(options: dict[str, str], good: bool) -> None:
    assert (check_options(options) is None) == good


@pytest.mark.parametrize(
    ("before", "after", "fixed"),
    [
        ("token: 10000", "token: 9000", ()),
        ("crypto_hash: sha256", "crypto_hash: sha512", ()),
        ("transport: knet", "transport: udpu", ("totem.transport",)),
        ("provider: corosync_votequorum", "provider: other", ("quorum.provider",)),
        ("nodeid: 3", "nodeid: 4", ("the node id of node3",)),
    ],
)
def test_what_a_running_corosync_does_not_take_over(before: str, after: str, fixed: tuple[str, ...]) -> None:
    changed = OURS.replace(before, after)
    assert changed != OURS
    assert fixed_changes(OURS, changed) == fixed
    if fixed:
        with pytest.raises(ConfigError, match="cannot be changed while corosync runs") as caught:
            refuse_fixed(OURS, changed)
        assert "pcs cluster stop --all" in caught.value.detail
    refuse_fixed("spoilt {", changed)

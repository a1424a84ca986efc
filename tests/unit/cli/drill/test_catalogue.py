from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from halab.cli.drill.catalogue import DRILLS, SUBJECTS, named
from halab.cli.drill.choosing import chosen
from halab.cli.drill.declaration import FENCING, GFS2, REDFISH, ROLES, Drill, Guest
from halab.cli.drill.listing import as_data, expected, table
from halab.cli.drill.needs import NEEDS, Here, unfit
from halab.constructs.settings import Settings
from halab.provisioners.engine.errors import ConfigError

ALL = [pytest.param(drill, id=drill.name) for drill in DRILLS.values()]


def test_names_are_given_once() -> None:
    assert sum(len(subject.DRILLS) for subject in SUBJECTS) == len(DRILLS) >= 30


@pytest.mark.parametrize("drill", ALL)
def test_a_drill_says_who_what_and_what_for(drill: Drill) -> None:
    assert drill.injections
    assert {one.role for one in drill.injections} <= ROLES
    assert drill.needs <= NEEDS.keys()
    assert set(drill.expected.fenced + drill.expected.may_be_fenced) <= ROLES
    assert drill.happened.format(who="node1", **dict.fromkeys(ROLES, "node2"))
    assert drill.expected.whole.seconds(3) > 0
    assert expected(drill)
    assert as_data(drill)["name"] == drill.name


@pytest.mark.parametrize("drill", ALL)
def test_scripts_are_shell(drill: Drill) -> None:
    for one in drill.injections:
        if isinstance(one, Guest):
            for text in (one.do, one.took, one.undo):
                checked = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True, check=False)
                assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("drill", ALL)
def test_what_is_done_in_a_guest_is_proven(drill: Drill) -> None:
    for one in drill.injections:
        if isinstance(one, Guest):
            assert one.shown if one.kills else one.took


@pytest.mark.parametrize("drill", ALL)
def test_what_lasts_is_undone(drill: Drill) -> None:
    if drill.lasts is not None:
        assert any(one.undo if isinstance(one, Guest) else one.action != "reset" for one in drill.injections)
    for one in drill.injections:
        if isinstance(one, Guest) and one.undo:
            assert drill.lasts is not None, "nobody would undo it"


_NFT = {
    "bites": """case "$*" in *list*) echo '{"packets": 7}';; -f*) cat > /dev/null;; esac""",
    "does not bite": """case "$*" in *list*) echo '{"packets": 0}';; -f*) cat > /dev/null;; esac""",
    "fails": """case "$*" in -f*) cat > /dev/null; exit 1;; *list*) exit 1;; esac""",
}


@pytest.mark.parametrize(("nft", "took"), [("bites", True), ("does not bite", False), ("fails", False)])
def test_a_link_that_flaps_has_lost_packets(nft: str, took: bool, tmp_path: Path) -> None:
    (flaps,) = DRILLS["link-flaps"].injections
    assert isinstance(flaps, Guest)
    for name, text in {"nft": _NFT[nft], "sleep": "", "systemctl": "", "systemd-run": _AT_ONCE}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o700)
    proof = tmp_path / "flapped"
    proof.touch()  # an earlier drill's

    def script(text: str) -> int:
        text = text.replace("/run/halab-drill.flapped", str(proof))
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        argv = ["sh", "-euc", text, "halab", "10.9.9.11", "10.9.9.12,10.9.9.13"]
        return subprocess.run(argv, env=environment, check=False, timeout=60).returncode

    assert (script(flaps.do) == 0) is (nft != "fails"), "the unit would go on though its first rule failed"
    assert (script(flaps.took) == 0) is took
    assert script(flaps.undo) == 0
    assert script(flaps.took) != 0


# The unit's program in the foreground.
_AT_ONCE = 'while case $1 in --*) true;; *) false;; esac; do shift; done; exec "$@"'


def test_the_list_shows_each_with_its_limits() -> None:
    names, _, wanted = (list(column.cells) for column in table(DRILLS.values()).columns)
    assert names == list(DRILLS)
    assert all("at most" in str(words) for words in wanted)


def test_an_unknown_drill_is_refused() -> None:
    with pytest.raises(ConfigError, match="drill list"):
        named("crash-everything")


def three() -> Here:
    return Here(3, Settings())


def _nobody_asks() -> Here:
    raise AssertionError("names are enough")


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("split-half", {4, 6, 8}), ("split-two", {2}), ("crash-active", {2, 3, 4, 5, 6, 8})],
)
def test_some_drills_want_a_lab_of_so_many_nodes(name: str, fitting: set[int]) -> None:
    assert {nodes for nodes in (2, 3, 4, 5, 6, 8) if not unfit(DRILLS[name], Here(nodes, Settings()))} == fitting


def test_the_same_seed_gives_the_same_drills() -> None:
    first = chosen([], False, True, 7, 5, 1, three)
    assert [drill.name for drill in first] == [drill.name for drill in chosen([], False, True, 7, 5, 1, three)]
    assert len(first) == 5


def test_all_are_those_that_fit_the_lab() -> None:
    labs = [partial(Here, nodes, Settings()) for nodes in (2, 3, 4)]
    every = [{drill.name for drill in chosen([], True, False, None, 1, 1, lab)} for lab in labs]
    of_more = {"isolated", "corosync-port-closed", "pair-cut", "split-half"}
    assert [DRILLS.keys() - names for names in every] == [of_more, {"split-half", "split-two"}, {"split-two"}]
    assert {drill.name for drill in chosen([], False, True, 7, 50, 1, three)} <= every[1]


_LOCAL = replace(Settings(), site=replace(Settings().site, storage="local"))
_UNFENCED = replace(_LOCAL, fencing=replace(Settings().fencing, method="none", levels=()))
_BY_DISK = replace(Settings(), fencing=replace(Settings().fencing, method="sbd", levels=()))


def test_a_drill_that_the_lab_is_not_made_for_is_refused_by_the_setting() -> None:
    def said(name: str, settings: Settings) -> str:
        with pytest.raises(ConfigError) as raised:
            chosen([name], False, False, None, 1, 1, lambda: Here(3, settings))
        return str(raised.value)

    assert "volume-hangs is for a lab with the site on GFS2 (site.storage)" in said("volume-hangs", _LOCAL)
    assert "crash-active is for a lab with fencing (fencing.method)" in said("crash-active", _UNFENCED)
    assert "fencing by Redfish (fencing.method)" in said("fencing-lies", _BY_DISK)
    assert "two nodes (node_count)" in said("split-two", Settings())


@pytest.mark.parametrize(
    ("settings", "without"), [(_LOCAL, {GFS2}), (_BY_DISK, {REDFISH}), (_UNFENCED, {GFS2, REDFISH, FENCING})]
)
def test_what_the_lab_is_not_made_for_is_none_of_all(settings: Settings, without: set[str]) -> None:
    left = {drill.name for drill in chosen([], True, False, None, 1, 1, lambda: Here(3, settings))}
    whole = {drill.name for drill in chosen([], True, False, None, 1, 1, three)}
    needy = {drill.name for drill in DRILLS.values() if drill.needs & without}
    fenced = {drill.name for drill in DRILLS.values() if drill.expected.fenced and FENCING in without}
    assert left == whole - needy - fenced
    assert len(left) > 20


def test_a_seed_is_told() -> None:
    said: list[str] = []
    chosen([], False, True, None, 2, 1, three, said.append)
    assert "--seed" in said[0]


def test_drills_are_repeated() -> None:
    assert [drill.name for drill in chosen(["hang", "pause"], False, False, None, 1, 2, three)] == [
        *("hang", "hang", "pause", "pause"),
    ]


@pytest.mark.parametrize(("names", "every"), [([], False), (["hang"], True)])
def test_a_command_line_that_asks_for_none_or_for_two_things_is_refused(names: list[str], every: bool) -> None:
    with pytest.raises(ConfigError, match="Which drills"):
        chosen(names, every, False, None, 1, 1, _nobody_asks)

"""Changing the CIB while others change it: refused patches, lost connections, overwritten values."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import (
    CibRejected,
    ClusterNotRunning,
    CommandFailed,
    Conflict,
    ConnectError,
    TimedOut,
)
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.pacemaker.cib import Cib, parse
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.primitives import options, set_options
from tests.unit.provisioners.pacemaker.conftest import DATA, FileCluster

SET = "cluster_property_set"
RUNNING = (DATA / "crm_mon-3.0-one-node.xml").read_text()


def put(name: str, value: str, cib: Cib) -> None:
    set_options(cib, cib.section("crm_config"), SET, {}, {name: value}, "cib-bootstrap-options")


def found(host: Host) -> dict[str, str]:
    cib = parse(host.attempt(Command(("cibadmin", "--query"))).stdout)
    return options(cib.section("crm_config"), SET)


@dataclass
class Meddler(FileCluster):
    """Somebody else, who does something right before a patch arrives."""

    before_patch: list[Callable[[], None]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)  # instead of carrying the patch out
    lose: str = ""  # the connection is lost "before" or "after" the first patch is carried out
    stopped: bool = False  # by whoever is waited for
    stops: bool = False  # right after the first patch

    def run(self, command: Command, timeout_s: float) -> Result:
        if command.argv[0] == "sh" and "crm_mon" in command.argv[2]:
            self.commands.append("crm_mon")
            return Result(command, 200 if self.stopped else 0, "" if self.stopped else RUNNING, "")
        if self.stopped and self.commands:
            return Result(command, 102, "", "Could not connect to the CIB")
        if command.argv[0] != "sh":
            return super().run(command, timeout_s)
        if self.stops:
            self.stopped = True
            self.commands.append("patch")
            return Result(command, 102, "0\n", "Could not connect to the CIB")
        if self.before_patch:
            self.before_patch.pop(0)()
        if self.answers:
            rc, said = self.answers.pop(0)
            self.commands.append("patch")
            return Result(command, 0, f"{rc}\n{said}", "")
        lose, self.lose = self.lose, ""
        result = super().run(command, timeout_s) if lose != "before" else None
        if lose or result is None:
            raise ConnectError("node1 does not answer")
        return result

    def set_property(self, name: str, value: str) -> None:
        self.tool("crm_attribute", "--name", name, "--update", value)


@pytest.fixture
def meddler(cluster: FileCluster) -> Meddler:
    return Meddler(cluster.cib)


@pytest.fixture
def host(meddler: Meddler) -> Host:
    return Host(meddler, platform=DEBIAN_13, pace=Pace(pause=lambda _: False))


def freeze() -> EditCib:
    return EditCib("property no-quorum-policy", partial(put, "no-quorum-policy", "freeze"))


def test_one_round_trip_to_change(meddler: Meddler, host: Host) -> None:
    freeze().run(host)
    assert meddler.commands == ["cibadmin", "patch"]
    assert found(host)["no-quorum-policy"] == "freeze"


def test_nothing_to_change_is_said_by_a_fresh_cib(meddler: Meddler, host: Host) -> None:
    freeze().run(host)
    meddler.commands.clear()
    freeze().run(host)
    assert meddler.commands == ["cibadmin", "cibadmin"]


def test_other_changes_at_the_same_time_are_kept(meddler: Meddler, host: Host) -> None:
    meddler.before_patch = [partial(meddler.set_property, "cluster-delay", "70s")]
    freeze().run(host)
    assert (found(host)["cluster-delay"], found(host)["no-quorum-policy"]) == ("70s", "freeze")


def test_the_same_id_made_by_somebody_else_meanwhile(meddler: Meddler, host: Host) -> None:
    meddler.before_patch = [partial(meddler.set_property, "no-quorum-policy", "stop")]
    freeze().run(host)
    assert found(host)["no-quorum-policy"] == "freeze"
    meddler.verify()


@pytest.mark.parametrize("rc", [1, 78])
def test_refused_without_anybody_else_is_an_error(meddler: Meddler, host: Host, rc: int) -> None:
    meddler.answers = [(rc, "Call failed: Update does not conform to the configured schema\n   1 <cib/>\n")]
    with pytest.raises(CibRejected, match="Update does not conform") as error:
        freeze().run(host)
    assert "<cib" not in str(error.value)
    assert error.value.rc == rc


def test_stale_version_starts_again(meddler: Meddler, host: Host) -> None:
    meddler.answers = [(103, "Update was older than existing configuration")]
    freeze().run(host)
    assert meddler.commands == ["cibadmin", "patch", "cibadmin", "patch"]


def test_no_answer_waits_for_a_dc_and_looks_again(meddler: Meddler, host: Host) -> None:
    meddler.answers = [(124, "Call failed: Timer expired")]
    freeze().run(host)
    assert meddler.commands == ["cibadmin", "patch", "crm_mon", "cibadmin", "patch"]


def test_a_node_whose_cluster_was_stopped_is_not_waited_for(meddler: Meddler, host: Host) -> None:
    meddler.answers = [(107, "Transport endpoint is not connected")]
    meddler.before_patch = [lambda: setattr(meddler, "stopped", True)]
    with pytest.raises(ClusterNotRunning):
        freeze().run(host)
    assert meddler.commands == ["cibadmin", "patch", "crm_mon"]


@pytest.mark.parametrize(
    ("lost", "commands"),
    [("before", ["cibadmin", "cibadmin", "patch"]), ("after", ["cibadmin", "patch", "cibadmin"])],
)
def test_lost_connection_is_never_answered_by_sending_again_blindly(
    meddler: Meddler, host: Host, lost: str, commands: list[str]
) -> None:
    meddler.lose = lost
    freeze().run(host)
    assert meddler.commands == commands
    assert found(host)["no-quorum-policy"] == "freeze"


def test_a_tug_of_war_ends(meddler: Meddler, host: Host) -> None:
    meddler.answers = [(103, "old")] * 20
    with pytest.raises(TimedOut, match="somebody else"):
        freeze().run(host)


def test_our_own_mistake_is_told_in_the_tools_words(meddler: Meddler, host: Host) -> None:
    def nonsense(cib: Cib) -> None:
        if cib.resource("x") is None:
            cib.section("resources").append(parse("<cib><primitive id='x'/></cib>").root[0])

    with pytest.raises(CibRejected, match="Element primitive failed to validate"):
        EditCib("nonsense", nonsense).run(host)
    assert "primitive id='x'" not in meddler.cib.read_text()


def test_a_conflict_is_believed_only_of_a_fresh_cib(meddler: Meddler, host: Host) -> None:
    seen: list[int] = []

    def edit(_: Cib) -> None:
        seen.append(1)
        raise Conflict("taken")

    with pytest.raises(Conflict):
        EditCib("edit", edit).run(host)
    assert len(seen) == 2
    assert meddler.commands == ["cibadmin", "cibadmin"]


class Dead:
    """A host whose cluster does not run, or whose tools are broken."""

    name = "node1"

    def __init__(self, rc: int, stderr: str) -> None:
        self._answer = rc, stderr

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        return Result(command, self._answer[0], "", self._answer[1])

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError


def test_a_cluster_that_is_stopped_right_after(meddler: Meddler, host: Host) -> None:
    meddler.stops = True
    with pytest.raises(ClusterNotRunning):
        freeze().run(host)


@pytest.mark.parametrize(("rc", "error"), [(102, ClusterNotRunning), (1, CommandFailed)])
def test_no_cluster(rc: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        freeze().run(Host(Dead(rc, "Could not connect to the CIB"), platform=DEBIAN_13))


def together(host: Host, *edits: EditCib) -> list[Exception | None]:
    """Carry edits out from threads that all wait for the cluster's lock; what each of them raised."""
    raised: dict[str, Exception | None] = {}

    def run(edit: EditCib) -> None:
        try:
            edit.run(host)
        except Exception as error:
            raised[edit.what] = error
        else:
            raised[edit.what] = None

    threads = [threading.Thread(target=run, args=(edit,)) for edit in edits]
    with host.shared.lock:
        for thread in threads:
            thread.start()
        while len(host.shared.queue) < len(edits):  # each has taken its place
            threading.Event().wait(0.01)
    for thread in threads:
        thread.join()
    return [raised[edit.what] for edit in edits]


def test_edits_that_wait_go_in_as_one_patch(meddler: Meddler, host: Host) -> None:
    names = ("a", "b", "c")
    raised = together(host, *(EditCib(name, partial(put, name, "1")) for name in names))
    assert raised == [None, None, None]
    assert {name: found(host)[name] for name in names} == {"a": "1", "b": "1", "c": "1"}
    assert meddler.commands.count("patch") == 1


def test_a_wrong_edit_among_waiting_ones_fails_alone(meddler: Meddler, host: Host) -> None:
    del meddler

    def clash(cib: Cib) -> None:
        raise Conflict("it is not ours")

    raised = together(host, EditCib("good", partial(put, "good", "1")), EditCib("bad", clash))
    assert raised[0] is None
    assert isinstance(raised[1], Conflict)
    assert found(host)["good"] == "1"

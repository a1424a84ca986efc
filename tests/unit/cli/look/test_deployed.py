"""What a state says was deployed; which machine is meant; what is printed when nothing is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from halab.cli.lab.state import StateUnusable
from halab.cli.look import people, status
from halab.cli.look.deployed import Deployed, NothingDeployed, deployed
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Snapshot

_MACHINE = {"host_key": "ssh-ed25519 AAAA", "console_log": "/x.log"}


def _state(tmp_path: Path, *, machines: bool = True) -> Path:
    rows: list[tuple[str, dict[str, object]]] = [
        (
            "halab_fencing_endpoint",
            dict(id="summit", address="192.168.77.1", port=8000, username="f", password="geheim"),
        )
    ]
    if machines:
        rows += [
            ("halab_machine", {**_MACHINE, "id": name, "hostname": name, "name": f"summit-{name}", "address": address,
                               "cluster": cluster})
            for name, address, cluster in (("target", "192.168.77.10", None), ("node1", "192.168.77.11", "summit"))
        ]  # fmt: skip
    resources = [{"mode": "managed", "type": kind, "instances": [{"attributes": values}]} for kind, values in rows]
    outputs = {"site_url": {"value": "http://x/"}, "hacluster_password": {"value": "geheim", "sensitive": True}}
    file = tmp_path / "terraform.tfstate"
    file.write_text(json.dumps({"version": 4, "resources": resources, "outputs": outputs}))
    return file


def _place(tmp_path: Path) -> Place:
    files = (tmp_path / name for name in ("tfstate", "key", "conf", "fencing", "kvm", "seen", "audit"))
    return Place("summit", "qemu:///system", *files)


def test_members_come_first_and_no_secret_shows(tmp_path: Path) -> None:
    lab = deployed(_state(tmp_path))
    assert lab.names == ["node1", "target"]
    assert lab.endpoint
    assert (lab.endpoint.url, lab.site_url) == ("https://192.168.77.1:8000", "http://x/")
    assert "geheim" not in repr(lab)


@pytest.mark.parametrize(("used", "limit_s"), [("kvm", 5.0), ("qemu", 20.0)])
def test_an_emulated_machine_may_be_silent_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: str, limit_s: float
) -> None:
    state = _state(tmp_path)
    state.write_text(state.read_text().replace('"cluster"', f'"hypervisor_used": "{used}", "cluster"'))
    asked: list[float] = []

    def take(where: Place, lab: Deployed, limit_s: float, *_: object) -> Snapshot:
        asked.append(limit_s)
        return Snapshot(lab="summit", at=0, machines=(), endpoint=None, site=None)

    monkeypatch.setattr(status, "take", take)
    status.look(replace(_place(tmp_path), state=state))
    assert asked == [limit_s]


def test_nothing_is_deployed(tmp_path: Path) -> None:
    for state in (tmp_path / "none", _state(tmp_path, machines=False)):
        with pytest.raises(NothingDeployed, match="halab deploy"):
            deployed(state)
    (tmp_path / "terraform.tfstate").write_text("{")
    with pytest.raises(StateUnusable):
        deployed(tmp_path / "terraform.tfstate")


def test_an_unknown_machine_is_refused_with_the_names_that_there_are(tmp_path: Path) -> None:
    lab: Deployed = deployed(_state(tmp_path))
    assert people.named(lab, "node1").domain == "summit-node1"
    with pytest.raises(people.NoSuchMachine, match="no machine 'node9'; it has node1, target"):
        people.named(lab, "node9")


def test_commands_tell_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = _place(tmp_path)
    for module in (people, status):
        monkeypatch.setattr(module, "place", lambda: here)
    assert status.main() == status.NOTHING
    assert (people.ssh("node1", []), people.serial("node1", False), people.open_site()) == (1, 1, 1)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("error: No lab is deployed") == 4

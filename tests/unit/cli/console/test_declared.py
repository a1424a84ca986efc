"""What a real lab's state declares of the cluster's resources."""

from __future__ import annotations

from pathlib import Path

from halab.cli.console.declared import declared

STATE = Path(__file__).parents[3] / "data/state/version-0.tfstate"


def test_resources_with_all_that_is_inside_them() -> None:
    names = declared(STATE)
    inside = {"summit-dlm", "summit-lvmlockd", "summit-locking", "summit-locking-clone", "summit-lv-web", "summit-gfs0"}
    assert inside | {"summit-ip", "summit-apache", "summit-site", "summit-gfs0-clone", "fence-node1"} <= names
    assert "" not in names
    assert "summit-vg" not in names


def test_without_a_state_nothing_is_declared(tmp_path: Path) -> None:
    assert declared(tmp_path / "gone") == frozenset()

"""What the lab was deployed with, and what has become of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.cli.lab.deployed_settings import differences, dump, flat
from halab.constructs.settings import Settings, load, names


def test_a_setting_that_differs_is_told_with_what_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(dump(load({"image": {"extra_packages": ["vim", "jq"]}}, {"HALAB_IMAGE_SUITE": "bookworm"})))
    found = differences(file, load({"iscsi": {"demo_mode": True}}, {}))
    assert {str(one) for one in found} == {
        "iscsi.demo_mode false, now it says true",
        "image.suite bookworm, now it says trixie",
        "image.extra_packages vim, jq, now it says nothing",
    }
    assert {one.keeper for one in found} == {
        "HALAB_ISCSI_DEMO_MODE=false", "HALAB_IMAGE_SUITE=bookworm", "HALAB_IMAGE_EXTRA_PACKAGES=vim,jq",
    }  # fmt: skip


def test_what_keeps_a_setting_really_keeps_it(tmp_path: Path) -> None:
    was = load({"image": {"extra_packages": ["vim", "jq"]}, "network": {"cidr": "10.9.0.0/24"}, "time_scale": 2}, {})
    (tmp_path / "settings.json").write_text(dump(was))
    keepers = dict(one.keeper.split("=") for one in differences(tmp_path / "settings.json", Settings()))
    assert load({}, keepers) == was


def test_an_empty_setting_has_a_word(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(dump(load({"fencing": {"method": "wti"}}, {})))
    found = {str(one) for one in differences(file, load({"fencing": {"levels": ["redfish", "wti"]}}, {}))}
    assert "fencing.method wti, now it says nothing" in found
    file.write_text(dump(load({}, {})))
    (method,) = [one for one in differences(file, load({"fencing": {"method": "wti"}}, {}))]
    assert (str(method), method.keeper) == ("fencing.method nothing, now it says wti", "HALAB_FENCING_METHOD=''")


def test_without_a_record_nothing_differs(tmp_path: Path) -> None:
    assert differences(tmp_path / "none.json", Settings()) == []


@pytest.mark.parametrize("text", ["{", '{"settings": {"of_a_later_version": 1}}', "{}"])
def test_a_record_that_cannot_be_read_or_knows_other_settings_is_no_difference(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    assert differences(tmp_path / "settings.json", Settings()) == []


def test_every_setting_is_kept() -> None:
    assert flat(Settings()).keys() == names().keys()

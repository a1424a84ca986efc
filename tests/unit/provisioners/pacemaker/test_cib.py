"""Whether a configuration is still the one that somebody saw."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.provisioners.pacemaker.cib import fingerprint, parse

RECORDED = (Path(__file__).parents[3] / "data/pacemaker/cib-3.0.xml").read_text()


def _other(old: str, new: str) -> str:
    """The fingerprint with something else in the configuration's place."""
    assert old in RECORDED
    return fingerprint(parse(RECORDED.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('epoch="77"', 'epoch="78"', id="its version"),
        pytest.param('have-quorum="1" dc-uuid="1"', 'have-quorum="0" dc-uuid="2"', id="quorum and controller"),
        pytest.param('"have-watchdog" value="false"', '"have-watchdog" value="true"', id="its watchdog"),
        pytest.param(
            "</cluster_property_set>",
            '<nvpair id="lrm" name="last-lrm-refresh" value="1"/></cluster_property_set>',
            id="a refresh",
        ),
        pytest.param(
            'name="cluster-name" value="summit"', 'value="summit" name="cluster-name"', id="the order of attributes"
        ),
    ],
)
def test_what_pacemaker_writes_is_no_other_configuration(old: str, new: str) -> None:
    assert _other(old, new) == fingerprint(parse(RECORDED))


@pytest.mark.parametrize("section", ["crm_config", "nodes", "resources", "constraints"])
def test_what_people_add_makes_another_one(section: str) -> None:
    assert _other(f"</{section}>", f'<added id="added"/></{section}>') != fingerprint(parse(RECORDED))


def test_a_property_of_another_value_makes_another_one() -> None:
    assert _other('name="cluster-name" value="summit"', 'name="cluster-name" value="peak"') != fingerprint(
        parse(RECORDED)
    )

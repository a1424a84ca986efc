"""One code for Pacemaker 2.1 (EL 9, Debian 12) and 3.0 (Debian 13): what both versions' tools print is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.provisioners.engine.platform import EL_9
from halab.provisioners.pacemaker.cib import parse

DATA = Path(__file__).parents[3] / "data" / "pacemaker"


@pytest.mark.parametrize(
    ("name", "schema", "resource", "around", "outer"),
    [
        ("cib-2.1.xml", "pacemaker-3.9", "summit-dlm", "summit-locking", "summit-locking-clone"),
        ("cib-2.1.xml", "pacemaker-3.9", "summit-apache", "summit-site", "summit-apache"),
        ("cib-3.0.xml", "pacemaker-4.0", "c1a", "c1", "c1-clone"),
        ("cib-3.0.xml", "pacemaker-4.0", "banned", None, "banned"),
    ],
)
def test_cib(name: str, schema: str, resource: str, around: str | None, outer: str) -> None:
    cib = parse((DATA / name).read_text())
    assert cib.root.get("validate-with") == schema
    assert cib.version > (0, 0)
    element = cib.resource(resource)
    assert element is not None
    holder = cib.around(element)
    assert (None if holder is None else holder.get("id")) == around
    assert cib.outer(resource) == outer


def test_el_9_s_paths_stand_in_the_cib() -> None:
    values = {
        pair.get("name"): pair.get("value") for pair in parse((DATA / "cib-2.1.xml").read_text()).root.iter("nvpair")
    }
    assert values["configfile"] == EL_9.apache_config
    assert values["options"] == EL_9.shared_mount_options

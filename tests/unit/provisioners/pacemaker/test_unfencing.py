"""Which devices Pacemaker could ask instead of the one that gives nodes their keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.provisioners.engine.command import Result
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Await
from halab.provisioners.pacemaker.cib import QUERY, parse
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from halab.provisioners.pacemaker.unfencing import await_its_turn, in_the_way

KEYS = """<primitive id="fence-scsi" class="stonith" type="fence_scsi"><meta_attributes id="m">
<nvpair id="p" name="provides" value="unfencing"/></meta_attributes></primitive>"""
POWER = """<primitive id="fence-node1" class="stonith" type="fence_redfish"><meta_attributes id="n">
<nvpair id="q" name="requires" value="fencing"/></meta_attributes></primitive>"""
SITE = '<primitive id="web" class="ocf" provider="heartbeat" type="apache"/>'
ONE, TWO = (f'<fencing-level id="l{n}" target="node{n}" index="1" devices="fence-node1"/>' for n in (1, 2))


def cib(resources: str, levels: str = "") -> str:
    nodes = '<node id="1" uname="node1"/><node id="2" uname="node2"/>'
    return (
        f"<cib><configuration><nodes>{nodes}</nodes><resources>{resources}</resources>"
        f"<fencing-topology>{levels}</fencing-topology></configuration></cib>"
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (cib(""), []),
        (cib(SITE), []),
        (cib(KEYS + SITE), []),
        (cib(POWER + KEYS), ["fence-node1"]),
        (cib(POWER, levels=ONE), ["fence-node1"]),
        (cib(POWER, levels=ONE + TWO), []),
    ],
)
def test_who_is_in_the_way(text: str, names: list[str]) -> None:
    assert in_the_way(parse(text)) == names
    wait = await_its_turn("fence_mpath")
    assert wait.ready(Result(QUERY, 0, text, "")) is not bool(names)
    if names:
        said = wait.seen(Result(QUERY, 0, text, ""))
        assert "fence-node1 stays" in said
        assert "HALAB_FENCING_METHOD=mpath" in said
    assert not wait.ready(Result(QUERY, 102, "", "not connected"))


@pytest.mark.parametrize(("meta", "waits"), [({"provides": "unfencing"}, True), ({"requires": "fencing"}, False)])
def test_only_a_new_device_that_unfences_waits(meta: dict[str, str], waits: bool) -> None:
    device = Stonith(cluster="c", name="f", agent="fence_x", node="", meta=meta)
    first = next(iter(StonithItem().steps(DEBIAN_13, None, device)))
    assert isinstance(first, Await if waits else EditCib)
    again = replace(device, params={"devices": "/dev/sda"})
    assert isinstance(next(iter(StonithItem().steps(DEBIAN_13, device, again))), EditCib)

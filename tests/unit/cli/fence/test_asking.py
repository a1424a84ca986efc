"""What Pacemaker is asked, and how its answers are read."""

from __future__ import annotations

import pytest

from halab.cli.fence import asking
from halab.cli.fence.evidence import REBOOT
from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.host import Host

OK = "<pacemaker-result><status code='0' message='OK'/></pacemaker-result>"


def test_the_levels_of_before_and_meanwhile() -> None:
    asked: list[Command] = []
    found = '<xpath-query><fencing-level id="l1" target="n" index="1" devices="a,b"/></xpath-query>'

    class Transport:
        name = "node1"

        def run(self, command: Command, timeout_s: float) -> Result:
            asked.append(command)
            return Result(command, 0, found if command.argv[0] == "cibadmin" else OK, "")

        def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
            raise AssertionError(path)

    assert asking.refusal(asking.fence_by(Host(Transport()), "sbd", "n", REBOOT, 60)) == ""
    during, others, before, only = asked[-1].argv[-4:]
    assert ('id="l1" devices="sbd"' in during, 'id="l1" devices="a,b"' in before, only) == (True, True, "")
    assert others == "//fencing-level[@target='n'][@devices!='sbd']"


def test_a_device_that_has_failed_gets_a_remedy() -> None:
    """Pacemaker's own words sound as if it had never been there."""
    said = "<x><status code='105'><errors><error>No such device</error></errors></status></x>"
    assert "`halab status` shows which failed" in asking.refusal(Result(cmd("x"), 105, said, ""))


def test_what_is_no_xml_is_told_as_it_came() -> None:
    assert asking.refusal(Result(cmd("x"), 1, "", "stonith_admin: not found")) == "stonith_admin: not found"


@pytest.mark.parametrize(
    ("said", "targets"),
    [
        (("1", "node1", "2", "node2", "1"), ["1", "node1", "2", "node2"]),
        (("NOTICE", "List", "option", "is", "not", "working", "on", "this", "device", "yet"), []),  # fence_redfish
        (("N/A",), []),
        (("NOTICE",), ["NOTICE"]),  # a machine may have any name
        ((), []),
    ],
)
def test_an_agent_that_cannot_list_knows_nothing(said: tuple[str, ...], targets: list[str]) -> None:
    text = "".join(f"<item>{item}</item>" for item in said)
    xml = f"<pacemaker-result><list name='fence targets'>{text}</list></pacemaker-result>"
    assert asking.listed(Result(cmd("stonith_admin"), 0, xml, "")) == targets

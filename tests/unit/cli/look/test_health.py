"""What needs a healthy lab is not begun on another."""

from __future__ import annotations

import pytest

from halab.cli.look.health import refuse_unhealthy
from halab.cli.look.judgement import judge
from halab.provisioners.engine.errors import HalabError

from .samples import MEMBER, lab, member


def test_a_drill_is_not_begun_on_an_ill_lab() -> None:
    ill = lab(member(1), member(2, MEMBER.replace("LOGGED_IN", "FAILED")), member(3))
    with pytest.raises(HalabError, match="The lab is not healthy: a drill needs one that is") as raised:
        refuse_unhealthy(judge(ill), "a drill")
    assert "node2" in str(raised.value)


def test_nobody_refuses_a_healthy_lab() -> None:
    refuse_unhealthy(judge(lab()), "a drill")

"""What stands in front of a fence agent: it answers for the agent when asked for metadata, and is it otherwise."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from halab.images.profile import TEMPLATES

AGENT = """#!/bin/sh
echo "real: $*"
cat
exit 3
"""


@dataclass(frozen=True)
class Front:
    """The front of an agent, and the agent behind it."""

    path: Path
    behind: Path

    def run(self, *args: str, stdin: str = "") -> tuple[int, str]:
        done = subprocess.run([self.path, *args], input=stdin, text=True, capture_output=True, timeout=60, check=False)
        assert not done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def front(tmp_path: Path) -> Front:
    behind = tmp_path / "behind/fence_some"
    behind.parent.mkdir()
    behind.write_text(AGENT)
    behind.chmod(0o755)
    kept = behind.with_suffix(".xml")
    kept.write_text("<kept/>\n")
    os.utime(behind, (1, 1))
    script = tmp_path / "fence-agent"
    script.write_text(
        (TEMPLATES / "fence-agent").read_text().replace("/usr/local/lib/halab/agents", str(behind.parent))
    )
    script.chmod(0o755)
    (tmp_path / "fence_some").symlink_to(script)
    return Front(tmp_path / "fence_some", behind)


def test_metadata_come_from_the_file(front: Front) -> None:
    assert front.run(stdin="agent=fence_some\naction=metadata\nnodeid=1\n") == (0, "<kept/>\n")


def test_an_agent_that_was_updated_speaks_for_itself(front: Front) -> None:
    os.utime(front.behind)
    os.utime(front.behind.with_suffix(".xml"), (1, 1))
    assert front.run(stdin="action=metadata\n") == (3, "real: \naction=metadata\n")


@pytest.mark.parametrize("options", ["action=monitor\nip=$HOME `id` \\n\n", "plug=action=metadata\n", "\n"])
def test_everything_else_reaches_the_agent_as_it_is(front: Front, options: str) -> None:
    assert front.run(stdin=options) == (3, f"real: \n{options.rstrip(chr(10))}\n")


def test_a_person_gets_the_agent(front: Front) -> None:
    assert front.run("-o", "metadata", stdin="x\n") == (3, "real: -o metadata\nx\n")

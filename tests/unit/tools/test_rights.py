"""tools/rights.sh: what prepare does about an ordinary user's rights, before programs that stand for the host's."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
ORDINARY = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
# The group libvirt has number 4711; GROUPS are those of this session, MEMBER those that the user has by now.
PROGRAMS = {
    "id": 'case "$*" in -un) echo tester ;; -G) echo "$SESSION" ;; *) echo "$MEMBER" ;; esac',
    "getent": "echo libvirt:x:4711:",
    "virsh": '[ -e "$LETS_IN" ]',
    "setsid": 'shift; exec "$@"',
    "sudo": '[ "$1" = -n ] && exit ${SUDO:-0}; echo "did: sudo $*"; [ -z "${POLKIT:-}" ] || touch "$LETS_IN"',
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to the other user
        Path(name).chmod(0o777)
        for program, script in PROGRAMS.items():
            (Path(name) / program).write_text(f"#!/bin/bash\n{script}\n")
            (Path(name) / program).chmod(0o755)
        yield Path(name)


def told(folder: Path, script: str, **environment: str) -> str:
    """What the script says, with tools/rights.sh read and the packages' manager apt."""
    preamble = 'set -euo pipefail; manager=apt; say() { echo "$*"; }; . tools/rights.sh\n'
    result = subprocess.run(
        [*ORDINARY, "/bin/bash", "-c", f"{preamble}{script}"],
        cwd=CHECKOUT,
        env={"PATH": f"{folder}:/usr/bin:/bin", "LETS_IN": f"{folder}/lets in", "SESSION": "1000", "MEMBER": "1000"}
        | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


RIGHT = 'prepare_libvirt_right; echo "at the end: $log_in_again"'


def test_a_user_becomes_a_member_and_is_told(folder: Path) -> None:
    said = told(folder, RIGHT)
    assert "adding tester to the group libvirt" in said
    assert "did: sudo usermod --append --groups libvirt tester" in said
    assert "at the end: log in again before make deploy" in said


def test_where_polkit_decides_no_new_log_in_is_needed(folder: Path) -> None:
    said = told(folder, RIGHT, POLKIT="yes")
    assert "did: sudo usermod" in said
    assert said.endswith("at the end: \n")


@pytest.mark.parametrize("environment", [{"SESSION": "1000 4711"}, {"LETS_IN": "/"}])
def test_a_user_whom_libvirt_lets_in_stays_as_is(folder: Path, environment: dict[str, str]) -> None:
    assert told(folder, RIGHT, **environment) == "at the end: \n"


def test_a_session_that_is_older_than_the_membership(folder: Path) -> None:
    said = told(folder, RIGHT, MEMBER="1000 4711")
    assert "did:" not in said
    assert "at the end: log in again" in said


def test_without_a_right_to_change_it_the_command_is_named(folder: Path) -> None:
    said = told(folder, RIGHT, SUDO="1")
    assert "did:" not in said
    assert "sudo usermod --append --groups libvirt tester" in said


def test_a_similar_group_number_is_another_group(folder: Path) -> None:
    assert "did: sudo usermod" in told(folder, RIGHT, SESSION="1000 47110", MEMBER="1000 14711")


def test_what_names_the_proxy_goes_through_sudo_and_stays_out_of_its_arguments(folder: Path) -> None:
    said = told(folder, "as_root apt-get update", https_proxy="http://me:secret@p:1", NO_PROXY="x", OTHER="y")
    assert said == "did: sudo --preserve-env=https_proxy --preserve-env=NO_PROXY apt-get update\n"
    assert told(folder, "as_root apt-get update") == "did: sudo apt-get update\n"

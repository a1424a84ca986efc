"""The provider as Terraform starts it: what many resources cost, and that a mute guest does not keep a destroy."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from halab.provider.hypervisor.mark import Mark

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

ADDRESS = "terraform.local/halab/halab"
UUID = "11111111-2222-4333-8444-555555555555"
MANY, COST_OF_MANY = 100, 2.5
PROGRAM = str(Path(__file__).with_name("process_provider.py"))
# `times` of a shell tells what its children used: the provider alone, Terraform is its parent.
MEASURED = '"$0" "$1"; times >> "$2"'
HYPERVISOR = f"""
<node><domain type="test">
  <name>small-one</name><uuid>{UUID}</uuid><memory>65536</memory><os><type>hvm</type></os>
  <metadata xmlns:halab="https://halab.invalid/xmlns/lab/1">
    {{mark}}
  </metadata>
</domain></node>
"""


@pytest.fixture
def start(install: Callable[..., Terraform], tmp_path: Path) -> Callable[..., Terraform]:
    """start(command): a Terraform that starts the provider by it, on a hypervisor with one machine."""
    mark = Mark(lab="small", hostname="one", address="10.17.0.11", host_key="ssh-ed25519 AAAA").xml()
    (tmp_path / "hypervisor.xml").write_text(HYPERVISOR.format(mark=mark.replace("<lab", "<halab:lab")))

    def begin(*command: str) -> Terraform:
        return install(ADDRESS, command, {"DOUBLE_URI": f"test:///{tmp_path}/hypervisor.xml"})

    return begin


def write(terraform: Terraform, files: int, attribute: str = "content") -> None:
    terraform.write(
        f'provider "halab" {{\n  lab = "small"\n  directory = "{terraform.folder}/.halab"\n}}\n'
        f'resource "halab_file" "f" {{\n  count = {files}\n  machine = "{UUID}"\n'
        f'  path = "/file-${{count.index}}"\n  mode = "0644"\n  overwrite = true\n'
        f'  {attribute} = "text of /file-${{count.index}}"\n}}\n'
    )


def cost_of_plan_s(terraform: Terraform) -> float:
    """CPU seconds of the provider's processes in a plan that finds nothing to do."""
    times = terraform.folder / "times"
    times.unlink(missing_ok=True)
    assert '"type":"planned_change"' not in terraform.run("plan").text
    of_children = times.read_text().splitlines()[1::2]
    found = re.findall(r"(\d+)m([\d.]+)s", " ".join(of_children))
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in found)


def test_a_plan_of_many_costs_little_more_than_of_one(start: Callable[..., Terraform], tmp_path: Path) -> None:
    terraform = start("sh", "-c", MEASURED, sys.executable, PROGRAM, str(tmp_path / "times"))
    costs = {}
    for files in (1, MANY):
        write(terraform, files)
        if files == 1:
            terraform.init()
        terraform.apply()
        costs[files] = min(cost_of_plan_s(terraform) for _ in range(2))
    ratio = costs[MANY] / costs[1]
    print(f"no-op plan: 1 resource {costs[1]:.2f} s, {MANY} resources {costs[MANY]:.2f} s, ratio {ratio:.2f}")
    assert ratio <= COST_OF_MANY


def test_a_mute_guest_is_told_by_a_plan_and_no_destroy_of_all_asks_it(start: Callable[..., Terraform]) -> None:
    terraform = start(sys.executable, PROGRAM)
    write(terraform, 2)
    terraform.init()
    terraform.apply()
    terraform.environment["DOUBLE_MUTE"] = "1"
    told = terraform.plan().outcome.reported
    assert [(report.severity, report.summary) for report in told] == [("warning", "one runs but does not answer")]
    outcome = terraform.run("destroy", "-auto-approve", "-json", "-input=false", "-target=halab_file.f[0]")
    assert {report.severity for report in outcome.reported} == {"warning"}
    outcome = terraform.run("destroy", "-auto-approve", "-json", "-input=false")
    assert outcome.reported == ()
    assert terraform.state() == {}


def test_no_secret_in_the_log_of_a_process(start: Callable[..., Terraform]) -> None:
    """Nor in what the provider itself prints, which goes into Terraform's log."""
    terraform = start(sys.executable, PROGRAM)
    write(terraform, 1, "sensitive_content")
    log = terraform.folder / "trace.log"
    terraform.environment |= {"TF_LOG": "TRACE", "TF_LOG_PATH": str(log)}
    terraform.init()
    said = terraform.apply().text
    terraform.environment["DOUBLE_STRANGE"] = "1"
    said += terraform.fails("plan").text + log.read_text()
    assert "Traceback" in said  # it is the provider's log as well
    assert "text of /file-0" not in said


def test_what_was_asked_in_a_refresh_is_known_to_the_next_process(start: Callable[..., Terraform]) -> None:
    terraform = start(sys.executable, PROGRAM)
    write(terraform, 2)
    terraform.init()
    terraform.apply()
    terraform.plan()
    kept = json.loads((terraform.folder / ".halab/questions.json").read_text())
    assert {argv[-1] for argv in kept[UUID]} == {"/etc/os-release", "/file-0", "/file-1"}

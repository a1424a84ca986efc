"""The end-to-end lab: deployed once, used by all tests in the order of their files, destroyed by the last one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.cli.terraform.run import child_environment
from tests.e2e.budget import leave_out_after
from tests.e2e.lab import CHECKOUT, STATE, Lab, hypervisor

ARTIFACTS = CHECKOUT / "artifacts"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End-to-end tests last: those that want an empty libvirt, then those of a lab in the order of their files."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[bool, bool, str]:
    if "e2e" not in item.path.parts:
        return False, False, ""
    return True, not {"lab", "duo", "labs", "four"}.isdisjoint(getattr(item, "fixturenames", ())), str(item.path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The lab's end is always tested."""
    if item.path.name != "test_90_destroy.py":
        leave_out_after(minutes=70)


@pytest.fixture(scope="session", autouse=True)
def sandboxed() -> None:
    """These tests make and break machines: only where tests/e2e/sandbox has put a libvirt of its own."""
    first_process = Path("/proc/1/cmdline").read_bytes()
    assert b"tests/e2e/sandbox" in first_process, "run it as: tests/e2e/sandbox .venv/bin/pytest tests/e2e"
    ARTIFACTS.joinpath("first-failure").unlink(missing_ok=True)  # of an earlier run
    with hypervisor() as connection:
        assert connection.listAllDomains() == []


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    return child_environment(os.environ) | {"HALAB_HYPERVISOR": os.environ.get("HALAB_HYPERVISOR", "auto")}


@pytest.fixture(scope="session")
def lab(environment: dict[str, str]) -> Lab:
    """The default lab: three nodes and a target."""
    lab = Lab(environment)
    assert lab.run("make", "deploy").returncode == 0  # as README has it; a first deploy asks nothing
    return lab


@pytest.fixture(scope="session")
def first_diff(lab: Lab) -> subprocess.CompletedProcess[str]:
    """The first plan after the deploy, by cdktf itself."""
    lab.until("health", lab.says_healthy)  # on a busy host a device's first agent may need longer than it is given
    return lab.run("npx", "cdktf", "diff")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Keep what explains the first failure, while the machines are still there."""
    report = yield
    if call.excinfo is not None and not ARTIFACTS.joinpath("first-failure").exists() and STATE.exists():
        keep_artifacts(item.nodeid)
    return report


def keep_artifacts(test: str) -> None:
    """Consoles, journals, the cluster's view, logs of the deploy."""
    ARTIFACTS.mkdir(exist_ok=True)
    ARTIFACTS.joinpath("first-failure").write_text(test + "\n")
    for log in [*STATE.glob("*.log"), *STATE.glob("*.jsonl")]:
        shutil.copy(log, ARTIFACTS)
    for console in Path("/var/lib/libvirt").rglob("*.console*"):
        shutil.copy(console, ARTIFACTS)
    config = STATE / "ssh_config"
    lines = config.read_text().splitlines() if config.exists() else []
    hosts = [line.split()[1] for line in lines if line.startswith("Host node")]
    for name in [*hosts, "target"]:
        report = subprocess.run(
            ["ssh", "-F", STATE / "ssh_config", "-o", "ConnectTimeout=10", name,
             "crm_mon -1rf; journalctl --no-pager -b -o short-precise"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        (ARTIFACTS / f"{name}.journal").write_text(report.stdout + report.stderr)

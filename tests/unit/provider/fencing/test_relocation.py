"""Endpoints whose files have moved: which daemons end there, and which are started here.

A start for real: tests/e2e/test_moved_endpoint.py. Here each fails, since no host has the address, and tells so.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from halab.provider.fencing import power_process
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.fencing.power_supervisor import SERVER_MODULE, SUPERVISOR_MODULE
from halab.provider.fencing.relocation import bring_over

CONFIG = PowerConfig("summit", "192.0.2.1", 8000, "qemu:///system", (), "supervisor")


def endpoint(directory: Path, text: str = CONFIG.dump()) -> Path:
    """All files that an endpoint needs, in the directory; its configuration."""
    files = PowerFiles(directory)
    for path in (files.authority, files.certificate, files.private_key):
        files.write(path, "")
    files.write(files.config, text)
    return files.config


def process(module: str, config: Path) -> subprocess.Popen[bytes]:
    """Looks like one of an endpoint's, and waits for its end."""
    started = subprocess.Popen(["sh", "-c", "read it", module, str(config)], stdin=subprocess.PIPE)
    while not power_process.processes(config):
        assert started.poll() is None
    return started


def test_only_those_that_ran_there_or_are_to_run_are_started_here(tmp_path: Path) -> None:
    former, now = tmp_path / "former", tmp_path / "now"
    endpoint(now / "broken", "{")
    for name in ("dead", "ran", "wanted"):
        endpoint(now / name)
    well = endpoint(now / "well")
    PowerFiles(now / "half").write(now / "half/config.json", CONFIG.dump())
    told: list[str] = []
    with (
        process(SERVER_MODULE, former / "ran/config.json") as moved,
        process(SUPERVISOR_MODULE, well) as stays,
        process(SERVER_MODULE, former / "other/config.json") as foreign,
    ):
        bring_over(former, now, lambda summary, _: told.append(summary), wanted=["wanted", "well", "half"])
        assert moved.wait(10) == -signal.SIGTERM
        for survivor in (stays, foreign):
            assert survivor.poll() is None
            survivor.kill()
    assert [line.partition(":")[0] for line in told] == [
        "The fencing endpoint's config.json cannot be read",
        "The fencing endpoint ran does not run",
        "The fencing endpoint wanted does not run",
    ]


@pytest.mark.parametrize("there", [True, False])
def test_a_lab_without_endpoints_has_nothing_to_bring(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "now").mkdir()
    bring_over(tmp_path / "former", tmp_path / "now", lambda *said: pytest.fail(str(said)))

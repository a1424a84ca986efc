"""The verdict on KVM: how long it holds, and that only one is made at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from halab.provider.hypervisor.machine.hypervisor_choice import HypervisorChoice
from halab.provider.hypervisor.machine.kvm_probe import KvmProbe
from halab.provider.hypervisor.waiting import Wait
from halab.provider.protocol import UNKNOWN
from tests.unit.provider.hypervisor.conftest import Configured

WAIT = Wait(1.0, threading.Event())


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels that were tried."""
    tried: list[str] = []

    def attempt(_self: KvmProbe, kernel: str, initrd: str, wait: Wait) -> tuple[bool, str]:
        del initrd, wait
        tried.append(kernel)
        return True, "it came up"

    monkeypatch.setattr(KvmProbe, "_try", attempt)
    return tried


def probe(provider: Configured) -> KvmProbe:
    return KvmProbe(provider.connection, "summit", provider.folder.kvm_verdict)


def test_many_ask_one_tries(provider: Configured, tries: list[str]) -> None:
    one = probe(provider)
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda _: one.verdict("/k", "/i", WAIT), range(8)))
    assert tries == ["/k"]
    assert all(verdict.usable for verdict in verdicts)


def test_the_file_holds_for_the_next_process(provider: Configured, tries: list[str]) -> None:
    first = probe(provider).verdict("/k", "/i", WAIT)
    assert probe(provider).verdict("/k", "/i", WAIT) == first
    assert tries == ["/k"]


@pytest.mark.parametrize("change", [{"boot_id": "x"}, {"qemu_version": 1}, {"kernel": "/other"}])
def test_other_circumstances_need_another_try(
    provider: Configured, tries: list[str], change: dict[str, object]
) -> None:
    first = probe(provider)
    first._store(replace(first.verdict("/k", "/i", WAIT), **change))  # type: ignore[arg-type]
    probe(provider).verdict("/k", "/i", WAIT)
    assert tries == ["/k", "/k"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"usable": true}'])
def test_a_file_that_cannot_be_read_is_written_anew(
    provider: Configured, tries: list[str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "kvm-verdict.json").write_text(content)
    assert probe(provider).verdict("/k", "/i", WAIT).usable
    assert tries == ["/k"]
    assert [path.name for path in tmp_path.iterdir()] == ["kvm-verdict.json"]


def planned(
    provider: Configured, asked: object = None, prior: dict[str, object] | None = None, kernel: object = "/k"
) -> object:
    return HypervisorChoice(cast(Any, provider)).planned(asked, prior, kernel)


def test_a_new_machine_is_planned_for_what_was_found_out_before(provider: Configured, tries: list[str]) -> None:
    """What follows from it, timeouts in the cluster, would seem to change with a machine that is made anew."""
    provider.hypervisor = "auto"
    assert planned(provider) is UNKNOWN
    assert tries == [], "a plan tries nothing"
    probe(provider).verdict("/k", "/i", WAIT)
    assert planned(provider) == "kvm"
    assert planned(provider, kernel="/other") is UNKNOWN
    assert planned(provider, kernel=UNKNOWN) is UNKNOWN
    assert planned(provider, asked=UNKNOWN) is UNKNOWN
    assert tries == ["/k"]


def test_a_new_machine_is_planned_for_what_is_asked(provider: Configured, tries: list[str]) -> None:
    assert planned(provider) == "qemu"
    assert planned(provider, asked="kvm", kernel=UNKNOWN) == "kvm"
    assert planned(provider, asked="auto") is UNKNOWN
    assert tries == []


def test_a_machine_stays_on_what_it_runs_on(provider: Configured, tries: list[str]) -> None:
    provider.hypervisor = "auto"
    probe(provider).verdict("/k", "/i", WAIT)
    assert planned(provider, prior={"hypervisor": None, "hypervisor_used": "qemu"}) == "qemu"
    assert planned(provider, asked="auto", prior={"hypervisor": None, "hypervisor_used": "qemu"}) is UNKNOWN

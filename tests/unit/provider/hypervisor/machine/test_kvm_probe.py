"""The verdict on KVM: how long it holds, and that only one is made at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from halab.provider.hypervisor.machine.kvm_probe import KvmProbe
from halab.provider.hypervisor.waiting import Wait
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

"""What goes wrong while guests are changed: nothing real is ever lost, and every error is one clean diagnostic."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from halab.provisioners.engine.errors import CommandFailed, ConnectError
from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider, one_machine, stack, uncovered, write_stack

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

WAIT_S = 60.0
FILE = """
resource "halab_file" "motd" {
  machine = halab_machine.one.id
  path    = "/etc/motd"
  content = "hi"
}
"""


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def fails(error: Exception, kind: str = "halab_file") -> Callable[[str, str, str], None]:
    """A hook that raises while a thing of that type is changed."""

    def hook(_verb: str, changed: str, _id: str) -> None:
        if changed == kind:
            raise error

    return hook


def nothing(*_: str) -> None:
    """The hook that does nothing."""


def test_what_was_begun_is_tainted_and_made_anew(terraform: Terraform, provider: DoubledProvider) -> None:
    terraform.write(one_machine(terraform.folder) + FILE)
    provider.guests.after = fails(CommandFailed("one: the disk is full", "Make room.", "path"))
    error = terraform.fails("apply").error
    assert (error.summary, error.detail) == ("one: the disk is full", "Make room.")
    assert error.line.startswith("path")
    assert terraform.state()["halab_file.motd"]["tainted"]
    provider.guests.after = nothing
    assert terraform.plan().actions == {"halab_file.motd": ["delete", "create"]}
    terraform.apply()
    assert terraform.plan().actions == {}
    terraform.destroy()
    assert (provider.guests.left(), provider.hypervisor_holds()) == ([], EMPTY_HYPERVISOR)


def test_what_was_there_before_is_adopted_by_the_next_run(terraform: Terraform, provider: DoubledProvider) -> None:
    terraform.write(one_machine(terraform.folder) + FILE)
    terraform.apply()
    terraform.run("state", "rm", "halab_file.motd")
    motd = provider.guests.left()[0]
    provider.guests.drift(motd, mode="0777")
    provider.guests.before = fails(CommandFailed("one: the disk is full"))
    terraform.fails("apply")
    assert "halab_file.motd" not in terraform.state()  # a tainted one would be removed with what is in it
    assert provider.guests.left() == [motd]
    provider.guests.before = nothing
    terraform.apply()
    assert terraform.resource("halab_file.motd")["mode"] == "0644"
    assert "del" not in {verb for verb, _, _ in provider.guests.done}


def test_a_failed_update_keeps_what_is_there(terraform: Terraform, provider: DoubledProvider) -> None:
    terraform.write(one_machine(terraform.folder) + FILE)
    terraform.apply()
    provider.guests.before = fails(CommandFailed("one: the disk is full"))
    terraform.write(one_machine(terraform.folder) + FILE.replace('"hi"', '"bye"'))
    terraform.fails("apply")
    assert terraform.resource("halab_file.motd")["content"] == "hi"
    assert not terraform.state()["halab_file.motd"].get("tainted")


def test_ssh_that_is_cut_in_the_middle_of_a_step(terraform: Terraform, provider: DoubledProvider) -> None:
    """Whether the step took effect is not known: it is looked up by the next run."""
    terraform.write(one_machine(terraform.folder) + FILE)
    provider.guests.after = fails(ConnectError("one: the connection broke", "whether it took effect is unknown"))
    assert terraform.fails("apply").error.summary == "one: the connection broke"
    provider.guests.after = nothing
    terraform.apply()
    assert terraform.plan().actions == {}
    assert [kind for kind, _ in provider.guests.left()] == ["halab_file"]


def test_the_hypervisors_disk_is_full(
    terraform: Terraform, provider: DoubledProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says so; once there is room the deploy goes on, and nothing half written stays."""
    import libvirt

    from halab.provider.hypervisor.storage import image

    def full(*_: object) -> None:
        error = libvirt.libvirtError("")
        error.args = ("Unable to write to stream: No space left on device",)
        raise error

    terraform.write(one_machine(terraform.folder) + FILE)
    with monkeypatch.context() as patch:
        patch.setattr(image, "upload", full)
        error = terraform.fails("apply").error
    assert error.summary == "libvirt cannot create the image 'base'"
    assert "Free space on the host" in error.detail
    terraform.apply()
    assert terraform.plan().actions == {}
    pool = provider.connection.pool("small")
    assert pool is not None
    names = sorted(volume.name() for volume in pool.listAllVolumes())
    parts = [f"base-0123456789ab.{part}" for part in ("disk", "initrd", "json", "kernel")]
    assert names == [*parts, "one.qcow2", "small-one.console.log"]


def test_a_bug_is_one_clean_diagnostic(terraform: Terraform, provider: DoubledProvider) -> None:
    terraform.write(one_machine(terraform.folder) + FILE)
    provider.guests.before = fails(ZeroDivisionError("division by zero"))
    error = terraform.fails("apply").error
    assert error.summary == "Bug in the provider: ZeroDivisionError in create halab_file"
    assert "This is a bug in the provider, not in your configuration" in error.detail
    assert error.address == "halab_file.motd"
    assert terraform.state()["halab_machine.one"]


def test_a_failed_boot_is_kept_and_repaired(
    terraform: Terraform, provider: DoubledProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The domain exists, so it is in the state: tainted, not lost."""
    from halab.provider.hypervisor.machine import boot
    from halab.provider.hypervisor.machine.console import ConsoleReport

    terraform.write(one_machine(terraform.folder) + FILE)
    with monkeypatch.context() as patch:
        patch.setattr(boot, "parse_console", lambda _text: ConsoleReport("", False, "Kernel panic - no init"))
        error = terraform.fails("apply").error
    assert error.summary == "one failed to boot"
    assert terraform.state()["halab_machine.one"]["tainted"]
    terraform.apply()
    assert terraform.plan().actions == {}
    assert provider.hypervisor_holds()["domains"] == ["small-one", "theirs"]


def test_interrupted_apply_of_the_lab_goes_on(terraform: Terraform, provider: DoubledProvider) -> None:
    """Whatever was begun is in the state or adopted by the next apply; nothing is made twice."""
    write_stack(terraform, stack(1, terraform.folder), uncovered("summit", "${halab_machine.node1.id}"))
    reached, go_on = threading.Event(), threading.Event()

    def hold(_verb: str, kind: str, _id: str) -> None:
        if kind == "halab_cluster_member":
            reached.set()
            assert go_on.wait(WAIT_S)

    provider.guests.before = hold
    running = terraform.start("apply")
    assert reached.wait(WAIT_S)
    running.interrupt()
    go_on.set()
    outcome = running.wait()
    assert outcome.status != 0
    assert {report.summary for report in outcome.errors} <= {"execution halted", "Interrupted"}

    provider.guests.before = nothing
    made = {(kind, values["id"]) for kind, values in _instances(terraform)}
    assert {*provider.guests.left()} <= made  # nothing that the state does not know
    terraform.apply()
    assert terraform.plan().actions == {}
    assert set(provider.guests.count("set").values()) == {1}
    assert provider.guests.count("del") == {}
    assert provider.hypervisor_holds()["domains"] == ["summit-node1", "summit-target", "theirs"]


def _instances(terraform: Terraform) -> list[tuple[str, dict[str, str]]]:
    return [(entry["type"], entry["values"]) for entry in terraform.state().values()]

"""Files and packages with their real commands, answered by a double of SSH: nothing above the transport is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.durable import KEPT
from tests.acceptance.doubles import DoubledProvider, one_machine
from tests.acceptance.guests import Guest
from tests.acceptance.hypervisor import put_doubles

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

SECRET = "tr0ub4dor-and-3"
CONFIGURATION = f"""
resource "halab_file" "password" {{
  machine           = halab_machine.one.id
  path              = "/etc/secret"
  sensitive_content = "{SECRET}"
  mode              = "0600"
}}
resource "halab_packages" "tools" {{
  machine = halab_machine.one.id
  names   = ["tcpdump", "sg3-utils"]
}}
"""


class Machine:
    """A guest that knows files and packages, and what it was asked."""

    def __init__(self) -> None:
        self.packages, self.lists_are_old = {"tcpdump"}, True
        self.asked: list[Command] = []

    def __call__(self, guest: Guest, command: Command) -> Result | None:
        self.asked.append(command)
        words = command.argv
        if words[0] == "dpkg-query":
            there = "".join(f"ii  {name} 1.0\n" for name in sorted(self.packages))
            return Result(command, 0 if self.packages.issuperset(words[4:]) else 1, there, "")
        if "apt-get" in words and "install" in words:
            return self._install(command)
        if words[:2] == ("apt-get", "update"):
            self.lists_are_old = False
            return Result(command, 0, "", "")
        path = words[-1]
        file = guest.guests.files.get((guest.name, path))
        if "stat -c" in " ".join(words):
            return (
                Result(command, 3, "", "")
                if file is None
                else Result(command, 0, f"{file[1]:o} {file[2]}\n{file[0]}", "")
            )
        if KEPT in words[-2]:
            return Result(command, 0, "", "")
        if words[0] == "rm" or "rm " in " ".join(words):
            guest.guests.files.pop((guest.name, path), None)
            return Result(command, 0, "", "")
        return None

    def _install(self, command: Command) -> Result:
        wanted = [word for word in command.argv[command.argv.index("install") + 1 :] if not word.startswith("-")]
        if self.lists_are_old:
            return Result(command, 100, "", f"E: Unable to locate package {wanted[0]}\n")
        if "no-such" in wanted:
            return Result(command, 100, "", "E: Unable to locate package no-such\n")
        self.packages |= set(wanted)
        return Result(command, 0, "", "")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> DoubledProvider:
    put_doubles(monkeypatch)
    return DoubledProvider("halab_file", "halab_packages")


def test_files_and_packages(terraform: Terraform, provider: DoubledProvider) -> None:
    machine, guests = Machine(), provider.guests
    guests.answer = machine
    hcl = one_machine(terraform.folder) + CONFIGURATION
    terraform.write(hcl)
    terraform.apply()
    assert guests.files == {("one", "/etc/secret"): (SECRET, 0o600, "root:root")}
    assert machine.packages == {"tcpdump", "sg3-utils"}
    assert terraform.plan().actions == {}

    guests.files["one", "/etc/secret"] = ("hacked", 0o644, "root:root")
    machine.packages = {"tcpdump"}
    plan = terraform.plan()
    assert plan.actions == {"halab_file.password": ["update"], "halab_packages.tools": ["update"]}
    assert plan.changes["halab_packages.tools"]["before"]["names"] == ["tcpdump"]
    assert "hacked" not in plan.text
    terraform.apply()
    assert guests.files["one", "/etc/secret"] == (SECRET, 0o600, "root:root")

    terraform.write(hcl.replace('"sg3-utils"', '"no-such"'))
    error = terraform.fails("apply").error
    assert error.summary == "one: no such package: no-such"
    assert error.line.startswith("names")
    terraform.write(hcl)
    terraform.destroy()
    assert guests.files == {}
    assert all(SECRET not in str(command.argv) for command in machine.asked)

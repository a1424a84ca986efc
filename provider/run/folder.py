"""Where everything of one lab stands on the machine that runs Terraform: `.halab/<lab>/`, for its owner only. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

ALL_LABS = ".halab"
CONSOLE_LOG = ".console.log"
INSTALLER_LOG = ".installer.log"
LoggedCommand = Literal["deploy", "diff", "destroy"]
"""The commands that keep what Terraform said."""


@dataclass(frozen=True)
class LabFolder:
    """The files of one lab. Nothing is made or read here."""

    path: Path

    @classmethod
    def of(cls, checkout: Path, lab: str) -> LabFolder:
        """The folder of the lab named `lab` in a checkout."""
        return cls(checkout / ALL_LABS / lab)

    @property
    def lab(self) -> str:
        return self.path.name

    @property
    def state(self) -> Path:
        """Terraform's state; it holds the lab's passwords."""
        return self.path / "terraform.tfstate"

    @property
    def settings(self) -> Path:
        """The settings that the lab was deployed with, as JSON."""
        return self.path / "settings.json"

    @property
    def private_key(self) -> Path:
        return self.path / "id_ed25519"

    @property
    def ssh_config(self) -> Path:
        return self.path / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The pinned host keys."""
        return self.path / "known_hosts"

    @property
    def fencing(self) -> Path:
        """The fencing endpoint's folders."""
        return self.path / "fencing"

    @property
    def progress(self) -> Path:
        """What the last change told while it was under way: one JSON object a line."""
        return self.path / "progress.jsonl"

    @property
    def diff_progress(self) -> Path:
        """What the last plan told: another file, since a plan leaves the record of the last change alone."""
        return self.path / "diff.jsonl"

    def log(self, command: LoggedCommand) -> Path:
        """All that Terraform said in a command's last run."""
        return self.path / f"{command}.log"

    @property
    def outputs(self) -> Path:
        """The stack's outputs after the last deploy, as JSON."""
        return self.path / "outputs.json"

    @property
    def questions(self) -> Path:
        """What the guests were asked in the last refresh."""
        return self.path / "questions.json"

    @property
    def ledger(self) -> Path:
        """What the lab has made, and what of it the state holds (provider/adoption.py)."""
        return self.path / "ledger.jsonl"

    @property
    def checkpoints(self) -> Path:
        """What is kept of checkpoints, a folder each."""
        return self.path / "checkpoints"

    @property
    def drills(self) -> Path:
        """Recorded drills, a folder each."""
        return self.path / "drills"

    @property
    def suite_logs(self) -> Path:
        """Logs of Pacemaker's test suite."""
        return self.path / "cts"

    @property
    def exercise(self) -> Path:
        """The exercise that is under way, as JSON."""
        return self.path / "exercise.json"

    @property
    def seen(self) -> Path:
        """What the last look at the lab has seen, as JSON."""
        return self.path / "seen.json"

    @property
    def console(self) -> Path:
        """The folder of a console that runs as a service."""
        return self.path / "console"

    @property
    def console_audit(self) -> Path:
        """What was done by `halab console`: one JSON object a line."""
        return self.path / "console-audit.jsonl"

    @property
    def console_job(self) -> Path:
        """What the last command said that was started in the console."""
        return self.path / "console-job.log"

    @property
    def kvm_verdict(self) -> Path:
        """Whether KVM works here, until the host's next boot."""
        return self.path / "kvm-verdict.json"

    @property
    def changes_lock(self) -> Path:
        """Held by the run that changes the lab; it names runs that were killed in the middle of a change."""
        return self.path / "changes.lock"

    @property
    def mark(self) -> Path:
        """Whose folder this is, and where it stood when it was last used (ownership.py)."""
        return self.path / "lab.json"

    @property
    def imports(self) -> Path:
        """Values of secrets that are imported, one a file."""
        return self.path / "import"

    @property
    def command_lock(self) -> Path:
        """Held by the command that works on the lab."""
        return self.path / "command.lock"

    @property
    def terraform_pid(self) -> Path:
        """Of earlier versions."""
        return self.path / "terraform.pid"

    def console_log(self, machine: str) -> Path:
        """What a machine's console said that came to nothing."""
        return self.path / f"{machine}{CONSOLE_LOG}"

    def installer_log(self, machine: str) -> Path:
        """What an installer sent of its log that came to nothing."""
        return self.path / f"{machine}{INSTALLER_LOG}"

    @property
    def of_runs(self) -> tuple[Path, ...]:
        """What runs leave behind, of no use once the lab is gone."""
        return (
            *(self.log(command) for command in get_args(LoggedCommand)),
            *(self.progress, self.diff_progress, self.outputs, self.terraform_pid, self.changes_lock),
            self.command_lock,
            *(self.kvm_verdict, self.questions, self.ledger, self.seen, self.exercise),
            *(self.console_audit, self.console_job),
        )

    @property
    def files(self) -> tuple[Path, ...]:
        """All that has a fixed name."""
        fixed = self.state, self.settings, self.private_key, self.ssh_config, self.known_hosts, self.mark
        return (*fixed, self.fencing, self.imports, self.console, *self.of_runs)

    def is_of_a_machine(self, path: Path) -> bool:
        """Whether it is one that `console_log` or `installer_log` names."""
        return path.name.endswith((CONSOLE_LOG, INSTALLER_LOG))

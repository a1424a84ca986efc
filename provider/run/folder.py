"""Where everything of one lab stands on the machine that runs Terraform: `.halab/<lab>/`, for its owner only. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ALL_LABS = ".halab"


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
        """What the last run told while it was under way: one JSON object a line."""
        return self.path / "progress.jsonl"

    @property
    def log(self) -> Path:
        """All that Terraform said in the last run."""
        return self.path / "deploy.log"

    @property
    def outputs(self) -> Path:
        """The stack's outputs after the last deploy, as JSON."""
        return self.path / "outputs.json"

    @property
    def questions(self) -> Path:
        """What the guests were asked in the last refresh."""
        return self.path / "questions.json"

"""What Terraform, which started us, was asked for: the protocol does not tell.

Before a destroy Terraform plans as ever, to refresh the state. An error in that plan would keep it from destroying.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def is_destroy(argv: Sequence[str]) -> bool:
    """Whether a Terraform command line only takes away: `terraform destroy`, `terraform plan -destroy`."""
    command = next((word for word in argv[1:] if not word.startswith("-")), "")
    return command == "destroy" or not {"-destroy", "--destroy", "-destroy=true"}.isdisjoint(argv)


def is_destroy_of_all(argv: Sequence[str]) -> bool:
    """Whether it takes away everything in the state: a destroy that names no targets."""
    partial = ("-target", "--target", "-exclude", "--exclude")
    return is_destroy(argv) and not any(word.startswith(partial) for word in argv)


def parents_command_line() -> list[str]:
    """The command line of the process that started this one; empty where the system does not show it."""
    try:
        return Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\0")
    except OSError:
        return []

"""What Terraform, which started us, was asked for: the protocol does not tell.

Nothing else tells whether a run looks at all of the state. So where it cannot be seen (a saved plan, say), the slow way
is taken, which is right in any case.

Before a destroy Terraform plans as ever, to refresh the state. An error in that plan would keep it from destroying.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

_PARALLELISM = 10  # Terraform's own


def is_destroy(argv: Sequence[str]) -> bool:
    """Whether a Terraform command line only takes away: `terraform destroy`, `terraform plan -destroy`."""
    command = next((word for word in argv[1:] if not word.startswith("-")), "")
    return command == "destroy" or not {"-destroy", "--destroy", "-destroy=true"}.isdisjoint(argv)


def is_partial(argv: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether it looks at a part of the state only. Terraform takes options from its environment too."""
    added = " ".join(text for name, text in environment.items() if name.startswith("TF_CLI_ARGS"))
    partial = ("-target", "--target", "-exclude", "--exclude")
    return any(word.strip("'\"").startswith(partial) for word in (*argv, *added.split()))


def is_destroy_of_all(argv: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether it takes away everything in the state: a destroy that names no targets."""
    return is_destroy(argv) and not is_partial(argv, environment)


def parallelism(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """How many resources Terraform makes at a time; ten unless it was told otherwise. The command line counts last."""
    command = next((word for word in argv[1:] if not word.startswith("-")), "")
    added = " ".join(environment.get(name, "") for name in ("TF_CLI_ARGS", f"TF_CLI_ARGS_{command}"))
    words = [word.strip("'\"").replace("--", "-", 1) for word in (*added.split(), *argv)]
    given = [after for word, after in pairwise([*words, ""]) if word == "-parallelism"]
    given += [word.partition("=")[2] for word in words if word.startswith("-parallelism=")]
    return int(given[-1]) if given and given[-1].isdecimal() else _PARALLELISM


def parents_command_line() -> list[str]:
    """The command line of the process that started this one; empty where the system does not show it."""
    try:
        return Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\0")
    except OSError:
        return []

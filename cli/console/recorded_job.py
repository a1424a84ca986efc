"""`python -m …recorded_job AUDIT ROLE COMMAND PROGRAM…`: runs a program, and writes into the audit log how it ended.

A process of its own: a drill goes on when the console ends, and its end is to stand there all the same.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from halab.cli.console import audit

_CHANGES, _NOT_PASSED = 4, 3


def how(command: str, code: int) -> tuple[str, str]:
    """The event, and what the exit code says of the command (docs/command.md)."""
    diff = command.startswith("halab diff")
    known = {0: ("done", "nothing would change" if diff else "passed")}
    known |= {_CHANGES: ("done", "something would change")} if diff else {_NOT_PASSED: ("failed", "did not pass")}
    stopped = f"ended by signal {code - 128}" if code > 128 else "could not be carried out"
    return known.get(code, ("failed", stopped))


def main(argv: list[str]) -> int:
    """The program's exit code; 128 + N where signal N ended it."""
    file, role, command, *program = argv
    began = time.monotonic()
    code = subprocess.run(program, check=False).returncode
    code = 128 - code if code < 0 else code
    event, result = how(command, code)
    took_s = round(time.monotonic() - began, 1)
    audit.note(Path(file), event, role=role, command=command, result=result, code=code, took_s=took_s)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

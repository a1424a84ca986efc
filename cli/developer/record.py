"""Records what a command prints on a terminal: `python -m halab.cli.developer.record FILE COMMAND...`.

The file is an asciicast (version 2), which asciinema plays, too: a line of JSON with the terminal's size, then one for
each piece of output, `[seconds, "o", text]`. The exit code is the command's own.
"""

from __future__ import annotations

import argparse
import codecs
import fcntl
import json
import os
import pty
import struct
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

COLUMNS, ROWS = 100, 40


def main(arguments: Sequence[str]) -> int:
    """The command's exit code."""
    parser = argparse.ArgumentParser(prog="python -m halab.cli.developer.record", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    given = parser.parse_args(arguments)
    command: list[str] = given.command
    if not command:
        parser.error("which command is to be recorded?")
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    began = time.monotonic()
    with given.file.open("w") as out:
        head = {"version": 2, "width": COLUMNS, "height": ROWS, "command": " ".join(command), "folder": os.getcwd()}
        out.write(json.dumps(head) + "\n")
        for text in _said(terminal):
            out.write(json.dumps([round(time.monotonic() - began, 2), "o", text]) + "\n")
            out.flush()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _said(terminal: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when nobody holds the other end any more
            return
        if not piece:
            return
        yield decoder.decode(piece)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

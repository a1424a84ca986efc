"""The lab's target as the suite's exerciser: it runs the suite, and is asked how it goes.

Root's way in to the nodes is the lab's own: each machine lets in the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from halab.cli.drill.declaration import TARGET
from halab.cli.drill.guests import Guests
from halab.provisioners.engine.command import cmd, script
from halab.provisioners.engine.errors import ConfigError, ConnectError, HalabError

SUITE = "/usr/share/pacemaker/tests/cts-lab"
PACKAGE = "pacemaker-cts"
_POLL_S = 2.0
_SILENT_S = 120.0
"""The target takes part in no failure of the suite's: it answers."""

_SHARED = "/etc/ssh/ssh_config.d/halab-cts.conf"
# The suite begins an ssh for each of its questions, several a second. An emulated node is a second at work for each
# log-in, and writes down a dozen lines, while the suite reads no more than the journal's last 200 at a time.
_SHARE = "ControlMaster auto\nControlPath /run/halab-cts/ssh-%n\nControlPersist 60\n"
_BEGIN = f"""# begin the suite
rm -rf /run/halab-cts
mkdir -m 700 /run/halab-cts
cat > /run/halab-cts/run
printf %s "$1" > {_SHARED}; shift
touch /run/halab-cts/log
systemd-run --quiet --collect --unit=halab-cts --setenv=HOME=/root sh /run/halab-cts/run "$@\""""
_END = f"""# end the suite
systemctl stop halab-cts 2>/dev/null || [ $? = 5 ]
rm -f {_SHARED}"""
_RUN = f"""code=0
{SUITE} "$@" </dev/null >/run/halab-cts/output 2>&1 || code=$?
echo $code >/run/halab-cts/code.new
mv /run/halab-cts/code.new /run/halab-cts/code
"""
# What it has come to is asked before its log: so nothing of it is missed. $1: how many bytes were read.
_ASK = """# ask how the suite goes on
if systemctl is-active --quiet halab-cts; then echo running
elif [ -e /run/halab-cts/code ]; then cat /run/halab-cts/code
else echo gone
fi
size=$(stat --format=%s /run/halab-cts/log)
echo "$size"
tail -c "+$(($1 + 1))" /run/halab-cts/log | head -c $((size - $1))"""


@dataclass
class Exerciser:
    """Over the lab's connections, which are the caller's to close."""

    guests: Guests

    def refuse_without_suite(self) -> None:
        """ConfigError with the setting that adds it: it is wanted on the target and on each node."""
        for name in [TARGET, *self._nodes]:
            if self.guests.host(name).ask(cmd("test", "-x", SUITE, ok=(0, 1))).rc:
                raise ConfigError(
                    f"{name} lacks Pacemaker's test suite ({SUITE})",
                    f"Set HALAB_IMAGE_EXTRA_PACKAGES={PACKAGE} (image.extra_packages), destroy, and deploy: machines "
                    "are made from an image that has it. Debian 12 has no such package.",
                )

    def begin(self, iterations: int, options: Sequence[str]) -> None:
        """Start the suite in the background; `options` are its own."""
        given = [
            *("--nodes", " ".join(self._nodes), "--outputfile", "/run/halab-cts/log", "--logfile", "journal"),
            *("--at-boot", "1", "--yes", *options, str(iterations)),
        ]
        shared = f"Host {' '.join(self._nodes)}\n{_SHARE}"
        self.guests.host(TARGET).ask(script(_BEGIN, shared, *given, stdin=_RUN))

    def stop(self) -> None:
        """End the suite, if it runs. HalabError."""
        self.guests.host(TARGET).ask(script(_END))

    def log(self) -> Iterator[str]:
        """Its log as it is written, in pieces that end with a line; until it has come to its end. HalabError."""
        read, rest = 0, ""
        while True:
            state, read, piece = self._asked(read)
            whole, newline, rest = (rest + piece).rpartition("\n")
            if newline:
                yield whole + newline
            if state == "running":
                time.sleep(_POLL_S)
            elif state.isdigit():
                return
            else:
                said = self.guests.host(TARGET).ask(cmd("tail", "-n", 20, "/run/halab-cts/output")).stdout
                raise HalabError("The suite's process is gone", said)

    def _asked(self, read: int) -> tuple[str, int, str]:
        """The state, the log's size in bytes, and what is new in it."""
        end = time.monotonic() + _SILENT_S
        while True:
            try:
                answer = self.guests.host(TARGET).ask(script(_ASK, read)).stdout
                state, size, piece = answer.split("\n", 2)
                return state, int(size), piece
            except ConnectError:
                self.guests.forget()
                if time.monotonic() > end:
                    raise

    @property
    def _nodes(self) -> list[str]:
        return [node.name for node in self.guests.nodes]

"""A console that runs as a service (`halab console --service`): its files, what runs of it, and its end.

It stands here, and not beside the console, since Terraform alone may destroy the lab, and it goes with that.

config.json     what it serves (ConsoleConfig)
link.json       the hash of the link that opens it once; gone when it was used
supervisor.pid  for people;  console.log  what both processes said
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from halab.provider.fencing import power_port, power_process
from halab.provider.fencing.power_supervisor import Kind
from halab.provider.run.files import read_or_none, write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import UnexpectedOutput

CONSOLE = Kind("console", ("halab.cli.console.supervisor",), ("halab.cli.console.daemon",), "console.log")


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """`environment`: the variables that name the lab and its tools, as whoever started it had them."""

    port: int
    watch_only: bool
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ConsoleService:
    """The service of the lab in this folder."""

    folder: LabFolder

    @property
    def directory(self) -> Path:
        """The same by whichever way one comes to it: the processes are known by this path."""
        return self.folder.console.resolve()

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def link(self) -> Path:
        return self.directory / "link.json"

    @property
    def log(self) -> Path:
        return self.directory / CONSOLE.log

    def read(self) -> ConsoleConfig | None:
        """None where none was started. UnexpectedOutput: it is not what `start` wrote."""
        try:
            text = read_or_none(self.config)
            return None if text is None else ConsoleConfig(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise UnexpectedOutput(
                f"{self.config} cannot be read", f"{error}. `halab console --stop` removes it."
            ) from error

    def start(self, config: ConsoleConfig) -> None:
        """Its supervisor in the background. CommandFailed."""
        write_private(self.config, json.dumps(asdict(config)))
        power_process.start_supervisor(self.config, CONSOLE)

    def runs(self) -> bool:
        """Whether any process of it is there; its files need not be."""
        return bool(power_process.processes(self.config, CONSOLE))

    def supervised(self) -> bool:
        """Whether something would start it again."""
        return any(one.module in CONSOLE.supervisors for one in power_process.processes(self.config, CONSOLE))

    def listens(self, port: int) -> bool:
        """Whether it is our own daemon, and nobody else, who has the port."""
        there = power_process.processes(self.config, CONSOLE)
        return any(one.module in CONSOLE.servers and power_port.held_by(one.pid, port) for one in there)

    def end(self) -> bool:
        """Its processes, then its files; whether there was anything. TimedOut."""
        there = self.runs() or self.directory.is_dir()
        power_process.end(self.config, CONSOLE)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory)
        return there

    def end_moved(self) -> None:
        """Of a folder that stands elsewhere now: what still runs by its old path. TimedOut."""
        if not self.config.exists():  # otherwise it is that of another lab, which has the place now
            power_process.end(self.config, CONSOLE)

"""One run of a command on a lab: its folder in order and nobody else at work, libvirt answering, Terraform ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from halab.cli import libvirt_daemons
from halab.cli.change.consent import REFUSED, NotConfirmed
from halab.cli.change.progress import Follower
from halab.cli.change.screen import Screen, console
from halab.cli.lab.alone import alone
from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import CHECKOUT, LIBVIRT_RECORD, lab_folder, lab_settings
from halab.cli.leftovers.sweep import SweepFailed
from halab.cli.terraform.log import Log
from halab.cli.terraform.run import Stopped, Terraform, TerraformFailed
from halab.constructs.settings import Settings, SettingsError
from halab.provider.run.folder import LabFolder, LoggedCommand
from halab.provisioners.engine.errors import HalabError

FAILED = 1
EXPECTED = (SettingsError, HalabError, StateUnusable, SweepFailed, libvirt_daemons.LibvirtUnavailable)


@dataclass(frozen=True)
class LabRun:
    """What a command works with."""

    settings: Settings
    folder: LabFolder
    screen: Screen
    terraform: Terraform
    log: Log


@contextmanager
def lab_run(command: LoggedCommand, stream_to_stderr: bool = False) -> Iterator[LabRun]:
    """Raises EXPECTED, FileNotFoundError without Terraform. `stream_to_stderr`: stdout is for a program."""
    settings = lab_settings()
    folder, out = lab_folder(settings), console(sys.stderr if stream_to_stderr else sys.stdout)
    with alone(folder, out.print):
        libvirt_daemons.ensure(LIBVIRT_RECORD)
        usual = folder.diff_progress if command == "diff" else folder.progress
        progress = Path(os.environ.get("HALAB_PROGRESS") or usual)
        progress.unlink(missing_ok=True)
        screen = Screen(out, Follower(progress))
        log = Log(folder.log(command), screen.line)
        environment = {**os.environ, "HALAB_PROGRESS": str(progress)}
        try:
            yield LabRun(settings, folder, screen, Terraform(CHECKOUT, settings.name, environment, log, screen), log)
        finally:
            screen.close()
            log.close()


def guarded(act: Callable[[], int], command: LoggedCommand | None = None) -> int:
    """The exit code of a command; errors that are expected are told in words. `command`: whose log has Terraform's."""
    try:
        return act()
    except NotConfirmed as error:
        print(error, file=sys.stderr)
        return REFUSED
    except Stopped as stopped:
        print("stopped; what was done is saved, and the same command goes on from here", file=sys.stderr)
        return stopped.exit_code
    except TerraformFailed as error:
        text, more = f"{error}\n" if str(error) else "", f"; all that it said: {_log(command)}" if command else ""
        print(f"{text}error: terraform failed{more}", file=sys.stderr)
    except (*EXPECTED, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nstopped; nothing was changed", file=sys.stderr)
        return 130
    return FAILED


def _log(command: LoggedCommand) -> str:
    return os.path.relpath(lab_folder(lab_settings()).log(command))

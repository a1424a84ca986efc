"""`halab destroy`: Terraform destroys, then what was started or written for the lab goes as well."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter

from halab.cli import libvirt_daemons
from halab.cli.change import consent, summary
from halab.cli.change.run import LabRun, guarded, lab_run
from halab.cli.lab.state import Instance, StateUnusable, instances
from halab.cli.lab.this_lab import CHECKOUT, LIBVIRT_RECORD, all_labs
from halab.cli.leftovers import sweep
from halab.provider.run.console_service import ConsoleService
from halab.provider.run.files import remove_private
from halab.provider.run.folder import LabFolder


def main(yes: bool) -> int:
    """The exit code; docs/command.md has the table."""
    return guarded(lambda: _main(yes), "destroy")


def _main(yes: bool) -> int:
    with lab_run("destroy") as run:
        if there := instances(run.folder.state):
            run.screen.line(f"The lab {run.settings.name!r} goes, with all that is in it: {_counted(there)}.")
            consent.ask(run.screen, "Go on?", yes, "destroy")
            run.screen.doing("writing the configuration")
            run.terraform.prepare()
            run.screen.doing("destroying")
            run.terraform.destroy()
        else:
            _tell_nothing(run)
        run.screen.close()
        _tell_leftovers(run)
        libvirt_daemons.stop(LIBVIRT_RECORD, run.screen.line)
        for line in remove_files(run.folder):
            run.screen.line(line)
    return 0


def _counted(there: list[Instance]) -> str:
    kinds = Counter(one.type.removeprefix("halab_") for one in there)
    machines = kinds.pop("machine", 0)
    return f"{summary.counted(machines, 'machine')} and {summary.counted(kinds.total(), 'resource')} on and around them"


def _tell_nothing(run: LabRun) -> None:
    others = [lab.lab for lab in all_labs() if instances(lab.state)]
    more = f" Deployed are: {', '.join(others)} (HALAB_NAME)." if others else ""
    run.screen.line(f"No lab {run.settings.name!r} is deployed from this checkout.{more}")


def _tell_leftovers(run: LabRun) -> None:
    """Runs that were killed may have left what no state knows of, so that Terraform could not remove it."""
    try:
        left = sweep.found(run.settings, instances(run.folder.state))
    except (sweep.SweepFailed, StateUnusable) as error:
        run.screen.line(f"It cannot be told whether anything is left: {error}")
        return
    if left:
        run.screen.line("Left by a run that was killed, in no state; `halab sweep` removes it:")
        for line in sweep.shown(left):
            run.screen.line(line)


def remove_files(folder: LabFolder) -> list[str]:
    """Leaves the lab's folder only if something is in it that is not known here: that is told."""
    ConsoleService(folder).end()
    for file in folder.of_runs:
        remove_private(file)
    if not instances(folder.state):  # its backups hold the passwords of a lab that is gone
        for state in folder.path.glob(f"*{folder.state.name}*"):
            state.unlink()
        remove_private(folder.settings)
        if folder.checkpoints.exists():  # the machines' snapshots went with their disks
            shutil.rmtree(folder.checkpoints)
    if left := sorted(path.name for path in folder.path.iterdir() if path != folder.mark):
        return [f"kept in {folder.path.relative_to(CHECKOUT)}: {', '.join(left)}"]
    remove_private(folder.mark)
    folder.path.rmdir()
    with contextlib.suppress(OSError):  # other labs
        folder.path.parent.rmdir()
    return []

"""`make destroy`: cdktf destroys, then what was started or written for the lab goes as well."""

import contextlib
import sys

from halab.cli import libvirt_daemons
from halab.cli.lab.state import StateUnusable, instances
from halab.cli.lab.this_lab import CHECKOUT, LIBVIRT_RECORD, lab_folder, lab_settings
from halab.cli.leftovers import sweep
from halab.cli.terraform.cdktf_run import CdktfRun
from halab.constructs.settings import Settings, SettingsError
from halab.provider.run.files import remove_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError


def main() -> int:
    """The exit code is cdktf's; 1 when libvirt does not answer, its daemons do not end, the folder is not the lab's."""
    try:
        settings = lab_settings()
        folder = lab_folder(settings)
        libvirt_daemons.ensure(LIBVIRT_RECORD)
        run = CdktfRun(CHECKOUT, folder, folder.destroy_log, sys.stdout)
        code = run.run(["destroy", "--auto-approve"])
        if code == 0:
            _tell_leftovers(settings)
            libvirt_daemons.stop(LIBVIRT_RECORD, print)
            remove_files(folder)
    except (libvirt_daemons.LibvirtUnavailable, SettingsError, HalabError, StateUnusable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


def _tell_leftovers(settings: Settings) -> None:
    """Runs that were killed may have left what no state knows of, so that Terraform could not remove it."""
    try:
        left = sweep.found(settings, instances(lab_folder(settings).state))
    except (sweep.SweepFailed, StateUnusable) as error:
        print(f"It cannot be told whether anything is left: {error}")
        return
    if left:
        print("Left by a run that was killed, in no state; make sweep removes it:", *sweep.shown(left), sep="\n")


def remove_files(folder: LabFolder) -> None:
    """Leaves the lab's folder only if something is in it that is not known here."""
    for file in folder.of_runs:
        remove_private(file)
    if not instances(folder.state):  # its backups hold the passwords of a lab that is gone
        for state in folder.path.glob(f"*{folder.state.name}*"):
            state.unlink()
        remove_private(folder.settings)
    left = sorted(path.name for path in folder.path.iterdir() if path != folder.mark)
    if left:
        print(f"kept in {folder.path.relative_to(CHECKOUT)}: {', '.join(left)}")
        return
    remove_private(folder.mark)
    folder.path.rmdir()
    with contextlib.suppress(OSError):  # other labs
        folder.path.parent.rmdir()


if __name__ == "__main__":
    sys.exit(main())

"""`make destroy`: cdktf destroys, then what was started or written for the lab goes as well."""

import sys
from pathlib import Path

from halab.cli import libvirt_daemons
from halab.cli.lab.state import StateUnusable, instances
from halab.cli.leftovers import clean, sweep
from halab.cli.terraform.cdktf_run import CdktfRun
from halab.constructs.settings import SettingsError
from halab.provider.run.files import private_directory
from halab.provisioners.engine.errors import Conflict

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = CHECKOUT / ".halab"
FILES = (
    "changes.lock",
    "progress.jsonl",
    "outputs.json",
    "deploy.log",
    "destroy.log",
    "terraform.pid",
    "kvm-verdict.json",
    ".kvm-verdict.json.new",
    "questions.json",
    ".questions.json.new",
)


def main() -> int:
    """The exit code is cdktf's; 1 when libvirt does not answer, its daemons do not end, .halab is another user's."""
    record = LAB / "libvirt.json"
    try:
        private_directory(LAB)
        libvirt_daemons.ensure(record)
        run = CdktfRun(CHECKOUT, LAB / "destroy.log", sys.stdout)
        code = run.run(["destroy", "--auto-approve"])
        if code == 0:
            _tell_leftovers()
            libvirt_daemons.stop(record, print)
            _remove_files()
    except (libvirt_daemons.LibvirtUnavailable, Conflict, StateUnusable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


def _tell_leftovers() -> None:
    """Runs that were killed may have left what no state knows of, so that Terraform could not remove it."""
    try:
        settings = sweep.lab_settings()
        left = sweep.found(settings, instances(sweep.state_file(settings)))
    except (SettingsError, sweep.SweepFailed, StateUnusable) as error:
        print(f"It cannot be told whether anything is left: {error}")
        return
    if left:
        print("Left by a run that was killed, in no state; make sweep removes it:", *sweep.shown(left), sep="\n")


def _remove_files() -> None:
    """Leaves .halab only if something is in it that is not known here."""
    for name in FILES:
        (LAB / name).unlink(missing_ok=True)
    if not clean.deployed_states(CHECKOUT):  # their backups hold the passwords of a lab that is gone
        for state in LAB.glob("terraform.*.tfstate*"):
            state.unlink()
    if any(LAB.iterdir()):
        print(f"kept in .halab: {', '.join(sorted(path.name for path in LAB.iterdir()))}")
    else:
        LAB.rmdir()


if __name__ == "__main__":
    sys.exit(main())

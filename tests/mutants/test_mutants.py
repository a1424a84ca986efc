"""Faults that were put in once and that no test noticed: each has to make tests fail from now on.

A mutant is applied to a copy of what git knows of the checkout, and the tests named with it run there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.long
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """One fault: `old`, which stands in `file` once, becomes `new`; `tests` have to fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: str


CLEAN = "tests/unit/cli/leftovers/test_clean.py"
SWEEP = "tests/unit/cli/leftovers/test_sweep.py"
DAEMONS = "tests/unit/cli/test_libvirt_daemons.py"
COMMAND = "tests/acceptance/test_command.py"
INTERRUPTS = "tests/unit/cli/terraform/test_interrupts.py"
PREPARE = "tests/unit/tools/test_prepare.py"
BUILD = "tests/unit/images/test_build.py"
REMOVAL = "tests/unit/provider/hypervisor/test_removal.py"
LEFT = "tests/unit/provider/hypervisor/test_leftovers.py"
MUTANTS = (
    Mutant("clean ignores deployed labs", "cli/leftovers/clean.py", "    if deployed:", "    if False:", CLEAN),
    Mutant("clean takes no lock", "cli/leftovers/clean.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_UN", CLEAN),
    Mutant(
        "a daemon that was there is noted as started here",
        "cli/libvirt_daemons.py",
        "tuple(_start(name) for name, pid in before.items() if pid is None)",
        "tuple(Daemon(n, p, _start_ticks(p) or 0) if p else _start(n) for n, p in before.items())",
        DAEMONS,
    ),
    Mutant(
        "a daemon is known by its number alone",
        "cli/libvirt_daemons.py",
        "[daemon for daemon in started.daemons if _start_ticks(daemon.pid) == daemon.start_ticks]",
        "[Daemon(d.name, d.pid, _start_ticks(d.pid) or 0) for d in started.daemons if _start_ticks(d.pid)]",
        DAEMONS,
    ),
    Mutant(
        "destroy cleans up after a failure",
        "cli/change/destroy.py",
        "            run.terraform.destroy()",
        "            with contextlib.suppress(Exception):\n                run.terraform.destroy()",
        COMMAND,
    ),
    Mutant(
        "destroy asks nobody", "cli/change/destroy.py", 'consent.ask(run.screen, "Go on?", yes, "destroy")', "", COMMAND
    ),
    Mutant("Ctrl-C kills Terraform", "cli/terraform/process.py", "(signal.SIGINT)", "(signal.SIGKILL)", INTERRUPTS),
    Mutant(
        "the terminal's Ctrl-C comes to Terraform, too",
        "cli/terraform/process.py",
        "start_new_session=True",
        "start_new_session=False",
        INTERRUPTS,
    ),
    Mutant(
        "each Ctrl-C is passed on",
        "cli/terraform/process.py",
        "first, self._asked = not self._asked, True",
        "first = True",
        INTERRUPTS,
    ),
    Mutant(
        "Terraform is not awaited after an interrupt",
        "cli/terraform/run.py",
        "                if interrupted and pressed > answered and not ended:",
        "                if signals.count:\n                    raise Stopped(signals.exit_code)\n"
        "                if interrupted and pressed > answered and not ended:",
        INTERRUPTS,
    ),
    Mutant(
        "prepare installs no Python packages",
        "tools/prepare",
        '    if for_developers "${1:-}"; then prepare_venv developers; else prepare_venv users; fi\n',
        "",
        "tests/unit/tools/test_prepared.py",
    ),
    Mutant("apt is asked in the user's language", "tools/packages.sh", "LC_ALL=C apt-cache", "apt-cache", PREPARE),
    Mutant("apt's answer is misread", "tools/packages.sh", "^ *Candidate: ", "^ *Installed: ", PREPARE),
    Mutant(
        "root builds in a user namespace", "images/build.py", '"root" if privileged else "unshare"', '"unshare"', BUILD
    ),
    Mutant(
        "an ordinary user builds as root", "images/build.py", '"root" if privileged else "unshare"', '"root"', BUILD
    ),
    Mutant(
        "sweep takes no lock",
        "cli/leftovers/sweep.py",
        "    with locked(file):\n        state = instances(file)",
        "    if True:\n        state = instances(file)",
        SWEEP,
    ),
    Mutant(
        "sweep --json takes no lock",
        "cli/leftovers/sweep.py",
        "    with locked(file):\n        left = found",
        "    if True:\n        left = found",
        SWEEP,
    ),
    Mutant("sweep asks nobody", "cli/leftovers/sweep.py", "if not yes and not _confirmed():", "if False:", SWEEP),
    Mutant(
        "sweep removes the folder of a deployed lab",
        "cli/leftovers/sweep.py",
        "if [*folder.path.iterdir()] == [folder.mark]:",
        "if True:",
        SWEEP,
    ),
    Mutant(
        "sweep removes what came into use",
        "provider/hypervisor/sweep.py",
        "removed = not item.kept and (",
        "removed = (",
        LEFT,
    ),
    Mutant(
        "clean knows states of earlier versions only", "cli/leftovers/clean.py", '"*/terraform.tfstate", ', "", CLEAN
    ),
    Mutant(
        "other labs' machines go with a network",
        "provider/hypervisor/removal.py",
        "spec.mark.lab == lab and chosen(spec)",
        "chosen(spec)",
        REMOVAL,
    ),
    Mutant(
        "all files of a pool go with a machine's log",
        "provider/hypervisor/removal.py",
        "if is_log_of(name, volume.name()) and name",
        "if name",
        REMOVAL,
    ),
    Mutant(
        "a directory that was there before its pool goes",
        "provider/hypervisor/removal.py",
        "if pool.UUIDString() == made:",
        "if True:",
        REMOVAL,
    ),
    Mutant(
        "a killed run's volume keeps its pool",
        "provider/hypervisor/storage/pool.py",
        "{pool}:{file}",
        "{pool}/{file}",
        "tests/unit/provider/hypervisor/test_resources.py",
    ),
    Mutant(
        "a success takes back a plan's failure",
        "provider/adoption.py",
        "self._failed or failed",
        "failed",
        "tests/unit/provider/test_adoption.py",
    ),
    Mutant(
        "whoever has the number by now is ended",
        "provider/fencing/power_process.py",
        "if _identify(process.pid, config, kind) != process:",
        "if False:",
        "tests/unit/provider/fencing/test_supervision.py",
    ),
    Mutant(
        "a disk in use since is partitioned",
        "provisioners/storage/partition.py",
        '[ -z "$found" ] || {{ echo "$1 is not empty',
        ': || {{ echo "$1 is not empty',
        "tests/unit/provisioners/storage/test_partition.py",
    ),
    Mutant(
        "a volume in use since is formatted",
        "provisioners/storage/gfs2.py",
        '[ -z "$found" ] ||',
        ": ||",
        "tests/unit/provisioners/storage/test_gfs2.py",
    ),
    Mutant(
        "a disk that cannot be read is empty",
        "provisioners/pacemaker/sbd_disk.py",
        'head -c 1048576 -- "$1" >/dev/null\n',
        "\n",
        "tests/unit/provisioners/pacemaker/test_sbd.py",
    ),
    Mutant(
        "all targets go with ours",
        "provisioners/iscsi/lio_guest.py",
        'if known.wwn == gone["iqn"]:',
        "if True:",
        "tests/unit/provisioners/iscsi/test_lio_guest.py",
    ),
    Mutant(
        "a session is ended under a mounted disk",
        "provisioners/iscsi/session.py",
        '! grep -E "^/dev/${part##*/} " /proc/mounts || exit 1',
        ":",
        "tests/unit/provisioners/iscsi/test_iscsi.py",
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of the checkout as they stand, without what is installed into it."""
    folder = tmp_path_factory.mktemp("mutants") / "checkout"
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, known.decode().split("\0")):
        if (source := CHECKOUT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name, follow_symlinks=False)
    yield folder
    shutil.rmtree(folder)


def outcome(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """typings/ has the package's name with links to the copy's own folders: it goes before what is installed."""
    paths = os.pathsep.join([str(folder), str(folder / "typings")])
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests.split()]
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        start_new_session=True,
    )


@pytest.mark.parametrize("tests", sorted({mutant.tests for mutant in MUTANTS}))
def test_the_copy_is_sound(copy: Path, tests: str) -> None:
    """Else each mutant would seem to be noticed."""
    done = outcome(copy, tests)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_noticed(copy: Path, mutant: Mutant) -> None:
    file = copy / mutant.file
    sound = file.read_text()
    assert sound.count(mutant.old) == 1, f"{mutant.file} has changed: {mutant.old!r} is not in it once"
    file.write_text(sound.replace(mutant.old, mutant.new))
    try:
        done = outcome(copy, mutant.tests)
    finally:
        file.write_text(sound)
    assert done.returncode == 1, f"no test of {mutant.tests} fails\n{done.stdout[-3000:]}"

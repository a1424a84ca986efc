"""The lab's own files: is each that has a form still of that form? A full disk or a lost power cuts files short.

Each is read as the lab itself reads it. Logs, locks and recorded drills have no part in it: their last line may be cut
short at any time, and whoever reads them knows.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from halab.cli.checkpoint.kept import RECORD, read_record
from halab.cli.console import link_file
from halab.cli.doctor.facts import Damage
from halab.cli.exercise.kept import under_way
from halab.cli.lab import deployed_settings
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.provider.adoption import entries
from halab.provider.fencing.power_files import PowerFiles
from halab.provider.run.console_service import ConsoleService
from halab.provider.run.folder import LabFolder
from halab.provider.run.ownership import Mark
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.engine.ssh import load_private_key

_SHORTER = "rm {file}; "
_AGAIN = "rm -r {folder}; "
_BACKUP = ".backup"


@dataclass(frozen=True, slots=True)
class _File:
    """`read` raises for what is damaged; `hinders`: commands fail by it; `remedy` may name {file} and {folder}."""

    paths: Callable[[LabFolder], Iterable[Path]]
    read: Callable[[Path], object]
    remedy: str
    hinders: bool = False


def damaged(folder: LabFolder) -> Iterator[Damage]:
    """What is there and cannot be read as what it is. Nothing is changed."""
    for file in FILES:
        for path in sorted(file.paths(folder)):
            yield from _of(file, path)


def _of(file: _File, path: Path) -> Iterator[Damage]:
    remedy = _remedy_of_state(path) if file.read is _state else file.remedy
    try:
        path.lstat()
        file.read(path)
        return
    except (FileNotFoundError, NotADirectoryError):
        return
    except HalabError as error:
        why = error.detail or error.summary
    except OSError as error:
        why, remedy = str(error.strerror), "Let this user read it: ls -l {file}."
    except (ValueError, StateUnusable) as error:
        why = str(error)
    names = {"file": shlex.quote(str(path)), "folder": shlex.quote(str(path.parent))}
    yield Damage(str(path), why, remedy.format(**names), file.hinders)


def _state(path: Path) -> None:
    """Empty it is before the first deploy has written it: then there is nothing to put back."""
    backup = path.with_name(path.name + _BACKUP)
    if not path.read_bytes() and backup.is_file() and backup.read_bytes():
        raise StateUnusable("it is empty, and its backup is not")
    try:
        deployed(path)
    except NothingDeployed:
        return


def _remedy_of_state(path: Path) -> str:
    """Every command that looks at the lab's folder mends one that is no JSON object (cli/lab/torn_state.py)."""
    try:
        _object(path)
    except (ValueError, OSError):
        return "halab diff puts it back from what Terraform has left beside it; while a deploy runs, wait for its end."
    return f"cp {{file}}{_BACKUP} {{file}}; halab diff shows whether it is the right one."


def _object(path: Path) -> None:
    if not isinstance(json.loads(path.read_text()), dict):
        raise ValueError("it is no JSON object")


def _ledger(path: Path) -> None:
    """A line that was cut short says nothing, and that is enough as long as others do."""
    if next(entries(path.read_text(errors="replace")), None) is None:
        raise ValueError("none of its lines says anything")


FILES = (
    _File(lambda lab: [lab.state], _state, "", hinders=True),
    _File(
        lambda lab: [lab.mark],
        lambda path: Mark.read(LabFolder(path.parent)),
        _SHORTER + "the next command writes it anew.",
        hinders=True,
    ),
    _File(
        lambda lab: [lab.private_key],
        load_private_key,
        "Restore it, or destroy the lab and build it anew: the machines trust this key alone.",
        hinders=True,
    ),
    _File(
        lambda lab: lab.fencing.glob("*/config.json"),
        lambda path: PowerFiles(path.parent).read_config(),
        "halab deploy makes the fencing endpoint anew.",
        hinders=True,
    ),
    _File(
        lambda lab: lab.fencing.glob("*/unfinished.json"),
        _object,
        _SHORTER + "halab deploy switches on whatever was off.",
    ),
    _File(
        lambda lab: [lab.ledger],
        _ledger,
        "halab diff notes anew what the state holds; what no state holds is refused as somebody else's.",
    ),
    _File(
        lambda lab: [lab.settings],
        deployed_settings.read,
        _SHORTER + "until the next deploy nobody tells in what the settings differ.",
    ),
    _File(lambda lab: [lab.outputs], _object, _SHORTER + "the next deploy writes it anew."),
    _File(lambda lab: [lab.questions], _object, _SHORTER + "the next halab diff writes it anew."),
    _File(lambda lab: [lab.seen], _object, _SHORTER + "halab status writes it anew."),
    _File(lambda lab: [lab.kvm_verdict], _object, _SHORTER + "the next deploy tries KVM again."),
    _File(
        lambda lab: [lab.exercise],
        under_way,
        _SHORTER + "the lab stays as the exercise has left it: halab checkpoint restore, or halab deploy.",
    ),
    _File(
        lambda lab: lab.checkpoints.glob(f"[!.]*/{RECORD}"),
        read_record,
        _AGAIN + "that checkpoint is lost; halab checkpoint save makes another one.",
    ),
    _File(
        lambda lab: [ConsoleService(lab).config],
        lambda path: ConsoleService(LabFolder(path.parent.parent)).read(),
        "halab console --stop removes it; halab console --service starts the console again.",
    ),
    _File(
        lambda lab: [ConsoleService(lab).link], link_file.read, "halab console --service prints a link and writes it."
    ),
)

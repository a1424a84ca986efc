"""Takes over what halab up to 0.1 has left right in `.halab`, where all labs of a checkout shared their files.

Each step may be the last one of a run that is killed: the next command goes on from there. A lab's state moves last,
and what labs shared goes away only when each of them has it.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from halab.cli.lab.state import Instance, StateUnusable, instances, locked
from halab.provider.fencing.power_files import PowerFiles
from halab.provider.fencing.relocation import bring_over, end_at
from halab.provider.run.files import private_directory, remove_private, write_private
from halab.provider.run.folder import ALL_LABS, CONSOLE_LOG, LabFolder
from halab.provider.run.ownership import claimed
from halab.provisioners.engine.errors import Conflict, HalabError

_STATES = "terraform.*.tfstate"
_TAKEN = ("fencing", "import")  # folders of that layout: labs of these names cannot be told from them
_CHANGES = "changes.lock"
_KEYS = ("id_ed25519", "ssh_config", "known_hosts")


@dataclass(frozen=True)
class _Lab:
    """One lab of that layout."""

    name: str
    earlier: Path
    """The directory `.halab`."""
    state: tuple[Instance, ...]

    @property
    def folder(self) -> LabFolder:
        return LabFolder(self.earlier / self.name)

    @property
    def former(self) -> Path:
        """Where `.halab` was when the lab was deployed: processes know their files by that path."""
        for instance in self.state:
            if instance.type == "halab_ssh_key":
                return Path(instance.attributes["private_key_path"]).parent
        return self.earlier

    @property
    def endpoints(self) -> set[str]:
        """Names of fencing endpoints that are to run."""
        ours = [instance.attributes for instance in self.state if instance.type == "halab_fencing_endpoint"]
        return {values["id"] for values in ours if values["running"]}


def take_over(checkout: Path, lab: str, tell: Callable[[str], None]) -> None:
    """Give each lab of that layout its folder; `lab` gets what is there without any state.

    Raises StateUnusable when a command is under way or a state cannot be read, Conflict when `.halab` is a copy.
    """
    earlier = checkout / ALL_LABS
    if not _is_there(earlier, lab):
        return
    private_directory(earlier)
    with contextlib.ExitStack() as held:
        held.enter_context(_alone(earlier / _CHANGES))
        names = [state.name.split(".")[1] for state in sorted(earlier.glob(_STATES))]
        for name in names:
            held.enter_context(locked(_state(earlier, name)))
        labs = [_Lab(name, earlier, tuple(_instances(earlier, name))) for name in names or [lab]]
        for one in labs:
            _refuse_copy(one)
        for one in labs:
            _give(one, tell)
        _drop_shared(earlier)
        for one in labs:
            _move_state(one)
            tell(f"the files of the lab {one.name!r} stand in {ALL_LABS}/{one.name} now")


def _state(earlier: Path, name: str) -> Path:
    return earlier / f"terraform.{name}.tfstate"


def _inside(earlier: Path, name: str) -> list[Path]:
    """What is in a folder of that layout; nothing if the folder is that of a lab with such a name."""
    folder = LabFolder(earlier / name)
    return [] if folder.mark.exists() or not folder.path.is_dir() else sorted(folder.path.iterdir())


def _is_there(earlier: Path, lab: str) -> bool:
    shared = any((earlier / name).is_file() for name in (*_KEYS, _CHANGES))
    return shared or any(earlier.glob(_STATES)) or any(_lab_of(place) == lab for place in _inside(earlier, "fencing"))


def _instances(earlier: Path, name: str) -> list[Instance]:
    """Of a state that is there in part only: of what Terraform left as it was before."""
    file = _state(earlier, name)
    try:
        return instances(file)
    except StateUnusable:
        return instances(file.with_name(f"{file.name}.backup"))


def _refuse_copy(lab: _Lab) -> None:
    if lab.name in _TAKEN:
        raise StateUnusable(f"a lab named {lab.name!r} cannot be taken over: destroy it with the version that built it")
    if lab.former == lab.earlier:
        return
    origin = _state(lab.former, lab.name), LabFolder(lab.former / lab.name).mark
    try:
        there = next((file for file in origin if file.stat()), None)
    except (FileNotFoundError, NotADirectoryError):
        there = origin[1] if origin[1].exists() else None
    except OSError as error:
        what = f"it cannot be told whether the lab {lab.name!r} is still in {lab.former}"
        raise Conflict(what, f"{error}. Run as a user who may look there.") from error
    if there is not None and not lab.earlier.samefile(lab.former):
        raise Conflict(
            f"the lab {lab.name!r} belongs to {lab.former}",
            f"{lab.earlier} is a copy of that folder. Run the command there. A lab of its own here takes another name "
            f"and another network, and needs no {_state(lab.earlier, lab.name)}.",
        )


def _give(lab: _Lab, tell: Callable[[str], None]) -> None:
    """Its part of everything but the state."""
    folder, earlier = lab.folder, lab.earlier
    with claimed(folder, lab.name):
        pass
    _move_endpoints(lab, tell)
    for path in sorted(earlier.iterdir()):
        target = folder.path / path.name
        if path.name in _shared_names() and not target.exists():
            if (text := _part_of(lab, path)) is not None:
                write_private(target, text)
        elif path.name.startswith(f"{lab.name}-") and path.name.endswith(CONSOLE_LOG):
            path.rename(target)
    for path in _inside(earlier, "import"):
        write_private(folder.imports / path.name, path.read_text())


def _part_of(lab: _Lab, path: Path) -> str | None:
    """What a lab needs of a file that labs shared."""
    text = path.read_text(errors="replace")
    if path.name == lab.folder.outputs.name:
        with contextlib.suppress(ValueError):
            return text if lab.name in json.loads(text) else None
    if path.name == lab.folder.ssh_config.name:  # it names files
        return text.replace(f'"{lab.former}/', f'"{lab.folder.path}/')
    return text


def _move_endpoints(lab: _Lab, tell: Callable[[str], None]) -> None:
    """Those whose configuration names the lab. The daemon ends before its files go, and starts from the new ones."""
    ran = set[str]()
    for place in _inside(lab.earlier, "fencing"):
        if _lab_of(place) != lab.name:
            continue
        config = PowerFiles(place).read_config()
        former = lab.former / "fencing" / place.name
        if config is not None and any([end_at(path, config) for path in {former, place}]):
            ran.add(place.name)
        private_directory(lab.folder.fencing)
        place.rename(lab.folder.fencing / place.name)
    wanted = ran | lab.endpoints
    bring_over(lab.former / "fencing", lab.folder.fencing, lambda *said: tell(". ".join(said)), wanted=wanted)


def _lab_of(place: Path) -> str:
    """The lab that an endpoint's directory is of: by its configuration, else by its name."""
    try:
        config = PowerFiles(place).read_config()
    except HalabError:
        config = None
    return config.lab if config else place.name


def _shared_names() -> set[str]:
    folder = LabFolder(Path())
    return {file.name for file in (*folder.of_runs, folder.private_key, folder.ssh_config, folder.known_hosts)}


def _drop_shared(earlier: Path) -> None:
    for name in _shared_names():
        remove_private(earlier / name)
    for path in _inside(earlier, "import"):
        path.unlink()
    for name in _TAKEN:
        with contextlib.suppress(OSError):  # not there, or something is in it that no lab knows
            (earlier / name).rmdir()


def _move_state(lab: _Lab) -> None:
    state = _state(lab.earlier, lab.name)
    others = [path for path in lab.earlier.glob(f"*terraform.{lab.name}.tfstate*") if path != state]
    for path in (*others, *([state] if state.exists() else [])):
        target = lab.folder.path / path.name.replace(f"terraform.{lab.name}.", "terraform.")
        if target.exists() and target.stat().st_size:
            raise StateUnusable(f"{path} and {target} are both a state of one lab: keep the right one only")
        path.rename(target)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Holds the lock of that layout: a provider whose Terraform was killed may still be at work."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StateUnusable("a deploy, diff or destroy is under way: wait for its end") from None
    finally:
        os.close(descriptor)

"""make sweep: what it takes from the state, what it asks for, and that it removes after a yes only."""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.cli import libvirt_daemons
from halab.cli.lab.state import Instance, StateUnusable, instances, locked
from halab.cli.leftovers import sweep
from halab.constructs.settings import load
from halab.provider.hypervisor.mark import pool_uuids
from halab.provider.run.console_service import ConsoleConfig, ConsoleService
from halab.provider.run.folder import LabFolder

STATE = [
    Instance("halab_machine", {"id": "u1", "console_log": "/p/node1.console.log"}),
    Instance("halab_network", {"id": "u2"}),
    Instance("halab_pool", {"id": "u3"}),
    Instance("halab_volume", {"id": "/p/d", "path": "/p/d"}),
    Instance("halab_volume", {"id": None, "path": None}),
    Instance("halab_image", {"disk": "/p/b.disk", "kernel": "/p/b.kernel", "initrd": "/p/b.initrd"}),
    Instance("halab_image", {"disk": None, "kernel": None, "initrd": None}),
    Instance("halab_fencing_endpoint", {"id": "summit"}),
    Instance("halab_file", {"id": "u1:/etc/motd"}),
]
LEFT = {"kind": "domain", "name": "summit-node4", "detail": "off", "kept": "", "removed": False}
KEPT = {"kind": "network", "name": "summit", "detail": "10.0.0.0/24", "kept": "mine uses it", "removed": False}


def written(file: Path, *resources: dict[str, Any]) -> Path:
    file.write_text(json.dumps({"version": 4, "resources": list(resources)}))
    return file


def test_what_the_state_names() -> None:
    assert sweep.known(STATE) == {
        "uuids": ["u1", "u2", "u3"],
        "volumes": ["/p/b.disk", "/p/b.initrd", "/p/b.json", "/p/b.kernel", "/p/d", "/p/node1.console.log"],
        "endpoints": ["summit"],
    }


def test_instances_of_a_state_file(tmp_path: Path) -> None:
    machine = {"type": "halab_machine", "mode": "managed", "instances": [{"attributes": {"id": "u1"}}]}
    data = {"type": "halab_machine", "mode": "data", "instances": [{"attributes": {"id": "u2"}}]}
    file = written(tmp_path / "state", machine, data)
    assert instances(file) == [Instance("halab_machine", {"id": "u1"})]
    assert instances(tmp_path / "none") == []
    (tmp_path / "empty").touch()
    assert instances(tmp_path / "empty") == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": 3}', '{"version": 4, "resources": [{}]}'])
def test_a_state_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "state").write_text(text)
    with pytest.raises(StateUnusable, match="state"):
        instances(tmp_path / "state")


@contextmanager
def holding(state: Path) -> Iterator[None]:
    """Another process holds Terraform's lock of the state."""
    hold = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    argv = [sys.executable, "-c", hold, str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as terraform:
        assert terraform.stdout is not None
        terraform.stdout.readline()
        yield
        terraform.communicate(b"\n")


def test_not_while_terraform_works(tmp_path: Path) -> None:
    file = written(tmp_path / "state")
    with holding(file), pytest.raises(StateUnusable, match="under way"), locked(file):
        pass
    with locked(file), file.open("r+b") as again:
        fcntl.lockf(again, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of the same process: no obstacle


def test_nothing_is_looked_for_or_removed_while_terraform_works(lab: list[list[Any]], tmp_path: Path) -> None:
    """What is being made is in no state yet."""
    file = written(tmp_path / "terraform.tfstate")
    with holding(file), pytest.raises(StateUnusable, match="under way"):
        sweep.sweep(load({}, {}), yes=True)
    assert lab == []
    assert (tmp_path / "id_ed25519").exists()


@pytest.mark.usefixtures("lab")
def test_nothing_is_listed_for_programs_while_terraform_works(tmp_path: Path) -> None:
    file = written(tmp_path / "terraform.tfstate")
    with holding(file), pytest.raises(StateUnusable, match="under way"):
        sweep.listed(load({}, {}))


def test_own_files(tmp_path: Path) -> None:
    for name in ("id_ed25519", ".ssh_config.new", "known_hosts", "settings.json", "terraform.tfstate", "notes"):
        (tmp_path / name).touch()
    (tmp_path / "another").write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    folder = LabFolder(tmp_path)
    names = [path.name for path in sweep.files(folder, [])]
    assert names == [".ssh_config.new", "known_hosts", "id_ed25519", "another", "settings.json"]
    assert [path.name for path in sweep.files(folder, [Instance("halab_ssh_key", {})])] == names[:2]
    assert [path.name for path in sweep.files(folder, [Instance("halab_ssh_config", {})])] == names[2:4]
    assert sweep.files(folder, [Instance("halab_machine", {})]) == []


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """A lab with one leftover that can go and one that is in use; what was asked to be removed."""
    asked: list[list[Any]] = []

    def ask(_settings: object, _state: object, remove: list[Any]) -> list[dict[str, Any]]:
        asked.append(list(remove))
        return [LEFT, KEPT]

    monkeypatch.setattr(sweep, "lab_folder", lambda _settings: LabFolder(tmp_path))
    monkeypatch.setattr(sweep, "ask_provider", ask)
    (tmp_path / "id_ed25519").touch()
    return asked


def test_without_a_yes_it_only_lists(lab: list[list[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.sweep(load({}, {}), yes=False) == 1
    said = capsys.readouterr().out
    assert "summit-node4" in said
    assert "kept: mine uses it" in said
    assert "ARGS=--yes" in said
    assert lab == [[]]
    assert (tmp_path / "id_ed25519").exists()


def test_with_a_yes_it_removes_what_is_not_in_use(lab: list[list[Any]], tmp_path: Path) -> None:
    assert sweep.sweep(load({}, {}), yes=True) == 0
    assert lab == [[], [("domain", "summit-node4")]]
    assert not (tmp_path / "id_ed25519").exists()


def test_the_provider_is_asked_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On libvirt's test driver, where one pool bears the lab's mark; and at an address that is none of libvirt's.

    Of a lab that this host does not have: endpoints are looked for among its processes.
    """
    monkeypatch.setattr(sweep, "lab_folder", lambda _settings: LabFolder(tmp_path))
    node = tmp_path / "node.xml"
    uuid = pool_uuids("nobodys", "p")[0]
    node.write_text(
        f"<node><pool type='dir'><name>p</name><uuid>{uuid}</uuid><target><path>/p</path></target></pool></node>"
    )
    settings = replace(load({}, {}), name="nobodys", uri=f"test:///{node}")
    told = sweep.ask_provider(settings, [], [])
    assert [(one["kind"], one["name"], one["removed"]) for one in told] == [("pool", "p", False)]
    assert sweep.ask_provider(settings, [Instance("halab_pool", {"id": uuid})], []) == []
    with pytest.raises(sweep.SweepFailed, match="is not supported as libvirt's address"):
        sweep.ask_provider(replace(settings, uri="qemu:///session"), [], [])


def test_files_of_a_console_that_does_not_run_are_left_over(tmp_path: Path) -> None:
    folder = LabFolder(tmp_path)
    assert sweep.console(folder, []) == []
    folder.console.mkdir()
    (told,) = sweep.console(folder, [])
    assert (told["name"], told["detail"]) == (str(folder.console), "not running")


def test_nothing_left(lab: list[list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "ask_provider", lambda *_: [])
    (tmp_path / "id_ed25519").unlink()
    assert sweep.sweep(load({}, {}), yes=False) == 0
    assert lab == []


def test_for_programs_it_only_lists(lab: list[list[Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.listed(load({}, {})) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["name"], one["kept"]) for one in told][:2] == [
        (LEFT["kind"], LEFT["name"], ""),
        (KEPT["kind"], KEPT["name"], KEPT["kept"]),
    ]
    assert lab == [[]], "nothing was to be removed"


def test_a_list_and_a_removal_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        sweep.main(["--yes", "--json"])
    assert ended.value.code == 2
    assert "--json removes nothing" in capsys.readouterr().err


@pytest.mark.parametrize("config", [True, False])
def test_a_console_without_a_lab_is_ended(lab: list[list[Any]], tmp_path: Path, config: bool) -> None:
    """Also where somebody has removed its files already."""
    service = ConsoleService(LabFolder(tmp_path))
    service.start(ConsoleConfig(0, watch_only=False, environment={}))
    try:
        if not config:
            (tmp_path / "console").rename(tmp_path.with_name(f"{tmp_path.name}-aside"))
        (told,) = sweep.console(LabFolder(tmp_path), [])
        assert (told["kind"], told["detail"]) == ("console", "running")
        assert sweep.console(LabFolder(tmp_path), STATE) == [], "it belongs to the lab"
        assert sweep.sweep(load({}, {}), yes=True) == 0
        assert not service.runs()
        assert not (tmp_path / "console").exists()
        assert lab == [[], [("domain", "summit-node4")]]
    finally:
        service.end()


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("y", 1), ("no", 1), ("", 1)])
def test_only_the_whole_word_removes(
    lab: list[list[Any]], monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert sweep.sweep(load({}, {}), yes=False) == code
    assert (len(lab) == 2) == (code == 0)


_POOL = {"type": "halab_pool", "mode": "managed", "instances": [{"attributes": {"id": "u3"}}]}


@pytest.mark.parametrize(
    ("there", "stays", "ended"),
    [
        ({"terraform.tfstate": [_POOL]}, ["lab.json", "terraform.tfstate"], False),
        ({"drills": []}, ["drills", "lab.json"], True),
        ({}, None, True),
    ],
    ids=["a lab", "what a person keeps", "nothing"],
)
def test_a_folder_and_the_daemons_go_only_when_nothing_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, list[Any]], stays: list[str] | None, ended: bool
) -> None:
    folder, stopped = LabFolder.of(tmp_path, "summit"), list[Path]()
    folder.path.mkdir(parents=True)
    for name, resources in there.items():
        written(folder.path / name, *resources)
    monkeypatch.setattr(sweep, "lab_folder", lambda _settings: folder)
    monkeypatch.setattr(sweep, "ask_provider", lambda *_: [])
    monkeypatch.setattr(libvirt_daemons, "ensure", lambda _: None)
    monkeypatch.setattr(libvirt_daemons, "stop", lambda record, _: stopped.append(record))
    if there:  # by which it is known as a lab's
        (folder.path / "changes.lock").touch()
    assert sweep.main([]) == 0
    assert bool(stopped) == ended
    left = sorted(path.name for path in folder.path.iterdir()) if folder.path.exists() else None
    assert left == (None if stays is None else sorted((*stays, "changes.lock")))


@pytest.mark.parametrize(
    ("words", "code", "removed"), [(["--json"], 1, False), ([], 1, False), (["--yes"], 0, True)], ids=str
)
def test_the_commands_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], code: int, removed: bool,
) -> None:  # fmt: skip
    asked: list[list[Any]] = []

    def ask(_settings: object, _state: object, remove: list[Any]) -> list[dict[str, Any]]:
        asked.extend(remove)
        return [LEFT]

    folder = LabFolder.of(tmp_path, "summit")
    monkeypatch.setattr(sweep, "lab_folder", lambda _settings: folder)
    monkeypatch.setattr(sweep, "ask_provider", ask)
    monkeypatch.setattr(libvirt_daemons, "ensure", lambda _: None)
    monkeypatch.setattr(libvirt_daemons, "stop", lambda *_: None)
    assert sweep.main(words) == code
    assert bool(asked) == removed
    said = capsys.readouterr().out
    assert ("--json" in words) == said.startswith("[")


def test_what_cannot_be_told_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise sweep.SweepFailed("libvirt does not answer")

    monkeypatch.setattr(sweep, "lab_folder", lambda _settings: LabFolder.of(tmp_path, "summit"))
    monkeypatch.setattr(sweep, "ask_provider", fails)
    monkeypatch.setattr(libvirt_daemons, "ensure", lambda _: None)
    assert sweep.main(["--yes"]) == 1
    assert "error: libvirt does not answer" in capsys.readouterr().err

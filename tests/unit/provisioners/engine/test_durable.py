"""What is written in a guest outlives its reset: each file is on the disk before it takes its name, its name after."""

from __future__ import annotations

import ast
import getpass
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from grp import getgrgid
from pathlib import Path

import pytest

from halab.provisioners.corosync import late_start
from halab.provisioners.corosync.cluster_keys import put_key
from halab.provisioners.engine import durable
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.durable import GONE, KEEP
from halab.provisioners.engine.managed_block import _WRITE, Block, Whole, write
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.engine.steps import Run
from halab.provisioners.host import firewall
from halab.provisioners.host.trust import CaCertificate, CaCertificateItem

SOURCES = Path(late_start.__file__).parents[1]
ONE_WAY = "durable.py"

# Where a redirection ends that is no file of the guest's disk, with the reason.
NO_FILE = (
    r"/dev/",
    r"/proc/",  # the running kernel's host name
    r"&",
    r"\d+$",  # a comparison, in perl and python
    r'"\$session/recovery_tmo"|"\$lun/rescan"',  # sysfs
    r'"\$d/\w+"',  # of mktemp, gone when the script ends
    r'"\$had"',  # in /run: it is to be gone after a boot
    r'"\$new"',  # managed_block's name for FILE.halab-new
)
_REDIRECTION = re.compile(r"(?<![-=<\w$|/])>{1,2}\s*(\S+)")
_WRITERS = re.compile(r"(?:^|[\s;{(])(mv|cp|tee|install|sed -i|truncate|rsync)\s+-?", re.MULTILINE)
_OTHERS = re.compile(
    r"systemctl[^\n]*\s(?:enable|disable|mask|unmask)\b|^rm -r?f|[;]\s*rm -r?f|chpasswd|usermod|ssh-keygen -q"
    r"|openssl req|lvmdevices --(?:add|del)dev|iscsiadm[^\n]* -o delete|ca_trust_update",
    re.MULTILINE,
)
_KEPT = ("{KEPT}", "{GONE}", "keep ", "{units.disable(", "{units.enable(", "{START_AT_ONCE}")
# Programs whose files are not the guest's to keep: of mktemp, in /run.
_PASSING = ('rm -rf "$d"',)


def texts() -> Iterator[tuple[str, str]]:
    """(where, text) of each piece of text in the provisioners; what an f-string is filled with stands in braces."""
    for path in sorted(SOURCES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        said = {id(node.body[0].value) for node in ast.walk(tree) if _documented(node)}  # type: ignore[attr-defined]
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) not in said | inside and (text := _text(node)) is not None:
                yield f"{path.relative_to(SOURCES)}:{getattr(node, 'lineno', 0)}", text


def _documented(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    return isinstance(body, list) and bool(body) and isinstance(body[0], ast.Expr)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"  # type: ignore[attr-defined]
            for part in node.values
        )
    return None


def faults(text: str) -> list[str]:
    """What a script does that would not outlive a reset."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    targets = [target.rstrip(";)") for target in _REDIRECTION.findall(lines)]
    bare = [target for target in targets if not re.match("|".join(NO_FILE), target) and ".halab-new" not in target]
    moved = _WRITERS.findall(lines)
    others = [found for found in _OTHERS.findall(lines) if not any(word in lines for word in _PASSING)]
    lost = [found.strip() for found in others if not any(word in lines for word in _KEPT)]
    named = [".halab-new without keep"] if ".halab-new" in lines and "keep " not in lines else []
    return [*bare, *moved, *lost, *named]


def _is_shell(text: str) -> bool:
    return bool(re.search(r"\n|^[a-z]+ -|\$\d|; |\{\w+\}", text)) and "</" not in text


def test_every_script_that_writes_in_a_guest_uses_the_one_way() -> None:
    found = {where: faults(text) for where, text in texts() if ONE_WAY not in where and _is_shell(text)}
    assert {where: wrong for where, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("# a\nprintf %s x > /etc/a", ["/etc/a"]),
        ("# a\necho x >> {_CONFIG}", ["{_CONFIG}"]),
        ("cat > {A}.halab-new\nmv -f {A}.halab-new {A}", ["mv", ".halab-new without keep"]),
        ("cat > {A}.halab-new", [".halab-new without keep"]),
        ("x | tee -a /etc/a", ["tee"]),
        ("sed -i /a/d /etc/a", ["sed -i"]),
        ("if a; then cp -p /etc/a /etc/b; fi", ["cp"]),
        ("systemctl -q enable a", ["systemctl -q enable"]),
        ("rm -f /etc/a", ["rm -f"]),
        ("systemctl -q enable a\n{KEPT}", []),
        ("{KEEP}cat > {A}.halab-new; chmod 644 {A}.halab-new; keep {A}", []),
        ("ls 2>/dev/null >&2; [ 1 -gt 0 ]; printf %s x > /proc/sys/kernel/hostname", []),
    ],
)
def test_what_the_test_before_finds(text: str, wrong: list[str]) -> None:
    assert faults(text) == wrong


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Stands in for sync: tells of each call what was synced, as seen then, and says what the files held."""
    log, program = tmp_path / "synced", tmp_path / "bin" / "sync"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
[ ! -e {tmp_path}/full ] || {{ echo 'No space left on device' >&2; exit 1; }}
{{ printf sync
for one; do case $one in --) ;; */) printf ' %s/' "$(basename "$one")" ;; -f) printf ' -f' ;;
*) printf ' %s=%s' "$(basename "$one")" "$(head -n 1 "$one" 2>/dev/null)" ;; esac; done
echo; }} >> {log}
"""
    )
    mover = program.with_name("mv")
    mover.write_text(f'#!/bin/sh\nfor last; do :; done\necho "mv $(basename "$last")" >> {log}\nexec /bin/mv "$@"\n')
    for made in (program, mover):
        made.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return lambda: log.read_text().splitlines() if log.exists() else []


def run(argv: Sequence[str], stdin: str = "", *, rc: int = 0) -> str:
    done = subprocess.run(list(argv), input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == rc, done.stderr
    return done.stderr


def put(path: Path, content: str, *, rc: int = 0) -> str:
    """Writes as the SSH transport does; its owner is whoever runs the test."""
    owner = f"{getpass.getuser()}:{getgrgid(os.getgid()).gr_name}"
    return run(("sh", "-euc", durable.PUT, "halab", str(path), "0640", owner), content, rc=rc)


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    path = tmp_path / "a folder" / "a file"
    put(path, "new\n")
    assert synced() == ["sync a file.halab-new=new", "mv a file", "sync a file=new a folder/"]
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new\n", 0o640)
    assert [p.name for p in path.parent.iterdir()] == ["a file"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    """What ext4 has taken into its memory may find no place on the disk: sync is who tells."""
    path = tmp_path / "file"
    path.write_text("old\n")
    (tmp_path / "full").touch()
    assert "No space left" in put(path, "new\n", rc=1)
    assert path.read_text() == "old\n"
    assert synced() == []


@pytest.mark.parametrize("mounted", [True, False])
def test_a_file_of_the_clusters_is_never_beneath_its_file_system(
    tmp_path: Path, synced: Callable[[], list[str]], mounted: bool
) -> None:
    """It may be unmounted after it was seen mounted: what counts is the directory that is open."""
    point = tmp_path / "a point"
    path = point / "folder" / "page"
    path.parent.mkdir(parents=True)
    path.write_text("old\n")
    shim = tmp_path / "bin" / "stat"
    shim.write_text(f'#!/bin/sh\ncase "$3" in ..) echo 1;; .) echo {2 if mounted else 1};; *) exit 9;; esac\n')
    shim.chmod(0o755)
    owner = f"{getpass.getuser()}:{getgrgid(os.getgid()).gr_name}"

    def below(text: str, *words: str) -> str:
        argv = ("sh", "-euc", f"{durable.BELOW}{text}", "halab", str(point), str(path), *words)
        return run(argv, "new\n", rc=0 if mounted else durable.NOT_MOUNTED)

    said = below(durable.PUT, "0640", owner)
    assert (path.read_text(), path.stat().st_mode & 0o777 == 0o640) == (("new\n" if mounted else "old\n"), mounted)
    refused = f"nothing is mounted at {point}: run it again when the cluster has mounted the file system\n"
    assert said == ("" if mounted else refused)
    below(durable.GONE)
    assert [one.name for one in path.parent.iterdir()] == ([] if mounted else ["page"])
    assert (synced() == []) is not mounted


def test_several_files_take_two_calls(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    step = write([Whole(str(tmp_path / "etc/hostname"), "node1\n"), Block(str(tmp_path / "hosts"), ("a b",))])
    words: list[str] = []
    for entry in step.entries:
        kind = "whole" if isinstance(entry, Whole) else "block"
        words += [entry.path, f"{entry.mode:04o}", kind, entry.text, ""]
    run(("sh", "-euc", _WRITE, "halab", *words))
    assert synced() == [
        "sync hostname.halab-new=node1 hosts.halab-new=127.0.0.1 localhost",
        "mv hostname",
        "mv hosts",
        f"sync hostname=node1 hosts=127.0.0.1 localhost etc/ {tmp_path.name}/",
    ]


def test_a_binary_key(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    owner = f"{getpass.getuser()}:{getgrgid(os.getgid()).gr_name}"
    step = put_key(str(tmp_path / "authkey"), Secret("base64:a2V5"), 0o400, owner)
    assert isinstance(step, Run)
    assert isinstance(step.command.stdin, Secret)
    run(step.command.argv, step.command.stdin.reveal())
    assert synced() == ["sync authkey.halab-new=key", "mv authkey", f"sync authkey=key {tmp_path.name}/"]


def test_the_late_start_of_corosync(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    def below(lines: str) -> list[str]:
        return ["sh", "-euc", lines.replace("/etc/", f"{tmp_path}/").replace("/var", str(tmp_path))]

    run(below(late_start.START_LATE))
    assert [line.split("=")[0].split()[:2] for line in synced()] == [
        ["sync", "corosync-wait.halab-new"],
        ["mv", "corosync-wait"],
        ["mv", "halab.conf"],
        ["sync", "corosync-wait"],
    ]
    run(below(late_start.START_AT_ONCE))
    assert synced()[-1].startswith("sync -f")


def test_a_certificate_comes_and_goes(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    """The store's links are in the folder of its file: they go to the disk with it."""
    store, certificate = tmp_path / "certs", tmp_path / "lab.crt"
    store.mkdir()
    (store / "ca-certificates.crt").write_text("others\n")
    certificate.write_text("-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n")
    openssl = tmp_path / "bin" / "openssl"
    openssl.write_text("#!/bin/sh\necho 1234abcd\n")
    openssl.chmod(0o755)
    for text in (DEBIAN_13.ca_trust_add, DEBIAN_13.ca_trust_drop):
        assert text is not None
        run(("sh", "-euc", text.replace("/etc/ssl/certs", str(store)), "halab", str(certificate)))
    file = "ca-certificates.crt"
    kept = [f"sync {file}.halab-new=others", f"mv {file}", f"sync {file}=others certs/"]
    assert synced()[:6] == [*kept, *kept]
    assert synced()[6].startswith("sync -f")
    assert [p.name for p in store.iterdir()] == ["ca-certificates.crt"]


def test_a_file_that_is_removed_stays_away(tmp_path: Path, synced: Callable[[], list[str]]) -> None:
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.touch()
    for _ in range(2):  # the second time there is nothing to remove
        run(("sh", "-euc", GONE, "halab", str(path)))
    assert synced() == ["sync folder/", "sync folder/"]
    path.parent.rmdir()
    run(("sh", "-euc", GONE, "halab", str(path)))
    assert not path.exists()


def test_the_real_sync_takes_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "file.halab-new").write_text("text")
    run(("sh", "-euc", f'{KEEP}keep "$1"', "halab", str(tmp_path / "file")))
    assert (tmp_path / "file").read_text() == "text"


def test_what_the_items_hand_out() -> None:
    """The rules of a firewall that goes, and a certificate of EL 9."""
    assert "keep /etc/nftables.conf" in "\n".join(firewall.turn_off(DEBIAN_13))
    now = CaCertificate(machine="m", name="lab", pem="")
    for step in CaCertificateItem().steps(EL_9, now, None):
        assert isinstance(step, Run)
        assert "sync -" in step.command.argv[2]

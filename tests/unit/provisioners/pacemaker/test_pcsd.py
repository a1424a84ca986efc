import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Run
from halab.provisioners.pacemaker import pcsd, pcsd_files
from halab.provisioners.pacemaker.pcsd import Pcsd, PcsdItem
from halab.provisioners.pacemaker.pcsd_files import KNOWN_HOSTS, SETTINGS, USERS, Authorize, PcsdNode, Revoke

DATA = Path(__file__).parents[3] / "data" / "pcsd"
ITEM = PcsdItem()
TOKEN, PASSWORD = "0123456789abcdef0123", "correct horse"
NODES = (PcsdNode(name="node1", address="192.168.77.11"), PcsdNode(name="node2", address="192.168.77.12"))
WANTED = Pcsd(machine="uuid", cluster="summit", nodes=NODES, hacluster_password=Secret(PASSWORD), token=Secret(TOKEN))

# Written by the code of pcs 0.12 on a node, with made-up tokens.
PCS_KNOWN_HOSTS = (DATA / "known-hosts").read_text()
PCS_USERS = (DATA / "pcs_users.conf").read_text()
PCS_SETTINGS = (DATA / "pcs_settings.conf").read_text()


# --- the files ---


def test_what_is_written_is_read_back() -> None:
    text = pcsd_files.merge_known_hosts(None, [], NODES, TOKEN)
    assert pcsd_files.parse_known_hosts(text, ["node1", "node2"]) == (TOKEN, NODES)
    assert pcsd_files.accepted_tokens(pcsd_files.merge_users(None, TOKEN, "")) == {TOKEN}


def test_the_form_is_the_one_that_pcs_writes() -> None:
    theirs = json.loads(PCS_KNOWN_HOSTS)
    ours = json.loads(pcsd_files.merge_known_hosts(None, [], NODES, TOKEN))
    assert ours.keys() == theirs.keys()
    assert ours["known_hosts"]["node1"].keys() == theirs["known_hosts"]["node1"].keys()
    assert ours["known_hosts"]["node1"]["dest_list"][0].keys() == theirs["known_hosts"]["node1"]["dest_list"][0].keys()
    assert json.loads(pcsd_files.merge_users(None, TOKEN, ""))[0].keys() == json.loads(PCS_USERS)[0].keys()
    assert json.loads(pcsd_files.merge_settings(None, "summit", NODES)).keys() == json.loads(PCS_SETTINGS).keys()


def test_entries_of_others_stay() -> None:
    theirs = json.loads(PCS_KNOWN_HOSTS)
    assert set(theirs["known_hosts"]) == {"node1", "node2", "node3"}
    merged = json.loads(pcsd_files.merge_known_hosts(PCS_KNOWN_HOSTS, ["node1", "node2"], NODES[:1], TOKEN))
    assert set(merged["known_hosts"]) == {"node1", "node3"}
    assert merged["known_hosts"]["node3"] == theirs["known_hosts"]["node3"]
    assert merged["data_version"] == theirs["data_version"] + 1
    users = pcsd_files.merge_users(PCS_USERS, TOKEN, "")
    assert pcsd_files.accepted_tokens(users) == {TOKEN} | pcsd_files.accepted_tokens(PCS_USERS)


def test_a_token_is_replaced_not_added() -> None:
    users = pcsd_files.merge_users(pcsd_files.merge_users(None, "old" * 8, ""), TOKEN, "old" * 8)
    assert pcsd_files.accepted_tokens(users) == {TOKEN}
    assert pcsd_files.merge_users(users, TOKEN, "") == users


def test_settings_keep_other_clusters_and_permissions() -> None:
    merged = json.loads(pcsd_files.merge_settings(PCS_SETTINGS, "other", NODES))
    before = json.loads(PCS_SETTINGS)
    assert merged["clusters"] == [*before["clusters"], {"name": "other", "nodes": ["node1", "node2"]}]
    assert merged["permissions"] == before["permissions"]


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_a_file_that_pcs_did_not_write(text: str) -> None:
    with pytest.raises(Conflict, match="known-hosts"):
        pcsd_files.parse_known_hosts(text, [])


def test_authorize(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    host, guest = guest_host(told(PCS_KNOWN_HOSTS, PCS_USERS, None))
    step = Authorize("summit", NODES, Secret(TOKEN))
    step.run(host)
    assert {path: (mode, owner) for path, (_, mode, owner) in guest.files.items()} == {
        path: (0o600, "root:root") for path in (KNOWN_HOSTS, USERS, SETTINGS)
    }
    assert TOKEN in guest.files[USERS][0]
    assert TOKEN not in str(step) + repr(step) + repr(guest.asked)


def test_removal_leaves_what_is_of_others(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    known = pcsd_files.merge_known_hosts(PCS_KNOWN_HOSTS, ["node1", "node2"], NODES, TOKEN)
    users = pcsd_files.merge_users(PCS_USERS, TOKEN, "")
    settings = pcsd_files.merge_settings(PCS_SETTINGS, "other", NODES)
    host, guest = guest_host(told(known, users, settings))
    Revoke("other", Secret(TOKEN)).run(host)
    assert len(guest.asked) == 1, "pcsd goes on, and so does its certificate"
    texts = [guest.files[path][0] for path in (KNOWN_HOSTS, USERS, SETTINGS)]
    assert TOKEN not in "".join(texts)
    theirs = json.loads(PCS_KNOWN_HOSTS)["known_hosts"]
    assert json.loads(texts[0])["known_hosts"] == {"node3": theirs["node3"]}
    assert pcsd_files.accepted_tokens(texts[1]) == pcsd_files.accepted_tokens(PCS_USERS)
    assert json.loads(texts[2])["clusters"] == json.loads(PCS_SETTINGS)["clusters"]


def test_a_node_that_somebody_authorized_anew_stays_known(
    guest_host: Callable[..., Any], told: Callable[..., str]
) -> None:
    host, guest = guest_host(told(PCS_KNOWN_HOSTS, PCS_USERS, pcsd_files.merge_settings(None, "summit", NODES)))
    Revoke("summit", Secret(TOKEN)).run(host)
    assert json.loads(guest.files[KNOWN_HOSTS][0])["known_hosts"] == json.loads(PCS_KNOWN_HOSTS)["known_hosts"]


@pytest.mark.parametrize(("subject", "stays"), [("/CN=$(uname -n)", False), ("/O=pcsd/CN=$(uname -n)", True)])
def test_pcsd_ends_where_nobody_else_uses_it(
    guest_host: Callable[..., Any], told: Callable[..., str], tmp_path: Path, subject: str, stays: bool
) -> None:
    host, guest = guest_host(told(*FILES), "")
    Revoke("summit", Secret(TOKEN)).run(host)
    assert guest.files == {}
    program = guest.asked[1].argv[2].replace("cd /var/lib/pcsd", f"cd {tmp_path}")
    program = program.replace("systemctl", ":").replace("\nrm -f -- ", "\n: ")
    key = f'openssl req -x509 -newkey rsa:2048 -nodes -keyout pcsd.key -out pcsd.crt -subj "{subject}" 2>/dev/null'
    subprocess.run(["sh", "-euc", key], cwd=tmp_path, check=True)
    subprocess.run(["sh", "-euc", program], check=True)
    assert (tmp_path / "pcsd.crt").exists() == (tmp_path / "pcsd.key").exists() == stays


# --- steps ---


def done(now: Pcsd | None, wanted: Pcsd | None) -> str:
    steps = list(ITEM.steps(DEBIAN_13, now, wanted))
    for step in steps:
        if isinstance(step, Run):
            subprocess.run(["sh", "-n", "-c", step.command.argv[2]], check=True)
    said = "\n".join(map(str, steps))
    assert not [secret for secret in (TOKEN, PASSWORD) if secret in said + repr(steps)]
    return said


@pytest.mark.parametrize(
    ("now", "wanted", "has"),
    [
        (None, WANTED, {"openssl", "chpasswd", "authorize", "start --no-block", "enable pcsd"}),
        (WANTED, WANTED, set()),
        (replace(WANTED, hacluster_password=Secret("")), WANTED, {"chpasswd"}),
        (replace(WANTED, token=Secret("")), WANTED, {"authorize"}),
        (replace(WANTED, nodes=NODES[:1]), WANTED, {"authorize"}),
        (replace(WANTED, nodes=NODES[::-1]), WANTED, set()),
        (replace(WANTED, running=False), WANTED, {"start --no-block", "enable pcsd"}),
        (WANTED, replace(WANTED, enabled=False), {"disable pcsd", "start --no-block"}),
        (WANTED, None, {"take the entries of summit out", "lock hacluster"}),
        (replace(WANTED, hacluster_password=Secret("")), None, {"take the entries of summit out"}),
        (None, None, set()),
    ],
)
def test_steps(now: Pcsd | None, wanted: Pcsd | None, has: set[str]) -> None:
    words = {"openssl", "chpasswd", "authorize", "start --no-block", "enable pcsd", "disable pcsd"}
    words |= {"take the entries of summit out", "lock hacluster"}
    said = done(now, wanted)
    assert {word for word in words if word in said} == has


# --- what is seen ---


def unit(active: str, file: str, job: str = "") -> str:
    return f"LoadState=loaded\nActiveState={active}\nJob={job}\n\n{file}\n"


STATE = unit("active", "enabled")
FILES = (
    pcsd_files.merge_known_hosts(None, [], NODES, TOKEN),
    pcsd_files.merge_users(None, TOKEN, ""),
    pcsd_files.merge_settings(None, "summit", NODES),
)


@pytest.mark.parametrize(
    ("state", "certificate", "files", "verified", "seen"),
    [
        (STATE, "yes\n", FILES, 0, WANTED),
        (STATE, "yes\n", FILES, 3, replace(WANTED, hacluster_password=Secret(""))),
        (unit("inactive", "enabled", job="1412"), "yes\n", FILES, 0, WANTED),
        (unit("inactive", "disabled"), "yes\n", FILES, 0, replace(WANTED, running=False, enabled=False)),
        (unit("inactive", "disabled"), "", FILES, None, None),
        (STATE, "yes\n", (None, None, None), None, None),
        (STATE, "yes\n", (FILES[0], "[]", FILES[2]), 0, replace(WANTED, token=Secret(""))),
        (
            STATE,
            "yes\n",
            (pcsd_files.merge_known_hosts(None, [], NODES[:1], TOKEN), *FILES[1:]),
            0,
            replace(WANTED, nodes=NODES[:1]),
        ),
    ],
)
def test_observe(
    guest_host: Callable[..., Any],
    told: Callable[..., str],
    state: str,
    certificate: str,
    files: tuple[str | None, ...],
    verified: int | None,
    seen: Pcsd | None,
) -> None:
    host, guest = guest_host(told(state, certificate, *files), *([] if verified is None else [(verified, "")]))
    assert ITEM.observe(host, WANTED) == seen
    assert PASSWORD not in repr(guest.asked)


@pytest.mark.parametrize(("given", "rc"), [(PASSWORD, 0), ("wrong", 3), ("", 3)])
def test_perl_compares_a_password_with_its_hash(given: str, rc: int) -> None:
    program = pcsd._VERIFY.split("exec perl -e '")[1].split('\' "$1"')[0]
    crypt = ["perl", "-e", "print crypt($ARGV[0], q($6$saltsalt))", PASSWORD]
    hashed = subprocess.run(crypt, capture_output=True, text=True, check=True).stdout
    program = program.replace("(getpwnam($ARGV[0]))[1]", f'"{hashed}"'.replace("$", "\\$"))
    assert subprocess.run(["perl", "-e", program], input=given, text=True, check=False).returncode == rc


@pytest.mark.parametrize(
    ("field", "value", "good"),
    [
        ("token", TOKEN, True),
        ("token", "short", False),
        ("token", 'quote"' * 5, False),
        ("hacluster_password", "long enough", True),
        ("hacluster_password", "short", False),
        ("hacluster_password", "two\nlines of it", False),
    ],
)
def test_checks_do_not_repeat_secrets(field: str, value: str, good: bool) -> None:
    for given in (value, Secret(value)):
        said = Pcsd.__dataclass_fields__[field].metadata["check"](given)
        assert (said is None) == good
        assert value not in (said or "")


# --- what Python is told ---


def test_only_pcsd_itself_has_its_workers_server_load_pcs(tmp_path: Path) -> None:
    """A folder `pcs` stands for pcs. A worker's parent, the server, has loaded it; the program has not."""
    daemon, other = tmp_path / "pcsd", tmp_path / "pcs-cli"
    program = """
import multiprocessing, sys
def loaded():
    return "pcs.entry_points.daemon" in sys.modules
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    with context.Pool(1) as pool:
        print(pool.apply(loaded), loaded())
"""
    for script in (daemon, other):
        script.write_text(program)
    entry = tmp_path / "lib/pcs/entry_points"
    entry.mkdir(parents=True)
    (entry / "daemon.py").touch()
    (tmp_path / "lib/sitecustomize.py").write_text(pcsd._PRELOAD.replace("/usr/sbin/pcsd", str(daemon)))

    def said(script: Path) -> str:
        environment = {"PYTHONPATH": str(tmp_path / "lib")}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()

    assert said(daemon) == "True False"
    assert said(other) == "False False"

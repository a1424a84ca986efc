"""tools/prepare names what it cannot install, with the remedy, before it touches anything."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.unit.tools.programs import CHECKOUT, program

BASICS = ("bash", "cat", "cut", "dirname", "env", "grep", "head", "printf", "readlink", "sed", "sort", "uname")


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH with nothing but the basics."""
    for name in BASICS:
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    return tmp_path


def check(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": str(folder), "HOME": os.environ["HOME"], **environment}
    argv = ["/bin/bash", str(CHECKOUT / "tools/prepare"), "--check"]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_everything_missing_is_named_at_once(bin_folder: Path) -> None:
    result = check(bin_folder)
    assert result.returncode == 1
    assert "(nothing was changed)" in result.stderr
    for missing in (
        "neither terraform nor tofu",
        "no Python >= 3.11",
        "neither apt-get nor dnf",
    ):
        assert missing in result.stderr
    assert result.stderr.count("remedy: ") == 3


@pytest.mark.parametrize(
    ("version", "abi", "npm", "cdk", "reason"),
    [
        ("20.9.0", "115", True, "cdktf", ""),
        ("22.22.0", "127", True, "cdktf", ""),
        ("24.1.0", "137", True, "cdktn", ""),
        ("22.22.0", "127", False, "cdktf", "no npm"),
        ("18.20.4", "108", True, "cdktf", "is 18.20.4"),
        ("20.8.1", "115", True, "cdktf", "is 20.8.1"),
        ("24.1.0", "137", True, "cdktf", "is 24.1.0"),
        ("20.20.2", "115", True, "cdktn", "is 20.20.2"),
        ("", "", False, "cdktf", "none in PATH"),
    ],
)
def test_the_hosts_node_is_used_where_it_fits(
    tmp_path: Path, bin_folder: Path, version: str, abi: str, npm: bool, cdk: str, reason: str
) -> None:
    if version:
        program(bin_folder, "node", f'case "$2" in *.node) echo {version} ;; *) echo {abi} ;; esac')
    if npm:
        program(bin_folder, "npm", "")
    script = """set -euo pipefail; node_reason=
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
. tools/node.sh; host_node_fits || printf %s "$node_reason" """
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=CHECKOUT,
        # What prepare has linked there before says nothing of the host.
        env={"PATH": f"{CHECKOUT}/.venv/bin:{bin_folder}", "HALAB_CDK": cdk},
        capture_output=True,
        text=True,
        check=True,
    )
    assert reason in done.stdout
    assert bool(done.stdout) == bool(reason)


def test_an_unknown_cdk_is_refused(bin_folder: Path) -> None:
    assert "HALAB_CDK is cdk, and there are cdktf and cdktn" in check(bin_folder, HALAB_CDK="cdk").stderr


def test_what_is_good_enough(bin_folder: Path) -> None:
    program(bin_folder, "tofu", """echo '{"terraform_version": "1.8.0"}'""")
    program(bin_folder, "python3", f'exec {os.path.realpath("/usr/bin/python3")} "$@"')
    result = check(bin_folder, HALAB_PACKAGES="present", PYTHON="")
    assert result.returncode == 0, result.stderr
    assert "packages to install: none" in result.stdout


def test_another_terraform_is_named_by_its_variable(bin_folder: Path) -> None:
    program(bin_folder, "terraform", """echo '{"terraform_version": "1.4.6"}'""")
    program(bin_folder, "mine", """echo '{"terraform_version": "1.8.0"}'""")
    assert "terraform" not in check(bin_folder, HALAB_TERRAFORM=str(bin_folder / "mine")).stderr
    assert (
        "HALAB_TERRAFORM is absent, and there is no such program" in check(bin_folder, HALAB_TERRAFORM="absent").stderr
    )


APT = {
    # apt translates its words, and knows of nothing before its lists are there.
    "apt-cache": """[ -e "$LISTS" ] || exit 0
[ "$LC_ALL" = C ] && echo '  Candidate: 20.19.2+dfsg-1' || echo '  Installationskandidat: 20.19.2+dfsg-1'""",
    "apt-get": """[ "$1" = update ] && echo >"$LISTS"
[ "$1" = indextargets ] && [ -e "$LISTS" ] && echo "$LISTS"; exit 0""",
    "sudo": '[ "$1" = -n ] || "$@"',
    "dpkg-query": "true",
}


@pytest.mark.parametrize(("lists", "language"), [(True, "de_DE.UTF-8"), (False, "C.UTF-8")])
def test_what_apt_offers_is_understood(tmp_path: Path, bin_folder: Path, lists: bool, language: str) -> None:
    """In the user's language, and on a cloud image, which comes without package lists."""
    for name, script in APT.items():
        program(bin_folder, name, script)
    if lists:
        (tmp_path / "lists").touch()
    script = """set -euo pipefail; say() { echo "$*"; }; . tools/packages.sh; . tools/rights.sh; manager=apt
refresh_lists; available_version nodejs"""
    result = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=CHECKOUT,
        env={"PATH": str(bin_folder), "LANG": language, "LISTS": str(tmp_path / "lists")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines()[-1] == "20.19.2", result.stderr
    assert ("getting them" in result.stdout) is not lists


def test_an_old_terraform(bin_folder: Path) -> None:
    program(bin_folder, "terraform", """echo '{"terraform_version": "1.4.6"}'""")
    assert "terraform is 1.4.6, the lab needs >= 1.5" in check(bin_folder).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_packages_missing_and_no_rights(bin_folder: Path) -> None:
    for name in ("apt-get", "apt-cache", "dpkg-query"):
        program(bin_folder, name, "true")
    # Somewhere that the other user can reach: pytest's own folders are closed.
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(bin_folder, name, dirs_exist_ok=True)
        Path(name).chmod(0o755)
        result = subprocess.run(
            ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/bin/bash", "tools/prepare", "--check"],
            cwd=CHECKOUT,
            env={"PATH": name, "HOME": "/"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert "there is no right to install them: libvirt-daemon-system" in result.stderr

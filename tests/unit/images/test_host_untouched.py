"""Building an image leaves the host's own package lists alone: real mmdebstrap, the recipe's real hooks, a toy system.

The toy has busybox and commands that do nothing, so that it takes a second and no network. The host's folders are
replaced in a mount namespace of their own: a recipe that is wrong empties the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from halab.images.debian import DebianRecipe

HOSTS = ("/var/lib/apt/lists", "/var/cache/apt/archives")
COMMANDS = "systemctl usermod depmod dpkg-query ldconfig systemd-sysusers journalctl systemd-tmpfiles"
APPLETS = "sh rm ln ls sed printf mkdir chmod touch date cat dirname basename grep"
TOY = f"""set -e
root=$1
mkdir -p $root/bin $root/usr $root/mnt $root/boot $root/lib/modules/6.12 $root/etc/systemd $root/etc/default \
  $root/etc/initramfs-tools
touch $root/etc/initramfs-tools/update-initramfs.conf
cp /bin/busybox $root/bin/
for name in {APPLETS}; do ln -s busybox $root/bin/$name; done
for name in {COMMANDS}; do printf '#!/bin/sh\\n' > $root/bin/$name; done
# What packs kernel and initramfs: their last argument that lies in /boot is what they make.
printf '#!/bin/sh\\nfor word; do case $word in /boot/*.halab) echo made > $word ;; esac; done\\n' > $root/bin/python3
chmod 755 $root/bin/*
"""
GUARD = """set -e
for folder in {hosts}; do
  mount -t tmpfs guard $folder
  mkdir $folder/partial
  echo host > $folder/the-hosts-own.deb
done
"$@" >&2
for folder in {hosts}; do [ ! -e $folder/the-hosts-own.deb ] || echo $folder; done
"""


def toy_argv(recipe: DebianRecipe, folder: Path, disk: Path) -> list[str]:
    """The recipe's command, for a system without packages."""
    archive = folder / "archive"
    archive.mkdir()
    (archive / "Packages").touch()
    toy = folder / "toy.sh"
    toy.write_text(TOY)
    argv = [word for word in recipe.mmdebstrap_argv("overlay.tar", str(disk), "root") if "--include=" not in word]
    argv[argv.index("--variant=minbase")] = "--variant=custom"
    argv.insert(1, f'--setup-hook=sh {toy} "$1"')
    return [*argv, f"deb [trusted=yes] copy:{archive} ./"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts over the host's folders, which only root can")
def test_the_hosts_package_lists_are_the_same_afterwards(tmp_path: Path) -> None:
    recipe = DebianRecipe()
    (tmp_path / "overlay.tar").write_bytes(recipe.overlay)
    disk = tmp_path / "disk.raw"
    disk.touch()
    os.truncate(disk, 64 * 1024**2)
    guard = GUARD.format(hosts=" ".join(HOSTS))
    result = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", guard, "-", *toy_argv(recipe, tmp_path, disk)],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert tuple(result.stdout.split()) == HOSTS, result.stderr
    assert (tmp_path / "initrd").read_text() == "made\n"
    assert listed(disk, "/tmp") == {"41777": ["."], "40755": [".."]}


def listed(disk: Path, folder: str) -> dict[str, list[str]]:
    """Octal mode -> names in a folder of the file system on `disk`."""
    debugfs = shutil.which("debugfs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "debugfs"
    said = subprocess.run([debugfs, "-R", f"ls -p {folder}", disk], capture_output=True, text=True, check=True).stdout
    names: dict[str, list[str]] = {}
    for line in said.split():
        _, _, mode, _, _, name, *_ = line.split("/")
        names.setdefault(mode.lstrip("0"), []).append(name)
    return names

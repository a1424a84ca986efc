"""What Debian's installer runs at its end: the script itself, in a directory that stands for the installer's root."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from halab.images.debian import SCRATCH_DIR
from halab.images.installation import EXPORT_MEMBERS, EXPORT_SERIAL, ArchiveFile
from halab.images.prepare import Request, prepare
from tests.unit.images.test_tree import debian

DIRECTORIES = (
    "bin",
    "dev/disk/by-id",
    "var/log",
    "usr/lib/finish-install.d",
    "target/etc/apt",
    "target/boot",
    "target/lib/modules/6.1.0",
)
SOURCES = "deb http://192.168.77.1:8080/ bookworm main\n"
# in-target: what the new system's own script leaves behind, and a note of what was asked of it.
IN_TARGET = f"""#!/bin/sh
echo "$*" >> "$ROOT/asked"
[ "$1" != "$FAILS" ] || {{ echo "no space left" >> "$ROOT/var/log/syslog"; exit 3; }}
[ "$1" = sh ] || exit 0
touch "$ROOT/target/boot/kernel.halab" "$ROOT/target/boot/initrd.halab" "$ROOT/target{SCRATCH_DIR}/packages"
"""


class Installer:
    """The installer's root: the new system is below target/, the steps that end an installation are in their place."""

    def __init__(self, root: Path, late: ArchiveFile, last: bool = True) -> None:
        self.root, self.late, self.last = root, root / late.path, root / "usr/lib/finish-install.d/94save-logs"
        for directory in DIRECTORIES:
            (root / directory).mkdir(parents=True)
        script = late.content.decode()
        for path in ("/usr/lib/finish-install.d", "/target", "/dev/", "/var/log", "/halab.tar"):
            script = script.replace(path, f"{root}{path}")
        self.late.write_text(script)
        if last:
            self.last.write_text("#!/bin/sh\nmkdir $ROOT/target/var/log/installer\n")
            self.last.chmod(0o755)
        in_target = root / "bin/in-target"
        in_target.write_text(IN_TARGET)
        in_target.chmod(0o755)
        (root / "target/etc/apt/sources.list").write_text(SOURCES)
        (root / "var/log/syslog").touch()
        (root / "dev/console").touch()
        with tarfile.open(root / "halab.tar", "w") as archive:
            archive.addfile(tarfile.TarInfo(f"{SCRATCH_DIR}/configure".lstrip("/")), io.BytesIO())

    def runs(self, *argv: str, fails: str = "") -> int:
        path = f"{self.root}/bin:{os.environ['PATH']}"
        environment = {"PATH": path, "ROOT": str(self.root), "FAILS": fails}
        return subprocess.run(argv, env=environment, timeout=60, check=False).returncode

    def stages(self) -> list[str]:
        text = (self.root / "dev/console").read_text()
        return [line.removeprefix("HALAB-STAGE ") for line in text.splitlines() if line.startswith("HALAB-STAGE ")]

    def sources(self) -> str:
        return (self.root / "target/etc/apt/sources.list").read_text()


@pytest.fixture
def installer(tmp_path: Path) -> Callable[..., Installer]:
    def made(tree: str = "", last: bool = True) -> Installer:
        request = Request(suite="bookworm", tree=tree or str(debian(tmp_path / "debian")))
        late = prepare(request).archive_files[2]
        # A file, unlike a terminal, would be written from its start.
        appends = ArchiveFile(late.path, late.content.replace(b"> /dev/console", b">> /dev/console"))
        return Installer(tmp_path / "root", appends, last)

    return made


def test_it_runs_after_all_that_writes_into_the_system(installer: Callable[..., Installer]) -> None:
    made = installer()
    assert made.runs("sh", str(made.late)) == 0
    assert (made.stages(), made.sources()) == ([], SOURCES), "too early: steps that come later would change the system"
    assert made.runs(str(made.last)) == 0
    assert made.stages() == ["host profile", "export", "done"]
    assert (made.root / "asked").read_text().splitlines() == [f"sh {SCRATCH_DIR}/configure {SCRATCH_DIR}", "fstrim /"]
    assert not (made.root / "target/var/log/installer").exists()
    assert not (made.root / f"target{SCRATCH_DIR}").exists()
    with tarfile.open(made.root / f"dev/disk/by-id/virtio-{EXPORT_SERIAL}") as export:
        assert export.getnames() == list(EXPORT_MEMBERS)


def test_an_installer_without_that_step_runs_it_at_once(installer: Callable[..., Installer]) -> None:
    made = installer(last=False)
    assert made.runs("sh", str(made.late)) == 0
    assert made.stages() == ["host profile", "export", "done"]


def test_a_step_that_fails_is_told_with_the_last_lines_of_the_log(installer: Callable[..., Installer]) -> None:
    made = installer()
    assert made.runs("sh", str(made.late)) == 0
    assert made.runs(str(made.last), fails="fstrim") == 3
    assert made.stages() == ["host profile", "export", "FAILED with exit status 3"]
    assert "no space left" in (made.root / "dev/console").read_text()


def test_an_archive_that_only_the_installation_had_is_not_named(installer: Callable[..., Installer]) -> None:
    made = installer()
    made.runs("sh", str(made.late))
    made.runs(str(made.last))
    assert made.sources() == "# The archive that this system was installed from is not served any more.\n"


def test_an_archive_that_others_serve_stays(
    installer: Callable[..., Installer], served: Callable[[Path], str], tmp_path: Path
) -> None:
    made = installer(served(debian(tmp_path / "served")))
    made.runs("sh", str(made.late))
    assert made.runs(str(made.last)) == 0
    assert made.sources() == SOURCES

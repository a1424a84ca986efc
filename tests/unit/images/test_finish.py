"""From an installer's disks to an image: the export is whole, the disk is sealed, or there is no image."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from halab.images.finish import DISK, EXPORT, ExportIncomplete, finish, unpack_export
from halab.images.installation import EXPORT_SIZE_BYTES, Installation
from halab.images.seal import NotSealed, check_seal, file_systems, partitions
from halab.images.tree import Tree

_MIB = 1 << 20
WHOLE = {"vmlinuz": b"kernel", "initrd": b"initramfs", "packages": b"pcs\t0.11\nbash\t5.1\n", "kernel": b"5.14.0-1\n"}


def export(path: Path, members: dict[str, bytes]) -> None:
    """A disk with a tar archive at its beginning, as `tar --create --file /dev/vdb` leaves it."""
    with path.open("wb") as disk:
        with tarfile.open(fileobj=disk, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        disk.truncate(EXPORT_SIZE_BYTES)


def test_a_whole_export_is_unpacked(tmp_path: Path) -> None:
    export(tmp_path / EXPORT, {f"./{name}": content for name, content in WHOLE.items()})
    texts = unpack_export(tmp_path / EXPORT, tmp_path)
    assert texts == {"packages": "pcs\t0.11\nbash\t5.1\n", "kernel": "5.14.0-1\n"}
    assert (tmp_path / "vmlinuz").read_bytes() == b"kernel"
    assert (tmp_path / "initrd").read_bytes() == b"initramfs"
    assert not (tmp_path / EXPORT).exists()


@pytest.mark.parametrize("last", range(4))
def test_an_export_that_ends_early_is_none(tmp_path: Path, last: int) -> None:
    export(tmp_path / EXPORT, dict(list(WHOLE.items())[:last]))
    with pytest.raises(ExportIncomplete, match=r"lacks .*kernel"):
        unpack_export(tmp_path / EXPORT, tmp_path)


def test_a_blank_disk_is_no_export(tmp_path: Path) -> None:
    (tmp_path / EXPORT).write_bytes(bytes(_MIB))
    with pytest.raises(ExportIncomplete, match="lacks vmlinuz, initrd, packages, kernel"):
        unpack_export(tmp_path / EXPORT, tmp_path)


def test_an_archive_that_was_cut_is_no_export(tmp_path: Path) -> None:
    export(tmp_path / EXPORT, WHOLE | {"initrd": bytes(range(256)) * 4096})
    with (tmp_path / EXPORT).open("r+b") as disk:
        disk.truncate(100_000)
    with pytest.raises(ExportIncomplete):
        unpack_export(tmp_path / EXPORT, tmp_path)


def test_members_cannot_leave_the_directory(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    export(tmp_path / EXPORT, {"../vmlinuz": b"bad", "/etc/initrd": b"bad", **WHOLE})
    unpack_export(tmp_path / EXPORT, tmp_path / "image")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["image", "initrd", "vmlinuz"]
    assert (tmp_path / "image/vmlinuz").read_bytes() == b"kernel"


def disk(path: Path, files: dict[str, str], offset: int = 0) -> Path:
    """A raw disk with an ext4 file system at an offset."""
    tree = path.with_name(f"{path.name}.tree")
    tree.mkdir()
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
    with path.open("wb") as file:
        file.truncate(offset + 8 * _MIB)
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}  # an ordinary user's lacks them
    argv = ["mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={offset}", "-d", str(tree), str(path), "8M"]
    subprocess.run(argv, env=environment, check=True)
    return path


def with_mbr(path: Path, first_sector: int) -> Path:
    with path.open("r+b") as file:
        file.seek(446)
        file.write(struct.pack("<4xB3xII", 0x83, first_sector, 16384))
        file.seek(510)
        file.write(b"\x55\xaa")
    return path


ROOT = {"etc/passwd": "root:*:0:0", "etc/ssh/sshd_config": "", "etc/machine-id": ""}


def test_a_sealed_disk_is_let_through(tmp_path: Path) -> None:
    assert check_seal(disk(tmp_path / "whole", ROOT))
    assert check_seal(with_mbr(disk(tmp_path / "partition", ROOT, _MIB), 2048))
    assert check_seal(disk(tmp_path / "uninitialized", ROOT | {"etc/machine-id": "uninitialized\n"}))


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"etc/ssh/ssh_host_ed25519_key": "x"}, "SSH host keys: ssh_host_ed25519_key"),
        ({"etc/ssh/ssh_host_rsa_key": "x", "etc/ssh/ssh_host_rsa_key.pub": "x"}, "ssh_host_rsa_key in"),
        ({"etc/machine-id": "0" * 32}, "machine-id: /etc/machine-id"),
        ({"var/lib/dbus/machine-id": "0" * 32}, "machine-id: /var/lib/dbus/machine-id"),
    ],
)
def test_an_identity_on_the_disk_is_found(tmp_path: Path, left: dict[str, str], told: str) -> None:
    with pytest.raises(NotSealed, match=re.escape(told)):
        check_seal(with_mbr(disk(tmp_path / "disk", ROOT | left, _MIB), 2048))


def test_a_disk_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "xfs").write_bytes(b"XFSB" + bytes(_MIB))
    assert check_seal(tmp_path / "xfs") is False
    assert check_seal(disk(tmp_path / "boot", {"vmlinuz": ""})) is False


def gpt(entries: list[int]) -> bytes:
    head = bytearray(34 * 512)
    struct.pack_into("<4xB3xII", head, 446, 0xEE, 1, 0xFFFFFFFF)
    head[510:512] = b"\x55\xaa"
    head[512:520] = b"EFI PART"
    struct.pack_into("<QII", head, 512 + 72, 2, 128, 128)
    for index, first in enumerate(entries):
        struct.pack_into("<16s16xQ", head, 1024 + index * 128, b"some kind of GUI", first)
    return bytes(head)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (bytes(34 * 512), []),
        (gpt([2048, 4096, 999_424]), [2048 * 512, 4096 * 512, 999_424 * 512]),
        (gpt([]), []),
    ],
)
def test_partitions_are_found(head: bytes, found: list[int]) -> None:
    assert partitions(head) == found


def test_file_systems_are_found_where_they_are(tmp_path: Path) -> None:
    assert list(file_systems(with_mbr(disk(tmp_path / "disk", ROOT, 4 * _MIB), 8192))) == [4 * _MIB]


def test_an_image_is_made_of_it(tmp_path: Path) -> None:
    raw = with_mbr(disk(tmp_path / "raw", ROOT, _MIB), 2048)
    image = tmp_path / "image"
    image.mkdir()
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image / DISK], check=True)
    export(image / EXPORT, WHOLE)
    tree = Tree(
        location="/t", medium="directory", family="", version="", variant="", kernel="", initrd="", identity="1"
    )
    installation = Installation(
        suite="el9", installer="anaconda", role="any", tree=tree, answer_name="ks.cfg", answer=b"", archive_files=(),
        arguments=(), disk_size_bytes=9 * _MIB, memory_mib=1, cmdline="root=LABEL=halab-root", cmdline_emulated="x",
        stages=(), failures=(),
    )  # fmt: skip
    texts = unpack_export(image / EXPORT, image)
    told: list[str] = []
    info = finish(installation, "0123-node1", texts, image, told.append)
    assert (info.recipe_hash, info.kernel, info.cmdline) == ("0123-node1", "5.14.0-1", "root=LABEL=halab-root")
    assert info.packages == {"pcs": "0.11", "bash": "5.1"}
    assert info.virtual_size_bytes == 9 * _MIB
    assert sorted(path.name for path in image.iterdir()) == ["disk.qcow2", "initrd", "vmlinuz"]
    assert told == ["looking whether the disk is sealed", "packing the disk"]

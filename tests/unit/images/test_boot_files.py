"""What the machine boots from: the initramfs archive and the unpacked kernel."""

import lzma
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from halab.images import initramfs, kernel

# `modprobe --show-depends` in a Debian 13 image.
SHOW_DEPENDS = """\
insmod /lib/modules/6.12.117+deb13-amd64/kernel/crypto/crc32c_generic.ko.xz
insmod /lib/modules/6.12.117+deb13-amd64/kernel/fs/jbd2/jbd2.ko.xz
builtin virtio_pci
insmod /lib/modules/6.12.117+deb13-amd64/kernel/fs/ext4/ext4.ko.xz
insmod /lib/modules/6.12.117+deb13-amd64/kernel/fs/jbd2/jbd2.ko.xz
insmod /lib/modules/6.12.117+deb13-amd64/kernel/drivers/watchdog/i6300esb.ko.xz heartbeat=30
"""


def test_modules_load_once_and_after_what_they_need() -> None:
    names = [Path(path).name for path in initramfs.loading_order(SHOW_DEPENDS.splitlines())]
    assert names == ["crc32c_generic.ko.xz", "jbd2.ko.xz", "ext4.ko.xz", "i6300esb.ko.xz"]


def test_an_unknown_answer_of_modprobe_stops_the_build() -> None:
    with pytest.raises(SystemExit, match="install /bin/false"):
        initramfs.loading_order(["install /bin/false"])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_reads_the_archive(tmp_path: Path) -> None:
    archive = initramfs.newc(
        [
            ("bin", 0o040755, b"", (0, 0)),
            ("bin/tool", 0o100755, b"12345", (0, 0)),
            ("lib", 0o120777, b"bin", (0, 0)),
            ("init", 0o100755, b"", (0, 0)),
        ]
    )
    assert len(archive) % 4 == 0
    subprocess.run(["cpio", "--extract", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "lib" / "tool").read_bytes() == b"12345"
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755


def boot_image(packed: bytes, size_bytes: int) -> bytes:
    """A boot image as the kernel's build lays it out: header, setup code, unpacker, packed kernel."""
    setup_sectors, offset = 3, 100
    image = bytearray((setup_sectors + 1) * 512 + offset)
    image[0x1F1] = setup_sectors
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", image, 0x248, offset, len(packed) + 4)
    return bytes(image) + packed + struct.pack("<I", size_bytes) + b"what follows"


ELF = b"\x7fELF" + bytes(range(200))


def test_a_kernel_is_unpacked() -> None:
    assert kernel.elf_kernel(boot_image(lzma.compress(ELF), len(ELF))) == ELF


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
def test_a_kernel_is_unpacked_by_zstd() -> None:
    packed = subprocess.run(["zstd", "-c"], input=ELF, check=True, stdout=subprocess.PIPE).stdout
    assert kernel.elf_kernel(boot_image(packed, len(ELF))) == ELF


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"\0" * 4096, "not a Linux boot image"),
        (boot_image(b"\x1f\x8b unknown", 5), "unknown method"),
        (boot_image(lzma.compress(ELF), len(ELF) - 1), "not the ELF file"),
        (boot_image(lzma.compress(b"no"), 2), "not the ELF file"),
    ],
)
def test_what_is_no_kernel_stops_the_build(image: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kernel.elf_kernel(image)

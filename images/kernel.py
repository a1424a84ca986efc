"""Unpacks a Linux boot image to the ELF kernel inside, which QEMU starts directly (PVH).

An emulated processor takes most of a second to unpack its own kernel; here it is done once, at build time. Runs inside
the system that is being built and stands alone for that reason: `python3 kernel.py BOOT_IMAGE OUTPUT`.
"""

from __future__ import annotations

import lzma
import pathlib
import struct
import subprocess
import sys

_XZ, _ZSTD, _ELF = b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x7fELF"
# Offsets in the boot image: Documentation/arch/x86/boot.rst of the kernel.
_SETUP_SECTORS, _MAGIC, _PAYLOAD = 0x1F1, 0x202, 0x248


def payload(image: bytes) -> tuple[bytes, int]:
    """The packed kernel in a boot image and its unpacked size in bytes."""
    if image[_MAGIC : _MAGIC + 4] != b"HdrS":
        raise ValueError("not a Linux boot image")
    start_of_kernel = (image[_SETUP_SECTORS] + 1) * 512
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    packed = image[start_of_kernel + offset : start_of_kernel + offset + length]
    (size_bytes,) = struct.unpack("<I", packed[-4:])  # the kernel's build appends it
    return packed[:-4], size_bytes


def unpack(packed: bytes) -> bytes:
    """What was packed, by the two methods that distributions use."""
    if packed.startswith(_XZ):
        return lzma.decompress(packed)
    if packed.startswith(_ZSTD):
        return subprocess.run(["zstd", "-dc"], input=packed, check=True, stdout=subprocess.PIPE).stdout
    raise ValueError(f"packed by an unknown method, starts with {packed[:6].hex()}")


def elf_kernel(image: bytes) -> bytes:
    """The ELF kernel of a boot image."""
    packed, size_bytes = payload(image)
    kernel = unpack(packed)
    if len(kernel) != size_bytes or not kernel.startswith(_ELF):
        raise ValueError(f"unpacked {len(kernel)} bytes, not the ELF file of {size_bytes} bytes that was packed")
    return kernel


if __name__ == "__main__":
    pathlib.Path(sys.argv[2]).write_bytes(elf_kernel(pathlib.Path(sys.argv[1]).read_bytes()))

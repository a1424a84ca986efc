"""Finished images, one directory each, named by the hash of their recipe. A directory that exists is complete."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from halab.provisioners.engine.errors import HalabError, UnexpectedOutput

CACHE_VARIABLE = "HALAB_CACHE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What image.json says. `cmdline` boots anywhere, `cmdline_emulated` is added where QEMU emulates the processor."""

    suite: str
    recipe_hash: str
    kernel: str
    cmdline: str
    cmdline_emulated: str
    packages: dict[str, str]
    virtual_size_bytes: int


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image on this machine."""

    directory: Path
    info: ImageInfo

    @property
    def disk(self) -> Path:
        """The qcow2 root disk, never to be written to: machines use overlays on it."""
        return self.directory / "disk.qcow2"

    @property
    def kernel(self) -> Path:
        """The kernel for direct boot."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The initramfs for direct boot."""
        return self.directory / "initrd"


class Recipe(Protocol):
    """What an image is made from: equal hashes mean interchangeable images."""

    @property
    def hash(self) -> str:
        """Names the image's directory."""


R = TypeVar("R", bound=Recipe)


def default_cache_dir(checkout: Path | None = None) -> Path:
    """$HALAB_CACHE/images if set, else .cache/images in the checkout (by default the current directory)."""
    if base := os.environ.get(CACHE_VARIABLE):
        return Path(base) / "images"
    return (checkout or Path.cwd()) / ".cache" / "images"


class ImageCache:
    """Images below one directory. Any number of processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()

    def find(self, recipe: Recipe) -> Image | None:
        """The finished image of a recipe, None if it has not been built."""
        directory = self.directory / recipe.hash
        try:
            fields: dict[str, Any] = json.loads((directory / "image.json").read_text())
            return Image(directory, ImageInfo(**fields))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError) as error:
            raise UnexpectedOutput(
                f"{directory}/image.json cannot be read",
                f"{error}. Remove that directory; the image is then built anew.",
            ) from error

    def ensure(
        self, recipe: R, build: Callable[[R, Path], ImageInfo], pause: Callable[[], None] | None = None
    ) -> Image:
        """The image of a recipe, built now if need be. Who wants the same image meanwhile waits for the first.

        `pause`: called between two looks whether the first is done; it may raise to give up.
        """
        if found := self.find(recipe):
            return found
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HalabError(
                f"the image cache {self.directory} cannot be made", f"{error.strerror}. Set {CACHE_VARIABLE}."
            ) from error
        with self._locked(recipe.hash, pause):
            if found := self.find(recipe):
                return found
            unfinished = self.directory / f".{recipe.hash}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)  # what an interrupted build left
            unfinished.mkdir()
            try:
                info = build(recipe, unfinished)
                (unfinished / "image.json").write_text(json.dumps(asdict(info), indent=1) + "\n")
                unfinished.rename(self.directory / recipe.hash)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        return Image(self.directory / recipe.hash, info)

    def remove(self, name: str) -> None:
        """Remove the image of that name, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory / name)

    @contextmanager
    def _locked(self, name: str, pause: Callable[[], None] | None) -> Iterator[None]:
        """Hold the lock of one recipe; the kernel drops it when the holder dies."""
        with (self.directory / f".{name}.lock").open("w") as lock:
            while not _try_lock(lock):
                if pause is not None:
                    pause()
                    continue
                print(f"another process builds image {name}; waiting for it", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
                break
            yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Installation trees as they stand on mirrors and on discs, small: in a directory, over HTTP, in an ISO file."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pycdlib
import pytest

TREES = Path(__file__).parents[2] / "data" / "trees"
KERNEL, INITRD = "images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def repository(directory: Path) -> None:
    (directory / "repodata").mkdir(parents=True)
    (directory / "repodata" / "repomd.xml").write_text("<repomd/>")


@pytest.fixture
def compose(tmp_path: Path) -> Callable[..., Path]:
    """Lays out a tree with its `repositories` beside it, or in it (paths relative to the tree); gives the tree."""

    def make(name: str, *repositories: str, text: str | None = None) -> Path:
        tree = tmp_path / "9" / "BaseOS" / "x86_64" / "os"
        (tree / "images" / "pxeboot").mkdir(parents=True)
        (tree / ".treeinfo").write_text(text or (TREES / name).read_text())
        (tree / KERNEL).write_text("kernel")
        (tree / INITRD).write_text("initrd")
        for path in repositories:
            repository(tree / path)
        return tree

    return make


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Address of a path below tmp_path, over HTTP."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield lambda path: f"http://127.0.0.1:{server.server_port}/{path.relative_to(tmp_path)}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def iso(tmp_path: Path) -> Callable[[Path], Path]:
    """An ISO file with Rock Ridge names of a directory."""

    def make(directory: Path) -> Path:
        image = pycdlib.PyCdlib()
        image.new(interchange_level=4, rock_ridge="1.09", vol_ident="HALAB")
        for path in sorted(directory.rglob("*")):
            inside = f"/{path.relative_to(directory)}"
            if path.is_dir():
                image.add_directory(inside, rr_name=path.name)
            else:
                content = path.read_bytes()
                image.add_fp(io.BytesIO(content), len(content), inside, rr_name=path.name)
        target = tmp_path / "tree.iso"
        image.write(str(target))
        image.close()
        return target

    return make

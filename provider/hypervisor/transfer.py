"""Contents of volumes, in and out, through libvirt's streams: works for whoever may talk to libvirt, root or not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from halab.provisioners.errors import Interrupted

# libvirt cuts messages at 256 KiB less a header.
_CHUNK_BYTES = 252 * 1024


def upload(connection: Any, volume: Any, source: Path, stop: threading.Event) -> None:
    """Write a file's content to a volume, from its beginning. Raises Interrupted when `stop` is set."""
    stream = connection.newStream(0)
    try:
        volume.upload(stream, 0, source.stat().st_size, 0)
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if stop.is_set():
                    raise Interrupted(f"the upload of {source.name}")
                _send(stream, chunk)
        stream.finish()
    except BaseException:
        stream.abort()
        raise


def download(connection: Any, volume: Any, offset: int = 0) -> bytes:
    """A volume's content from `offset` bytes on, to the end of its file."""
    stream = connection.newStream(0)
    content = bytearray()
    try:
        volume.download(stream, offset, 0, 0)
        while chunk := stream.recv(_CHUNK_BYTES):
            content += chunk
        stream.finish()
    except BaseException:
        stream.abort()
        raise
    return bytes(content)


def _send(stream: Any, chunk: bytes) -> None:
    """virStreamSend may take a part only."""
    while chunk:
        chunk = chunk[stream.send(chunk) :]

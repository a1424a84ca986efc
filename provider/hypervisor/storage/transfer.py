"""Contents of volumes, in and out, through libvirt's streams: works for whoever may talk to libvirt, root or not."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import IO, Any

from halab.provisioners.engine.errors import Interrupted, UnexpectedOutput

# libvirt cuts messages at 256 KiB less a header.
_CHUNK_BYTES = 252 * 1024
_AT_HOLE = -3  # virStreamRecvFlags


def upload(connection: Any, volume: Any, source: Path, stop: threading.Event) -> None:
    """Write a file's content to a volume, from its beginning. Raises Interrupted when `stop` is set."""
    with source.open("rb") as file:
        _upload(connection, volume, file, 0, source.stat().st_size, source.name, stop)


def upload_bytes(connection: Any, volume: Any, content: bytes, offset: int, stop: threading.Event) -> None:
    """Write bytes to a volume, from `offset` on. They touch no file on this side."""
    _upload(connection, volume, io.BytesIO(content), offset, len(content), f"{len(content)} bytes", stop)


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


def download_file(connection: Any, volume: Any, target: Path, stop: threading.Event) -> None:
    """A volume's content as a file, with holes where the volume has them. Raises Interrupted when `stop` is set."""
    import libvirt

    stream = connection.newStream(0)
    try:
        volume.download(stream, 0, 0, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
        with target.open("wb") as file:
            while chunk := stream.recvFlags(_CHUNK_BYTES, libvirt.VIR_STREAM_RECV_STOP_AT_HOLE):
                if stop.is_set():
                    raise Interrupted(f"the download of {volume.name()}")
                if isinstance(chunk, bytes):
                    file.write(chunk)
                elif chunk == _AT_HOLE:
                    file.seek(stream.recvHole(), io.SEEK_CUR)
                else:
                    raise UnexpectedOutput(f"libvirt's stream of {volume.name()} gave {chunk}")
            file.truncate()  # a hole at the end counts too
        stream.finish()
    except BaseException:
        stream.abort()
        raise


def _upload(
    connection: Any, volume: Any, file: IO[bytes], offset: int, size: int, what: str, stop: threading.Event
) -> None:
    stream = connection.newStream(0)
    try:
        volume.upload(stream, offset, size, 0)
        while chunk := file.read(_CHUNK_BYTES):
            if stop.is_set():
                raise Interrupted(f"the upload of {what}")
            _send(stream, chunk)
        stream.finish()
    except BaseException:
        stream.abort()
        raise


def _send(stream: Any, chunk: bytes) -> None:
    """virStreamSend may take a part only."""
    while chunk:
        chunk = chunk[stream.send(chunk) :]

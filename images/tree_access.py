"""Reading files of an installation tree, wherever it is: over http(s), in an ISO file, in a directory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

from halab.provisioners.engine.errors import ConfigError, ConnectError

SETTING = "image.tree"
_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 20
_REMEDY = "Give an http(s) address, an ISO file or a directory."


class Access(Protocol):
    """An open tree. Paths are relative to its root."""

    location: str
    medium: Literal["url", "iso", "directory"]

    def read(self, path: str) -> bytes | None:
        """A small file's content; None when the tree proves to have no such file."""

    def has(self, path: str) -> bool:
        """Whether the tree has a file."""

    def copy(self, path: str, output: IO[bytes]) -> str:
        """Copy a file and give its sha256 in hex."""


@contextmanager
def open_tree(location: str) -> Iterator[Access]:
    """A tree by its address or path; the errors are for image.tree."""
    if location.startswith(("http://", "https://")):
        with _opened_url(location) as access:
            yield access
        return
    if "://" in location:
        raise ConfigError(f"{location.split('://')[0]} addresses cannot be read", _REMEDY, SETTING)
    path = Path(location).expanduser().absolute()
    if path.is_dir():
        yield _Directory(path)
    elif path.is_file():
        with _opened_iso(path) as access:
            yield access
    else:
        raise ConfigError(f"{location} does not exist", _REMEDY, SETTING)


class _Directory:
    medium: Literal["url", "iso", "directory"] = "directory"

    def __init__(self, path: Path) -> None:
        self.location, self._path = str(path), path

    def read(self, path: str) -> bytes | None:
        try:
            return (self._path / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(self._path / path, error) from error

    def has(self, path: str) -> bool:
        return (self._path / path).is_file()

    def copy(self, path: str, output: IO[bytes]) -> str:
        try:
            with (self._path / path).open("rb") as source:
                return _pump(iter(lambda: source.read(_CHUNK_BYTES), b""), output)
        except OSError as error:
            raise _unreadable(self._path / path, error) from error


class _Url:
    medium: Literal["url", "iso", "directory"] = "url"

    def __init__(self, location: str, session: Any) -> None:
        self.location, self._session = location.rstrip("/"), session

    def read(self, path: str) -> bytes | None:
        with self._get(path) as answer:
            return None if answer.status_code in (404, 410) else bytes(answer.content)

    def has(self, path: str) -> bool:
        with self._get(path) as answer:  # streamed: only the head is read
            return answer.status_code not in (404, 410)

    def copy(self, path: str, output: IO[bytes]) -> str:
        import requests

        with self._get(path) as answer:
            if answer.status_code != 200:
                raise ConfigError(f"{answer.url} is gone", f"HTTP {answer.status_code}.", SETTING)
            try:
                return _pump(answer.iter_content(_CHUNK_BYTES), output)
            except requests.RequestException as error:
                raise _unreachable(answer.url, error) from error

    def _get(self, path: str) -> Any:
        import requests

        address = f"{self.location}/{path}"
        try:
            answer = self._session.get(address, stream=True, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise _unreachable(address, error) from error
        if answer.status_code not in (200, 404, 410):
            answer.close()
            raise ConfigError(
                f"the server refuses {address}",
                f"HTTP {answer.status_code} {answer.reason}. Check the address.",
                SETTING,
            )
        return answer


class _Iso:
    medium: Literal["url", "iso", "directory"] = "iso"

    def __init__(self, path: Path, image: Any) -> None:
        self.location, self._image = str(path), image
        self._names = "rr_path" if image.has_rock_ridge() else "joliet_path" if image.has_joliet() else "iso_path"

    def read(self, path: str) -> bytes | None:
        import io

        if not self.has(path):
            return None
        buffer = io.BytesIO()
        self._image.get_file_from_iso_fp(buffer, **{self._names: f"/{path}"})
        return buffer.getvalue()

    def has(self, path: str) -> bool:
        from pycdlib.pycdlibexception import PyCdlibInvalidInput

        try:
            return bool(self._image.get_record(**{self._names: f"/{path}"}).is_file())
        except PyCdlibInvalidInput:  # there is no such name
            return False

    def copy(self, path: str, output: IO[bytes]) -> str:
        with self._image.open_file_from_iso(**{self._names: f"/{path}"}) as source:
            return _pump(iter(lambda: source.read(_CHUNK_BYTES), b""), output)


@contextmanager
def _opened_url(location: str) -> Iterator[Access]:
    import requests

    with requests.Session() as session:
        yield _Url(location, session)


@contextmanager
def _opened_iso(path: Path) -> Iterator[Access]:
    import pycdlib
    from pycdlib.pycdlibexception import PyCdlibException

    image = pycdlib.PyCdlib()
    try:
        image.open(str(path))
    except (PyCdlibException, OSError) as error:
        raise ConfigError(f"{path} is no ISO file", f"{error}. {_REMEDY}", SETTING) from error
    try:
        yield cast(Access, _Iso(path, image))
    finally:
        image.close()


def _pump(chunks: Iterator[bytes], output: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        output.write(chunk)
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be read", f"{error.strerror}.", SETTING)


def _unreachable(address: str, error: Exception) -> ConnectError:
    """ "Cannot reach it" is not "it is gone"."""
    return ConnectError(
        f"the tree cannot be reached: {address}", f"{error}\nCheck image.tree and the network.", SETTING
    )

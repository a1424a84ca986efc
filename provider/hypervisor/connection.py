"""The connection to libvirt, look-ups that tell "absent" from "cannot be reached", and libvirt's errors as ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from halab.provider.hypervisor.mark import Mark
from halab.provisioners.engine.errors import ConfigError, Conflict, HalabError, NotSupported

SYSTEM_URI = "qemu:///system"

_MODULAR = "virtqemud.socket virtnetworkd.socket virtstoraged.socket"
_START = f"Start it: systemctl start libvirtd (with modular daemons: {_MODULAR})."
_RIGHTS = "Join the group libvirt (usermod --append --groups libvirt $USER, then log in again) or run this as root."


class LibvirtFailed(HalabError):
    """libvirt refused or could not do something. `code` is libvirt's own number, `errno` the system's (0: none)."""

    def __init__(self, summary: str, detail: str = "", *, code: int = 0, errno: int = 0) -> None:
        super().__init__(summary, detail)
        self.code, self.errno = code, errno


class LibvirtAway(LibvirtFailed):
    """Its daemon does not run, for the moment at least."""


class Connection:
    """libvirt at one address; opened when first needed, again after the daemon was restarted. Safe for threads."""

    def __init__(self, uri: str = SYSTEM_URI) -> None:
        if uri != SYSTEM_URI and not uri.startswith("test:///"):
            raise ConfigError(
                f"{uri!r} is not supported as libvirt's address",
                f"Machines are made on this host only: use {SYSTEM_URI}.",
                "uri",
            )
        self.uri = uri
        self._lock = threading.Lock()
        self._open: Any = None
        self._pool_locks: dict[str, threading.RLock] = {}

    @property
    def libvirt(self) -> Any:
        """The open virConnect. Raises LibvirtFailed with a remedy when the daemon does not answer."""
        with self._lock:
            # No keepalive and no event loop: a dead socket shows at the next call.
            if self._open is None or not self._open.isAlive():
                self._open = _connect(self.uri)
            return self._open

    def domain(self, name: str) -> Any | None:
        """The domain of that name; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_DOMAIN", lambda: self.libvirt.lookupByName(name))

    def domain_by_uuid(self, uuid: str) -> Any | None:
        """The domain with that UUID; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_DOMAIN", lambda: self.libvirt.lookupByUUIDString(uuid))

    def network(self, name: str) -> Any | None:
        """The network of that name; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_NETWORK", lambda: self.libvirt.networkLookupByName(name))

    def network_by_uuid(self, uuid: str) -> Any | None:
        """The network with that UUID; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_NETWORK", lambda: self.libvirt.networkLookupByUUIDString(uuid))

    def pool(self, name: str) -> Any | None:
        """The storage pool of that name; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_STORAGE_POOL", lambda: self.libvirt.storagePoolLookupByName(name))

    def pool_by_uuid(self, uuid: str) -> Any | None:
        """The storage pool with that UUID; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_STORAGE_POOL", lambda: self.libvirt.storagePoolLookupByUUIDString(uuid))

    def volume(self, path: str) -> Any | None:
        """The volume at that path in any active pool; None if no active pool knows it."""
        return _found("VIR_ERR_NO_STORAGE_VOL", lambda: self.libvirt.storageVolLookupByPath(path))

    def volume_in(self, pool: Any, name: str) -> Any | None:
        """The volume of that name in an active pool; None only if libvirt says that there is none."""
        return _found("VIR_ERR_NO_STORAGE_VOL", lambda: pool.storageVolLookupByName(name))

    def pool_lock(self, name: str) -> threading.RLock:
        """Held while a pool's list of volumes changes: libvirt refuses a refresh beside a creation."""
        with self._lock:
            return self._pool_locks.setdefault(name, threading.RLock())

    def close(self) -> None:
        """Close it; the next call opens it again."""
        with self._lock:
            if self._open is not None:
                self._open.close()
            self._open = None


def _connect(uri: str) -> Any:
    try:
        import libvirt
    except ImportError as error:
        raise NotSupported("the Python module libvirt is missing", "Install libvirt-python: make prepare.") from error
    # Errors arrive as exceptions; libvirt's default handler would print each of them as well.
    libvirt.registerErrorHandler(lambda _ctx, _error: None, None)
    try:
        return libvirt.open(uri)
    except libvirt.libvirtError as error:
        text = str(error)
        denied = (
            error.get_error_code() == libvirt.VIR_ERR_AUTH_FAILED
            or "Permission denied" in text
            or "denied by policy" in text
        )
        raise (LibvirtFailed if denied else LibvirtAway)(
            f"libvirt does not answer at {uri}",
            f"{text}. {_RIGHTS if denied else _START}",
            code=error.get_error_code() or 0,
        ) from error


def _found(absent: str, look_up: Callable[[], Any]) -> Any | None:
    """The object, or None if libvirt answers with exactly the code `absent`."""
    import libvirt

    for again in (True, False):
        try:
            return look_up()
        except libvirt.libvirtError as error:
            if error.get_error_code() == getattr(libvirt, absent):
                return None
            # The daemon was restarted: a dead socket shows at one call, and the next opens another.
            if not again or not is_away(error):
                raise
    raise AssertionError("unreachable")


def is_away(error: Exception) -> bool:
    """Whether a call failed because libvirt's daemon was gone, or went meanwhile."""
    import libvirt

    if isinstance(error, libvirt.libvirtError):
        return bool(error.get_error_domain() == libvirt.VIR_FROM_RPC)
    return isinstance(error, LibvirtAway)


def is_code(error: Exception, *names: str) -> bool:
    """Whether `error` is libvirt's and has one of these codes, e.g. "VIR_ERR_NO_DOMAIN"."""
    import libvirt

    if not isinstance(error, libvirt.libvirtError):
        return False
    return error.get_error_code() in {getattr(libvirt, name) for name in names}


def has_file(volume: Any) -> bool:
    """Whether a volume's file is really there: a pool lists what it saw when it was last read."""
    return _found("VIR_ERR_NO_STORAGE_VOL", volume.info) is not None


def errno_of(error: Exception) -> int:
    """The system's error number that libvirt's error carries; 0 for none."""
    return int(getattr(error, "get_int1", lambda: 0)() or 0) if is_code(error, "VIR_ERR_SYSTEM_ERROR") else 0


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Turn libvirt's errors into LibvirtFailed: `what` completes "libvirt cannot ..."."""
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        raise LibvirtFailed(
            f"libvirt cannot {what}",
            f"{error}.{_advice(error)}",
            code=error.get_error_code() or 0,
            errno=errno_of(error),
        ) from error


def _advice(error: Any) -> str:
    """What to do about errors that have a known remedy."""
    text = str(error)
    if "is already in use by interface" in text:
        return " Choose another CIDR for the lab, or remove what uses this one."
    if "Cannot allocate memory" in text or "cannot set up guest memory" in text:
        return " The host has too little memory: lower the machines' memory or their number."
    if "No space left" in text:
        return " Free space on the host, or choose another directory for the pool."
    if "Cannot recv data" in text or "client socket is closed" in text or "Connection reset" in text:
        return f" libvirt's daemon went away. {_START} Then apply again."
    return ""


def refuse_foreign(kind: str, name: str, mark: Mark | None, lab: str, remedy: str) -> None:
    """Raise Conflict unless the object's mark is this lab's."""
    if mark is not None and mark.lab == lab:
        return
    whose = "was not made by halab" if mark is None else f"belongs to the lab {mark.lab!r}"
    raise Conflict(f"the {kind} {name!r} exists already and {whose}", f"It is left alone. {remedy}")

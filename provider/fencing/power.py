"""What a fencing endpoint serves: sushy-tools' Redfish emulator, with less in front of it and less behind it.

In front: a gate that lets through only what fencing needs. The emulator's other routes change domain definitions, fetch
images from any URL and list every domain of the hypervisor, also those of other labs.
Behind: a driver with power control only. The emulator's own libvirt driver writes made-up BIOS data into a domain's
definition when it is only read, keeps its first libvirt connection for ever (so fencing fails once libvirtd was
restarted) and takes any look-up error for "no such domain".
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirt
from sushy_tools import error as redfish
from sushy_tools.emulator import main as emulator
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver

from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.errors import HalabError

log = logging.getLogger("halab.power")

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_ROUTES = (
    (frozenset({"GET", "HEAD"}), re.compile(r"/redfish/?|/redfish/v1/?|/redfish/v1/Systems(/[^/]+)?/?")),
    (frozenset({"POST"}), re.compile(r"/redfish/v1/Systems/[^/]+/Actions/ComputerSystem\.Reset/?")),
)

_SYSTEM = re.compile(r"/redfish/v1/Systems/([^/]+)")


class AllowedMachines(Container[object]):
    """UUIDs that the configuration file allows right now. Whatever cannot be read allows nothing."""

    def __init__(self, files: PowerFiles) -> None:
        self._files = files
        self._seen: tuple[tuple[int, int] | None, frozenset[str]] = (None, frozenset())

    def __contains__(self, uuid: object) -> bool:
        return uuid in self._now()

    def _now(self) -> frozenset[str]:
        try:
            status = self._files.config.stat()
            version = (status.st_ino, status.st_mtime_ns)  # a replaced file has another inode
            if self._seen[0] != version:
                config = self._files.read_config()
                self._seen = (version, frozenset(config.machines if config else ()))
        except (OSError, HalabError) as error:
            log.error("no machine is allowed: %s", error)
            return frozenset()
        return self._seen[1]


class Gate:
    """Lets through what fencing needs, refuses the rest, and logs every power action and every refusal."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path, began = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), time.monotonic()
        if not any(method in methods and route.fullmatch(path) for methods, route in _ROUTES):
            log.warning("refused %s %r from %s: not part of fencing", method, path, environ.get("REMOTE_ADDR"))
            return _not_found(start_response)

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if method == "POST" or not status.startswith("2"):
                took_s, peer = time.monotonic() - began, environ.get("REMOTE_ADDR")
                log.info("%s %r from %s: %s after %.2f s", method, path, peer, status, took_s)
            return start_response(status, headers, *rest)

        return self._app(environ, started)


class AllowedOnly:
    """Answers 404 for machines that are not allowed. Stands behind authentication, so strangers learn nothing.

    The emulator's own check refuses them too, but in 2.2.0 it trips over its own names and answers 500.
    """

    def __init__(self, app: Wsgi, machines: Container[object]) -> None:
        self._app, self._machines = app, machines

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = _SYSTEM.match(environ.get("PATH_INFO", ""))
        if match and match[1] not in self._machines:
            return _not_found(start_response)
        return self._app(environ, start_response)


def _not_found(start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = b'{"error": {"code": "Base.1.0.GeneralError", "message": "Not found"}}'  # clients read JSON without a look
    start_response("404 Not Found", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class PowerDriver(AbstractSystemsDriver):  # type: ignore[misc]  # sushy-tools has no types
    """Systems are domains, named by UUID alone. Each call opens its own connection, so libvirtd may come and go.

    A machine of the list whose domain somebody has removed is off: libvirt itself says so. If it could not be fenced,
    its cluster would stand still until somebody confirms by hand what is known here.
    """

    _uri = "qemu:///system"

    @classmethod
    def initialize(cls, config: Any, logger: Any, uri: str, *_: Any) -> type[PowerDriver]:
        super().initialize(config, logger)
        cls._uri = uri
        return cls

    @property
    def driver(self) -> str:
        return "<libvirt power control>"

    @property
    def systems(self) -> list[str]:
        with self._connection() as connection:
            return [str(domain.UUIDString()) for domain in connection.listAllDomains()]

    def uuid(self, identity: str) -> str:
        with self._domain(identity) as domain:
            return identity if domain is None else str(domain.UUIDString())

    def name(self, identity: str) -> str:
        with self._domain(identity) as domain:
            return identity if domain is None else str(domain.name())

    def get_power_state(self, identity: str) -> str:
        with self._domain(identity) as domain:
            return "On" if domain is not None and domain.isActive() else "Off"

    def get_boot_device(self, identity: str) -> None:
        """Nothing: domains are booted with a kernel, and a boot device is nothing that fencing may set."""
        del identity

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        del identity, boot_source
        raise redfish.NotSupportedError("A fencing endpoint sets no boot device")

    def set_power_state(self, identity: str, state: str) -> None:
        """Bring the domain to where the reset type leads; done when it returns. Asked twice, it is done once."""
        action = _ACTIONS.get(state)
        if action is None:
            raise redfish.BadRequest(f"ResetType {state!r} is not one of {', '.join(_ACTIONS)}")
        with self._domain(identity) as domain:
            if domain is None:
                log.warning("%s: %s of a machine that does not exist any more", identity, state)
                return
            log.info("%s (%s): %s", domain.name(), identity, state)
            action(domain)

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        try:
            connection = libvirt.open(self._uri)
            try:
                yield connection
            finally:
                connection.close()
        except libvirt.libvirtError as error:
            raise redfish.FishyError(f"libvirt: {error}") from error

    @contextmanager
    def _domain(self, identity: str) -> Iterator[Any]:
        """The domain; None if libvirt knows none of this UUID."""
        with self._connection() as connection:
            try:
                domain = connection.lookupByUUIDString(identity)
            except libvirt.libvirtError as error:
                # Only this code means that the domain is not there; anything else is an error of its own.
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                domain = None
            yield domain


class NoIndicators:
    """Machines here have no LED. The emulator's own ones live in a database: one more thing to fail while fencing."""

    def __init__(self, config: Any, logger: Any) -> None:
        del config, logger

    def get_indicator_state(self, identity: str) -> None:
        del identity


def _off(domain: Any) -> None:
    """Power off: SIGTERM to QEMU and, if it does not go, SIGKILL; returns when it is gone."""
    _unless_already(domain, domain.destroy, active=False)


def _on(domain: Any) -> None:
    _unless_already(domain, domain.create, active=True)


def _restart(domain: Any) -> None:
    # Not virDomainReset: a new QEMU process is what a power cycle of a real machine is like.
    _off(domain)
    _on(domain)


def _unless_already(domain: Any, change: Callable[[], object], *, active: bool) -> None:
    """Call `change`, unless the domain is (or, by somebody else, meanwhile got) where it leads."""
    if bool(domain.isActive()) is active:
        return
    try:
        change()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID or bool(domain.isActive()) is not active:
            raise


def _if_active(method: str) -> Callable[[Any], None]:
    def act(domain: Any) -> None:
        if domain.isActive():
            getattr(domain, method)()

    return act


_ACTIONS: dict[str, Callable[[Any], None]] = {
    "On": _on,
    "ForceOn": _on,
    "ForceOff": _off,
    "ForceRestart": _restart,
    "GracefulShutdown": _if_active("shutdown"),
    "GracefulRestart": _if_active("reboot"),
    "Nmi": _if_active("injectNMI"),
}


def application(files: PowerFiles, uri: str) -> Wsgi:
    """The WSGI application of the endpoint whose files these are."""
    # The emulator finds its drivers by these names; it has no setting for others.
    emulator.libvirtdriver.LibvirtDriver = PowerDriver
    emulator.inddriver.StaticDriver = NoIndicators
    machines = AllowedMachines(files)
    emulator.app.wsgi_app = AllowedOnly(emulator.app.wsgi_app, machines)  # configure() puts authentication before it
    emulator.app.configure(
        extra_config={
            "SUSHY_EMULATOR_FEATURE_SET": "minimum",
            "SUSHY_EMULATOR_AUTH_FILE": str(files.htpasswd),
            "SUSHY_EMULATOR_ALLOWED_INSTANCES": machines,
            "SUSHY_EMULATOR_LIBVIRT_URI": uri,
            "SUSHY_EMULATOR_IGNORE_BOOT_DEVICE": True,
            # Its default is a folder in /tmp that anybody could have made, with pickles in it.
            "SUSHY_EMULATOR_STATE_DIR": str(files.directory),
        }
    )
    # Made once here: the emulator makes them at the first request, and not thread-safely.
    for part in ("systems", "managers", "chassis", "indicators"):
        getattr(emulator.app, part)
    return Gate(emulator.app)

"""Taking objects away so that nothing of them stays, however far they had come."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import Connection, errno_of, is_code
from halab.provider.hypervisor.machine.domain_xml import DomainSpec, parse_domain
from halab.provider.hypervisor.mark import pool_uuids
from halab.provider.hypervisor.storage.storage_xml import pool_path
from halab.provisioners.engine.errors import Conflict

log = logging.getLogger(__name__)


def remove_domain(connection: Connection, domain: Any) -> None:
    """Undefine first, then stop: fencing may power on a domain that is only stopped, but not one that is gone.

    The domain goes last, so that somebody still knows of its log when this is killed in between.
    """
    import libvirt

    spec = parse_domain(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    persistent, active = domain.isPersistent(), domain.isActive()
    if persistent and active:
        domain.undefineFlags(_with_all_that_belongs_to_it())
    if spec is not None and spec.console_log:
        _remove_logs(connection, spec.console_log)
    if persistent and not active:
        _unless_gone(lambda: domain.undefineFlags(_with_all_that_belongs_to_it()), "VIR_ERR_NO_DOMAIN")
    # An inactive domain is gone with its definition.
    end_domain(domain)


def end_domain(domain: Any) -> None:
    """Switch it off, unless it went by itself; a transient domain is gone with that."""
    _unless_gone(domain.destroy, "VIR_ERR_NO_DOMAIN", "VIR_ERR_OPERATION_INVALID")


def _with_all_that_belongs_to_it() -> int:
    import libvirt

    flags: int = (
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    )
    return flags


def remove_domains(connection: Connection, lab: str, chosen: Callable[[DomainSpec], bool]) -> None:
    """Remove the lab's domains for which `chosen` is true."""
    import libvirt

    for domain in connection.libvirt.listAllDomains():
        try:
            spec = parse_domain(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
            if spec is not None and spec.mark.lab == lab and chosen(spec):
                log.warning("removing the domain %s, left by an interrupted run", spec.name)
                remove_domain(connection, domain)
        except libvirt.libvirtError as error:
            if not is_code(error, "VIR_ERR_NO_DOMAIN"):  # it went meanwhile
                raise


def remove_network(network: Any) -> None:
    """Stop it (its bridge, dnsmasq and firewall rules go) and forget it."""
    if network.isPersistent():
        network.undefine()
        # An inactive network is gone with its definition.
    _unless_gone(network.destroy, "VIR_ERR_NO_NETWORK", "VIR_ERR_OPERATION_INVALID")


def remove_volume(connection: Connection, path: str) -> None:
    """Delete the volume at `path`, if there is one. A pool that is not active is started for it, and stopped again."""
    with _pool_awake(connection, path):
        volume = connection.volume(path)
        if volume is not None:
            with connection.pool_lock(volume.storagePoolLookupByVolume().name()):
                _unless_gone(volume.delete, "VIR_ERR_NO_STORAGE_VOL")


def _remove_logs(connection: Connection, path: str) -> None:
    """Delete a console log, and what virtlogd has put aside of it (PATH.0, PATH.1 ...)."""
    volume = connection.volume(path)
    if volume is not None:
        pool = volume.storagePoolLookupByVolume()
        with connection.pool_lock(pool.name()):
            pool.refresh()  # it has not seen what was put aside
            aside = [name for name in pool.listVolumes() if is_log_of(name, volume.name()) and name != volume.name()]
        for name in aside:
            remove_volume(connection, f"{Path(path).parent}/{name}")
    remove_volume(connection, path)


def is_log_of(name: str, log: str) -> bool:
    """Whether a file is that console log, or what virtlogd has put aside of it."""
    return name == log or (name.startswith(f"{log}.") and name.removeprefix(f"{log}.").isdecimal())


@contextmanager
def _pool_awake(connection: Connection, path: str) -> Iterator[None]:
    """While the block runs, the pool in whose directory `path` is knows its volumes."""
    asleep = None if connection.volume(path) is not None else _pool_asleep(connection, path)
    if asleep is None:
        yield
        return
    with connection.pool_lock(asleep.name()):
        started = not asleep.isActive() and _start_unless_directory_gone(asleep)
        try:
            yield
        finally:
            if started:
                _unless_gone(asleep.destroy, "VIR_ERR_OPERATION_INVALID")


def _pool_asleep(connection: Connection, path: str) -> Any | None:
    """The pool that is not active and has its directory there."""
    import libvirt

    pools = connection.libvirt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE) if path else ()
    return next((pool for pool in pools if pool_path(pool.XMLDesc()) == str(Path(path).parent)), None)


def remove_pool(pool: Any, lab: str, own: Callable[[str], bool]) -> None:
    """Delete what is `own` (a file's name) in the lab's pool, its directory if we made that, and the pool.

    Raises Conflict when there is anything else in it: nothing was deleted then.
    """
    made, _found = pool_uuids(lab, pool.name())
    if not pool.isActive():
        _start_unless_directory_gone(pool)
    if pool.isActive():
        pool.refresh()
        volumes = pool.listAllVolumes()
        _refuse_others(pool, sorted(name for volume in volumes if not own(name := volume.name())))
        for volume in volumes:
            _unless_gone(volume.delete, "VIR_ERR_NO_STORAGE_VOL")
        pool.destroy()
        if pool.UUIDString() == made:
            pool.delete()
    pool.undefine()


def _refuse_others(pool: Any, names: list[str]) -> None:
    if names:
        raise Conflict(
            f"the storage pool {pool.name()!r} holds files that are not known to be this lab's",
            f"In {pool_path(pool.XMLDesc())}: {', '.join(names)}. The pool was left as it is. Move them elsewhere, or "
            "delete them (`halab sweep` names each and asks), and run this again.",
        )


def _start_unless_directory_gone(pool: Any) -> bool:
    import libvirt

    try:
        pool.create()
    except libvirt.libvirtError as error:
        if errno_of(error) != errno.ENOENT:
            raise
        return False
    return True


def _unless_gone(action: Callable[[], Any], *gone: str) -> None:
    import libvirt

    try:
        action()
    except libvirt.libvirtError as error:
        if not is_code(error, *gone):
            raise

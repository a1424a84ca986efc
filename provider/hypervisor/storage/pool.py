"""halab_pool: a directory of the lab's own, where all its disks, kernels and console logs live."""

from __future__ import annotations

import errno
from functools import partial
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.checks import absolute_path, object_name
from halab.provider.hypervisor.connection import Connection, errno_of
from halab.provider.hypervisor.mark import pool_uuids
from halab.provider.hypervisor.removal import is_log_of, remove_domains, remove_pool
from halab.provider.hypervisor.resource import LibvirtResource
from halab.provider.hypervisor.storage.storage_xml import pool_path, pool_xml
from halab.provider.protocol import BOOL, STR, Attr, Block, Ctx, State
from halab.provisioners.engine.errors import Conflict


class PoolResource(LibvirtResource):
    """One directory pool. A pool has no metadata: the lab's mark is its UUID. Its import id is its name."""

    type = "halab_pool"
    named_by = ("name",)
    phase, noun = "image", "storage pool"
    schema = Block(
        doc="A libvirt storage pool in a directory of its own. It stays while files of others are in it.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="UUID."),
            "name": Attr(
                STR, required=True, replace=True, validators=(object_name,), doc="libvirt's name of the pool."
            ),
            "path": Attr(
                STR,
                required=True,
                replace=True,
                validators=(absolute_path,),
                doc="Directory on the hypervisor; made if it is missing, must be empty otherwise.",
            ),
            "active": Attr(BOOL, default=True, doc="Whether the pool is started."),
        },
    )

    def make(self, ctx: Ctx, planned: State) -> State:
        name, path = planned["name"], planned["path"].rstrip("/")
        pool = self.connection.pool(name)
        if pool is not None:
            self._refuse_other(pool, name, path)
        self.provider.ledger.begin(self, planned, found=pool is not None)
        if pool is None:
            pool = self._new(ctx, planned, name, path)
        planned["id"] = pool.UUIDString()
        ctx.save(planned)
        pool.setAutostart(True)
        return self._settle(pool, planned)

    def look(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        pool = self.connection.pool_by_uuid(state["id"])
        if pool is None:
            return None
        path = pool_path(pool.XMLDesc())
        same = path == state["path"].rstrip("/")
        return {**state, "path": state["path"] if same else path, "active": bool(pool.isActive())}

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        del ctx
        return self._settle(self.connection.libvirt.storagePoolLookupByUUIDString(prior["id"]), planned)

    def remove(self, ctx: Ctx, state: State) -> None:
        del ctx
        pool = self.connection.pool_by_uuid(state["id"])
        if pool is None:
            return
        inside = f"{pool_path(pool.XMLDesc())}/"
        lab = self.provider.lab
        remove_domains(self.connection, lab, lambda spec: any(disk.path.startswith(inside) for disk in spec.disks))
        with self.connection.pool_lock(state["name"]):
            remove_pool(pool, lab, partial(self._is_own, state["name"]))

    def _is_own(self, pool: str, file: str) -> bool:
        """Whether a file is what this lab has made there, and has not removed: a killed run has left it.

        The ledger names each as its resource's `key` does.
        """
        made = self.provider.ledger.made
        return (
            f"{pool}:{file}" in made("halab_volume")
            or f"{pool}/{Path(file).stem}" in made("halab_image")
            or any(is_log_of(file, f"{machine}.console.log") for machine in made("halab_machine"))
            or any(file.startswith(f"{image}.") for image in made("halab_installed_image"))
        )

    def adopt(self, name: str) -> State | None:
        pool = self.connection.pool(name)
        if pool is None:
            return None
        require_own_pool(self.connection, self.provider.lab, name)
        path, active = pool_path(pool.XMLDesc()), bool(pool.isActive())
        return {"id": pool.UUIDString(), "name": name, "path": path, "active": active}

    def _new(self, ctx: Ctx, planned: State, name: str, path: str) -> Any:
        """Define and start it. The UUID says whether the directory was there before, and so stays at the end."""
        made, found = pool_uuids(self.provider.lab, name)
        for uuid in (found, made):
            pool = self.connection.libvirt.storagePoolDefineXML(pool_xml(name, path, uuid))
            if uuid == made:
                ctx.save({**planned, "id": uuid})
                pool.build()
            if _started(pool, directory_may_miss=uuid == found):
                break
            pool.undefine()
        if pool.numOfVolumes():
            names = ", ".join(sorted(pool.listVolumes())[:5])
            pool.destroy()
            pool.undefine()
            raise Conflict(
                f"the directory {path} is not empty",
                f"It holds {names}. A pool needs a directory of its own: choose another path, or empty this one.",
                "path",
            )
        return pool

    def _refuse_other(self, pool: Any, name: str, path: str) -> None:
        require_own_pool(self.connection, self.provider.lab, name)
        if (now := pool_path(pool.XMLDesc())) != path:
            raise Conflict(
                f"this lab left a storage pool {name!r} with another path",
                f"It is at {now}. Choose another name, or remove it: "
                f"virsh pool-destroy {name}; virsh pool-undefine {name}.",
                "path",
            )

    def _settle(self, pool: Any, planned: State) -> State:
        active = bool(pool.isActive())
        if planned["active"] and not active and not _started(pool, directory_may_miss=True):
            pool.build()
            pool.create()
        elif active and not planned["active"]:
            pool.destroy()
        return {**planned, "id": pool.UUIDString()}


def require_own_pool(connection: Connection, lab: str, name: str) -> Any:
    """The lab's pool of that name. Raises Conflict if there is none or it is not the lab's own."""
    pool = connection.pool(name)
    if pool is None:
        raise Conflict(
            f"there is no storage pool {name!r}", "Make it with halab_pool, and refer to that resource.", "pool"
        )
    if pool.UUIDString() not in pool_uuids(lab, name):
        raise Conflict(
            f"the storage pool {name!r} was not made by the lab {lab!r}",
            "It is left alone. Choose another name.",
            "name",
        )
    return pool


def _started(pool: Any, *, directory_may_miss: bool) -> bool:
    """Start a pool; False if its directory is missing and may be."""
    import libvirt

    try:
        pool.create()
    except libvirt.libvirtError as error:
        if directory_may_miss and errno_of(error) == errno.ENOENT:
            return False
        raise
    return True

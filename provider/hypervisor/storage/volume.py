"""halab_volume: a disk, blank or an overlay on an image's disk."""

from __future__ import annotations

from typing import Any

from halab.provider.hypervisor.checks import absolute_path, object_name
from halab.provider.hypervisor.connection import has_file
from halab.provider.hypervisor.machine.domain_xml import parse_domain
from halab.provider.hypervisor.removal import remove_volume
from halab.provider.hypervisor.resource import LibvirtResource
from halab.provider.hypervisor.storage.pool import require_own_pool
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, parse_volume, volume_xml
from halab.provider.protocol import INT, STR, UNKNOWN, Attr, Block, Ctx, State
from halab.provisioners.engine.errors import ConfigError, Conflict


def whole_sectors(value: object) -> str | None:
    """The rule for sizes: what QEMU and LIO can present without rounding."""
    if isinstance(value, int) and value > 0 and value % 512 == 0:
        return None
    return f"{value!r} bytes is no disk size: use a multiple of 512, for example 4294967296 for 4 GiB."


class VolumeResource(LibvirtResource):
    """One qcow2 volume in the lab's pool. Its import id is POOL/NAME."""

    type = "halab_volume"
    named_by = ("pool", "name")
    phase, noun = "image", "volume"
    schema = Block(
        doc="A qcow2 disk: blank, or an overlay that starts as a copy of `backing`.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="libvirt's key: its path."),
            "name": Attr(STR, required=True, replace=True, validators=(object_name,), doc="File name in the pool."),
            "pool": Attr(STR, required=True, replace=True, doc="Name of the lab's halab_pool."),
            "size_bytes": Attr(
                INT, required=True, validators=(whole_sectors,), doc="Size of the disk; can grow, not shrink."
            ),
            "backing": Attr(
                STR,
                optional=True,
                replace=True,
                validators=(absolute_path,),
                doc="Path of the disk it is an overlay on.",
            ),
            "path": Attr(STR, computed=True, stable=True, doc="Path on the hypervisor."),
        },
    )

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        del cfg
        if planned is None or prior is None or planned["size_bytes"] is UNKNOWN:
            return
        replaced = any(planned[name] != prior[name] for name in ("name", "pool", "backing"))
        if not replaced and planned["size_bytes"] < prior["size_bytes"]:
            ctx.error(
                "A disk cannot shrink",
                f"It has {prior['size_bytes']} bytes. Keep that size, or make a new disk (what is on it is lost): "
                "terraform apply -replace=ADDRESS.",
                ("size_bytes",),
            )

    def make(self, ctx: Ctx, planned: State) -> State:
        pool = require_own_pool(self.connection, self.provider.lab, planned["pool"])
        wanted = VolumeSpec(name=planned["name"], size_bytes=planned["size_bytes"], backing=planned["backing"] or "")
        self._refuse_small(wanted)
        with self.connection.pool_lock(planned["pool"]):
            volume = self.connection.volume_in(pool, wanted.name)
            self.provider.ledger.begin(self, planned, found=volume is not None)
            if volume is None:
                volume = pool.createXML(volume_xml(wanted), 0)
            else:
                _refuse_other(parse_volume(volume.XMLDesc()), wanted)
            state = {**planned, "id": volume.key(), "path": volume.path()}
            ctx.save(state)
        return state

    def look(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        pool = self.connection.pool(state["pool"])
        if pool is None:
            return None
        if not pool.isActive():
            return state  # not known; the pool's own resource starts it again
        volume = self.connection.volume_in(pool, state["name"])
        if volume is None or not has_file(volume):
            return None
        now = parse_volume(volume.XMLDesc())
        return {**state, "size_bytes": now.size_bytes, "backing": now.backing or None, "path": now.path}

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        del ctx, prior
        volume = self.connection.libvirt.storageVolLookupByKey(planned["id"])
        if (user := self._user(planned["path"])) is not None:
            import libvirt

            user.blockResize(planned["path"], planned["size_bytes"], libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        else:
            volume.resize(planned["size_bytes"])
        return planned

    def remove(self, ctx: Ctx, state: State) -> None:
        del ctx
        remove_volume(self.connection, state["path"] or "")

    def adopt(self, name: str) -> State | None:
        pool_name, _, volume_name = name.partition("/")
        if not volume_name:
            raise ConfigError(f"{name!r} is no id of a volume", "Import it as POOL/NAME.")
        volume = self.connection.volume_in(require_own_pool(self.connection, self.provider.lab, pool_name), volume_name)
        if volume is None:
            return None
        now = parse_volume(volume.XMLDesc())
        return {
            "id": volume.key(),
            "name": now.name,
            "pool": pool_name,
            "size_bytes": now.size_bytes,
            "backing": now.backing or None,
            "path": now.path,
        }

    def _refuse_small(self, wanted: VolumeSpec) -> None:
        if not wanted.backing:
            return
        base = self.connection.volume(wanted.backing)
        if base is None:
            raise ConfigError(f"no pool knows the disk {wanted.backing}", "Use the disk of a halab_image.", "backing")
        needed = parse_volume(base.XMLDesc()).size_bytes
        if wanted.size_bytes < needed:
            raise ConfigError(
                f"{wanted.size_bytes} bytes are too few for an overlay on {wanted.backing}",
                f"It needs {needed}.",
                "size_bytes",
            )

    def _user(self, path: str) -> Any | None:
        """The running domain that has the disk open."""
        import libvirt

        for domain in self.connection.libvirt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            spec = parse_domain(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
            if spec is not None and any(disk.path == path for disk in spec.disks):
                return domain
        return None


def _refuse_other(now: VolumeSpec, wanted: VolumeSpec) -> None:
    """Adopt only what is the same: a disk that differs may hold somebody's data."""
    for field in ("size_bytes", "backing", "format"):
        is_, should = getattr(now, field), getattr(wanted, field)
        if is_ != should:
            raise Conflict(
                f"there is a volume {wanted.name!r} with another {field} already",
                f"It has {is_!r}, wanted is {should!r}. Import it, or delete it if nothing on it matters: "
                f"virsh vol-delete {now.path}.",
                None if field == "format" else field,
            )

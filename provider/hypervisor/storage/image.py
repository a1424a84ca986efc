"""halab_image: a base image, uploaded once: its disk, on which all machines have overlays, its kernel and initramfs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.checks import absolute_path, object_name
from halab.provider.hypervisor.connection import has_file
from halab.provider.hypervisor.removal import remove_volume
from halab.provider.hypervisor.resource import LibvirtResource
from halab.provider.hypervisor.storage.pool import require_own_pool
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, pool_path, volume_xml
from halab.provider.hypervisor.storage.transfer import download, upload
from halab.provider.protocol import INT, STR, UNKNOWN, Attr, Block, Ctx, State
from halab.provisioners.engine.errors import ConfigError, UnexpectedOutput

INFO_FILE = "image.json"
_PARTS = {"disk": "disk.qcow2", "kernel": "vmlinuz", "initrd": "initrd"}
_FILES = (*((f".{name}", file) for name, file in _PARTS.items()), (".json", INFO_FILE))
# Long enough that two recipes never meet, short enough to read.
_HASH_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image says of itself. `cmdline_emulated` are the words to add where QEMU emulates the processor."""

    recipe: str
    cmdline: str
    cmdline_emulated: str
    virtual_size_bytes: int

    @classmethod
    def parse(cls, text: str, where: str) -> ImageInfo:
        """Raises UnexpectedOutput naming `where`."""
        try:
            data: dict[str, Any] = json.loads(text)
            return cls(data["recipe_hash"], data["cmdline"], data["cmdline_emulated"], int(data["virtual_size_bytes"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UnexpectedOutput(
                f"{where} does not describe an image", f"{error!r}. Build the image again."
            ) from error


class ImageResource(LibvirtResource):
    """Four volumes named after the image and its recipe; the description goes up last and says that all is there.

    Its import id is POOL/VOLUME, the volume being the description (NAME-HASH.json).
    """

    type = "halab_image"
    phase, noun = "image", "image"
    schema = Block(
        doc="A base image in the lab's pool. Another recipe in the same directory makes a new image.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="POOL/VOLUME of its description."),
            "name": Attr(
                STR, required=True, replace=True, validators=(object_name,), doc="Beginning of the volumes' names."
            ),
            "pool": Attr(STR, required=True, replace=True, doc="Name of the lab's halab_pool."),
            "source": Attr(
                STR,
                required=True,
                validators=(absolute_path,),
                doc="Directory with disk.qcow2, vmlinuz, initrd, image.json, made by `python -m halab.images build`.",
            ),
            "recipe": Attr(STR, computed=True, stable=True, doc="Hash of the recipe it was built from."),
            "disk": Attr(STR, computed=True, stable=True, doc="Path of the disk, for halab_volume.backing."),
            "kernel": Attr(STR, computed=True, stable=True, doc="Path of the kernel."),
            "initrd": Attr(STR, computed=True, stable=True, doc="Path of the initramfs."),
            "cmdline": Attr(STR, computed=True, stable=True, doc="Kernel command line for any machine."),
            "cmdline_emulated": Attr(STR, computed=True, stable=True, doc="Words to add under emulation."),
            "virtual_size_bytes": Attr(
                INT, computed=True, stable=True, doc="Size of the disk, the least for an overlay."
            ),
        },
    )

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        del cfg
        if planned is None:
            return
        if planned["source"] is UNKNOWN:
            if prior is not None:  # an image that is yet to be made: another one
                ctx.replace.append(("source",))
            return
        if prior is None:
            planned.update(_described(_local_info(planned["source"])))
            return
        try:
            recipe = _local_info(planned["source"]).recipe
        except ConfigError as error:
            # Terraform plans the whole lab before it destroys it: an image that nobody built must not keep it alive.
            ctx.warn(error.summary, f"{error.detail} Until then the lab keeps the image that it has.", ("source",))
            return
        if prior["recipe"] != recipe:
            planned["recipe"] = recipe
            ctx.replace.append(("recipe",))

    def key(self, values: State) -> str | None:
        pool, name, recipe = (values.get(part) for part in ("pool", "name", "recipe"))
        known = all(isinstance(part, str) for part in (pool, name, recipe))
        return f"{pool}/{_stem(str(name), str(recipe))}" if known else None

    def make(self, ctx: Ctx, planned: State) -> State:
        pool = require_own_pool(self.connection, self.provider.lab, planned["pool"])
        info = _local_info(planned["source"])
        stem = _stem(planned["name"], info.recipe)
        with self.connection.pool_lock(planned["pool"]):
            found = any(self._there(pool, stem, suffix) for suffix, _ in _FILES)
            self.provider.ledger.begin(self, {**planned, "recipe": info.recipe}, found=found)
            if not all(self._there(pool, stem, suffix) for suffix, _ in _FILES):
                self._upload_missing(ctx, pool, stem, planned)
        paths = _paths(pool_path(pool.XMLDesc()), stem)
        return {**planned, **_described(info), "id": f"{planned['pool']}/{stem}.json", **paths}

    def look(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        pool = self.connection.pool(state["pool"])
        if pool is None:
            return None
        if not pool.isActive():
            return state  # not known; the pool's own resource starts it again
        there = [self.connection.volume(path) for path in _volume_paths(state)]
        return state if all(volume is not None and has_file(volume) for volume in there) else None

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        del ctx
        if Path(planned["source"], INFO_FILE).exists() and _local_info(planned["source"]).recipe != prior["recipe"]:
            raise ConfigError(
                "the image's directory was not known before apply, and holds another image", "Apply again.", "source"
            )
        return planned

    def remove(self, ctx: Ctx, state: State) -> None:
        del ctx
        for path in reversed(_volume_paths(state)):
            remove_volume(self.connection, path)

    def adopt(self, name: str) -> State | None:
        pool_name, _, volume_name = name.partition("/")
        if not volume_name.endswith(".json"):
            raise ConfigError(f"{name!r} is no id of an image", "Import it as POOL/NAME-HASH.json.")
        volume = self.connection.volume_in(require_own_pool(self.connection, self.provider.lab, pool_name), volume_name)
        if volume is None:
            return None
        info = ImageInfo.parse(download(self.connection.libvirt, volume).decode(), volume.path())
        stem = volume_name.removesuffix(".json")
        image = stem.removesuffix(f"-{info.recipe[:_HASH_DIGITS]}")
        paths = _paths(str(Path(volume.path()).parent), stem)
        return {"id": name, "name": image, "pool": pool_name, **_described(info), **paths}

    def _there(self, pool: Any, stem: str, suffix: str) -> bool:
        volume = self.connection.volume_in(pool, stem + suffix)
        return volume is not None and has_file(volume)

    def _upload_missing(self, ctx: Ctx, pool: Any, stem: str, planned: State) -> None:
        pool.refresh()  # files that somebody deleted are no volumes any more
        # Without the description it is not known how much an interrupted run had written. With it, what is there is
        # whole, and machines may stand on it.
        described = self._there(pool, stem, ".json")
        for suffix, file in _FILES:
            if described and self._there(pool, stem, suffix):
                continue
            source = Path(planned["source"], file)
            volume = self.connection.volume_in(pool, stem + suffix)
            if volume is not None:
                volume.delete()
            try:
                size_bytes = source.stat().st_size
            except OSError as error:
                raise ConfigError(
                    f"{source} cannot be read", f"{error.strerror}. Build the image again.", "source"
                ) from error
            self.waiting(planned, f"uploading {file}, {size_bytes >> 20} MiB")
            volume = pool.createXML(volume_xml(VolumeSpec(name=stem + suffix, size_bytes=size_bytes, format="raw")), 0)
            directory = str(Path(volume.path()).parent)
            ctx.save({**planned, "id": f"{planned['pool']}/{stem}.json", **_paths(directory, stem)})
            upload(self.connection.libvirt, volume, source, ctx.stop)
        pool.refresh()  # libvirt looks what format the disk has


def _local_info(source: str) -> ImageInfo:
    path = Path(source, INFO_FILE)
    try:
        return ImageInfo.parse(path.read_text(), str(path))
    except OSError as error:
        remedy = "Build the image first: make prepare, or python -m halab.images build."
        raise ConfigError(f"{path} cannot be read", f"{error.strerror}. {remedy}", "source") from error


def _described(info: ImageInfo) -> State:
    return {
        "recipe": info.recipe,
        "cmdline": info.cmdline,
        "cmdline_emulated": info.cmdline_emulated,
        "virtual_size_bytes": info.virtual_size_bytes,
    }


def _stem(name: str, recipe: str) -> str:
    """What the names of its volumes begin with."""
    return f"{name}-{recipe[:_HASH_DIGITS]}"


def _paths(directory: str, stem: str) -> State:
    return {name: f"{directory}/{stem}.{name}" for name in _PARTS}


def _volume_paths(state: State) -> list[str]:
    """The image's volumes, the description last. Of a half-made one those that are known."""
    paths = [state[name] for name in _PARTS if state[name]]
    return [*paths, f"{paths[0].removesuffix('.disk')}.json"] if paths else []

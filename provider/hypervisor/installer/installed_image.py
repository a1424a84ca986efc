"""halab_installed_image: a base image made by a distribution's own installer in a transient machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halab.images.cache import ImageCache, ImageInfo
from halab.images.installation import Installation
from halab.images.prepare import Request, prepare
from halab.provider.hypervisor.installer.machine import remove_left_machine
from halab.provider.hypervisor.installer.run import InstallerRun, InstallerSettings, forget
from halab.provider.hypervisor.installer.schema import REQUEST, SCHEMA
from halab.provider.hypervisor.installer.volumes import InstallerVolumes
from halab.provider.hypervisor.machine.hypervisor_choice import HypervisorChoice
from halab.provider.hypervisor.resource import LibvirtResource
from halab.provider.hypervisor.storage.pool import require_own_pool
from halab.provider.hypervisor.waiting import Wait
from halab.provider.protocol import UNKNOWN, Ctx, Resource, State, has_unknown
from halab.provisioners.engine.errors import Conflict, ConnectError, HalabError, Interrupted

_PATHS = ("kickstart", "rhsm_activation_key_file")
_LISTS = ("extra_packages", "repositories")
_LOOK_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class _Recipe:
    """An installation under the name that its image has in the cache."""

    installation: Installation
    hash: str


class InstalledImageResource(LibvirtResource):
    """The image stays in the cache when the resource goes, unless it is one machine's own."""

    type = "halab_installed_image"
    named_by = ("name",)
    phase, noun = "image", "installed image"
    schema = SCHEMA

    def __init__(self, provider: Any) -> None:
        super().__init__(provider)
        self._choice = HypervisorChoice(provider)

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        del cfg
        if planned is None:
            return
        if has_unknown([planned[name] for name in (*REQUEST, "cache", "instance")]):
            planned["id"] = planned["recipe"] = planned["source"] = UNKNOWN
            return
        try:
            recipe = _recipe(planned)
        except ConnectError as error:
            if prior is None or any(planned[name] != prior[name] for name in REQUEST):
                raise
            ctx.warn(error.summary, f"{error.detail}\nUntil it answers the lab keeps its image.", ("tree",))
            return
        planned["id"] = planned["recipe"] = recipe.hash
        # Not known before it is there: whoever reads the directory's description at plan must wait for it.
        made = ImageCache(Path(planned["cache"])).find(recipe) is not None
        same = prior is not None and prior["recipe"] == recipe.hash
        planned["source"] = _directory(planned, recipe) if made or same else UNKNOWN

    def make(self, ctx: Ctx, planned: State) -> State:
        self.provider.ledger.begin(self, planned, found=self._something_left(planned))
        return self._ensure(ctx, planned)

    def _something_left(self, planned: State) -> bool:
        """Whether the installer's machine, or volumes of it, are there before it has begun."""
        pool = self.connection.pool(planned["pool"])
        volumes = pool is not None and pool.isActive() and InstallerVolumes(self.connection, pool, planned["name"])
        return self.connection.domain(planned["name"]) is not None or bool(volumes and volumes.any())

    def _ensure(self, ctx: Ctx, planned: State) -> State:
        recipe = _recipe(planned)
        if planned["recipe"] not in (UNKNOWN, None, recipe.hash):
            raise Conflict("the tree or the answer file has changed since it was planned", "Apply again.", "tree")

        def pause() -> None:
            self.waiting(planned, "another process installs the same image")
            if ctx.stop.wait(_LOOK_INTERVAL_S):
                raise Interrupted("another process that installs the same image")

        ImageCache(Path(planned["cache"])).ensure(
            recipe, lambda recipe, directory: self._install(ctx, planned, recipe, directory), pause
        )
        return {**planned, "id": recipe.hash, "recipe": recipe.hash, "source": _directory(planned, recipe)}

    def look(self, ctx: Ctx, state: State) -> State | None:
        """The lab has its own copy in its pool: that the cache was emptied changes nothing for it."""
        del ctx
        return state

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        del prior
        return self._ensure(ctx, planned)

    def remove(self, ctx: Ctx, state: State) -> None:
        del ctx
        remove_left_machine(self.connection, self.provider.lab, state["name"])
        if self.connection.pool(state["pool"]) is not None:
            pool = require_own_pool(self.connection, self.provider.lab, state["pool"])
            if pool.isActive():
                InstallerVolumes(self.connection, pool, state["name"]).remove()
        forget(self.provider, state["name"])
        if state["instance"] and state["recipe"]:
            ImageCache(Path(state["cache"])).remove(state["recipe"])

    def import_(self, ctx: Ctx, id: str) -> State:
        return Resource.import_(self, ctx, id)

    def _install(self, ctx: Ctx, planned: State, recipe: _Recipe, directory: Path) -> ImageInfo:
        def report(detail: str) -> None:
            self.waiting(planned, detail)

        run = InstallerRun(
            self.provider,
            InstallerSettings(
                name=planned["name"],
                network=planned["network"],
                mac=planned["mac"],
                memory_mib=planned["memory_mib"] or 0,
                vcpus=planned["vcpus"],
                deadline_s=planned["deadline_minutes"] * 60,
                silence_s=planned["silence_minutes"] * 60,
            ),
            recipe.installation,
            require_own_pool(self.connection, self.provider.lab, planned["pool"]),
            Wait(self.provider.time_scale, ctx.stop),
            lambda kernel, initrd: self._choice.choose(ctx, planned["hypervisor"], kernel, initrd, report),
            report,
        )
        return run.make(directory, recipe.hash)


def _recipe(planned: State) -> _Recipe:
    """Read the tree and render the answer file. Raises ConfigError at the attribute at fault, ConnectError."""
    values = {name: planned[name] for name in REQUEST if planned[name] is not None}
    values |= {name: Path(values[name]) for name in _PATHS if name in values}
    values |= {name: tuple(values[name]) for name in _LISTS if name in values}
    try:
        installation = prepare(Request(**values))
    except HalabError as error:
        if error.attribute is not None:
            setting, name = error.attribute, error.attribute.removeprefix("image.")
            error.attribute = name if name in REQUEST else None
            error.detail = f"{error.detail}\nSetting: {setting}.".lstrip()
        raise
    suffix = f"-{planned['instance']}" if planned["instance"] else ""
    return _Recipe(installation, installation.hash + suffix)


def _directory(planned: State, recipe: _Recipe) -> str:
    return str(Path(planned["cache"]).absolute() / recipe.hash)

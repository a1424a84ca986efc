"""The life cycle that all of the hypervisor's resources share: errors of libvirt become ours, progress is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from halab.provider.hypervisor.connection import Connection, doing
from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.protocol import Ctx, Resource, State, headline
from halab.provisioners.engine.errors import HalabError

V = TypeVar("V")


class LibvirtResource(Resource):
    """A resource whose methods may let libvirt's errors pass. Subclasses write make, look, change, remove, adopt."""

    provider: HypervisorContext
    phase: ClassVar[str]
    """What `make deploy` shows it under."""
    noun: ClassVar[str]
    """What libvirt calls it, for messages."""

    @property
    def connection(self) -> Connection:
        """libvirt."""
        return self.provider.connection

    def make(self, ctx: Ctx, planned: State) -> State:
        """Create it, or adopt what a killed run of this lab left; ctx.save as soon as something real exists."""
        raise NotImplementedError

    def look(self, ctx: Ctx, state: State) -> State | None:
        """What is there now; None only if proven absent."""
        raise NotImplementedError

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        """Change it in place."""
        raise NotImplementedError

    def remove(self, ctx: Ctx, state: State) -> None:
        """Remove it and all that belongs to it; what is gone already is no error."""
        raise NotImplementedError

    def adopt(self, name: str) -> State | None:
        """The full state of the existing object of that name, for import; None if there is none."""
        raise NotImplementedError

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del cfg
        with self._reported("create", planned):
            return self.make(ctx, planned)

    def read(self, ctx: Ctx, state: State) -> State | None:
        with doing(f"read the {self.noun} {state['name']!r}"):
            return self.look(ctx, state)

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        del cfg
        with self._reported("change", planned):
            return self.change(ctx, prior, planned)

    def delete(self, ctx: Ctx, state: State) -> None:
        with self._reported("remove", state):
            self.remove(ctx, state)

    def import_(self, ctx: Ctx, id: str) -> State:
        del ctx
        with doing(f"read the {self.noun} {id!r}"):
            state = self.adopt(id)
        if state is None:
            raise HalabError(f"there is no {self.noun} {id!r}", f"Import {self.type} by the name that virsh shows.")
        return {**dict.fromkeys(self.schema.attrs), **state}

    def waiting(self, state: State, detail: str) -> None:
        """Report what is being waited for."""
        self.provider.progress("wait", self.phase, self.type, state["name"], state.get("hostname", ""), detail)

    @contextmanager
    def _reported(self, verb: str, state: State) -> Iterator[None]:
        name, machine = state["name"], state.get("hostname", "")
        self.provider.progress("start", self.phase, self.type, name, machine)
        try:
            with doing(f"{verb} the {self.noun} {name!r}"):
                yield
        except BaseException as error:
            self.provider.progress("failed", self.phase, self.type, name, machine, headline(error))
            raise
        self.provider.progress("done", self.phase, self.type, name, machine)


def kept(state: V, observed: V, normal: Callable[[Any], Any] = lambda value: value) -> V:
    """The user's spelling as long as it means what was observed, else what was observed."""
    same = state is not None and normal(state) == normal(observed)
    return state if same else observed

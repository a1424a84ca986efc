"""One resource type at a real hypervisor: the provider as it sees it, and the steps that Terraform does with it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import Connection
from halab.provider.protocol import UNKNOWN, Ctx, Ledger, Resource, State
from halab.provider.protocol.planning import plan_values, replacements
from halab.provider.run.folder import LabFolder


class Configured:
    """The provider as its resources see it."""

    def __init__(self, lab: str, directory: Path) -> None:
        self.lab, self.connection, self.folder = lab, Connection(), LabFolder(directory)
        self.hypervisor, self.time_scale, self.stop = "auto", 3.0, threading.Event()
        self.destroying_all, self.ledger = False, Ledger()

    def out_of_service(
        self, _machine: str, _stop: threading.Event, _report: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """It is in no cluster: nobody has to do without it."""
        return nullcontext()

    def expect(self, _machine: str, _stop: threading.Event) -> None:
        """Nothing in it will be asked for."""

    def progress(self, event: str, phase: str, resource: str, name: str, machine: str, detail: str = "") -> None:
        print(event, phase, resource, name, machine, detail)


class Steps:
    """Does with one resource type what Terraform does, and checks what Terraform checks."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    def plan(self, config: State, prior: State | None = None) -> tuple[State, State, Ctx]:
        resource, ctx = self.resource, Ctx()
        full = {**dict.fromkeys(resource.schema.attrs), **config}
        resource.validate(ctx, full)
        proposed = {
            name: (prior or {}).get(name) if attr.computed and full[name] is None else full[name]
            for name, attr in resource.schema.attrs.items()
        }
        planned = plan_values(resource.schema, full, prior, proposed)
        resource.plan(ctx, full, prior, planned)
        if prior is not None:
            ctx.replace += replacements(resource.schema, full, prior, planned)
        assert not ctx.failed, ctx.diagnostics
        return planned, full, ctx

    def create(self, config: State, ctx: Ctx | None = None) -> State:
        planned, full, _ctx = self.plan(config)
        return self._checked(planned, self.resource.create(ctx or Ctx(), copy.deepcopy(planned), full))

    def update(self, prior: State, **changes: Any) -> State:
        config = {name: value for name, value in prior.items() if not self._only_computed(name)} | changes
        planned, full, ctx = self.plan(config, prior)
        assert ctx.replace == []
        return self._checked(planned, self.resource.update(Ctx(), copy.deepcopy(prior), copy.deepcopy(planned), full))

    def read(self, state: State) -> State | None:
        return self.resource.read(Ctx(), copy.deepcopy(state))

    def delete(self, state: State) -> None:
        self.resource.delete(Ctx(), state)
        self.resource.delete(Ctx(), state)
        assert self.read(state) is None

    def _only_computed(self, name: str) -> bool:
        attr = self.resource.schema.attrs[name]
        return attr.computed and not attr.optional

    def _checked(self, planned: State, state: State) -> State:
        assert not [name for name, value in state.items() if value is UNKNOWN]
        assert {name: state[name] for name, value in planned.items() if value is not UNKNOWN} == {
            name: value for name, value in planned.items() if value is not UNKNOWN
        }
        assert self.read(state) == state  # no drift right after it was made
        assert self.plan({n: v for n, v in state.items() if not self._only_computed(n)}, state)[0] == state
        return state

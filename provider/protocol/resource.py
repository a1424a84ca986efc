"""What a provider's author writes: resources with their life cycle, and the provider that holds them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, ClassVar

from halab.provider.protocol.diagnostics import Diagnostic, Failure, Stopped
from halab.provider.protocol.ledger import Ledger
from halab.provider.protocol.redaction import Redactor
from halab.provider.protocol.schema import Block
from halab.provider.protocol.types import UNKNOWN, Path

State = dict[str, Any]
"""Attribute name -> decoded value (see types). Missing names are null; unknown names are an error."""


class Ctx:
    """One operation on one resource: what it reports, keeps and whether it should stop. One per call, so not shared."""

    def __init__(self, stop: threading.Event | None = None, private: State | None = None) -> None:
        self.stop = stop or threading.Event()
        """Set when Terraform was interrupted. Finish, or save what there is and raise Stopped."""
        self.private: State = private if private is not None else {}
        """Kept beside the state, JSON values only, never shown. Holds no secrets: the state file is not encrypted."""
        self.diagnostics: list[Diagnostic] = []
        self.replace: list[Path] = []
        """In `plan`: paths of changes that need a new object, beyond those that the schema marks."""
        self.saved: State | None = None
        self.left = False
        """In `delete`: set when the object leaves the state and stays where it is."""

    def error(self, summary: str, detail: str = "", path: Path = ()) -> None:
        """Report an error and go on. The operation counts as failed."""
        self.diagnostics.append(Diagnostic("error", summary, detail, path))

    def warn(self, summary: str, detail: str = "", path: Path = ()) -> None:
        """Report a warning."""
        self.diagnostics.append(Diagnostic("warning", summary, detail, path))

    @property
    def failed(self) -> bool:
        """Whether an error was reported."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    @property
    def stopped(self) -> bool:
        """Whether Terraform asked to stop."""
        return self.stop.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait; raise Stopped at once when Terraform asks to stop. For polling towards a deadline."""
        if self.stop.wait(seconds):
            raise Stopped()

    def save(self, state: State) -> None:
        """Keep `state` if the operation fails later: call it the moment that something real exists.

        A failed create with a saved state leaves a tainted object, which the next apply replaces; without one,
        an orphan.
        """
        self.saved = copy.deepcopy(state)


class Resource:
    """A resource type. One instance serves all its resources, from many threads at once: keep no state in it.

    Methods raise Failure (or any exception with `summary` and `detail`) for what can go wrong; other exceptions are
    reported as bugs. Values in `cfg` and `planned` may be UNKNOWN in validate and plan, never in create and update
    (in `planned` there: UNKNOWN is what the provider has to fill in).
    """

    type: str
    schema: Block
    named_by: tuple[str, ...] = ()
    """Attributes that together name the object in the world: no two of this type have the same. Empty: it stands
    nowhere but in the state, or several may stand for one."""
    upgraders: ClassVar[Mapping[int, Callable[[State], State]]] = {}
    """{version: state of that version -> state of the next}, in JSON values."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider

    def key(self, values: State) -> str | None:
        """What names the object in the world; None as long as a part of it is not known, or if nothing does."""
        parts = [values.get(name) for name in self.named_by]
        known = bool(parts) and not any(part is None or part is UNKNOWN for part in parts)
        return ":".join(map(str, parts)) if known else None

    def validate(self, ctx: Ctx, cfg: State) -> None:
        """Check what validators cannot: several attributes together. The schema's validators have run."""

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        """Change `planned` where computed values are known already; refuse (error) or ask for a new object (replace).

        `prior` is None for a new object, `planned` is None for a destroy.
        """

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        """Make it and return its state. Write-only values are in `cfg` alone."""
        raise NotImplementedError

    def read(self, ctx: Ctx, state: State) -> State | None:
        """What is there now; None only if it is proven gone. An error keeps `state`."""
        raise NotImplementedError

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        """Change it in place and return its state. On an error, what was saved stays, else `prior`."""
        raise NotImplementedError

    def delete(self, ctx: Ctx, state: State) -> None:
        """Remove it; that it is gone already is no error. On an error the object stays in the state."""
        raise NotImplementedError

    def import_(self, ctx: Ctx, id: str) -> State:
        """The state of the existing object that the user calls `id`, enough of it for `read` to fill in the rest."""
        del ctx
        raise Failure(f"{self.type} cannot be imported", f"{id!r} stays as it is; nothing was changed.")


class StateOnly(Resource):
    """A resource that stands nowhere but in the state: nothing can change it behind Terraform's back."""

    def read(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        return state

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx, state


Factory = Callable[[Any], Resource]
"""Gets the provider, returns the resource type's one instance: a Resource subclass is one."""


class Provider:
    """A provider: its address, its own configuration and its resource types."""

    address: str
    """As in required_providers: "terraform.local/halab/halab"."""
    schema: Block = Block()
    resources: Mapping[str, Factory] = {}
    """Resource type -> factory, called once, when the type is first used or the schemas are asked for."""
    ledger: Ledger = Ledger()
    """Told of what the requests show to be in the state."""

    @cached_property
    def redactor(self) -> Redactor:
        """Through it goes every text that is written for people, so that no secret of any request is in it."""
        return Redactor()

    def validate(self, ctx: Ctx, cfg: State) -> None:
        """Check the provider's configuration. Values may be UNKNOWN."""

    def changing(self, ctx: Ctx) -> AbstractContextManager[None]:
        """Entered around each create, update and delete: to keep other processes out, for example."""
        del ctx
        return nullcontext()

    def configure(self, ctx: Ctx, cfg: State) -> None:
        """Take the provider's configuration, before any resource is touched. In a plan, values may be UNKNOWN."""

    def close(self) -> None:
        """Terraform needs this process no more. It may also be killed without a word."""

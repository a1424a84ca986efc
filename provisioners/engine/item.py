"""One thing on a guest: how it is observed, and which steps lead from what is to what is wanted.

An item's `spec` is a frozen dataclass whose fields are the Terraform attributes (see `attr`). Field types: str, int,
bool, Secret, `tuple[X, ...]`, `Mapping[str, str]`, another frozen dataclass (nested object) and tuples of it, each
also `| None`. The schema, the bindings' contract test and docs/resources are derived from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

from halab.provisioners.engine.host import Host
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step

S = TypeVar("S")
Check = Callable[[Any], str | None]


def attr(
    doc: str,
    *,
    replace: bool = False,
    computed: bool = False,
    stable: bool = False,
    default: Any = MISSING,
    default_with: Mapping[str, Any] | None = None,
    check: Check | None = None,
    secret: bool = False,
) -> Any:
    """Declare a field of a spec.

    `doc`: one sentence for docs/resources, with unit. `default`: makes it optional (None: no default value).
    `default_with`: {another field: the default where that one is given}.
    `computed`: known after apply; with `default=None` written out a user may also give it. `stable`: a computed value
    that survives updates. `replace`: a change makes a new object. `check`: value -> what is wrong with it and what
    would be right, or None; runs at plan. `secret`: sensitive although the field is no Secret.
    """
    optional = default is not MISSING
    meta = {
        "doc": doc,
        "replace": replace,
        "computed": computed,
        "stable": stable,
        "check": check,
        "secret": secret,
        "default_with": default_with or {},
        "optional": optional,
    }
    if isinstance(default, (dict, list)):
        return field(metadata=meta, default_factory=lambda: type(default)(default))
    if not optional:
        return field(metadata=meta, default=None) if computed else field(metadata=meta)
    return field(metadata=meta, default=default)


class Item(Generic[S]):
    """Base of all items. Items hold no state; one instance serves all threads."""

    spec: type[S]
    # machine: the spec has a field `machine` (the domain's UUID) and is carried out there.
    # cluster: the spec has a field `cluster` (its name) and is carried out on any member whose cluster runs.
    scope: ClassVar[Literal["machine", "cluster"]] = "machine"
    # The phase that `make deploy` shows it under: host, iscsi, cluster, fencing, storage, site.
    phase: ClassVar[str]
    # Whether it is read from the shared LUN: while the target is away that would hang, or show nothing.
    on_lun: ClassVar[bool] = False
    # Whether the cluster's lock manager guards it: while that stands still, whoever reads or writes there waits, too.
    under_dlm: ClassVar[bool] = False
    # Whether its steps, unlike its look, ask the lock manager.
    joins_dlm: ClassVar[bool] = False
    # Whether it is what others have a shared LUN from: while its machine is off, or gone, nothing is read from there.
    serves_lun: ClassVar[bool] = False
    # Where a refresh looks at it: what all members of its cluster see is asked of one of them, for all nodes at once.
    seen_from: ClassVar[Literal["its host", "the cluster"]] = "its host"
    # Fields that name the object: the import id is their values joined by ":" (the last may itself contain ":").
    identity: ClassVar[tuple[str, ...]]
    timeout_s: ClassVar[float] = 900.0
    # Whether changes of several such items on one machine must not overlap: what they look at is one common file.
    exclusive: ClassVar[bool] = False
    # Whether it outlives its machine: it stands for data on a disk of its own. A machine that is made anew takes it
    # over, and it keeps its name. `machine` is no `replace` then, and there is a `condition`.
    outlives_machine: ClassVar[bool] = False

    # Whether each system has it in any case, and a create brings it in order: what is found was made by nobody.
    ordinary: ClassVar[bool] = False
    # Whether several may stand for the same object, since the removal of one takes nothing from another.
    several: ClassVar[bool] = False

    def observe(self, host: Host, wanted: S) -> S | None:
        """What is there now, in the same type as what is wanted; None = proven absent. Reads only.

        Whatever `wanted` leaves to others (keys that it does not declare) is left out of the answer.
        """
        raise NotImplementedError

    def warnings(self, host: Host, seen: S) -> Iterable[tuple[str, str]]:
        """What a plan is to say of its surroundings, since no attribute shows it: (what is so, the remedy). Reads only.

        Several items may say the same: it is told once.
        """
        del host, seen
        return ()

    def separate(self, id: str) -> list[str]:
        """The values of `identity` in an import id."""
        return id.split(":", len(self.identity) - 1)

    def adopt(self, host: Host, named: S) -> S | None:
        """For import: all there is to know of the thing that the identity in `named` names; the rest of it is empty.

        What an item looks at with other eyes when nobody declared anything is read here, secrets included.
        """
        return self.observe(host, named)

    def takes_what_is_there(self, wanted: S) -> bool:
        """Whether a create may take over what nobody has made from here."""
        del wanted
        return self.ordinary

    def steps(self, platform: Platform, now: S | None, wanted: S | None) -> Iterator[Step]:
        """Pure: the steps from `now` to `wanted` (None = remove)."""
        raise NotImplementedError

    def steps_elsewhere(self, last: S) -> Iterable[Step]:
        """Pure: what is to be done on another member of its cluster when it is removed and its machine is off or mute.

        None of it: the object goes with the machine's disks.
        """
        del last
        return ()

    def check(self, wanted: S) -> Iterable[tuple[str, str]]:
        """Problems between several fields, as (field, what is wrong and the remedy). Called with known values only."""
        del wanted
        return ()

    def plan(self, prior: S | None, wanted: S) -> S:
        """Fill in computed fields that are known before anything is done (None = known after apply)."""
        del prior
        return wanted

    def requires_replace(self, prior: S, wanted: S) -> Iterable[str]:
        """Fields whose change from `prior` to `wanted` cannot be made in place, beyond those marked `replace`."""
        del prior, wanted
        return ()


def converge(host: Host, item: Item[S], prior: S | None, wanted: S) -> S | None:
    """Observe, do what is missing, observe again. `prior` is what we declared last time (its keys may have to go)."""
    host.do(item.steps(host.platform, item.observe(host, prior or wanted), wanted))
    return item.observe(host, wanted)


def remove(host: Host, item: Item[S], last: S) -> None:
    host.do(item.steps(host.platform, item.observe(host, last), None))


def with_fields(spec: S, **changes: Any) -> S:
    """A copy of a frozen spec with some fields changed."""
    return dataclasses.replace(spec, **changes)  # type: ignore[type-var]

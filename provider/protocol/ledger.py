"""What Terraform's requests tell a provider about the state. The protocol speaks of one object at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halab.provider.protocol.resource import Resource

Values = dict[str, Any]


class Ledger:
    """Told of each object that the state holds, and of each that is about to come or go. This one forgets it all.

    Called from many threads.
    """

    def held(self, resource: Resource, state: Values) -> None:
        """A refresh or a plan has come to an object of the state. Does not raise."""

    def missing(self, resource: Resource, state: Values) -> None:
        """A refresh has found an object of the state to be gone. Does not raise."""

    def called(self, machine: str, name: str) -> None:
        """A machine (its UUID) has that name: what is in it stays in it when it gets another UUID. Does not raise."""

    def answered(self, *, planned: bool, failed: bool) -> None:
        """A request is answered; `planned`: it was one for a plan."""

    def creating(self, resource: Resource, planned: Values) -> None:
        """An object is about to be created. Raises when this run creates it for another block already."""

    def begin(self, resource: Resource, planned: Values, *, found: bool, ordinary: bool = False) -> None:
        """The create is about to make it, or to take over what it has `found`. Raises when that must not be.

        `ordinary`: each system has one, and it is only brought in order.
        """

    def made(self, kind: str) -> frozenset[str]:
        """Keys of the objects of that type that were made and are not known to be gone."""
        del kind
        return frozenset()

    def machines(self) -> Sequence[str]:
        """UUIDs of machines that were made, of some that are gone too."""
        return ()

    def failed(self, resource: Resource, planned: Values) -> None:
        """Nothing that the state could hold came of a create. Does not raise."""

    def deleted(self, resource: Resource, state: Values, *, left: bool) -> None:
        """It is no longer in the state; `left`: but still there. Does not raise."""

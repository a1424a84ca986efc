"""Any provisioner item as a Terraform resource: the life cycle, written once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from halab.provider.guests import specs
from halab.provider.guests.hosts import Gone, Off
from halab.provider.guests.mute import is_mute
from halab.provider.guests.out_of_sight import of_lun, standing_still
from halab.provider.guests.regaining import machine_under_dlm, member_under_dlm
from halab.provider.guests.waits import Waits
from halab.provider.guests.working import Working
from halab.provider.protocol import STR, UNKNOWN, Attr, Ctx, Failure, Resource, State, has_unknown
from halab.provisioners.corosync.standing import StandsStill
from halab.provisioners.engine.errors import ClusterNotRunning, ConnectError, HalabError, TimedOut
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, converge, remove, with_fields

_UNSEEN = "unseen"  # in a resource's private data: why it could not be seen, as [summary, detail]
_MUTE = "mute"  # there beside it: whether that may end by itself
_COMPLETE = "complete"  # condition of what is as it should be
_LOST = "its machine is gone"  # condition of what outlives it
_ID = ("id", Attr(STR, computed=True, stable=True, doc="What `terraform import` takes for it."))


class GuestResource(Resource):
    """One item as a resource.

    libvirt decides what exists: off = it keeps its state; gone = it is gone, unless it outlives its machine; running
    but mute = the plan says so and goes on, so that whatever can be reached is put right, and the apply waits for the
    machine, and fails when it does not come. When the whole lab is destroyed, no guest is asked or changed.
    """

    def __init__(self, provider: Any, type_name: str, item: Item[Any]) -> None:
        super().__init__(provider)
        self.type, self._item = type_name, item
        self.schema = specs.block(item.spec, _ID)
        self.named_by = () if item.several else item.identity

    # --- plan ---

    def validate(self, ctx: Ctx, cfg: State) -> None:
        if not has_unknown(cfg):
            for field, problem in self._item.check(specs.decode(self._item.spec, cfg)):
                ctx.error(f"Invalid value for {field}", problem, (field,))

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        if planned is None:
            return
        unseen = prior is not None and _UNSEEN in ctx.private and self._must_be_seen(prior, planned)
        if unseen and not ctx.private.get(_MUTE):
            self._fail_once(*ctx.private[_UNSEEN])
        given = {k: v for k, v in planned.items() if not self._left_to_us(k, cfg)}
        before = None if prior is None else specs.decode(self._item.spec, prior)
        if has_unknown(given):
            if before is not None:
                if any(planned[field] is UNKNOWN for field in self._item.identity):
                    planned["id"] = UNKNOWN
                ctx.replace += [(field,) for field in self._replaced_by(before, given)]
            return
        wanted = specs.decode(self._item.spec, given)
        self._fill(planned, specs.encode(self._item.plan(before, wanted)))
        if before is None:
            return  # its id stays unknown, though it could be told: so `replace_triggered_by` sees a new object
        ctx.replace += [(field,) for field in self._item.requires_replace(before, wanted)]
        if unseen:
            planned["id"] = UNKNOWN  # so that the apply comes to it: it is looked at, and put right, when it answers
        elif not any(planned[field] is UNKNOWN for field in self._item.identity):
            planned["id"] = self._id(planned)

    def _fail_once(self, summary: str, detail: str) -> None:
        """One error is enough to fail a plan; every resource of a machine has the same to tell."""
        if self.provider.tells(summary):
            raise Failure(summary, detail)

    def _may_come(self, error: HalabError) -> bool:
        """Whether an apply may wait for it; what is on the LUN is what others are made anew with, so its id stays."""
        return is_mute(error) and not self._item.on_lun

    def _must_be_seen(self, prior: State, planned: State) -> bool:
        """Not before a destroy, and not when its machine is made anew, which may be the remedy."""
        stays = self._item.scope == "cluster" or bool(planned["machine"] == prior["machine"])
        return stays and not self.provider.destroying

    def _left_to_us(self, name: str, cfg: State) -> bool:
        """A computed attribute that the configuration does not give."""
        attr = self.schema.attrs[name]
        return attr.computed and not attr.has_default and cfg.get(name) is None

    def _replaced_by(self, before: Any, given: State) -> Iterator[str]:
        """Fields, unknown in whole or part, whose change would make a new object: Terraform allows no other decision
        once they are known.

        Such a field is likely to change: what it refers to is made anew.
        """
        spec: type = self._item.spec
        partly = specs.decode(spec, given)
        for field in (name for name, value in given.items() if has_unknown(value) and name != "id"):
            zero = specs.zero(specs.hints(spec)[field]) if given[field] is UNKNOWN else getattr(partly, field)
            if field in self._item.requires_replace(before, with_fields(before, **{field: zero})):
                yield field

    def _fill(self, planned: State, proposed: Mapping[str, Any]) -> None:
        for name, value in proposed.items():
            if planned[name] is UNKNOWN and value is not None:
                planned[name] = value

    # --- life ---

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del cfg
        wanted = specs.decode(self._item.spec, planned)
        with self._working(ctx, planned, patient=True) as host:
            before = self._item.observe(host, wanted)
            self.provider.ledger.begin(
                self, planned, found=before is not None, ordinary=self._item.takes_what_is_there(wanted)
            )
            try:
                host.do(self._item.steps(host.platform, before, wanted))
                return self._present(planned, self._item.observe(host, wanted))
            except BaseException:
                # What we began to make is saved and tainted, never forgotten. What was there before us is adopted by
                # the next run, since a tainted object would be removed with whatever a person keeps in it.
                if before is None:
                    ctx.save(self._state(planned, wanted))
                raise

    def read(self, ctx: Ctx, state: State) -> State | None:
        if self.provider.destroying_all:
            return state  # it goes, whatever it has become
        ctx.private.pop(_UNSEEN, None)
        ctx.private.pop(_MUTE, None)
        if self._item.on_lun and (self.provider.servers_away or self.provider.mute):
            self._warn_once(ctx, of_lun(self.provider.servers_away, self.provider.mute), of="what is on the LUN")
            return state
        last = specs.decode(self._item.spec, state)
        try:
            host = self._host(ctx, state, reading=True)
            if (observed := self._item.observe(host, last)) is not None:
                self._warn_once(ctx, *self._item.warnings(host, observed))
        except Gone:
            self._note_server(state)
            return {**state, "condition": _LOST} if self._item.outlives_machine else None
        except (Off, ClusterNotRunning):
            self._note_server(state)
            return state
        except StandsStill as error:
            self._warn_once(ctx, standing_still(error))
            return state
        except (ConnectError, TimedOut) as error:
            # An error here would keep Terraform from making the machine anew, or destroying it: `plan` decides.
            ctx.private[_UNSEEN], ctx.private[_MUTE] = [error.summary, error.detail], self._may_come(error)
            if not ctx.private[_MUTE]:
                ctx.warn(error.summary, error.detail)
            elif self.provider.found_mute(error.summary):
                ctx.warn(error.summary, f"An apply waits for it, and then looks at what is in it. {error.detail}")
            return state
        return None if observed is None else self._state(state, observed)

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        del cfg
        before, wanted = specs.decode(self._item.spec, prior), specs.decode(self._item.spec, planned)
        if self._item.outlives_machine and prior["machine"] != planned["machine"]:
            self.delete(ctx, prior)  # from a machine that is still there
        with self._working(ctx, planned, patient=True) as host:
            return self._present(planned, converge(host, self._item, before, wanted))

    def delete(self, ctx: Ctx, state: State) -> None:
        if self.provider.destroying_all:
            ctx.left = True  # with the disks of its machines: docs/design/010-destroy.md
            return
        ctx.left = state.get("condition") not in (None, _COMPLETE)  # of what is half there something may stay
        try:
            self._remove(ctx, state)
        except Gone:
            ctx.left = True  # on the disk, which another machine may get
            return
        except (Off, ConnectError, ClusterNotRunning) as error:
            ctx.left = True
            if not self._removed_elsewhere(ctx, state):
                # It lives only inside machines that cannot be asked: it goes with their disks.
                self._leave(ctx, state, error)

    def _remove(self, ctx: Ctx, state: State) -> None:
        def attempt() -> None:
            with self._working(ctx, state) as host:
                remove(host, self._item, specs.decode(self._item.spec, state))

        try:
            attempt()
        except ClusterNotRunning:
            if self._item.scope != "cluster":
                raise
            attempt()  # the member that was asked may have left meanwhile, and others may be there

    def import_(self, ctx: Ctx, id: str) -> State:
        names = self._item.identity
        values = self._item.separate(id)
        if len(values) != len(names):
            raise Failure(f"Cannot import {self.type}", f"The id is {':'.join(names)}, not {id!r}.")
        spec: type = self._item.spec
        hints = specs.hints(spec)
        given = {n: _named(n, v, hints[n]) for n, v in zip(names, values, strict=True)}
        wanted = specs.blank(spec, **given)
        observed = self._item.adopt(self._host(ctx, specs.encode(wanted)), wanted)
        if observed is None:
            raise Failure("Nothing to import", f"There is no {self.type} {id!r}.")
        return self._state(specs.encode(wanted), observed)

    # --- in between ---

    def _note_server(self, state: State) -> None:
        """What is on the LUN waits for its server's machine; any other machine may be off."""
        if self._item.serves_lun:
            self.provider.away(state["hostname"])

    def _warn_once(self, ctx: Ctx, *warnings: tuple[str, str], of: str = "") -> None:
        for summary, detail in warnings:
            if self.provider.tells(of or summary):
                ctx.warn(summary, detail)

    def _leave(self, ctx: Ctx, state: State, error: HalabError) -> None:
        ctx.warn(f"{self.type} {state['id']} was left as it is", f"{error.summary}. {error.detail}")

    def _removed_elsewhere(self, ctx: Ctx, state: State) -> bool:
        """What other members of its cluster can do when its own machine cannot be asked; whether there was anything."""
        steps = [*self._item.steps_elsewhere(specs.decode(self._item.spec, state))]
        if not steps:
            return False
        report = self._reporter(str(state["id"]))
        try:
            other: Host = self.provider.hosts.cluster(state["cluster"], ctx.stop, report, besides=state["machine"])
        except (Gone, Off, ConnectError, ClusterNotRunning):
            return False
        other.do(steps)
        report.end()
        return True

    def _host(self, ctx: Ctx, state: State, name: str = "", reading: bool = False) -> Host:
        hosts, report = self.provider.hosts, self._reporter(name)
        how = {"reading": reading, "on_lun": self._item.on_lun}
        if self._item.scope == "cluster":
            found: Host = hosts.cluster(state["cluster"], ctx.stop, report, under_dlm=self._item.under_dlm, **how)
        else:
            found = hosts.machine(state["machine"], ctx.stop, report, **how)
            if reading and self._item.seen_from == "the cluster":
                found = hosts.cluster(state["cluster"], ctx.stop, report, reading=True)
            report.machine = found.name
        return found

    def _reporter(self, name: str) -> Waits:
        return Waits(self.provider.progress, self._item.phase, self.type, name)

    def _working(self, ctx: Ctx, state: State, patient: bool = False) -> Working:
        return Working(self, ctx, state, patient)

    def _host_that_answers(self, ctx: Ctx, state: State, name: str) -> Host:
        """The host, waited for when its machine is mute, or its cluster is about to have quorum again."""
        if self._item.under_dlm:
            return member_under_dlm(self.provider, state["cluster"], ctx.stop, self._reporter(name))
        if self._item.scope == "machine":
            try:
                if self._item.joins_dlm:
                    return machine_under_dlm(self.provider, state["machine"], ctx.stop, self._reporter(name))
                return self._host(ctx, state, name)
            except (ConnectError, TimedOut) as error:
                if not is_mute(error):
                    raise
            self.provider.mute_machines.answering(state["machine"], ctx.stop, self._reporter(name))
        return self._host(ctx, state, name)

    def _present(self, planned: State, observed: Any) -> State:
        if observed is None:
            raise Failure(
                f"{self.type} is not there after it was made",
                "Every step succeeded, yet it cannot be seen. Something else removes it.",
            )
        state = self._state(planned, observed)
        for name, attr in self.schema.attrs.items():
            if planned[name] is not UNKNOWN and not has_unknown(planned[name]) and planned[name] != state[name]:
                shown = "" if attr.sensitive else f" It is {state[name]!r}, not {planned[name]!r}."
                raise Failure(f"{self.type}: {name} did not take effect", f"Every step succeeded.{shown}", (name,))
        return state

    def _state(self, base: State, spec: Any) -> State:
        values = {**base, **specs.encode(spec)}
        return {**values, "id": self._id(values)}

    def _id(self, values: Mapping[str, Any]) -> str:
        return ":".join(str(values[field]) for field in self._item.identity)


def _named(name: str, text: str, hint: type) -> Any:
    """A part of an import id."""
    if hint is int and not (text.isascii() and text.isdigit()):
        raise Failure(f"{text!r} is no {name}", "It is a whole number.")
    return int(text) if hint is int else text

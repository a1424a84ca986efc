"""halab_cluster: what a Corosync cluster is. It changes no machine; its members carry it out."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import inspect
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from halab.provider.guests import specs
from halab.provider.protocol import (
    BOOL,
    INT,
    LIST,
    MAP,
    STR,
    UNKNOWN,
    Attr,
    Block,
    Ctx,
    Failure,
    State,
    StateOnly,
    has_unknown,
)
from halab.provisioners.corosync.conf import (
    Member,
    check_options,
    options_of,
    parse_corosync_conf,
    render_corosync_conf,
    same_meaning,
)
from halab.provisioners.corosync.founded import Definition, definition, founded
from halab.provisioners.corosync.quorum import growing_problem, shrinking_problem
from halab.provisioners.engine import limits
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ConfigError, ConnectError, NotSupported
from halab.provisioners.engine.host import Host

# An emulated node under load answers late: with Corosync's own 3 s it is fenced for being slow.
_EMULATED_TOKEN_MS = 10_000
_ALIVE = cmd("true")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a Corosync cluster is: its name, its members, its keys. Changes no machine; its members carry it out."""

    name: str
    token_ms: int | None
    hypervisor: str | None
    members: tuple[Member, ...]
    options: Mapping[str, str]

    @property
    def conf(self) -> str:
        token_ms = self.token_ms or (_EMULATED_TOKEN_MS if self.hypervisor == "qemu" else None)
        return render_corosync_conf(self.name, token_ms, self.members, self.options)


class ClusterResource(StateOnly):
    """The definition of a cluster. Its corosync.conf is rendered at plan, so that a change is shown as a diff."""

    type = "halab_cluster"
    schema = Block(
        doc=inspect.cleandoc(Cluster.__doc__ or ""),
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The name."),
            "name": Attr(
                STR,
                required=True,
                replace=True,
                validators=(limits.cluster_name,),
                doc="Cluster name (corosync, DLM and GFS2 use it).",
            ),
            "token_ms": Attr(INT, optional=True, doc="Corosync's token timeout in ms; none: corosync's own."),
            "hypervisor": Attr(
                STR,
                optional=True,
                doc="What the machines run on. With qemu (emulation) a missing token_ms means 10000.",
            ),
            "members": Attr(
                required=True,
                nesting="list",
                doc="The nodes that make up the cluster.",
                nested={
                    "name": Attr(
                        STR,
                        required=True,
                        validators=(limits.node_name,),
                        doc="Node name, as Corosync and Pacemaker have it.",
                    ),
                    "address": Attr(
                        STR, required=True, validators=(limits.host_ipv4,), doc="IPv4 address of its link 0."
                    ),
                    "node_id": Attr(INT, required=True, doc="Corosync's node id, never reused for another node."),
                },
            ),
            "options": Attr(
                MAP(STR),
                optional=True,
                validators=(check_options,),
                doc="Further entries of corosync.conf as section.entry, such as totem.consensus; an empty value leaves "
                "out what would be there otherwise.",
            ),
            "keeps_quorum": Attr(
                BOOL,
                optional=True,
                doc="Nodes without quorum reset themselves (SBD without a disk): more new ones at once than leave the "
                "others a quorum are refused.",
            ),
            "machines": Attr(
                LIST(STR),
                optional=True,
                doc="Ids of the members' machines. When none of them was there before, the cluster is another one.",
            ),
            "incarnation": Attr(
                STR,
                computed=True,
                stable=True,
                doc="Changes when all `machines` are made anew, and what was in the CIB is gone: what is in there has "
                "it in `replace_triggered_by`.",
            ),
            "corosync_conf": Attr(STR, computed=True, doc="The corosync.conf of every member."),
            "corosync_authkey": Attr(STR, computed=True, stable=True, sensitive=True, doc="Corosync's key."),
            "pacemaker_authkey": Attr(STR, computed=True, stable=True, sensitive=True, doc="Pacemaker's key."),
        },
    )

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        if planned is None:
            return
        if prior is not None and planned["name"] == prior["name"]:
            if planned["machines"] is UNKNOWN and prior["machines"]:
                ctx.error("Which machines remain is not known before apply", _LIST_THEM, ("machines",))
                return
            # One that an older state lacks stays away: the cluster is the same.
            planned["incarnation"] = UNKNOWN if _founded_anew(prior, planned) else prior["incarnation"]
        if has_unknown({name: cfg[name] for name in _GIVEN}):
            return
        planned["corosync_conf"] = _conf(planned, prior)
        if _forms(prior, planned) and not self.provider.destroying:
            _refuse_one_by_one(len(planned["members"]), self.provider.parallelism)
        if prior is not None and prior["name"] == planned["name"]:
            before, after = ([member["name"] for member in state["members"]] for state in (prior, planned))
            if problem := shrinking_problem(before, after):
                ctx.error(f"The cluster {planned['name']} cannot shrink that far in one step", problem, ("members",))
            elif planned["keeps_quorum"] is True and (
                problem := growing_problem(before, after, _device_votes(planned))
            ):
                ctx.error(f"The cluster {planned['name']} cannot grow that far in one step", problem, ("members",))

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del cfg
        keys = {key: _random_key() for key in ("corosync_authkey", "pacemaker_authkey")}
        if found := self._founded(ctx, planned["name"]):
            keys = {key: _computed(found)[key] for key in keys}
        else:
            _refuse_one_by_one(len(planned["members"]), self.provider.parallelism)
        given = {
            "id": planned["name"],
            "incarnation": _incarnation(planned["machines"]),
            "corosync_conf": _conf(planned),
        }
        return {**planned, **keys, **given}

    def _founded(self, ctx: Ctx, name: str) -> Definition | None:
        """The cluster as a machine has it already: the run that made it may not have lived to save its state."""
        members = self.provider.inventory.members(name)
        # One without a host key has not been up yet.
        up = [view for view in members if view.presence.on and view.host_key]
        hosts: list[Host] = [self.provider.hosts.machine(view.uuid, ctx.stop) for view in up]
        if not hosts:
            return None
        with ThreadPoolExecutor(len(hosts)) as pool:
            all_found = pool.map(lambda host: founded(host, name), hosts)
            return next((found for found in all_found if found and found.has_keys), None)

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        del ctx, cfg
        known = {} if planned["incarnation"] is not UNKNOWN else {"incarnation": _incarnation(planned["machines"])}
        return {**planned, **known, "corosync_conf": _conf(planned, prior)}

    def import_(self, ctx: Ctx, id: str) -> State:
        """By the cluster's name, from any of its machines."""
        found = definition(self._any_machine(ctx, id), id)
        conf = parse_corosync_conf(found.corosync_conf)
        options = options_of(found.corosync_conf)
        if options is None:
            raise NotSupported(
                f"{self.type} cannot describe the cluster {id}",
                "Its corosync.conf has several links, or a section more than once. Leave the resource out, and give "
                "halab_cluster_member the text of the file and the keys.",
            )
        given = {"name": id, "token_ms": conf.token_ms, "hypervisor": None, "options": options or None}
        given["keeps_quorum"] = None
        machines = self._machines(id, conf.members)
        where = {"members": specs.encode(conf.members), "machines": machines, "incarnation": _incarnation(machines)}
        return {"id": id, **given, **where, **_computed(found)}

    def _machines(self, name: str, members: Sequence[Member]) -> list[str] | None:
        """Ids of the machines in the order of the members; None when they are not all known."""
        ids = {view.address: view.uuid for view in self.provider.inventory.members(name)}
        return [ids[m.address] for m in members] if {m.address for m in members} <= ids.keys() else None

    def _any_machine(self, ctx: Ctx, name: str) -> Host:
        """A machine of the cluster that answers, whether the cluster runs on it or not."""
        members = [view for view in self.provider.inventory.members(name) if view.presence.on]
        mute: ConnectError | None = None
        for view in members:
            host: Host = self.provider.hosts.machine(view.uuid, ctx.stop)
            try:
                host.attempt(_ALIVE)
            except ConnectError as error:
                mute = error
            else:
                return host
        if mute is not None:
            raise mute
        raise Failure(
            "Nothing to import",
            f"No machine that runs bears the name of the cluster {name!r}. Set `cluster` of its halab_machines.",
        )


_LIST_THEM = (
    "If none does, the cluster is another one, and all that is in it has to be made anew: a plan has to tell. List the "
    "ids one by one, as [halab_machine.a.id, halab_machine.b.id]: then one that is not known yet is a new machine. "
    "compact() and other functions make the whole list unknown."
)
_GIVEN = ("name", "token_ms", "hypervisor", "members", "options")


def _founded_anew(prior: State, planned: State) -> bool:
    """None of the machines was there before. One that is not known yet is new."""
    before, after = prior["machines"], planned["machines"]
    if after is UNKNOWN or not before or not after:
        return False
    return not set(before) & {machine for machine in after if machine is not UNKNOWN}


def _forms(prior: State | None, planned: State) -> bool:
    """Whether its members have yet to find each other."""
    return prior is None or planned["name"] != prior["name"] or planned["incarnation"] is UNKNOWN


def _refuse_one_by_one(members: int, parallelism: int) -> None:
    """A member is made when it has quorum, which takes a majority of them at work together."""
    majority = members // 2 + 1
    if parallelism < majority:
        raise ConfigError(
            f"A cluster of {members} cannot form while Terraform makes only {parallelism} at a time",
            f"A node is complete when it has quorum: {majority} have to start together. Leave out -parallelism, or set "
            f"it to {majority} or more (TF_CLI_ARGS counts, too). Once the cluster runs, any number will do.",
            "members",
        )


def _incarnation(machines: Sequence[str] | None) -> str:
    """Follows from the machines on which the cluster was founded, so that an import finds the same."""
    return hashlib.sha256(" ".join(sorted(machines or ())).encode()).hexdigest()[:12]


def _computed(found: Definition) -> dict[str, str]:
    return {
        "corosync_conf": found.corosync_conf,
        "corosync_authkey": found.corosync_authkey.reveal(),
        "pacemaker_authkey": found.pacemaker_authkey.reveal(),
    }


def _conf(state: State, prior: State | None = None) -> str:
    """The text; one that says the same already stays as it is, though another tool may have written it."""
    cluster: Cluster = specs.decode(Cluster, state)
    before = (prior or {}).get("corosync_conf") or ""
    return before if same_meaning(before, cluster.conf) else cluster.conf


def _device_votes(state: State) -> int:
    options = state["options"] or {}
    return int(options.get("quorum.device.votes") or 1) if options.get("quorum.device.model") else 0


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(256)).decode()

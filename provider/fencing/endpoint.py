"""halab_fencing_endpoint: the lab's power control, for fence agents: over Redfish, and over other doors if wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from halab.provider.fencing import endpoint_rules as rules
from halab.provider.fencing.doors import secrets
from halab.provider.fencing.doors.machines import assigned
from halab.provider.fencing.doors.names import PLUGS, SSH_USERS, wrong
from halab.provider.fencing.doors.probe import Answer
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.fencing.power_service import PowerService, url
from halab.provider.fencing.power_unit import ends_at_logout, supervision_here
from halab.provider.hypervisor.connection import SYSTEM_URI
from halab.provider.protocol import BOOL, INT, LIST, MAP, STR, UNKNOWN, Attr, Block, Ctx, Resource, State, has_unknown
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import ConfigError, HalabError

_DAMAGED = "damaged"  # in a resource's private data: what is missing or unreadable is not made again without new keys


class FencingEndpoint(Resource):
    """The power control endpoint of a lab."""

    type = "halab_fencing_endpoint"
    schema = Block(
        doc="Service on the hypervisor that switches this lab's machines off and on, for fence agents: over Redfish, "
        "and over the protocols in `doors`.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The endpoint's name."),
            "name": Attr(
                STR,
                optional=True,
                computed=True,
                stable=True,
                replace=True,
                validators=(rules.name,),
                doc="Name of the endpoint; default: the lab's. The systemd unit is halab-fencing-NAME.service.",
            ),
            "address": Attr(
                STR,
                required=True,
                replace=True,
                validators=(rules.address,),
                doc="IPv4 address of the lab's bridge: the only one that it listens on; it stands in the certificate.",
            ),
            "port": Attr(INT, default=8000, replace=True, validators=(rules.port,), doc="TCP port of Redfish."),
            "username": Attr(STR, required=True, validators=(rules.username,), doc="User name that clients give."),
            "password": Attr(
                STR, required=True, sensitive=True, validators=(rules.password,), doc="Password that clients give."
            ),
            "machines": Attr(
                LIST(STR),
                required=True,
                validators=(rules.machines,),
                doc="UUIDs of the domains that may be switched. All others are refused.",
            ),
            "doors": Attr(
                MAP(INT),
                default={},
                validators=(rules.doors,),
                doc="Doors beside Redfish, and their ports: wti (telnet), wti-ssh, virsh (SSH), ipmi (UDP; the port "
                "of a plug is this one plus its number), xvm (TCP, and multicast to 225.0.0.12).",
            ),
            "running": Attr(BOOL, default=True, doc="Whether the endpoint is up, supervised, and answers clients."),
            "ca_certificate": Attr(
                STR, computed=True, stable=True, doc="PEM certificate that clients must trust. Public."
            ),
            "url": Attr(STR, computed=True, stable=True, doc="https://ADDRESS:PORT"),
            "systems": Attr(
                MAP(STR), computed=True, doc="Machine's UUID to the systems_uri that fence_redfish needs for it."
            ),
            "plugs": Attr(
                MAP(INT),
                computed=True,
                doc="Machine's UUID to its plug, for fence_wti and fence_ipmilan. A machine keeps its plug while "
                "others come and go; one that is new gets the lowest free one.",
            ),
            "secrets": Attr(
                MAP(STR),
                computed=True,
                sensitive=True,
                doc="What opens the doors: wti and ipmi a password, xvm the key file's text, virsh an SSH private key.",
            ),
            "ssh_host_key": Attr(
                STR,
                computed=True,
                doc="Public host key of wti-ssh and virsh, as known_hosts has it; empty without. Public.",
            ),
        },
    )

    def key(self, values: State) -> str | None:
        return str(_known(values.get("name")) or self.provider.lab)

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        """All but the certificate is known before anything is made."""
        if planned is None:
            return
        if _DAMAGED in ctx.private and prior is not None:
            planned["ca_certificate"] = UNKNOWN
            ctx.replace.append(("ca_certificate",))
        if planned["name"] is UNKNOWN and cfg["name"] is None and isinstance(self.provider.lab, str):
            planned["name"] = self.provider.lab
        planned["id"] = planned["name"]
        if not has_unknown([planned["address"], planned["port"]]):
            planned["url"] = f"https://{planned['address']}:{planned['port']}"
        if not has_unknown(planned["machines"]):
            planned["systems"] = _systems(planned["machines"])
            planned["plugs"] = _plugs(planned["machines"], prior)
        if not has_unknown(planned["doors"]):
            self._plan_doors(planned, prior)

    def _plan_doors(self, planned: State, prior: State | None) -> None:
        """What opens the doors is made once. Raises ConfigError when doors are in each other's way."""
        doors, known = planned["doors"] or {}, prior or {}
        fault = None if planned["port"] is UNKNOWN else wrong(doors, planned["port"])
        if "ipmi" in doors and planned["machines"] is not UNKNOWN and len(planned["machines"]) > PLUGS:
            fault = f"ipmi has ports for {PLUGS} machines."
        if fault:
            raise ConfigError("The fencing endpoint's doors are not right", fault, "doors")
        if set(known.get("secrets") or {}) == secrets.needed(doors):
            planned["secrets"] = known.get("secrets") or {}
        if not doors.keys() & SSH_USERS.keys():
            planned["ssh_host_key"] = ""
        elif known.get("ssh_host_key"):
            planned["ssh_host_key"] = known["ssh_host_key"]

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        """New keys, files, daemon. What a killed run of this lab left under this name is ended and replaced."""
        name = planned["name"] = planned["id"] = _known(planned["name"]) or self.provider.lab
        service = self._service(name)
        files = service.files
        self.provider.ledger.begin(self, planned, found=files.directory.exists())
        config = self._config(planned, None)
        service.stop(_leftover(files) or config)
        files.make_directory()
        from halab.provider.fencing.certificates import issue

        issued = issue(config.lab, config.address)
        files.write(files.private_key, Secret(issued.private_key))
        files.write(files.certificate, issued.certificate)
        files.write(files.authority, issued.authority)
        files.write(files.config, config.dump())
        secrets.make(files, config.doors)
        state = _computed(planned, config, files)
        ctx.save(state)
        return self._apply(ctx, service, config, state)

    def read(self, ctx: Ctx, state: State) -> State | None:
        """What its files say, and whether it answers. Gone only when all of its files are: some hold secrets."""
        service = self._service(state["id"])
        ctx.private.pop(_DAMAGED, None)
        config = _leftover(service.files) if service.files.complete() else None
        if config is None:
            if not service.files.directory.exists():
                return None
            ctx.private[_DAMAGED] = True
            return {**state, "running": False}
        machines = list(config.machines)
        if sorted(machines) == sorted(map(str.lower, state["machines"] or [])):
            machines = state["machines"]  # as the user wrote them
        username = service.files.username()
        now = {**state, "name": state["id"], "address": config.address, "port": config.port}
        now |= {"machines": machines, "username": username, "running": self._runs(service, config, state)}
        return _computed({**now, "doors": dict(config.doors)}, config, service.files)

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        """Machines and password change under the running daemon; other doors, or one that is not well, restart it."""
        service = self._service(prior["id"])
        now = service.files.read_config()
        config = self._config(planned, prior)
        if now is not None and now.doors != config.doors:
            service.stop(now)
        elif now is not None:
            config = replace(
                config,
                supervision=now.supervision,
                firewall_opened=now.firewall_opened,
                firewall_rule=now.firewall_rule,
                door_rules=now.door_rules,
            )
        secrets.make(service.files, config.doors)
        service.files.write(service.files.config, config.dump())
        state = _computed(planned, config, service.files)
        return self._apply(ctx, service, config, state)

    def delete(self, ctx: Ctx, state: State) -> None:
        """End the daemon, close the port, remove the files; whatever of these is gone already is fine."""
        service = self._service(state["id"])
        service.stop(_leftover(service.files) or self._config(state, state))
        service.files.remove()

    def import_(self, ctx: Ctx, id: str) -> State:
        """By name. The password cannot be read back: the next apply sets it."""
        files = self._service(id).files
        config = files.read_config() if files.complete() else None
        if config is None:
            raise ConfigError("No such fencing endpoint", f"There is none at {files.directory}.")
        state = dict.fromkeys(self.schema.attrs)
        return _computed({**state, "id": id, "machines": list(config.machines)}, config, files)

    def _apply(self, ctx: Ctx, service: PowerService, config: PowerConfig, state: State) -> State:
        """From files to a daemon that answers (or to none, when `running` is false)."""
        username, password = state["username"], Secret(state["password"])
        service.files.write_password(username, password)
        if not state["running"]:
            service.stop(config)
            return state
        if not self._well(service, config, username, password):
            service.start(config)
            service.wait_until_ready(config, username, password, self.provider.stop)
        if config.supervision == "user unit" and ends_at_logout():
            ctx.warn(
                "The fencing endpoint ends when you log out",
                "It is a unit of your own systemd, which ends with your last session. "
                "`sudo loginctl enable-linger $USER` keeps it running.",
            )
        return state

    def _runs(self, service: PowerService, config: PowerConfig, state: State) -> bool:
        password = Secret(state["password"]) if state["password"] is not None else None
        return self._well(service, config, service.files.username() or "", password)

    def _well(self, service: PowerService, config: PowerConfig, username: str, password: Secret | None) -> bool:
        """Supervised, reachable and answering. Raises when that cannot be told, because libvirt does not answer it."""
        if not service.supervised(config) or not service.reachable(config):
            return False
        seen = service.probe(config, username, password)
        if seen.answer is Answer.BROKEN:
            raise HalabError(
                "The fencing endpoint cannot reach libvirt",
                f"{url(config)}: {seen.detail}. See that libvirtd runs and that this user may use {SYSTEM_URI}.\n"
                + service.files.last_log_lines(),
            )
        return seen.answer is Answer.READY

    def _service(self, name: str) -> PowerService:
        return PowerService(name, PowerFiles(self.provider.folder.fencing / name), self.provider.time_scale)

    def _config(self, state: State, prior: State | None) -> PowerConfig:
        plugs = _plugs(state["machines"], prior)
        return PowerConfig(
            lab=self.provider.lab,
            address=state["address"],
            port=state["port"],
            uri=SYSTEM_URI,
            machines=tuple(dict.fromkeys(map(str.lower, state["machines"]))),
            supervision=supervision_here(),
            plugs={machine.lower(): plug for machine, plug in plugs.items()},
            doors=dict(state["doors"] or {}),
        )


def _computed(state: State, config: PowerConfig, files: PowerFiles) -> State:
    plugs = assigned(config.machines, config.plugs)
    return {
        **state,
        "url": url(config),
        "ca_certificate": files.authority.read_text(),
        "systems": _systems(state["machines"]),
        "plugs": {machine: plugs[machine.lower()] for machine in state["machines"]},
        "secrets": secrets.present(files, config.doors),
        "ssh_host_key": secrets.host_key(files),
    }


def _plugs(machines: list[str], prior: State | None) -> dict[str, int]:
    """Each machine's plug; `prior`: who had which before."""
    known = prior or {}
    before = known.get("plugs") or assigned(known.get("machines") or (), {})
    plugs = assigned(map(str.lower, machines), {machine.lower(): plug for machine, plug in before.items()})
    return {machine: plugs[machine.lower()] for machine in machines}


def _systems(machines: list[str]) -> dict[str, str]:
    return {machine: f"/redfish/v1/Systems/{machine.lower()}" for machine in machines}


def _known(value: Any) -> Any:
    return None if value is UNKNOWN else value


def _leftover(files: PowerFiles) -> PowerConfig | None:
    """The configuration that lies there; None when there is none or it cannot be read any more."""
    try:
        return files.read_config()
    except HalabError:
        return None

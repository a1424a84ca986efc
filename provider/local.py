"""Resources that touch no machine: secrets, the lab's SSH key and configuration, the definition of a cluster."""

from __future__ import annotations

import base64
import dataclasses
import secrets
import string
from pathlib import Path
from typing import Any

from halab.provider import specs
from halab.provider.files import private_directory, read_or_none, write_private
from halab.provider.protocol import BOOL, NUM, STR, Attr, Block, Ctx, Failure, Resource, State, has_unknown
from halab.provisioners.corosync import Member, render_corosync_conf

# Letters and digits only: such a password needs no quoting in any file or tool that it passes through.
_ALPHABET = string.ascii_letters + string.digits
# An emulated node under load answers late: with Corosync's own 3 s it is fenced for being slow.
_EMULATED_TOKEN_MS = 10_000


class SecretResource(Resource):
    """A random value, made once and kept in the state only."""

    type = "halab_secret"
    schema = Block(
        doc="A random password, made once. It stands in the state, marked sensitive.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The name."),
            "name": Attr(STR, required=True, replace=True, doc="What it is for."),
            "length": Attr(NUM, default=24, replace=True, doc="Number of letters and digits."),
            "value": Attr(STR, computed=True, stable=True, sensitive=True, doc="The password."),
        },
    )

    def validate(self, ctx: Ctx, cfg: State) -> None:
        if isinstance(cfg["length"], int) and not 12 <= cfg["length"] <= 128:
            ctx.error("Invalid value for length", "A password has 12 to 128 characters.", ("length",))

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del ctx, cfg
        value = "".join(secrets.choice(_ALPHABET) for _ in range(planned["length"]))
        return {**planned, "id": planned["name"], "value": value}

    def read(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        return state

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx, state


class SshKeyResource(Resource):
    """The lab's SSH key pair: the private half is a 0600 file and never in the state."""

    type = "halab_ssh_key"
    schema = Block(
        doc="An ed25519 key pair. The private half is a file for its owner only; the state holds the public half.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The private key's path."),
            "name": Attr(
                STR, required=True, replace=True, doc="File name of the private key below the lab's directory."
            ),
            "private_key_path": Attr(STR, computed=True, stable=True, doc="Where the private key is."),
            "public_key": Attr(STR, computed=True, stable=True, doc="`type base64 comment`, as in authorized_keys."),
        },
    )

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        """Adopts the key of an earlier, interrupted run: machines may already trust it."""
        del ctx, cfg
        path = Path(self.provider.directory) / planned["name"]
        if read_or_none(path) is None:
            write_private(path, _new_private_key())
        path.chmod(0o600)
        return self._state(path, planned)

    def read(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        path = Path(state["private_key_path"])
        if read_or_none(path) is None:
            return None
        path.chmod(0o600)
        return self._state(path, state)

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx
        Path(state["private_key_path"]).unlink(missing_ok=True)

    def import_(self, ctx: Ctx, id: str) -> State:
        """By name."""
        del ctx
        path = Path(self.provider.directory) / id
        if read_or_none(path) is None:
            raise Failure("Nothing to import", f"There is no private key at {path}.")
        return self._state(path, {"name": id})

    def _state(self, path: Path, base: State) -> State:
        public = f"{_public_half(path)} halab-{self.provider.lab}"
        return {**base, "id": str(path), "private_key_path": str(path), "public_key": public}


def _new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()


def _public_half(path: Path) -> str:
    from cryptography.hazmat.primitives import serialization as form

    try:
        key: Any = form.load_ssh_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise Failure(
            f"{path} is not an SSH private key", f"{error}. Restore it, or delete it and deploy again."
        ) from None
    return str(key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode())


class SshConfigResource(Resource):
    """`ssh_config` and `known_hosts` of the lab, so that a person logs in without a prompt."""

    type = "halab_ssh_config"
    schema = Block(
        doc="An SSH client configuration with pinned host keys: `ssh -F .halab/ssh_config node1`.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The file's path."),
            "private_key_path": Attr(STR, required=True, doc="The lab's private key."),
            "hosts": Attr(
                required=True,
                nesting="list",
                doc="The machines.",
                nested={
                    "name": Attr(STR, required=True, doc="Short host name."),
                    "fqdn": Attr(STR, required=True, doc="Long host name."),
                    "address": Attr(STR, required=True, doc="IPv4 address."),
                    "host_key": Attr(STR, required=True, doc="Its public host key, `type base64`."),
                },
            ),
            "path": Attr(STR, computed=True, stable=True, doc="Path of ssh_config."),
            "intact": Attr(BOOL, default=True, doc="False in a plan: the files were changed or removed by hand."),
        },
    )

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del ctx, cfg
        path = private_directory(Path(self.provider.directory)) / "ssh_config"
        for file, text in _ssh_files(path, planned):
            write_private(file, text)
        return {**planned, "id": str(path), "path": str(path)}

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        del prior
        return self.create(ctx, planned, cfg)

    def read(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        intact = all(read_or_none(file) == text for file, text in _ssh_files(Path(state["path"]), state))
        return {**state, "intact": intact}

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx
        for file, _ in _ssh_files(Path(state["path"]), state):
            file.unlink(missing_ok=True)


def _ssh_files(path: Path, state: State) -> list[tuple[Path, str]]:
    known = path.with_name("known_hosts")
    sections = [
        f"Host {h['name']} {h['fqdn']}\n  HostName {h['address']}\n  HostKeyAlias {h['fqdn']}\n" for h in state["hosts"]
    ]
    common = (
        f'Host *\n  User root\n  IdentityFile "{state["private_key_path"]}"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{known}"\n  StrictHostKeyChecking yes\n  GlobalKnownHostsFile none\n'
    )
    pins = [f"{h['fqdn']},{h['name']},{h['address']} {h['host_key']}\n" for h in state["hosts"]]
    return [(path, "".join(sections) + common), (known, "".join(pins))]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a Corosync cluster is: its name, its members, its keys. Touches no machine; its members carry it out."""

    name: str
    token_ms: int | None
    hypervisor: str | None
    members: tuple[Member, ...]

    @property
    def conf(self) -> str:
        token_ms = self.token_ms or (_EMULATED_TOKEN_MS if self.hypervisor == "qemu" else None)
        return render_corosync_conf(self.name, token_ms, self.members)


class ClusterResource(Resource):
    """The definition of a cluster. Its corosync.conf is rendered at plan, so that a change is shown as a diff."""

    type = "halab_cluster"
    schema = Block(
        doc=(Cluster.__doc__ or "").strip(),
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The name."),
            "name": Attr(STR, required=True, replace=True, doc="Cluster name (corosync, DLM and GFS2 use it)."),
            "token_ms": Attr(NUM, optional=True, doc="Corosync's token timeout in ms; none: corosync's own."),
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
                    "name": Attr(STR, required=True, doc="Node name: the short host name."),
                    "address": Attr(STR, required=True, doc="IPv4 address of its link 0."),
                    "node_id": Attr(NUM, required=True, doc="Corosync's node id, never reused for another node."),
                },
            ),
            "corosync_conf": Attr(STR, computed=True, doc="The corosync.conf of every member."),
            "corosync_authkey": Attr(STR, computed=True, stable=True, sensitive=True, doc="256 bytes, base64."),
            "pacemaker_authkey": Attr(STR, computed=True, stable=True, sensitive=True, doc="256 bytes, base64."),
        },
    )

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        del ctx, prior
        if planned is not None and not has_unknown({k: cfg[k] for k in ("name", "token_ms", "hypervisor", "members")}):
            planned["corosync_conf"] = _conf(planned)

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del ctx, cfg
        keys = {key: _random_key() for key in ("corosync_authkey", "pacemaker_authkey")}
        return {**planned, **keys, "id": planned["name"], "corosync_conf": _conf(planned)}

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        del ctx, prior, cfg
        return {**planned, "corosync_conf": _conf(planned)}

    def read(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        return state

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx, state


def _conf(state: State) -> str:
    cluster: Cluster = specs.decode(Cluster, state)
    return cluster.conf


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(256)).decode()

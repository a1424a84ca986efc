"""Resources that touch no machine: secrets, the lab's SSH key and configuration."""

from __future__ import annotations

import secrets
import string
from pathlib import Path
from typing import Any

from halab.provider.protocol import BOOL, INT, STR, Attr, Block, Ctx, Failure, Resource, State, StateOnly
from halab.provider.run.files import close_file, private_directory, read_or_none, remove_private, write_private

# Letters and digits only: such a password needs no quoting in any file or tool that it passes through.
_ALPHABET = string.ascii_letters + string.digits


class SecretResource(StateOnly):
    """A random value, made once and kept in the state only."""

    type = "halab_secret"
    schema = Block(
        doc="A random password, made once. It stands in the state, marked sensitive.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The name."),
            "name": Attr(STR, required=True, replace=True, doc="What it is for."),
            "length": Attr(INT, default=24, replace=True, doc="Number of letters and digits."),
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

    def import_(self, ctx: Ctx, id: str) -> State:
        """By name; the value comes from a file, since Terraform shows ids and so does the list of processes."""
        del ctx
        path = imported_secret(Path(self.provider.directory), id)
        if (text := read_or_none(path)) is None:
            raise Failure("Nothing to import", f"Write the value of {id} into {path} (mode 0600), and remove it after.")
        path.chmod(0o600)
        value = text.removesuffix("\n")
        return {"id": id, "name": id, "length": len(value), "value": value}


def imported_secret(directory: Path, name: str) -> Path:
    """Where a secret's value is read from when it is imported."""
    if "/" in name or name in ("", ".", ".."):
        raise Failure(f"{name!r} is no name of a secret", "Import halab_secret by its name.")
    return private_directory(directory / "import") / name


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
        close_file(path)
        return self._state(path, planned)

    def read(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        path = Path(state["private_key_path"])
        if read_or_none(path) is None:
            return None
        close_file(path)
        return self._state(path, state)

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx
        remove_private(Path(state["private_key_path"]))

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

    def import_(self, ctx: Ctx, id: str) -> State:
        """By the path of ssh_config, which is its id."""
        del ctx
        config, known = Path(id), Path(id).with_name("known_hosts")
        if config != Path(self.provider.directory) / "ssh_config":
            raise Failure("Nothing to import", f"The id is {Path(self.provider.directory) / 'ssh_config'}, not {id!r}.")
        if (text := read_or_none(config)) is None or (pins := read_or_none(known)) is None:
            raise Failure("Nothing to import", f"There is no {config} with a known_hosts beside it.")
        return {"id": id, "path": id, "intact": True, **_parse_ssh_files(text, pins)}

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx
        for file, _ in _ssh_files(Path(state["path"]), state):
            remove_private(file)


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


def _parse_ssh_files(config: str, known: str) -> State:
    """What `_ssh_files` has written, read back."""
    keys = {names.split(",")[0]: key for names, _, key in (line.partition(" ") for line in known.splitlines())}
    hosts: list[State] = []
    path = ""
    for words in (line.split() for line in config.splitlines()):
        if words[:1] == ["Host"] and len(words) == 3:
            hosts.append({"name": words[1], "fqdn": words[2], "address": "", "host_key": keys.get(words[2], "")})
        elif words[:1] == ["HostName"] and hosts:
            hosts[-1]["address"] = words[1]
        elif words[:1] == ["IdentityFile"]:
            path = " ".join(words[1:]).strip('"')
    return {"private_key_path": path, "hosts": hosts}

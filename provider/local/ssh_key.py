"""halab_ssh_key: the lab's SSH key pair. The private half is a file in the lab's folder and never in the state."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from halab.provider.protocol import STR, Attr, Block, Ctx, Failure, Resource, State
from halab.provider.run.files import close_file, read_or_none, remove_private, write_private
from halab.provider.run.folder import LabFolder

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_OTHERS = {file.name for file in LabFolder(Path()).files} - {LabFolder(Path()).private_key.name}


def _name(value: str) -> str | None:
    if value in _OTHERS:
        return f"{value} is another file of the lab. Use another name."
    if _NAME.fullmatch(value):
        return None
    return "Use the name of a file, not a path: letters, digits, '_', '-' and '.'. The key stands in the lab's folder."


class SshKeyResource(Resource):
    """The key pair. Its place follows from its name: a folder that is moved takes it along."""

    type = "halab_ssh_key"
    named_by = ("name",)
    schema = Block(
        doc="An ed25519 key pair. The private half is a file for its owner only; the state holds the public half.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="The name."),
            "name": Attr(
                STR,
                required=True,
                replace=True,
                validators=(_name,),
                doc="File name of the private key in the lab's directory.",
            ),
            "private_key_path": Attr(STR, computed=True, stable=True, doc="Where the private key is."),
            "public_key": Attr(STR, computed=True, stable=True, doc="`type base64 comment`, as in authorized_keys."),
        },
    )

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        """Takes over the key of an earlier, interrupted run: machines may already trust it."""
        del ctx, cfg
        path = self._path(planned["name"])
        there = read_or_none(path) is not None
        self.provider.ledger.begin(self, planned, found=there)
        if not there:
            write_private(path, _new_private_key())
        close_file(path)
        return self._state(path, planned)

    def read(self, ctx: Ctx, state: State) -> State | None:
        if _name(state["name"]):
            return self._not_the_labs(ctx, state)
        path = self._path(state["name"])
        if read_or_none(path) is None:
            return None
        close_file(path)
        return self._state(path, state)

    def delete(self, ctx: Ctx, state: State) -> None:
        if _name(state["name"]):
            self._not_the_labs(ctx, state)
        else:
            remove_private(self._path(state["name"]))

    def import_(self, ctx: Ctx, id: str) -> State:
        """By name."""
        del ctx
        path = self._path(id)
        if read_or_none(path) is None:
            raise Failure("Nothing to import", f"There is no private key at {path}.")
        return self._state(path, {"name": id})

    def _path(self, name: str) -> Path:
        """A file right in the lab's folder."""
        if complaint := _name(name):
            raise Failure(f"{name!r} is no name of a key of the lab", complaint)
        folder: Path = self.provider.folder.path
        return folder / name

    @staticmethod
    def _not_the_labs(ctx: Ctx, state: State) -> State:
        """Earlier versions took paths for names, so that a person's own key came into a state."""
        ctx.warn(
            f"{state['name']} is not the lab's own key", "It is left alone. Name a file, not a path: a key is made."
        )
        return state

    def _state(self, path: Path, base: State) -> State:
        public = f"{_public_half(path)} halab-{self.provider.lab}"
        return {**base, "id": path.name, "private_key_path": str(path), "public_key": public}


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

"""halab_secret: a random value that stands in the state only."""

from __future__ import annotations

import secrets
import string
from pathlib import Path

from halab.provider.protocol import INT, STR, Attr, Block, Ctx, Failure, State, StateOnly
from halab.provider.run.files import private_directory, read_or_none
from halab.provider.run.folder import LabFolder

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
        path = imported_secret(self.provider.folder, id)
        if (text := read_or_none(path)) is None:
            raise Failure("Nothing to import", f"Write the value of {id} into {path} (mode 0600), and remove it after.")
        path.chmod(0o600)
        value = text.removesuffix("\n")
        return {"id": id, "name": id, "length": len(value), "value": value}


def imported_secret(folder: LabFolder, name: str) -> Path:
    """Where a secret's value is read from when it is imported."""
    if "/" in name or name in ("", ".", ".."):
        raise Failure(f"{name!r} is no name of a secret", "Import halab_secret by its name.")
    return private_directory(folder.imports) / name

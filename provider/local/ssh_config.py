"""halab_ssh_config: `ssh_config` and `known_hosts` in the lab's folder, so that a person logs in without a prompt."""

from __future__ import annotations

import re
from pathlib import Path

from halab.provider.protocol import BOOL, STR, Attr, Block, Ctx, Failure, Resource, State
from halab.provider.run import known_hosts
from halab.provider.run.files import read_or_none, remove_private, write_private
from halab.provisioners.engine import limits

_ID = "ssh_config"


def _path(value: object) -> str | None:
    """It stands between quotes in ssh_config, on a line of its own."""
    if isinstance(value, str) and value.startswith("/") and value.isprintable() and '"' not in value:
        return None
    return f"{value!r} cannot stand in ssh_config: give an absolute path without quotes and control characters."


class SshConfigResource(Resource):
    """Both files. They name absolute paths: in a folder that was moved they are written anew."""

    type = "halab_ssh_config"
    schema = Block(
        doc="An SSH client configuration with pinned host keys: `ssh -F .halab/LAB/ssh_config node1`.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc=f"Always {_ID}: a lab has one."),
            "private_key_path": Attr(STR, required=True, validators=(_path,), doc="The lab's private key."),
            "hosts": Attr(
                required=True,
                nesting="list",
                doc="The machines.",
                nested={
                    "name": Attr(STR, required=True, validators=(limits.host_name,), doc="Short host name."),
                    "fqdn": Attr(STR, required=True, validators=(limits.host_name,), doc="Long host name."),
                    "address": Attr(STR, required=True, validators=(limits.ipv4,), doc="IPv4 address."),
                    "host_key": Attr(
                        STR, required=True, validators=(limits.host_key,), doc="Its public host key, `type base64`."
                    ),
                },
            ),
            "path": Attr(STR, computed=True, stable=True, doc="Path of ssh_config."),
            "intact": Attr(BOOL, default=True, doc="False in a plan: the files were changed or removed by hand."),
        },
    )

    def key(self, values: State) -> str | None:
        del values
        return _ID

    @property
    def _files(self) -> tuple[Path, Path]:
        return self.provider.folder.ssh_config, self.provider.folder.known_hosts

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        del ctx, cfg
        there = any(file.exists() for file in self._files)
        self.provider.ledger.begin(self, planned, found=there)
        return self._written(planned)

    def _written(self, planned: State) -> State:
        for file, text in zip(self._files, _texts(self._files[1], planned), strict=True):
            write_private(file, text)
        return {**planned, **self._place()}

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        del ctx, prior, cfg
        return self._written(planned)

    def read(self, ctx: Ctx, state: State) -> State | None:
        """The key that the file names counts: it may stand elsewhere than when the state was written."""
        del ctx
        there = [read_or_none(file) for file in self._files]
        now = {**state, **self._place()}
        if there[0] is not None and (key := _key_of(there[0])):
            now["private_key_path"] = key
        return {**now, "intact": there == list(_texts(self._files[1], now))}

    def import_(self, ctx: Ctx, id: str) -> State:
        """By its only id."""
        del ctx
        if id not in (_ID, str(self._files[0])):
            raise Failure("Nothing to import", f"The id is {_ID}, not {id!r}.")
        config, known = (read_or_none(file) for file in self._files)
        if config is None or known is None:
            raise Failure("Nothing to import", f"There is no {self._files[0]} with a known_hosts beside it.")
        return {**self._place(), "intact": True, "private_key_path": _key_of(config), "hosts": _hosts(known)}

    def delete(self, ctx: Ctx, state: State) -> None:
        del ctx, state
        for file in self._files:
            remove_private(file)

    def _place(self) -> State:
        return {"id": _ID, "path": str(self._files[0])}


def _texts(known: Path, state: State) -> tuple[str, str]:
    """What stands in ssh_config and in known_hosts."""
    sections = [
        f"Host {h['name']} {h['fqdn']}\n  HostName {h['address']}\n  HostKeyAlias {h['fqdn']}\n" for h in state["hosts"]
    ]
    common = (
        f'Host *\n  User root\n  IdentityFile "{_escaped(state["private_key_path"])}"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{_escaped(str(known))}"\n  StrictHostKeyChecking yes\n  GlobalKnownHostsFile none\n'
    )
    pins = [f"{h['fqdn']},{h['name']},{h['address']} {h['host_key']}\n" for h in state["hosts"]]
    return "".join(sections) + common, "".join(pins)


def _hosts(known: str) -> list[State]:
    """The hosts that `_texts` has written into known_hosts; lines of other forms are no host of ours."""
    rows = [(*names, key) for names, key in known_hosts.parse(known).items() if len(names) == 3]
    return [dict(zip(("fqdn", "name", "address", "host_key"), row, strict=True)) for row in rows]


def _key_of(config: str) -> str:
    """The private key that ssh_config names; empty when it names none."""
    found = re.search(r'^\s*IdentityFile "(.*)"$', config, re.M)
    return found[1].replace("%%", "%") if found else ""


def _escaped(path: str) -> str:
    """A path in ssh_config, where % begins a token."""
    return path.replace("%", "%%")

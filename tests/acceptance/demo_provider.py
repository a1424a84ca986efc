"""A provider for the acceptance tests of the protocol layer: boxes, each a JSON file in a folder.

In a test's process, `Demo.on(event, hook)` puts a hook into the life cycle. As a program it is a real plugin, and
DEMO_PAUSE_FILE makes its create write that file once the box exists and then wait until it is stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from halab.provider.protocol import (
    BOOL,
    LIST,
    MAP,
    NUM,
    SET,
    STR,
    UNKNOWN,
    Attr,
    Block,
    Ctx,
    Provider,
    Resource,
    State,
    serve,
)

PAUSE_S = 60.0
Hook = Callable[[Ctx, State], None]


def at_least(least: int) -> Callable[[Any], str | None]:
    """A validator."""
    return lambda value: None if value >= least else f"{value} is too small: the least is {least}."


class Box(Resource):
    """One of everything that a schema can have."""

    type = "demo_box"
    provider: Demo
    schema = Block(
        version=1,
        attrs={
            "id": Attr(STR, computed=True, stable=True),
            "name": Attr(STR, required=True, replace=True),
            "size": Attr(NUM, default=10, validators=(at_least(1),)),
            "ratio": Attr(NUM, optional=True),
            "revision": Attr(NUM, computed=True),
            "serial": Attr(STR, optional=True, computed=True, stable=True, replace=True),
            "tags": Attr(MAP(STR), optional=True),
            "dns": Attr(LIST(STR), optional=True),
            "groups": Attr(SET(STR), optional=True),
            "password": Attr(STR, optional=True, sensitive=True),
            "token": Attr(STR, optional=True, write_only=True),
            "firmware": Attr(
                optional=True,
                nested={
                    "kind": Attr(STR, required=True, replace=True),
                    "secure": Attr(BOOL, default=True),
                    "digest": Attr(STR, computed=True, stable=True),
                },
            ),
            "nics": Attr(
                optional=True,
                nesting="list",
                nested={
                    "net": Attr(STR, required=True),
                    "mtu": Attr(NUM, default=1500, validators=(at_least(576),)),
                    "mac": Attr(STR, optional=True, computed=True, stable=True),
                },
            ),
            "routes": Attr(
                optional=True,
                nesting="set",
                nested={
                    "to": Attr(STR, required=True),
                    "metric": Attr(NUM, default=1),
                    "via": Attr(STR, computed=True, stable=True),
                },
            ),
        },
        blocks={
            "disk": Block(
                nesting="list",
                attrs={
                    "volume": Attr(STR, required=True, replace=True),
                    "size": Attr(NUM, optional=True, validators=(at_least(1),)),
                    "device": Attr(STR, computed=True, stable=True),
                },
            )
        },
    )
    upgraders = {0: lambda state: {"size": state.pop("weight", 10), **state}}  # noqa: RUF012

    def validate(self, ctx: Ctx, cfg: State) -> None:
        for index, server in enumerate(cfg["dns"] if isinstance(cfg["dns"], list) else []):
            if isinstance(server, str) and server.count(".") != 3:
                ctx.error("Not an IPv4 address", f"{server!r} is none.", ("dns", index))

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        self.provider.run("plan", ctx, planned or {})
        if planned is None and prior is not None and "keep" in (prior["tags"] or {}):
            ctx.error("The box is protected", "Remove the tag `keep` first.", ("tags",))
        if planned is not None and prior is not None and cfg["size"] is not UNKNOWN and planned["size"] < prior["size"]:
            ctx.replace.append(("size",))

    def create(self, ctx: Ctx, planned: State, cfg: State) -> State:
        self.provider.run("create", ctx, planned)
        print("a stray print, and a child's output, must not disturb the protocol", flush=True)
        subprocess.run(["echo", "on stdout"], check=True)
        planned["id"] = uuid.uuid4().hex[:8]
        planned["revision"] = 1
        self._fill(planned)
        self.provider.put(planned)
        ctx.save(planned)
        ctx.private["token_length"] = len(cfg["token"] or "")
        self.provider.run("created", ctx, planned)
        return planned

    def _fill(self, state: State) -> None:
        """What a hypervisor would choose."""
        if state["serial"] is UNKNOWN:
            state["serial"] = f"S-{state['id']}"
        if state["firmware"]:
            state["firmware"]["digest"] = f"sha-{state['firmware']['kind']}"
        for index, nic in enumerate(state["nics"] or []):
            if nic["mac"] is UNKNOWN:
                nic["mac"] = f"52:54:00:00:00:{index:02x}"
        for route in state["routes"] or []:
            route["via"] = f"gw-{route['to']}"
        for index, disk in enumerate(state["disk"]):
            disk["device"] = f"vd{chr(97 + index)}"

    def read(self, ctx: Ctx, state: State) -> State | None:
        self.provider.run("read", ctx, state)
        return self.provider.get(state["id"])

    def update(self, ctx: Ctx, prior: State, planned: State, cfg: State) -> State:
        self.provider.run("update", ctx, planned)
        planned["revision"] = prior["revision"] + 1
        self._fill(planned)
        self.provider.put(planned)
        return planned

    def delete(self, ctx: Ctx, state: State) -> None:
        self.provider.run("delete", ctx, state)
        self.provider.path(state["id"]).unlink(missing_ok=True)

    def import_(self, ctx: Ctx, id: str) -> State:
        return {"id": id}


class Demo(Provider):
    """Keeps its boxes in the folder that its configuration names."""

    address = "example.local/acme/demo"
    schema = Block(attrs={"folder": Attr(STR, required=True), "key": Attr(STR, optional=True, sensitive=True)})
    resources = {"demo_box": Box}  # noqa: RUF012

    def __init__(self) -> None:
        self.folder = Path()
        self._hooks: dict[str, Hook] = {}

    def configure(self, ctx: Ctx, cfg: State) -> None:
        self.folder = Path(cfg["folder"])
        self.folder.mkdir(exist_ok=True)

    def on(self, event: str, hook: Hook) -> None:
        """Call `hook` at plan, create (before), created (it exists and is saved), read, update or delete."""
        self._hooks[event] = hook

    def run(self, event: str, ctx: Ctx, state: State) -> None:
        """Call the hook of `event`, if there is one."""
        if event in self._hooks:
            self._hooks[event](ctx, state)

    def calm(self) -> None:
        """Forget all hooks."""
        self._hooks.clear()

    def path(self, id: str) -> Path:
        """The file of the box `id`."""
        return self.folder / f"{id}.json"

    def get(self, id: str) -> State | None:
        """The box as it is now; None if it is gone."""
        if not self.path(id).exists():
            return None
        box: State = json.loads(self.path(id).read_text())
        return box

    def put(self, box: State) -> None:
        """Write the box down."""
        self.path(box["id"]).write_text(json.dumps(box))

    def boxes(self) -> list[State]:
        """All boxes that exist."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]


def main() -> None:
    """Serve as a plugin."""
    demo = Demo()
    pause_file = os.environ.get("DEMO_PAUSE_FILE")
    if pause_file:

        def pause(ctx: Ctx, _state: State) -> None:
            Path(pause_file).write_text(str(os.getpid()))
            ctx.sleep(PAUSE_S)

        demo.on("created", pause)
    serve(demo)


if __name__ == "__main__":
    main()

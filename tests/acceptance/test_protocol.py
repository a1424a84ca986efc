"""The life cycle that all resource types share, with real terraform and the demo provider."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from halab.provider.protocol import Ctx, Failure, State
from tests.acceptance import demo_provider
from tests.acceptance.demo_provider import Demo

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

WAIT_S = 30.0
SECRET = "tr0ub4dor&3-horse"


@pytest.fixture
def provider() -> Demo:
    return Demo()


def configuration(terraform: Terraform, *boxes: str, **values: str) -> str:
    """A provider block and a box for each body given; `values` (HCL expressions) make one more, demo_box.a."""
    if values:
        boxes = (*boxes, "\n".join(f"{name} = {value}" for name, value in ({"name": '"a"'} | values).items()))
    blocks = "\n".join(f'resource "demo_box" "{chr(97 + index)}" {{\n{body}\n}}' for index, body in enumerate(boxes))
    return f'provider "demo" {{\n  folder = "{terraform.folder}/boxes"\n  key = "{SECRET}-key"\n}}\n{blocks}'


def write(terraform: Terraform, *boxes: str, **values: str) -> None:
    terraform.write(configuration(terraform, *boxes, **values))


def fails_with(error: BaseException) -> Callable[[Ctx, State], NoReturn]:
    def hook(_ctx: Ctx, _state: State) -> NoReturn:
        raise error

    return hook


EVERYTHING = {
    "size": "20",
    "ratio": "0.1",
    "tags": '{ a = "1" }',
    "dns": '["10.0.0.1"]',
    "groups": '["y", "x"]',
    "firmware": '{ kind = "uefi" }',
    "nics": '[{ net = "lan" }, { net = "san", mtu = 9000 }]',
    "routes": '[{ to = "b" }, { to = "a", metric = 5 }]',
}


class TestLifeCycle:
    def test_create_then_nothing_to_do_then_destroy(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, **EVERYTHING)
        terraform.apply()

        box = terraform.resource("demo_box.a")
        assert box["nics"] == [
            {"net": "lan", "mtu": 1500, "mac": "52:54:00:00:00:00"},
            {"net": "san", "mtu": 9000, "mac": "52:54:00:00:00:01"},
        ]
        assert box["firmware"] == {"kind": "uefi", "secure": True, "digest": "sha-uefi"}
        assert {route["to"]: (route["metric"], route["via"]) for route in box["routes"]} == {
            "a": (5, "gw-a"),
            "b": (1, "gw-b"),
        }
        assert (box["ratio"], box["size"], box["revision"]) == (0.1, 20, 1)
        assert terraform.plan().actions == {}

        terraform.destroy()
        assert provider.boxes() == []
        assert terraform.state() == {}

    def test_update_in_place_keeps_stable_values(self, terraform: Terraform) -> None:
        write(terraform, **EVERYTHING)
        terraform.apply()
        before = terraform.resource("demo_box.a")

        write(terraform, **EVERYTHING | {"size": "30", "routes": '[{ to = "a", metric = 6 }, { to = "c" }]'})
        plan = terraform.plan()
        assert plan.actions == {"demo_box.a": ["update"]}
        unknown = plan.changes["demo_box.a"]["after_unknown"]
        assert unknown["revision"] is True
        assert "id" not in unknown
        assert "serial" not in unknown
        terraform.apply()

        after = terraform.resource("demo_box.a")
        assert after["id"] == before["id"]
        assert after["nics"] == before["nics"]
        assert (after["size"], after["revision"]) == (30, 2)
        assert terraform.plan().actions == {}

    def test_blocks(self, terraform: Terraform) -> None:
        disks = 'name = "a"\ndisk {\n  volume = "v1"\n}\ndisk {\n  volume = "v2"\n  size = 5\n}'
        write(terraform, disks)
        terraform.apply()
        assert [disk["device"] for disk in terraform.resource("demo_box.a")["disk"]] == ["vda", "vdb"]
        assert terraform.plan().actions == {}

        write(terraform, disks.replace("v2", "v3"))
        change = terraform.plan().changes["demo_box.a"]
        assert change["actions"] == ["delete", "create"]
        assert change["replace_paths"] == [["disk", 1, "volume"]]

    def test_default_comes_back(self, terraform: Terraform) -> None:
        write(terraform, size="20", nics='[{ net = "lan", mtu = 9000 }]')
        terraform.apply()
        write(terraform, 'name = "a"\nsize = 20\nnics = [{ net = "lan" }]')
        assert terraform.plan().actions == {"demo_box.a": ["update"]}
        terraform.apply()
        box = terraform.resource("demo_box.a")
        assert box["nics"][0] == {"net": "lan", "mtu": 1500, "mac": "52:54:00:00:00:00"}

    @pytest.mark.parametrize(
        ("changed", "path"),
        [
            pytest.param({"name": '"b"'}, ["name"], id="attribute"),
            pytest.param({"size": "19"}, ["size"], id="decided by the plan hook"),
            pytest.param({"serial": '"other"'}, ["serial"], id="computed, now configured"),
            pytest.param({"firmware": '{ kind = "bios" }'}, ["firmware"], id="nested, cut to the attribute"),
        ],
    )
    def test_replace_is_shown(self, terraform: Terraform, changed: dict[str, str], path: list[str]) -> None:
        write(terraform, **EVERYTHING)
        terraform.apply()
        before = terraform.resource("demo_box.a")

        write(terraform, **EVERYTHING | changed)
        plan = terraform.plan()
        change = plan.changes["demo_box.a"]
        assert change["actions"] == ["delete", "create"]
        assert change["replace_paths"] == [path]
        assert change["after_unknown"]["id"] is True
        assert "# forces replacement" in plan.text
        terraform.apply()
        assert terraform.resource("demo_box.a")["id"] != before["id"]

    def test_import(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, **EVERYTHING)
        terraform.apply()
        box = provider.boxes()[0]
        terraform.run("state", "rm", "demo_box.a")

        terraform.import_("demo_box.a", box["id"])
        assert terraform.resource("demo_box.a")["serial"] == box["serial"]
        assert terraform.plan().actions == {}

    def test_import_of_nothing(self, terraform: Terraform) -> None:
        write(terraform, size="20")
        outcome = terraform.fails("import", "-no-color", "demo_box.a", "nothing")
        assert "Cannot import non-existent remote object" in outcome.text

    def test_old_state_is_upgraded(self, terraform: Terraform) -> None:
        write(terraform, size="20")
        terraform.apply()
        state_file = terraform.folder / "terraform.tfstate"
        state = json.loads(state_file.read_text())
        instance = state["resources"][0]["instances"][0]
        instance["schema_version"] = 0
        instance["attributes"]["weight"] = instance["attributes"].pop("size")
        state_file.write_text(json.dumps(state))
        assert terraform.plan().actions == {}

    def test_what_a_schema_no_longer_has_is_dropped(self, terraform: Terraform) -> None:
        write(terraform, size="20")
        terraform.apply()
        change_state(terraform, 1, {"colour": "red"})
        assert terraform.plan().actions == {}
        terraform.apply()  # writes the state anew
        assert "colour" not in terraform.resource("demo_box.a")

    def test_a_state_of_a_newer_provider_is_refused(self, terraform: Terraform) -> None:
        write(terraform, size="20")
        terraform.apply()
        change_state(terraform, 7, {})
        text = " ".join(terraform.fails("plan").text.split())
        assert "newer" in text


def change_state(terraform: Terraform, version: int, attributes: dict[str, Any]) -> None:
    """As if another version of the provider had written the box's state."""
    file = terraform.folder / "terraform.tfstate"
    state = json.loads(file.read_text())
    instance = state["resources"][0]["instances"][0]
    instance["schema_version"] = version
    instance["attributes"] |= attributes
    file.write_text(json.dumps(state))


class TestDrift:
    def test_changed_behind_our_back(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, **EVERYTHING)
        terraform.apply()
        provider.put(provider.boxes()[0] | {"size": 5})
        plan = terraform.plan()
        assert plan.actions == {"demo_box.a": ["update"]}
        assert plan.changes["demo_box.a"]["before"]["size"] == 5
        terraform.apply()
        assert provider.boxes()[0]["size"] == 20

    def test_gone(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        terraform.apply()
        provider.path(provider.boxes()[0]["id"]).unlink()
        assert terraform.plan().actions == {"demo_box.a": ["create"]}

    def test_unreadable_is_not_gone(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        terraform.apply()
        provider.on("read", fails_with(Failure("The shelf does not answer", "Is it switched on?")))
        assert terraform.fails("plan").error.summary == "The shelf does not answer"
        assert terraform.fails("apply").error.summary == "The shelf does not answer"
        provider.calm()
        assert terraform.plan().actions == {}


class TestFailures:
    def test_partial_create_is_tainted_not_lost(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        provider.on("created", fails_with(Failure("The lid is stuck", "Use force.", ("size",))))
        error = terraform.fails("apply").error
        assert (error.summary, error.detail, error.line) == ("The lid is stuck", "Use force.", "size = 20")

        first = provider.boxes()[0]["id"]
        entry = terraform.state()["demo_box.a"]
        assert entry["tainted"] is True
        assert entry["values"]["id"] == first
        provider.calm()
        assert terraform.plan().actions == {"demo_box.a": ["delete", "create"]}
        terraform.apply()
        assert [box["id"] for box in provider.boxes()] != [first]
        assert len(provider.boxes()) == 1

    def test_create_that_made_nothing(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        provider.on("create", fails_with(Failure("No room")))
        assert terraform.fails("apply").error.summary == "No room"
        assert terraform.state() == {}

    def test_failed_update_keeps_the_prior_state(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        terraform.apply()
        write(terraform, size="30")
        provider.on("update", fails_with(Failure("No room")))
        assert terraform.fails("apply").error.summary == "No room"
        assert terraform.resource("demo_box.a")["size"] == 20
        provider.calm()
        assert terraform.plan().actions == {"demo_box.a": ["update"]}

    def test_failed_delete_keeps_the_object(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        terraform.apply()
        provider.on("delete", fails_with(Failure("It is nailed down")))
        assert terraform.fails("apply", "-destroy").error.summary == "It is nailed down"
        assert "tainted" not in terraform.state()["demo_box.a"]
        provider.calm()
        terraform.destroy()

    def test_destroy_can_be_refused_at_plan(self, terraform: Terraform) -> None:
        write(terraform, tags='{ keep = "yes" }')
        terraform.apply()
        assert terraform.fails("plan", "-destroy").error.summary == "The box is protected"

    def test_exception_is_one_clean_diagnostic(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, password=f'"{SECRET}"', token=f'"{SECRET}-token"')
        message = f"cannot parse {SECRET!r}, {SECRET}-token, {SECRET}-key"
        provider.on("created", fails_with(ValueError(message)))
        outcome = terraform.fails("apply")
        error = outcome.error
        assert error.summary == "Bug in the provider: ValueError in create demo_box"
        assert error.address == "demo_box.a"
        assert "cannot parse '(sensitive value)'" in error.detail
        assert "acceptance/demo_provider.py" in error.detail
        assert "not in your configuration" in error.detail
        assert SECRET not in outcome.text
        assert terraform.state()["demo_box.a"]["tainted"] is True

    def test_error_of_the_same_shape_is_shown_as_it_is(self, terraform: Terraform, provider: Demo) -> None:
        class NodeDown(Exception):
            summary, detail, attribute = "node2 does not answer", "Power it on.", "size"

        write(terraform, size="20")
        provider.on("create", fails_with(NodeDown()))
        error = terraform.fails("apply").error
        assert (error.summary, error.detail, error.line) == ("node2 does not answer", "Power it on.", "size = 20")

    def test_state_that_does_not_fit_is_reported_and_kept(self, terraform: Terraform, provider: Demo) -> None:
        def spoil(_ctx: Ctx, state: State) -> None:
            state["groups"] = "not a set"

        write(terraform, groups='["x"]')
        provider.on("created", spoil)
        errors = terraform.fails("apply").errors
        assert "groups: expected a set, got str" in errors[0].detail
        assert terraform.resource("demo_box.a")["id"] == provider.boxes()[0]["id"]


class TestValues:
    @pytest.mark.parametrize(
        ("values", "line", "detail"),
        [
            pytest.param({"size": "0"}, "size = 0", "0 is too small: the least is 1.", id="validator"),
            pytest.param({"dns": '["10.0.0.1",\n"x"]'}, '"x"]', "'x' is none.", id="list index"),
            pytest.param(
                {"nics": '[{ net = "a" },\n{ net = "b", mtu = 1 }]'},
                '{ net = "b", mtu = 1 }]',
                "nics[1].mtu: 1 is too small: the least is 576.",
                id="nested attribute, path cut",
            ),
            pytest.param({"password": "[]"}, "password = []", None, id="wrong type"),
        ],
    )
    def test_bad_value_is_shown_at_its_line(
        self, terraform: Terraform, values: dict[str, str], line: str, detail: str | None
    ) -> None:
        write(terraform, **values)
        for command in ("validate", "plan"):
            error = terraform.fails(command).error
            assert error.line == line
            assert detail in (None, error.detail)

    def test_bad_value_in_a_block(self, terraform: Terraform) -> None:
        write(terraform, 'name = "a"\ndisk {\n  volume = "v"\n}\ndisk {\n  volume = "w"\n  size = 0\n}')
        assert terraform.fails("validate").error.line == "size = 0"

    def test_unknown_values(self, terraform: Terraform) -> None:
        first = 'name = "a"'
        second = (
            'name = "b"\nsize = demo_box.a.revision + 5\ndns = demo_box.a.revision > 0 ? ["10.0.0.1"] : []\n'
            "tags = { serial = demo_box.a.serial }\n"
            "nics = [for serial in [demo_box.a.serial] : { net = serial }]\n"
            "routes = toset([{ to = demo_box.a.serial }])\n"
            "dynamic disk {\n  for_each = toset([demo_box.a.serial])\n  content {\n    volume = disk.value\n  }\n}"
        )
        write(terraform, first, second)
        unknown = terraform.plan().changes["demo_box.b"]["after_unknown"]
        assert unknown["size"] is True
        assert unknown["nics"][0]["net"] is True
        terraform.apply()
        box = terraform.resource("demo_box.b")
        serial = terraform.resource("demo_box.a")["serial"]
        assert box["size"] == 6
        assert (box["nics"][0]["net"], box["disk"][0]["volume"], box["routes"][0]["to"]) == (serial, serial, serial)
        assert terraform.plan().actions == {}

    def test_sensitive_values_are_hidden(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, password=f'"{SECRET}"', token=f'"{SECRET}-token"')
        plan = terraform.plan()
        assert SECRET not in plan.text
        assert plan.changes["demo_box.a"]["after_sensitive"]["password"] is True
        provider.on("create", fails_with(Failure("Rejected", f"The store said: bad password {SECRET}.")))
        assert terraform.fails("apply").error.detail == "The store said: bad password (sensitive value)."
        provider.calm()
        terraform.apply()
        assert f"{SECRET}-token" not in (terraform.folder / "terraform.tfstate").read_text()
        assert terraform.resource("demo_box.a")["token"] is None
        assert terraform.plan().actions == {}


class TestParallel:
    def test_creates_run_at_once(self, terraform: Terraform, provider: Demo) -> None:
        count = 20
        together = threading.Barrier(count)
        provider.on("create", lambda _ctx, _state: (together.wait(WAIT_S), None)[1])
        write(terraform, *(f'name = "box{index}"' for index in range(count)))
        terraform.apply(f"-parallelism={count}")
        assert len(provider.boxes()) == count


class TestInterrupt:
    """Ctrl-C while an object is being created: it is in the state afterwards."""

    @staticmethod
    def _interrupt(terraform: Terraform, exists: threading.Event) -> Any:
        running = terraform.start("apply")
        assert exists.wait(WAIT_S)
        running.interrupt()
        return running.wait()

    def test_create_that_gives_up_is_tainted(self, terraform: Terraform, provider: Demo) -> None:
        exists = threading.Event()

        def pause(ctx: Ctx, _state: State) -> None:
            exists.set()
            ctx.sleep(WAIT_S)

        provider.on("created", pause)
        write(terraform, size="20")
        outcome = self._interrupt(terraform, exists)
        assert "Interrupted" in {error.summary for error in outcome.errors}
        entry = terraform.state()["demo_box.a"]
        assert (entry["values"]["id"], entry["tainted"]) == (provider.boxes()[0]["id"], True)
        provider.calm()
        terraform.destroy()
        assert provider.boxes() == []

    def test_create_that_finishes_is_whole(self, terraform: Terraform, provider: Demo) -> None:
        exists = threading.Event()

        def finish(ctx: Ctx, _state: State) -> None:
            exists.set()
            assert ctx.stop.wait(WAIT_S)

        provider.on("created", finish)
        write(terraform, size="20")
        self._interrupt(terraform, exists)
        assert "tainted" not in terraform.state()["demo_box.a"]
        provider.calm()
        assert terraform.plan().actions == {}


class TestInstalled:
    """Started by terraform itself, through a launcher in a local mirror."""

    COMMAND = (sys.executable, demo_provider.__file__)

    @staticmethod
    def _wait_for(pause_file: Path) -> int:
        """The provider's process id, once the box exists."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if pause_file.exists() and pause_file.read_text():
                return int(pause_file.read_text())
            time.sleep(0.02)
        pytest.fail(f"{pause_file} did not appear within {WAIT_S:.0f} s")

    @staticmethod
    def _wait_until_ended(pid: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, f"the provider {pid} still runs"
            time.sleep(0.02)

    def test_life_cycle(self, install: Callable[..., Terraform]) -> None:
        terraform = install(Demo.address, self.COMMAND)
        write(terraform, **EVERYTHING)
        terraform.init()
        terraform.apply()
        assert terraform.plan().actions == {}
        terraform.destroy()
        write(terraform, size="0")
        assert terraform.fails("validate").error.line == "size = 0"

    def test_ctrl_c_during_create(self, install: Callable[..., Terraform], tmp_path: Path) -> None:
        pause_file = tmp_path / "paused"
        terraform = install(Demo.address, self.COMMAND, {"DEMO_PAUSE_FILE": str(pause_file)})
        write(terraform, size="20")
        terraform.init()
        running = terraform.start("apply")
        pid = self._wait_for(pause_file)
        running.interrupt()
        running.wait()
        assert terraform.state()["demo_box.a"]["tainted"] is True
        self._wait_until_ended(pid)

    def test_provider_ends_when_terraform_is_killed(self, install: Callable[..., Terraform], tmp_path: Path) -> None:
        pause_file = tmp_path / "paused"
        terraform = install(Demo.address, self.COMMAND, {"DEMO_PAUSE_FILE": str(pause_file)})
        write(terraform, size="20")
        terraform.init()
        running = terraform.start("apply")
        pid = self._wait_for(pause_file)
        os.kill(running.process.pid, signal.SIGKILL)
        running.wait()
        self._wait_until_ended(pid)

"""The life cycle and the values that all resource types share, with real terraform and the demo provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.protocol import Failure
from tests.acceptance.boxes import EVERYTHING, SECRET, fails_with, write
from tests.acceptance.demo_provider import Demo

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform


@pytest.fixture
def provider() -> Demo:
    return Demo()


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

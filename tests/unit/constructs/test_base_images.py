"""Where the machines' system comes from: an assembled image, one that an installer makes, or one for each machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.constructs.synthesized import synthesized

EL9 = {"HALAB_IMAGE_SUITE": "el9", "HALAB_IMAGE_TREE": "http://m.example/9/BaseOS/x86_64/os"}


def test_an_assembled_image_is_known_beforehand() -> None:
    lab = synthesized()
    assert not lab.names("halab_installed_image")
    assert lab.by_address["halab_image.image"]["source"] == "/image"


def test_el9_is_installed_once_for_all() -> None:
    lab = synthesized(**EL9)
    assert lab.names("halab_installed_image") == {"installed_image"}
    installed = lab.by_address["halab_installed_image.installed_image"]
    assert (installed["suite"], installed["tree"]) == ("el9", EL9["HALAB_IMAGE_TREE"])
    assert (installed["cache"], installed["role"], installed["firewall"]) == ("/cache", "any", True)
    assert "instance" not in installed
    assert lab.by_address["halab_image.image"]["source"] == "${halab_installed_image.installed_image.source}"
    reserved = {host["mac"]: host for host in lab.by_address["halab_network.network"]["hosts"]}
    assert reserved[installed["mac"]]["name"] == "installer"
    assert reserved[installed["mac"]]["address"] == "192.168.77.9"


def test_each_machine_by_itself_as_in_the_talk() -> None:
    lab = synthesized(**EL9, HALAB_IMAGE_INSTALL_EACH_NODE="true", HALAB_NODE_COUNT="16")
    machines = [*(f"node{number}" for number in range(1, 17)), "target"]
    assert lab.names("halab_installed_image") == {f"{name}_installed_image" for name in machines}
    hosts = lab.by_address["halab_network.network"]["hosts"]
    assert len({host["mac"] for host in hosts}) == len({host["address"] for host in hosts}) == 2 * len(machines)
    for name in machines:
        installed = lab.by_address[f"halab_installed_image.{name}_installed_image"]
        assert (installed["instance"], installed["role"]) == (name, "target" if name == "target" else "node")
        assert lab.by_address[f"halab_image.{name}_image"]["source"].endswith(f"{name}_installed_image.source}}")
        assert lab.by_address[f"halab_volume.{name}_disk"]["backing"] == f"${{halab_image.{name}_image.disk}}"
        assert lab.by_address[f"halab_machine.{name}"]["kernel"] == f"${{halab_image.{name}_image.kernel}}"


def test_a_tree_on_this_machine_is_named_absolutely() -> None:
    lab = synthesized(HALAB_IMAGE_SUITE="el9", HALAB_IMAGE_TREE="dvd.iso")
    assert lab.by_address["halab_installed_image.installed_image"]["tree"] == str(Path("dvd.iso").absolute())


@pytest.mark.parametrize(
    ("variables", "config", "options"),
    [
        ({}, "/etc/apache2/apache2.conf", "noatime"),
        ({"HALAB_IMAGE_SUITE": "bookworm"}, "/etc/apache2/apache2.conf", "noatime"),
        (EL9, "/etc/httpd/conf/httpd.conf", "noatime,context=system_u:object_r:httpd_sys_content_t:s0"),
    ],
)
def test_what_the_cluster_runs_follows_the_distribution(variables: dict[str, str], config: str, options: str) -> None:
    lab = synthesized(**variables)
    _, httpd = lab.by_address["halab_group.site"]["primitives"]
    _, mount = lab.by_address["halab_clone.shared_fs"]["primitives"]
    assert (httpd["params"]["configfile"], mount["params"]["options"]) == (config, options)


def test_no_activation_key_is_in_the_synthesized_json(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret-key\n")
    lab = synthesized(
        **EL9, HALAB_IMAGE_RHSM_ORGANIZATION="1", HALAB_IMAGE_RHSM_ACTIVATION_KEY_FILE=str(tmp_path / "key")
    )
    assert str(tmp_path / "key") in json.dumps(lab.json)
    assert "secret-key" not in json.dumps(lab.json)

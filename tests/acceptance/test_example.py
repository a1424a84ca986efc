"""The labs that examples/ has: one in plain HCL, and one with a service besides the site."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider, attachable, write_stack
from tests.acceptance.hypervisor import write_image

if TYPE_CHECKING:
    from tests.acceptance.conftest import Outcome, Terraform

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def test_every_example_has_its_test() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {"two-nodes", "second_service", "resources"}


def test_plain_hcl(terraform: Terraform, provider: DoubledProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(terraform.folder)  # the example's `directory` is a relative one
    (terraform.folder / "versions.tf.json").unlink()  # the example has its own
    shutil.copytree(EXAMPLES / "two-nodes", terraform.folder, dirs_exist_ok=True)
    # Found from the environment, so that the commands are those that the example gives.
    terraform.environment["TF_VAR_image"] = os.fspath(write_image(terraform.folder / "image"))
    terraform.environment["TF_VAR_pool"] = "/pair"
    # Without a KVM to try: the test driver boots nothing.
    main = terraform.folder / "main.tf"
    main.write_text(main.read_text().replace("lab       = local.lab", 'lab = local.lab\n  hypervisor = "qemu"'))
    terraform.apply()
    assert terraform.plan().actions == {}
    assert len(provider.hypervisor_holds()["domains"]) == 3
    terraform.destroy()
    assert (provider.guests.left(), provider.hypervisor_holds()) == ([], EMPTY_HYPERVISOR)


def _synthesized(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """cdk.tf.json as the example's own main.py writes it."""
    shutil.copytree(EXAMPLES / "second_service", folder)
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return attachable((folder / "cdktf.out/stacks/shop/cdk.tf.json").read_text())


def _ended(outcome: Outcome) -> list[str]:
    """Addresses of the resources that were done with, in this order."""
    lines = [json.loads(line) for line in outcome.text.splitlines() if line.startswith("{")]
    return [line["hook"]["resource"]["addr"] for line in lines if line["type"] == "apply_complete"]


def test_a_service_besides_the_site(terraform: Terraform, provider: DoubledProvider) -> None:
    cache = str(terraform.folder / "cache")
    environment = {**os.environ, "HALAB_HYPERVISOR": "qemu", "HALAB_CACHE": cache}
    write_stack(terraform, _synthesized(terraform.folder / "example", environment))
    made = _ended(terraform.apply())
    assert terraform.plan().actions == {}
    database = terraform.state()["halab_group.database"]["values"]
    assert [one["agent"] for one in database["primitives"]][-1] == "systemd:database"
    for node in ("node1", "node2", "node3"):
        host = terraform.state()[f"halab_host.{node}_host"]["values"]
        assert "tcp/5432" in host["firewall_open"]
    for earlier in ("gfs2.database_files", "file.node3_database_unit", "file.node3_database_password"):
        assert made.index(f"halab_{earlier}") < made.index("halab_group.database")
    # It takes nodes to remove a volume.
    gone = _ended(terraform.destroy())
    for node in ("node1", "node2", "node3"):
        assert gone.index("halab_logical_volume.database_volume") < gone.index(f"halab_cluster_node.{node}")
    assert provider.hypervisor_holds() == EMPTY_HYPERVISOR


def test_the_examples_of_the_documentation_are_valid(terraform: Terraform, provider: DoubledProvider) -> None:
    """All of them in one module: they refer to each other."""
    (terraform.folder / "versions.tf.json").unlink()
    shutil.copytree(EXAMPLES / "resources", terraform.folder, dirs_exist_ok=True)
    assert json.loads(terraform.run("validate", "-json").text)["diagnostics"] == []
    written = {path.stem for path in (EXAMPLES / "resources").glob("halab_*.tf")}
    assert written == set(provider.resources)

"""A cluster that a person builds with pcs, on a machine that only boots: exported, imported, and the plan is empty."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.images import DebianRecipe, ImageCache, default_cache_dir
from halab.provisioners.engine.command import cmd, script
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.ssh import Address, SshTransport
from tests.e2e.lab import CHECKOUT, HALAB, hypervisor
from tests.e2e.terraform_lab import TerraformLab

pytestmark = pytest.mark.long

LAB, NAME, ADDRESS, MAC = "hand", "node1", "192.168.95.11", "52:54:00:95:00:11"
TIME_SCALE = 4.0
# What a person types. pcsd's own certificate takes an emulated machine longer than its unit may take to start.
PREPARE = f"""# get pcs ready
echo '{ADDRESS} {NAME}' >> /etc/hosts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN={NAME} \\
  -keyout /var/lib/pcsd/pcsd.key -out /var/lib/pcsd/pcsd.crt 2>/dev/null
chmod 600 /var/lib/pcsd/pcsd.*
echo hacluster:by-hand-2026 | chpasswd
systemctl start pcsd
"""
PCS = (
    f"host auth {NAME} addr={ADDRESS} -u hacluster -p by-hand-2026",
    f"cluster setup {LAB} {NAME} addr={ADDRESS} --force",
    "cluster start --all --wait=600",
    "property set stonith-enabled=false no-quorum-policy=ignore",
    "resource create dummy ocf:pacemaker:Dummy op monitor interval=30s timeout=240s start timeout=240s",
    "resource create a ocf:pacemaker:Dummy fake=hello op monitor interval=30s timeout=240s meta priority=5 --group web",
    "resource create b ocf:pacemaker:Dummy op monitor interval=45s timeout=240s --group web",
    "resource create every ocf:pacemaker:Dummy op monitor interval=60s timeout=240s clone interleave=true",
    f"constraint location dummy prefers {NAME}=50",
    "constraint order every-clone then web",
    "constraint colocation add web with every-clone",
    "constraint order start dummy then start b kind=Optional",
    "resource defaults update migration-threshold=3",
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerraformLab]:
    """One machine that is marked as a node of the cluster, and nothing in it."""
    terraform = TerraformLab(tmp_path_factory.mktemp("hand"), LAB, TIME_SCALE)
    image = ImageCache(default_cache_dir(CHECKOUT)).find(DebianRecipe())
    assert image is not None, "make prepare builds the image"
    terraform.resources = {
        "halab_ssh_key": {"key": {"name": "id_ed25519"}},
        "halab_network": {
            "net": {"name": LAB, "cidr": "192.168.95.0/24", "hosts": [{"name": NAME, "mac": MAC, "address": ADDRESS}]}
        },
        "halab_pool": {"pool": {"name": LAB, "path": "/var/lib/libvirt/images/halab-hand"}},
        "halab_image": {"image": {"name": "base", "pool": "${halab_pool.pool.name}", "source": str(image.directory)}},
        "halab_volume": {
            "disk": {
                "name": "node1.qcow2",
                "pool": "${halab_pool.pool.name}",
                "size_bytes": "${halab_image.image.virtual_size_bytes}",
                "backing": "${halab_image.image.disk}",
            }
        },
        "halab_machine": {
            NAME: {
                "name": f"{LAB}-{NAME}",
                "hostname": NAME,
                "memory_mib": 1280,
                **{part: f"${{halab_image.image.{part}}}" for part in ("kernel", "initrd", "cmdline")},
                "cmdline_emulated": "${halab_image.image.cmdline_emulated}",
                "disks": ["${halab_volume.disk.path}"],
                "network": "${halab_network.net.name}",
                "mac": MAC,
                "address": ADDRESS,
                "cluster": LAB,
                "authorized_key": "${halab_ssh_key.key.public_key}",
            }
        },
    }
    terraform.init()
    try:
        assert terraform.apply().returncode == 0
        yield terraform
    finally:
        terraform.destroy()
        with hypervisor() as connection:
            assert [d.name() for d in connection.listAllDomains() if d.name().startswith(LAB)] == []


@pytest.fixture(scope="module")
def by_hand(machine: TerraformLab) -> Host:
    """The machine with the cluster that a person made."""
    key = machine.state("halab_machine", NAME)["host_key"]
    transport = SshTransport(Address(NAME, ADDRESS, key, machine.halab / "id_ed25519"), Pace(time_scale=TIME_SCALE))
    host = Host(transport, pace=Pace(time_scale=TIME_SCALE))
    host.ask(script(PREPARE, timeout_s=300))
    for command in PCS:
        host.ask(cmd("pcs", *shlex.split(command), timeout_s=600))
    return host


def test_the_plan_after_an_export_is_empty(machine: TerraformLab, by_hand: Host, tmp_path: Path) -> None:
    before = by_hand.ask(cmd("cibadmin", "--query", "--scope", "configuration")).stdout
    target = TerraformLab(tmp_path / "exported", LAB, TIME_SCALE)
    exported = machine.run(
        str(HALAB), "export",
        "--lab", LAB, "--cluster", LAB, "--directory", str(machine.halab), str(target.directory),
        cwd=CHECKOUT,
    )  # fmt: skip
    assert exported.returncode == 0, exported.stdout
    assert target.run("terraform", "init", "-input=false").returncode == 0
    planned = target.run("terraform", "plan", "-no-color", "-input=false", "-out=plan")
    assert planned.returncode == 0, planned.stdout
    assert "0 to add, 0 to change, 0 to destroy" in planned.stdout, planned.stdout
    assert target.run("terraform", "apply", "-no-color", "-input=false", "plan").returncode == 0
    assert target.plan_exit_code() == 0
    assert by_hand.ask(cmd("cibadmin", "--query", "--scope", "configuration")).stdout == before, "nothing was touched"

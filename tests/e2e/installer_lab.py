"""What the tests of installed images share: a lab of one image, what it must leave behind, what it told."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.ssh import Address, SshTransport
from tests.e2e.lab import hypervisor
from tests.e2e.terraform_lab import TerraformLab, unwrapped

LAB = "installer-e2e"
POOL = Path("/var/lib/libvirt/halab-installer-e2e")
INSTALLER = f"{LAB}-installer"
NODE = {"name": "node1", "mac": "52:54:00:aa:01:01", "address": "10.178.0.11"}
HOSTS = [{"name": "installer", "mac": "52:54:00:aa:01:09", "address": "10.178.0.9"}, NODE]


@contextmanager
def isolated_lab(directory: Path, deadline_s: float = 600.0) -> Iterator[TerraformLab]:
    """A network without a way out, a pool and a key, under real terraform; nothing of them stays."""
    terraform = TerraformLab(
        directory, LAB, time_scale=float(os.environ.get("HALAB_TIME_SCALE", "1")), deadline_s=deadline_s
    )
    terraform.resources = {
        "halab_network": {"lab": {"name": LAB, "cidr": "10.178.0.0/24", "mode": "isolated", "hosts": HOSTS}},
        "halab_pool": {"lab": {"name": LAB, "path": str(POOL)}},
        "halab_ssh_key": {"lab": {"name": "id_ed25519"}},
    }
    terraform.init()
    yield terraform
    terraform.destroy()
    with hypervisor() as connection:
        assert connection.listAllDomains() == []
    assert not POOL.exists()


def wants(terraform: TerraformLab, tree: Path, cache: Path, **more: Any) -> None:
    """Describe one installed image, and no machine."""
    for kind in ("halab_image", "halab_volume", "halab_machine", "halab_host"):
        terraform.resources.pop(kind, None)
    terraform.resources["halab_installed_image"] = {
        "el9": {
            "name": INSTALLER,
            "pool": "${halab_pool.lab.name}",
            "network": "${halab_network.lab.name}",
            "mac": HOSTS[0]["mac"],
            "cache": str(cache),
            "suite": "el9",
            "tree": str(tree),
            "memory_mib": 512,
            "vcpus": 1,
            "deadline_minutes": 5,
            **more,
        }
    }


def nothing_left(cache: Path) -> None:
    with hypervisor() as connection:
        assert connection.listAllDomains() == []
        pool = connection.storagePoolLookupByName(LAB)
        pool.refresh()
        assert [name for name in pool.listVolumes() if name.startswith(INSTALLER)] == []
    assert [path.name for path in cache.iterdir() if not path.name.endswith(".lock")] == []


def failure(terraform: TerraformLab, cache: Path) -> str:
    """What terraform says of an apply that must fail and leave nothing."""
    done = terraform.apply()
    assert done.returncode == 1
    nothing_left(cache)
    return unwrapped(done.stdout)


def stages(terraform: TerraformLab) -> list[str]:
    return [str(line["detail"]) for line in terraform.progress() if line["resource"] == "halab_installed_image"]


def await_stage(terraform: TerraformLab, stage: str, process: Any, deadline_s: float = 120) -> None:
    end = time.monotonic() + deadline_s
    while stage not in stages(terraform):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"no {stage!r}, but {stages(terraform)}"
        time.sleep(0.2)


def provider_pid(parent: int) -> int:
    """The provider that a process of terraform has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            its_parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if its_parent == parent and b"halab.provider" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert len(found) == 1
    return found[0]


def machine() -> dict[str, dict[str, dict[str, Any]]]:
    """node1 on the installed image, and its host item."""
    return {
        "halab_image": {
            "base": {"name": "base", "pool": "${halab_pool.lab.name}", "source": "${halab_installed_image.el9.source}"}
        },
        "halab_volume": {
            "node1": {
                "name": "node1.qcow2",
                "pool": "${halab_pool.lab.name}",
                "size_bytes": "${halab_image.base.virtual_size_bytes}",
                "backing": "${halab_image.base.disk}",
            }
        },
        "halab_machine": {
            "node1": {
                "name": f"{LAB}-node1",
                "hostname": "node1",
                "domain": "e2e.test",
                "memory_mib": 1024,
                "kernel": "${halab_image.base.kernel}",
                "initrd": "${halab_image.base.initrd}",
                "cmdline": "${halab_image.base.cmdline}",
                "cmdline_emulated": "${halab_image.base.cmdline_emulated}",
                "disks": ["${halab_volume.node1.path}"],
                "network": "${halab_network.lab.name}",
                "mac": NODE["mac"],
                "address": NODE["address"],
                "authorized_key": "${halab_ssh_key.lab.public_key}",
            }
        },
        "halab_host": {
            "node1": {
                "machine": "${halab_machine.node1.id}",
                "hostname": "node1",
                "domain": "e2e.test",
                "hosts": [{"address": NODE["address"], "name": "node1"}],
            }
        },
    }


def node(terraform: TerraformLab) -> Host:
    """The machine, by SSH."""
    key = terraform.state("halab_machine", "node1")["host_key"]
    return Host(SshTransport(Address("node1", NODE["address"], key, terraform.halab / "id_ed25519"), Pace()))

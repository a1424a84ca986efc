"""The provider with doubles of guests and of what the test driver of libvirt cannot do, and the lab to apply to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from halab.provider.guests.hosts import Hosts
from halab.provider.hypervisor.connection import Connection
from halab.provider.lab import HalabProvider
from halab.provider.protocol import Ctx, State
from halab.provider.registry import ITEMS
from halab.provider.run.changes import Changes
from halab.provider.run.folder import LabFolder
from tests.acceptance.guests import Guests, stored
from tests.acceptance.hypervisor import write_image

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

_CHECKOUT = Path(__file__).parents[2]
_HYPERVISOR = _CHECKOUT / "tests/data/hypervisor/test-driver.xml"


class DoubledProvider(HalabProvider):
    """The real provider on libvirt's test driver. Guests are doubles; items of types in `real` run their commands."""

    destroying = destroying_all = False  # not Terraform's child in a test: test_process.py tests it as one

    def __init__(self, *real: str) -> None:
        super().__init__()
        self._real = real
        self.guests = Guests()
        self.guests.alive = lambda: {view.host_key for view in self.inventory.machines()}
        self.resources = {**self.resources, **{name: stored(name) for name in ITEMS if name not in real}}

    def end(self) -> None:
        """What the kernel does when a process ends: it lets go of the lock that a killed one has held."""
        held: Changes | None = getattr(self, "_changes", None)
        if held is not None and held._descriptor >= 0:
            os.close(held._descriptor)

    def successor(self) -> DoubledProvider:
        """Another process of it: it remembers nothing, and the world is as this one left it."""
        heir = DoubledProvider(*self._real)
        heir.guests, heir.__dict__["_connection"] = self.guests, self._connection
        heir.guests.alive = lambda: {view.host_key for view in heir.inventory.machines()}
        return heir

    def configure(self, ctx: Ctx, cfg: State) -> None:
        self.close()
        super().configure(ctx, cfg)
        for name in ("_hosts", "agendas"):  # each of Terraform's runs would start a process of its own
            self.__dict__.pop(name, None)

    @cached_property
    def _connection(self) -> Connection:
        return Connection(f"test:///{quote(str(_HYPERVISOR))}")

    @cached_property
    def _hosts(self) -> Hosts:
        return Hosts(self.inventory, self.keys, self.time_scale, dial=self.guests.dial, agendas=self.agendas)

    def domain(self, hostname: str) -> Any:
        """libvirt's domain of a machine."""
        view = next(view for view in self.inventory.machines() if view.hostname == hostname)
        return self.connection.domain(view.name)

    def hypervisor_holds(self) -> dict[str, list[str]]:
        """Names of all objects in libvirt."""
        virt = self.connection.libvirt
        return {
            "domains": sorted(domain.name() for domain in virt.listAllDomains()),
            "networks": sorted(network.name() for network in virt.listAllNetworks()),
            "pools": sorted(pool.name() for pool in virt.listAllStoragePools()),
        }


EMPTY_HYPERVISOR = {"domains": ["theirs"], "networks": ["theirs"], "pools": ["theirs"]}


@cache
def _synthesized(settings: str) -> str:
    """cdk.tf.json of the lab with these settings (JSON), as `python main.py` writes it, for the directory @DIR@."""
    from halab.cli.lab.application import build
    from halab.constructs.cdk import App, TerraformStack
    from halab.constructs.settings import load

    with TemporaryDirectory(prefix="halab-synth-") as folder:
        app = App(outdir=f"{folder}/out")
        lab = build(app, load(json.loads(settings), {}), Path(folder), cache=Path(folder, ".cache/images"))
        app.synth()
        written = Path(app.outdir, "stacks", TerraformStack.of(lab).node.id, "cdk.tf.json")
        return written.read_text().replace(folder, "@DIR@")


def stack(nodes: int, folder: Path, storage: str = "gfs2", **settings: Any) -> dict[str, Any]:
    """The synthesized lab, for `folder`, ready to be applied."""
    chosen = {"node_count": nodes, "hypervisor": "qemu", "site": {"storage": storage}, **settings}
    return attachable(_synthesized(json.dumps(chosen)).replace("@DIR@", str(folder / "lab")))


def attachable(text: str) -> dict[str, Any]:
    """A synthesized lab without its backend and the provider's version: attaching needs no init. Its image is made."""
    document: dict[str, Any] = json.loads(text)
    del document["terraform"]["backend"]
    del document["terraform"]["required_providers"]["halab"]["version"]
    source = Path(next(iter(document["resource"]["halab_image"].values()))["source"])
    if not source.exists():
        write_image(source)
    return document


def write_stack(
    terraform: Terraform, document: Mapping[str, Any], extra: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Make a synthesized document the configuration; `extra` is type -> name -> attributes of more resources."""
    (terraform.folder / "versions.tf.json").unlink(missing_ok=True)
    resources: dict[str, dict[str, Any]] = {kind: dict(named) for kind, named in document["resource"].items()}
    for kind, named in (extra or {}).items():
        resources.setdefault(kind, {}).update(named)
    (terraform.folder / "cdk.tf.json").write_text(json.dumps({**document, "resource": resources}))


def secrets_of(terraform: Terraform) -> set[str]:
    """Lines of all that nobody may see: what the state marks as sensitive, and the lab's private key."""
    lines = {
        line
        for entry in terraform.state().values()
        for name, sensitive in entry["sensitive_values"].items()
        if sensitive is True and isinstance(entry["values"][name], str)
        for line in entry["values"][name].splitlines()
        if len(line) >= 12
    }
    key = LabFolder.of(terraform.folder / "lab", "summit").private_key
    return lines | {line for line in key.read_text().splitlines() if not line.startswith("-----")}


_LUN, _KEY = "/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6", "e1c4a12b"


def uncovered(lab: str, machine: str) -> dict[str, dict[str, Any]]:
    """A resource of each type that the lab itself does not use. `machine` refers to one of its nodes."""
    after = ["halab_group.site", "halab_cluster_property.stonith_enabled"]
    inside = {"cluster": lab, "depends_on": after}
    return {
        "halab_packages": {"tools": {"machine": machine, "names": ["sg3-utils", "tcpdump"]}},
        "halab_quorum_device": {"asks": {"machine": machine, "cluster": "another"}},
        "halab_service": {"cron": {"machine": machine, "name": "cron"}},
        "halab_multipath": {"paths": {"machine": machine, "device": _LUN, "key": _KEY}},
        "halab_scsi_key": {"key": {"machine": machine, "device": _LUN, "key": _KEY}},
        "halab_scsi_watch": {"watch": {"machine": machine, "device": _LUN, "key": _KEY}},
        "halab_scsi_reservation": {
            "reservation": {"cluster": lab, "device": _LUN, "keys": [_KEY], "depends_on": after}
        },
        "halab_primitive": {
            "ping": {**inside, "name": "ping", "agent": "ocf:pacemaker:ping", "params": {"host_list": "192.168.77.1"}}
        },
        "halab_location": {
            "ping_likes": {
                "cluster": lab,
                "resource": "${halab_primitive.ping.name}",
                "node": "node1",
                "score": "100",
            }
        },
        "halab_colocation": {
            "ping_with": {"cluster": lab, "resource": "${halab_primitive.ping.name}", "with_resource": f"{lab}-site"}
        },
        "halab_order": {"ping_then": {"cluster": lab, "first": "${halab_primitive.ping.name}", "then": f"{lab}-site"}},
    }


def one_machine(folder: Path) -> str:
    """HCL of a machine, halab_machine.one, and all that it stands on."""
    image = folder / "image"
    if not image.exists():
        write_image(image)
    return f"""
provider "halab" {{
  lab        = "small"
  directory  = "{folder}/.halab"
  hypervisor = "qemu"
}}
resource "halab_ssh_key" "key" {{ name = "id_ed25519" }}
resource "halab_network" "net" {{
  name  = "small"
  cidr  = "10.17.0.0/24"
  hosts = [{{ name = "one", mac = "52:54:00:00:00:01", address = "10.17.0.11" }}]
}}
resource "halab_pool" "pool" {{
  name = "small"
  path = "/small"
}}
resource "halab_image" "image" {{
  name   = "base"
  pool   = halab_pool.pool.name
  source = "{image}"
}}
resource "halab_volume" "disk" {{
  name       = "one.qcow2"
  pool       = halab_pool.pool.name
  size_bytes = halab_image.image.virtual_size_bytes
  backing    = halab_image.image.disk
}}
resource "halab_machine" "one" {{
  name           = "small-one"
  hostname       = "one"
  domain         = "small.test"
  memory_mib     = 1024
  kernel         = halab_image.image.kernel
  initrd         = halab_image.image.initrd
  cmdline        = halab_image.image.cmdline
  disks          = [halab_volume.disk.path]
  network        = halab_network.net.name
  mac            = "52:54:00:00:00:01"
  address        = "10.17.0.11"
  authorized_key = halab_ssh_key.key.public_key
}}
"""

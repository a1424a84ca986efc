"""The whole lab, put together from its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from halab.constructs.base_images import ImagePlaces
from halab.constructs.baseline import Baseline
from halab.constructs.cdk import Construct, TerraformOutput, TerraformStack
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.fenced import Fenced
from halab.constructs.fencing import Fencing
from halab.constructs.machines import Machines
from halab.constructs.nodes import Nodes
from halab.constructs.phases import Phases
from halab.constructs.quorum_device import QuorumDevices
from halab.constructs.settings import Settings
from halab.constructs.shared_filesystem import SharedFileSystem
from halab.constructs.shared_storage import SharedStorage
from halab.constructs.shared_volume_group import SharedVolumeGroup
from halab.constructs.site import Site, WebServers


class Lab(Construct):
    """N nodes and an iSCSI target, fenced, with a site on top.

    `images`: where base images are; `pool`: where the disks go (libvirt must be able to read there); `node_ports`: what
    the nodes' firewall lets in besides what the lab needs (`tcp/5432`).

    Its parts are for whoever adds to it (docs/extending.md): `nodes` are the machines of the cluster `cluster_name` by
    name, `volume_group` and `shared` are None unless the site's storage is gfs2, `fencing` is None without fencing, and
    `phases` says what waits for what.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        *,
        images: ImagePlaces,
        pool: Path,
        node_ports: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.settings = settings
        self.phases = phases = Phases()
        self.machines = Machines(self, "machines", settings, images=images, pool=pool)
        self.storage = SharedStorage(self, "storage", settings, self.machines, phases)
        self.cluster = CorosyncCluster(self, "cluster", settings, self.machines, phases)
        ports = (*node_ports, *settings.fencing.node_ports)
        self.baseline = Baseline(self, "baseline", settings, self.machines, phases, ports)
        QuorumDevices(self, "quorum_devices", settings, self.machines, self.cluster, self.baseline, phases)
        self.fencing = self._fencing()
        self.volume_group = self._volume_group()
        WebServers(self, "web_servers", settings, self.machines, self.baseline, phases)
        Nodes(self, "nodes", self.machines, self.cluster, phases)
        self.shared = self._shared()
        self.site = Site(self, "site", settings, self.machines, self.cluster, self.shared, phases)
        if self.fencing:
            self.fencing.add_levels()
        password = self.cluster.add_pcsd()
        self.baseline.add_ssh_trust()
        self.cluster_name = self.cluster.name
        self.nodes = {name: self.machines.by_name[name] for name in self.cluster.members}
        self._outputs(self.machines, self.baseline, self.storage, self.fencing)
        stack = TerraformStack.of(self)
        TerraformOutput(stack, "hacluster_password", value=password, sensitive=True, description="For pcs and pcsd.")

    def _fencing(self) -> Fencing | None:
        if not self.settings.fencing.methods:
            return None
        fenced = Fenced(self.settings, self.machines, self.storage, self.cluster, self.phases)
        return Fencing(self, "fencing", fenced)

    def _volume_group(self) -> SharedVolumeGroup | None:
        if self.settings.site.storage != "gfs2":
            return None
        return SharedVolumeGroup(
            self, "volume_group", self.settings, self.machines, self.storage, self.cluster, self.phases
        )

    def _shared(self) -> SharedFileSystem | None:
        if self.volume_group is None:
            return None
        return SharedFileSystem(
            self, "shared_fs", self.settings, self.machines, self.volume_group, self.cluster, self.phases
        )

    def _outputs(self, machines: Machines, baseline: Baseline, storage: SharedStorage, fencing: Fencing | None) -> None:
        settings = self.settings
        values = {
            "site_url": f"http://{settings.site_address}/",
            "nodes": {place.name: place.address for place in machines.places if place.cluster},
            "target": settings.target_address,
            "target_iqn": storage.target.iqn,
            "shell": f"ssh -F '{baseline.ssh_config.path}' node1",  # there may be a blank in it
            **({"fencing_endpoint": fencing.endpoint.url} if fencing and fencing.endpoint else {}),
        }
        stack = TerraformStack.of(self)  # cdktf nests outputs by the construct that they belong to
        for name, value in values.items():
            TerraformOutput(stack, name, value=value)

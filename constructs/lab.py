"""The whole lab, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from halab.constructs.base_images import ImagePlaces
from halab.constructs.baseline import Baseline
from halab.constructs.cdk import Construct, IDependable, TerraformOutput, TerraformStack
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.fencing import RedfishFencing
from halab.constructs.machines import Machines
from halab.constructs.nodes import Nodes
from halab.constructs.settings import Settings
from halab.constructs.shared_filesystem import SharedFileSystem
from halab.constructs.shared_storage import SharedStorage
from halab.constructs.site import Site


class Lab(Construct):
    """N nodes and an iSCSI target, fenced, with a site on top.

    `images`: where base images are; `pool`: where the disks go (libvirt must be able to read there).
    """

    def __init__(self, scope: Construct, id: str, settings: Settings, *, images: ImagePlaces, pool: Path) -> None:
        super().__init__(scope, id)
        self._settings = settings
        machines = Machines(self, "machines", settings, images=images, pool=pool)
        storage = SharedStorage(self, "storage", settings, machines)
        cluster = CorosyncCluster(self, "cluster", settings, machines)
        baseline = Baseline(self, "baseline", settings, machines, cluster)
        fencing = (
            RedfishFencing(self, "fencing", settings, machines, cluster) if settings.fencing.method != "none" else None
        )
        devices: list[IDependable] = [*fencing.devices.values()] if fencing else []
        shared = None
        if settings.site.storage == "gfs2":
            shared = SharedFileSystem(self, "shared_fs", settings, machines, storage, cluster, devices)
        site = Site(self, "site", settings, machines, baseline, cluster, shared, devices)
        parts: list[Mapping[str, Sequence[IDependable]]] = [site.parts, storage.parts]
        parts += [fencing.parts] if fencing else []
        parts += [shared.parts] if shared else []
        nodes = Nodes(self, "nodes", machines, cluster, parts)
        if shared:
            shared.remove_before(nodes.members)
        password = cluster.add_pcsd(after=[site.running])
        baseline.add_ssh_trust(after=[site.running])
        self._outputs(machines, baseline, storage, fencing)
        stack = TerraformStack.of(self)
        TerraformOutput(stack, "hacluster_password", value=password, sensitive=True, description="For pcs and pcsd.")

    def _outputs(
        self, machines: Machines, baseline: Baseline, storage: SharedStorage, fencing: RedfishFencing | None
    ) -> None:
        settings = self._settings
        values = {
            "site_url": f"http://{settings.site_address}/",
            "nodes": {place.name: place.address for place in machines.places if place.cluster},
            "target": settings.target_address,
            "target_iqn": storage.target.iqn,
            "shell": f"ssh -F {baseline.ssh_config.path} node1",
            **({"fencing_endpoint": fencing.endpoint.url} if fencing else {}),
        }
        stack = TerraformStack.of(self)  # cdktf nests outputs by the construct that they belong to
        for name, value in values.items():
            TerraformOutput(stack, name, value=value)

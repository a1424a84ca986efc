"""Typed bindings of the provider. Written by cli/developer/generate.py: change the specs, not this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from halab.constructs.cdk import Construct, IDependable, TerraformResourceLifecycle
from halab.constructs.resource import HalabResource


class CaCertificate(HalabResource):
    """A CA certificate in the system's trust store."""

    TYPE = "halab_ca_certificate"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        name: str,
        pem: str,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"machine": machine, "name": name, "pem": pem}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def pem(self) -> str:
        return self.get_string_attribute("pem")


class CloneLocations(TypedDict, total=False):
    node: str
    score: str | None


class CloneColocations(TypedDict, total=False):
    with_resource: str
    score: str | None


class CloneAfter(TypedDict, total=False):
    resource: str
    kind: str | None


class ClonePrimitivesOperations(TypedDict, total=False):
    name: str
    interval: str | None
    timeout: str | None
    on_fail: str | None
    attributes: Mapping[str, str] | None


class ClonePrimitives(TypedDict, total=False):
    name: str
    agent: str
    params: Mapping[str, str] | None
    meta: Mapping[str, str] | None
    operations: Sequence[ClonePrimitivesOperations] | None


class Clone(HalabResource):
    """A primitive, or a group of them, that runs on several nodes at once."""

    TYPE = "halab_clone"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        primitives: Sequence[ClonePrimitives],
        locations: Sequence[CloneLocations] | None = None,
        colocations: Sequence[CloneColocations] | None = None,
        after: Sequence[CloneAfter] | None = None,
        bans: Sequence[str] | None = None,
        wait: bool | None = None,
        wait_s: float | None = None,
        condition: str | None = None,
        group_name: str | None = None,
        meta: Mapping[str, str] | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "name": name,
                "locations": locations,
                "colocations": colocations,
                "after": after,
                "bans": bans,
                "wait": wait,
                "wait_s": wait_s,
                "condition": condition,
                "primitives": primitives,
                "group_name": group_name,
                "meta": meta,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def wait_s(self) -> float:
        return self.get_number_attribute("wait_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")

    @property
    def group_name(self) -> str:
        return self.get_string_attribute("group_name")


class ClusterMembers(TypedDict):
    name: str
    address: str
    node_id: float


class Cluster(HalabResource):
    """What a Corosync cluster is: its name, its members, its keys."""

    TYPE = "halab_cluster"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        members: Sequence[ClusterMembers],
        token_ms: float | None = None,
        hypervisor: str | None = None,
        options: Mapping[str, str] | None = None,
        keeps_quorum: bool | None = None,
        machines: Sequence[str] | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "name": name,
                "token_ms": token_ms,
                "hypervisor": hypervisor,
                "members": members,
                "options": options,
                "keeps_quorum": keeps_quorum,
                "machines": machines,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def token_ms(self) -> float:
        return self.get_number_attribute("token_ms")

    @property
    def hypervisor(self) -> str:
        return self.get_string_attribute("hypervisor")

    @property
    def incarnation(self) -> str:
        return self.get_string_attribute("incarnation")

    @property
    def corosync_conf(self) -> str:
        return self.get_string_attribute("corosync_conf")

    @property
    def corosync_authkey(self) -> str:
        return self.get_string_attribute("corosync_authkey")

    @property
    def pacemaker_authkey(self) -> str:
        return self.get_string_attribute("pacemaker_authkey")


class ClusterFile(HalabResource):
    """A text file in a file system that the cluster mounts; written once, seen by all nodes."""

    TYPE = "halab_cluster_file"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        mount_point: str,
        path: str,
        content: str,
        mode: str | None = None,
        owner: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "mount_point": mount_point,
                "path": path,
                "content": content,
                "mode": mode,
                "owner": owner,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def mount_point(self) -> str:
        return self.get_string_attribute("mount_point")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")

    @property
    def content(self) -> str:
        return self.get_string_attribute("content")

    @property
    def mode(self) -> str:
        return self.get_string_attribute("mode")

    @property
    def owner(self) -> str:
        return self.get_string_attribute("owner")


class ClusterMember(HalabResource):
    """A machine as a node of a cluster."""

    TYPE = "halab_cluster_member"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        cluster: str,
        name: str,
        corosync_conf: str,
        corosync_authkey: str,
        pacemaker_authkey: str,
        enabled: bool | None = None,
        running: bool | None = None,
        late_start: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "cluster": cluster,
                "name": name,
                "corosync_conf": corosync_conf,
                "corosync_authkey": corosync_authkey,
                "pacemaker_authkey": pacemaker_authkey,
                "enabled": enabled,
                "running": running,
                "late_start": late_start,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def corosync_conf(self) -> str:
        return self.get_string_attribute("corosync_conf")

    @property
    def corosync_authkey(self) -> str:
        return self.get_string_attribute("corosync_authkey")

    @property
    def pacemaker_authkey(self) -> str:
        return self.get_string_attribute("pacemaker_authkey")


class ClusterNode(HalabResource):
    """What a node does for its cluster."""

    TYPE = "halab_cluster_node"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        cluster: str,
        name: str,
        standby: bool | None = None,
        maintenance: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {"machine": machine, "cluster": cluster, "name": name, "standby": standby, "maintenance": maintenance},
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")


class ClusterProperty(HalabResource):
    """One property of the cluster as a whole, for example no-quorum-policy."""

    TYPE = "halab_cluster_property"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        value: str,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"cluster": cluster, "name": name, "value": value}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def value(self) -> str:
        return self.get_string_attribute("value")


class Colocation(HalabResource):
    """A resource runs on the node where another one runs."""

    TYPE = "halab_colocation"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        resource: str,
        with_resource: str,
        score: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {"cluster": cluster, "resource": resource, "with_resource": with_resource, "score": score},
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def resource(self) -> str:
        return self.get_string_attribute("resource")

    @property
    def with_resource(self) -> str:
        return self.get_string_attribute("with_resource")

    @property
    def score(self) -> str:
        return self.get_string_attribute("score")


class FencingEndpoint(HalabResource):
    """Service on the hypervisor that switches this lab's machines off and on, for fence agents: over Redfish, and over
    the protocols in `doors`.
    """

    TYPE = "halab_fencing_endpoint"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        address: str,
        username: str,
        password: str,
        machines: Sequence[str],
        name: str | None = None,
        port: float | None = None,
        doors: Mapping[str, float] | None = None,
        running: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "name": name,
                "address": address,
                "port": port,
                "username": username,
                "password": password,
                "machines": machines,
                "doors": doors,
                "running": running,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def address(self) -> str:
        return self.get_string_attribute("address")

    @property
    def port(self) -> float:
        return self.get_number_attribute("port")

    @property
    def username(self) -> str:
        return self.get_string_attribute("username")

    @property
    def password(self) -> str:
        return self.get_string_attribute("password")

    @property
    def ca_certificate(self) -> str:
        return self.get_string_attribute("ca_certificate")

    @property
    def url(self) -> str:
        return self.get_string_attribute("url")

    @property
    def ssh_host_key(self) -> str:
        return self.get_string_attribute("ssh_host_key")


class FencingLevel(HalabResource):
    """Devices that fence a node together; the next level is tried when one of them fails."""

    TYPE = "halab_fencing_level"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        node: str,
        level: float,
        devices: Sequence[str],
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"cluster": cluster, "node": node, "level": level, "devices": devices}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def level(self) -> float:
        return self.get_number_attribute("level")


class File(HalabResource):
    """A text file on a machine."""

    TYPE = "halab_file"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        path: str,
        content: str | None = None,
        sensitive_content: str | None = None,
        mode: str | None = None,
        owner: str | None = None,
        overwrite: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "path": path,
                "content": content,
                "sensitive_content": sensitive_content,
                "mode": mode,
                "owner": owner,
                "overwrite": overwrite,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")

    @property
    def content(self) -> str:
        return self.get_string_attribute("content")

    @property
    def sensitive_content(self) -> str:
        return self.get_string_attribute("sensitive_content")

    @property
    def mode(self) -> str:
        return self.get_string_attribute("mode")

    @property
    def owner(self) -> str:
        return self.get_string_attribute("owner")


class Gfs2(HalabResource):
    """A GFS2 file system, locked through DLM."""

    TYPE = "halab_gfs2"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        device: str,
        journals: float,
        spare_journals: float | None = None,
        journal_size_mib: float | None = None,
        lun_bytes: float | None = None,
        volume_size: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "name": name,
                "device": device,
                "journals": journals,
                "spare_journals": spare_journals,
                "journal_size_mib": journal_size_mib,
                "lun_bytes": lun_bytes,
                "volume_size": volume_size,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def journals(self) -> float:
        return self.get_number_attribute("journals")

    @property
    def spare_journals(self) -> float:
        return self.get_number_attribute("spare_journals")

    @property
    def journal_size_mib(self) -> float:
        return self.get_number_attribute("journal_size_mib")

    @property
    def uuid(self) -> str:
        return self.get_string_attribute("uuid")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")

    @property
    def volume_size(self) -> str:
        return self.get_string_attribute("volume_size")


class GroupLocations(TypedDict, total=False):
    node: str
    score: str | None


class GroupColocations(TypedDict, total=False):
    with_resource: str
    score: str | None


class GroupAfter(TypedDict, total=False):
    resource: str
    kind: str | None


class GroupPrimitivesOperations(TypedDict, total=False):
    name: str
    interval: str | None
    timeout: str | None
    on_fail: str | None
    attributes: Mapping[str, str] | None


class GroupPrimitives(TypedDict, total=False):
    name: str
    agent: str
    params: Mapping[str, str] | None
    meta: Mapping[str, str] | None
    operations: Sequence[GroupPrimitivesOperations] | None


class Group(HalabResource):
    """Primitives that run together on one node, started in the order in which they stand here."""

    TYPE = "halab_group"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        primitives: Sequence[GroupPrimitives],
        locations: Sequence[GroupLocations] | None = None,
        colocations: Sequence[GroupColocations] | None = None,
        after: Sequence[GroupAfter] | None = None,
        bans: Sequence[str] | None = None,
        wait: bool | None = None,
        wait_s: float | None = None,
        condition: str | None = None,
        meta: Mapping[str, str] | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "name": name,
                "locations": locations,
                "colocations": colocations,
                "after": after,
                "bans": bans,
                "wait": wait,
                "wait_s": wait_s,
                "condition": condition,
                "primitives": primitives,
                "meta": meta,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def wait_s(self) -> float:
        return self.get_number_attribute("wait_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class HostHosts(TypedDict):
    name: str
    address: str


class Host(HalabResource):
    """Names, time, SSH key and firewall of a host."""

    TYPE = "halab_host"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        hostname: str,
        domain: str,
        hosts: Sequence[HostHosts],
        time_source: str | None = None,
        time_clients: str | None = None,
        firewall: str | None = None,
        firewall_open: Sequence[str] | None = None,
        firewall_sources: Sequence[str] | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "hostname": hostname,
                "domain": domain,
                "hosts": hosts,
                "time_source": time_source,
                "time_clients": time_clients,
                "firewall": firewall,
                "firewall_open": firewall_open,
                "firewall_sources": firewall_sources,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def hostname(self) -> str:
        return self.get_string_attribute("hostname")

    @property
    def domain(self) -> str:
        return self.get_string_attribute("domain")

    @property
    def time_source(self) -> str:
        return self.get_string_attribute("time_source")

    @property
    def time_clients(self) -> str:
        return self.get_string_attribute("time_clients")

    @property
    def firewall(self) -> str:
        return self.get_string_attribute("firewall")

    @property
    def ssh_public_key(self) -> str:
        return self.get_string_attribute("ssh_public_key")


class Image(HalabResource):
    """A base image in the lab's pool."""

    TYPE = "halab_image"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        pool: str,
        source: str,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"name": name, "pool": pool, "source": source}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def pool(self) -> str:
        return self.get_string_attribute("pool")

    @property
    def source(self) -> str:
        return self.get_string_attribute("source")

    @property
    def recipe(self) -> str:
        return self.get_string_attribute("recipe")

    @property
    def disk(self) -> str:
        return self.get_string_attribute("disk")

    @property
    def kernel(self) -> str:
        return self.get_string_attribute("kernel")

    @property
    def initrd(self) -> str:
        return self.get_string_attribute("initrd")

    @property
    def cmdline(self) -> str:
        return self.get_string_attribute("cmdline")

    @property
    def cmdline_emulated(self) -> str:
        return self.get_string_attribute("cmdline_emulated")

    @property
    def virtual_size_bytes(self) -> float:
        return self.get_number_attribute("virtual_size_bytes")


class InstalledImage(HalabResource):
    """A base image that the distribution's own installer has made, by an answer file."""

    TYPE = "halab_installed_image"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        pool: str,
        network: str,
        mac: str,
        cache: str,
        suite: str,
        tree: str,
        instance: str | None = None,
        role: str | None = None,
        firewall: bool | None = None,
        extra_packages: Sequence[str] | None = None,
        repositories: Sequence[str] | None = None,
        kickstart: str | None = None,
        allow_plaintext_password: bool | None = None,
        disk_gib: float | None = None,
        rhsm_organization: str | None = None,
        rhsm_activation_key_file: str | None = None,
        memory_mib: float | None = None,
        vcpus: float | None = None,
        hypervisor: str | None = None,
        deadline_minutes: float | None = None,
        silence_minutes: float | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "name": name,
                "pool": pool,
                "network": network,
                "mac": mac,
                "cache": cache,
                "instance": instance,
                "suite": suite,
                "tree": tree,
                "role": role,
                "firewall": firewall,
                "extra_packages": extra_packages,
                "repositories": repositories,
                "kickstart": kickstart,
                "allow_plaintext_password": allow_plaintext_password,
                "disk_gib": disk_gib,
                "rhsm_organization": rhsm_organization,
                "rhsm_activation_key_file": rhsm_activation_key_file,
                "memory_mib": memory_mib,
                "vcpus": vcpus,
                "hypervisor": hypervisor,
                "deadline_minutes": deadline_minutes,
                "silence_minutes": silence_minutes,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def pool(self) -> str:
        return self.get_string_attribute("pool")

    @property
    def network(self) -> str:
        return self.get_string_attribute("network")

    @property
    def mac(self) -> str:
        return self.get_string_attribute("mac")

    @property
    def cache(self) -> str:
        return self.get_string_attribute("cache")

    @property
    def instance(self) -> str:
        return self.get_string_attribute("instance")

    @property
    def suite(self) -> str:
        return self.get_string_attribute("suite")

    @property
    def tree(self) -> str:
        return self.get_string_attribute("tree")

    @property
    def role(self) -> str:
        return self.get_string_attribute("role")

    @property
    def kickstart(self) -> str:
        return self.get_string_attribute("kickstart")

    @property
    def disk_gib(self) -> float:
        return self.get_number_attribute("disk_gib")

    @property
    def rhsm_organization(self) -> str:
        return self.get_string_attribute("rhsm_organization")

    @property
    def rhsm_activation_key_file(self) -> str:
        return self.get_string_attribute("rhsm_activation_key_file")

    @property
    def memory_mib(self) -> float:
        return self.get_number_attribute("memory_mib")

    @property
    def vcpus(self) -> float:
        return self.get_number_attribute("vcpus")

    @property
    def hypervisor(self) -> str:
        return self.get_string_attribute("hypervisor")

    @property
    def deadline_minutes(self) -> float:
        return self.get_number_attribute("deadline_minutes")

    @property
    def silence_minutes(self) -> float:
        return self.get_number_attribute("silence_minutes")

    @property
    def recipe(self) -> str:
        return self.get_string_attribute("recipe")

    @property
    def source(self) -> str:
        return self.get_string_attribute("source")


class IscsiAcl(HalabResource):
    """What one initiator may do: log in with CHAP and use LUN 0."""

    TYPE = "halab_iscsi_acl"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        target_iqn: str,
        initiator_iqn: str,
        chap_user: str,
        chap_password: str,
        node: str | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "target_iqn": target_iqn,
                "initiator_iqn": initiator_iqn,
                "chap_user": chap_user,
                "chap_password": chap_password,
                "node": node,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def target_iqn(self) -> str:
        return self.get_string_attribute("target_iqn")

    @property
    def initiator_iqn(self) -> str:
        return self.get_string_attribute("initiator_iqn")

    @property
    def chap_user(self) -> str:
        return self.get_string_attribute("chap_user")

    @property
    def chap_password(self) -> str:
        return self.get_string_attribute("chap_password")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class IscsiSession(HalabResource):
    """A login of one initiator at one target, made anew at each boot before Pacemaker starts."""

    TYPE = "halab_iscsi_session"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        initiator_iqn: str,
        target_iqn: str,
        portal: str,
        port: float | None = None,
        chap_user: str | None = None,
        chap_password: str | None = None,
        replacement_timeout_s: float | None = None,
        lun_bytes: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "initiator_iqn": initiator_iqn,
                "target_iqn": target_iqn,
                "portal": portal,
                "port": port,
                "chap_user": chap_user,
                "chap_password": chap_password,
                "replacement_timeout_s": replacement_timeout_s,
                "lun_bytes": lun_bytes,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def initiator_iqn(self) -> str:
        return self.get_string_attribute("initiator_iqn")

    @property
    def target_iqn(self) -> str:
        return self.get_string_attribute("target_iqn")

    @property
    def portal(self) -> str:
        return self.get_string_attribute("portal")

    @property
    def port(self) -> float:
        return self.get_number_attribute("port")

    @property
    def chap_user(self) -> str:
        return self.get_string_attribute("chap_user")

    @property
    def chap_password(self) -> str:
        return self.get_string_attribute("chap_password")

    @property
    def replacement_timeout_s(self) -> float:
        return self.get_number_attribute("replacement_timeout_s")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class IscsiTarget(HalabResource):
    """An iSCSI target that exports one block device as LUN 0, saved and restored at boot."""

    TYPE = "halab_iscsi_target"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str,
        portal: str,
        iqn: str | None = None,
        hostname: str | None = None,
        port: float | None = None,
        further_ports: Sequence[float] | None = None,
        backstore: str | None = None,
        demo_mode: bool | None = None,
        chap: bool | None = None,
        reservations: bool | None = None,
        serial: str | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "device": device,
                "portal": portal,
                "iqn": iqn,
                "hostname": hostname,
                "port": port,
                "further_ports": further_ports,
                "backstore": backstore,
                "demo_mode": demo_mode,
                "chap": chap,
                "reservations": reservations,
                "serial": serial,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def portal(self) -> str:
        return self.get_string_attribute("portal")

    @property
    def iqn(self) -> str:
        return self.get_string_attribute("iqn")

    @property
    def hostname(self) -> str:
        return self.get_string_attribute("hostname")

    @property
    def port(self) -> float:
        return self.get_number_attribute("port")

    @property
    def backstore(self) -> str:
        return self.get_string_attribute("backstore")

    @property
    def serial(self) -> str:
        return self.get_string_attribute("serial")

    @property
    def lun_device(self) -> str:
        return self.get_string_attribute("lun_device")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class Location(HalabResource):
    """A resource likes or avoids a node."""

    TYPE = "halab_location"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        resource: str,
        node: str,
        score: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"cluster": cluster, "resource": resource, "node": node, "score": score}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def resource(self) -> str:
        return self.get_string_attribute("resource")

    @property
    def score(self) -> str:
        return self.get_string_attribute("score")


class LogicalVolume(HalabResource):
    """A linear logical volume in a shared volume group; Pacemaker activates it."""

    TYPE = "halab_logical_volume"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        vg: str,
        name: str,
        size: str,
        lun_bytes: float | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {"cluster": cluster, "vg": vg, "name": name, "size": size, "lun_bytes": lun_bytes},
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def vg(self) -> str:
        return self.get_string_attribute("vg")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def size(self) -> str:
        return self.get_string_attribute("size")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")

    @property
    def uuid(self) -> str:
        return self.get_string_attribute("uuid")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")


class LvmDevice(HalabResource):
    """A node's use of a shared volume group: it sees the physical volume and has joined the lockspace."""

    TYPE = "halab_lvm_device"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        vg: str,
        device: str,
        lun_bytes: float | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"machine": machine, "vg": vg, "device": device, "lun_bytes": lun_bytes}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def vg(self) -> str:
        return self.get_string_attribute("vg")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def uuid(self) -> str:
        return self.get_string_attribute("uuid")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")


class LvmHost(HalabResource):
    """LVM on a node asks lvmlockd for its locks."""

    TYPE = "halab_lvm_host"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"machine": machine}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")


class Machine(HalabResource):
    """A virtual machine (q35, virtio, serial console, watchdog) that boots a kernel directly."""

    TYPE = "halab_machine"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        hostname: str,
        memory_mib: float,
        kernel: str,
        initrd: str,
        cmdline: str,
        disks: Sequence[str],
        network: str,
        mac: str,
        address: str,
        authorized_key: str,
        domain: str | None = None,
        vcpus: float | None = None,
        cmdline_emulated: str | None = None,
        cluster: str | None = None,
        hypervisor: str | None = None,
        running: bool | None = None,
        autostart: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "name": name,
                "hostname": hostname,
                "domain": domain,
                "memory_mib": memory_mib,
                "vcpus": vcpus,
                "kernel": kernel,
                "initrd": initrd,
                "cmdline": cmdline,
                "cmdline_emulated": cmdline_emulated,
                "disks": disks,
                "network": network,
                "mac": mac,
                "address": address,
                "cluster": cluster,
                "authorized_key": authorized_key,
                "hypervisor": hypervisor,
                "running": running,
                "autostart": autostart,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def hostname(self) -> str:
        return self.get_string_attribute("hostname")

    @property
    def domain(self) -> str:
        return self.get_string_attribute("domain")

    @property
    def memory_mib(self) -> float:
        return self.get_number_attribute("memory_mib")

    @property
    def vcpus(self) -> float:
        return self.get_number_attribute("vcpus")

    @property
    def kernel(self) -> str:
        return self.get_string_attribute("kernel")

    @property
    def initrd(self) -> str:
        return self.get_string_attribute("initrd")

    @property
    def cmdline(self) -> str:
        return self.get_string_attribute("cmdline")

    @property
    def cmdline_emulated(self) -> str:
        return self.get_string_attribute("cmdline_emulated")

    @property
    def network(self) -> str:
        return self.get_string_attribute("network")

    @property
    def mac(self) -> str:
        return self.get_string_attribute("mac")

    @property
    def address(self) -> str:
        return self.get_string_attribute("address")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def authorized_key(self) -> str:
        return self.get_string_attribute("authorized_key")

    @property
    def hypervisor(self) -> str:
        return self.get_string_attribute("hypervisor")

    @property
    def host_key(self) -> str:
        return self.get_string_attribute("host_key")

    @property
    def console_log(self) -> str:
        return self.get_string_attribute("console_log")

    @property
    def hypervisor_used(self) -> str:
        return self.get_string_attribute("hypervisor_used")


class Multipath(HalabResource):
    """A LUN that a machine sees by several paths, as one disk; other disks keep their one path."""

    TYPE = "halab_multipath"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str,
        paths: float | None = None,
        key: str | None = None,
        queue_s: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "device": device,
                "paths": paths,
                "key": key,
                "queue_s": queue_s,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def paths(self) -> float:
        return self.get_number_attribute("paths")

    @property
    def key(self) -> str:
        return self.get_string_attribute("key")

    @property
    def queue_s(self) -> float:
        return self.get_number_attribute("queue_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class NetworkHosts(TypedDict):
    name: str
    mac: str
    address: str


class Network(HalabResource):
    """A libvirt network with one IPv4 subnet, DHCP reservations and DNS for the lab's machines."""

    TYPE = "halab_network"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        cidr: str,
        mode: str | None = None,
        domain: str | None = None,
        bridge: str | None = None,
        hosts: Sequence[NetworkHosts] | None = None,
        dhcp_start: str | None = None,
        dhcp_end: str | None = None,
        active: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "name": name,
                "cidr": cidr,
                "mode": mode,
                "domain": domain,
                "bridge": bridge,
                "hosts": hosts,
                "dhcp_start": dhcp_start,
                "dhcp_end": dhcp_end,
                "active": active,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def cidr(self) -> str:
        return self.get_string_attribute("cidr")

    @property
    def mode(self) -> str:
        return self.get_string_attribute("mode")

    @property
    def domain(self) -> str:
        return self.get_string_attribute("domain")

    @property
    def bridge(self) -> str:
        return self.get_string_attribute("bridge")

    @property
    def dhcp_start(self) -> str:
        return self.get_string_attribute("dhcp_start")

    @property
    def dhcp_end(self) -> str:
        return self.get_string_attribute("dhcp_end")

    @property
    def gateway(self) -> str:
        return self.get_string_attribute("gateway")


class Order(HalabResource):
    """A resource starts before another one, and stops after it."""

    TYPE = "halab_order"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        first: str,
        then: str,
        kind: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"cluster": cluster, "first": first, "then": then, "kind": kind}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def first(self) -> str:
        return self.get_string_attribute("first")

    @property
    def then(self) -> str:
        return self.get_string_attribute("then")

    @property
    def kind(self) -> str:
        return self.get_string_attribute("kind")


class Packages(HalabResource):
    """Packages that have to be installed; which version is left to the distribution."""

    TYPE = "halab_packages"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        names: Sequence[str],
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"machine": machine, "names": names}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")


class Partition(HalabResource):
    """The only partition of a disk of one machine."""

    TYPE = "halab_partition"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str,
        label: str | None = None,
        number: float | None = None,
        lun_bytes: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "device": device,
                "label": label,
                "number": number,
                "lun_bytes": lun_bytes,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def label(self) -> str:
        return self.get_string_attribute("label")

    @property
    def number(self) -> float:
        return self.get_number_attribute("number")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")

    @property
    def uuid(self) -> str:
        return self.get_string_attribute("uuid")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class PcsdNodes(TypedDict):
    name: str
    address: str


class Pcsd(HalabResource):
    """pcsd on a node."""

    TYPE = "halab_pcsd"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        cluster: str,
        nodes: Sequence[PcsdNodes],
        hacluster_password: str,
        token: str,
        enabled: bool | None = None,
        running: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "cluster": cluster,
                "nodes": nodes,
                "hacluster_password": hacluster_password,
                "token": token,
                "enabled": enabled,
                "running": running,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def hacluster_password(self) -> str:
        return self.get_string_attribute("hacluster_password")

    @property
    def token(self) -> str:
        return self.get_string_attribute("token")


class Pool(HalabResource):
    """A libvirt storage pool in a directory of its own."""

    TYPE = "halab_pool"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        path: str,
        active: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"name": name, "path": path, "active": active}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")


class PrimitiveLocations(TypedDict, total=False):
    node: str
    score: str | None


class PrimitiveColocations(TypedDict, total=False):
    with_resource: str
    score: str | None


class PrimitiveAfter(TypedDict, total=False):
    resource: str
    kind: str | None


class PrimitiveOperations(TypedDict, total=False):
    name: str
    interval: str | None
    timeout: str | None
    on_fail: str | None
    attributes: Mapping[str, str] | None


class Primitive(HalabResource):
    """One resource that an agent starts, stops and watches."""

    TYPE = "halab_primitive"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        agent: str,
        locations: Sequence[PrimitiveLocations] | None = None,
        colocations: Sequence[PrimitiveColocations] | None = None,
        after: Sequence[PrimitiveAfter] | None = None,
        bans: Sequence[str] | None = None,
        wait: bool | None = None,
        wait_s: float | None = None,
        condition: str | None = None,
        params: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        operations: Sequence[PrimitiveOperations] | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "name": name,
                "locations": locations,
                "colocations": colocations,
                "after": after,
                "bans": bans,
                "wait": wait,
                "wait_s": wait_s,
                "condition": condition,
                "agent": agent,
                "params": params,
                "meta": meta,
                "operations": operations,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def wait_s(self) -> float:
        return self.get_number_attribute("wait_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")

    @property
    def agent(self) -> str:
        return self.get_string_attribute("agent")


class QuorumDevice(HalabResource):
    """A cluster node asks the quorum device that corosync.conf names (`quorum.device`)."""

    TYPE = "halab_quorum_device"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        cluster: str,
        connected: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"machine": machine, "cluster": cluster, "connected": connected}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")


class Sbd(HalabResource):
    """sbd on a node: it resets the node when the disk says so, or when the node sees neither disk nor cluster."""

    TYPE = "halab_sbd"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str | None = None,
        watchdog: str | None = None,
        watchdog_s: float | None = None,
        wait_s: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "device": device,
                "watchdog": watchdog,
                "watchdog_s": watchdog_s,
                "wait_s": wait_s,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def watchdog(self) -> str:
        return self.get_string_attribute("watchdog")

    @property
    def watchdog_s(self) -> float:
        return self.get_number_attribute("watchdog_s")

    @property
    def wait_s(self) -> float:
        return self.get_number_attribute("wait_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class SbdDisk(HalabResource):
    """A disk for SBD, of which all nodes see one."""

    TYPE = "halab_sbd_disk"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str,
        watchdog_s: float,
        msgwait_s: float,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "device": device,
                "watchdog_s": watchdog_s,
                "msgwait_s": msgwait_s,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def watchdog_s(self) -> float:
        return self.get_number_attribute("watchdog_s")

    @property
    def msgwait_s(self) -> float:
        return self.get_number_attribute("msgwait_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class ScsiKey(HalabResource):
    """A node's key on a LUN that is reserved for those who have one; it outlasts a restart of the target."""

    TYPE = "halab_scsi_key"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str,
        key: str,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"machine": machine, "device": device, "key": key, "condition": condition}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def key(self) -> str:
        return self.get_string_attribute("key")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class ScsiReservation(HalabResource):
    """The reservation of a LUN: only nodes with a key may write there."""

    TYPE = "halab_scsi_reservation"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        device: str,
        keys: Sequence[str],
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {"cluster": cluster, "device": device, "keys": keys, "condition": condition},
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class ScsiWatch(HalabResource):
    """A node resets itself when it has lost its key on a reserved LUN, and by its watchdog when its kernel hangs."""

    TYPE = "halab_scsi_watch"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        device: str,
        key: str,
        watchdog_s: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {"machine": machine, "device": device, "key": key, "watchdog_s": watchdog_s, "condition": condition},
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def key(self) -> str:
        return self.get_string_attribute("key")

    @property
    def watchdog_s(self) -> float:
        return self.get_number_attribute("watchdog_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class Secret(HalabResource):
    """A random password, made once."""

    TYPE = "halab_secret"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        length: float | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"name": name, "length": length}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def length(self) -> float:
        return self.get_number_attribute("length")

    @property
    def value(self) -> str:
        return self.get_string_attribute("value")


class Service(HalabResource):
    """State of a unit."""

    TYPE = "halab_service"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        name: str,
        enabled: bool | None = None,
        running: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"machine": machine, "name": name, "enabled": enabled, "running": running}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")


class SharedPartition(HalabResource):
    """The only partition of a disk that all nodes of a cluster see; any of them may make it."""

    TYPE = "halab_shared_partition"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        device: str,
        label: str | None = None,
        number: float | None = None,
        lun_bytes: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "device": device,
                "label": label,
                "number": number,
                "lun_bytes": lun_bytes,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def label(self) -> str:
        return self.get_string_attribute("label")

    @property
    def number(self) -> float:
        return self.get_number_attribute("number")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")

    @property
    def uuid(self) -> str:
        return self.get_string_attribute("uuid")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class SharedVg(HalabResource):
    """A volume group on one physical volume that all nodes of a cluster use, locked through DLM."""

    TYPE = "halab_shared_vg"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        device: str,
        lun_bytes: float | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {"cluster": cluster, "name": name, "device": device, "lun_bytes": lun_bytes},
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def device(self) -> str:
        return self.get_string_attribute("device")

    @property
    def uuid(self) -> str:
        return self.get_string_attribute("uuid")

    @property
    def lun_bytes(self) -> float:
        return self.get_number_attribute("lun_bytes")


class Site(HalabResource):
    """A web site on one node, with a status page for the node itself and a header that names the node."""

    TYPE = "halab_site"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        document_root: str,
        server_name: str,
        served_by: str,
        port: float | None = None,
        condition: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "machine": machine,
                "document_root": document_root,
                "server_name": server_name,
                "served_by": served_by,
                "port": port,
                "condition": condition,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def document_root(self) -> str:
        return self.get_string_attribute("document_root")

    @property
    def server_name(self) -> str:
        return self.get_string_attribute("server_name")

    @property
    def served_by(self) -> str:
        return self.get_string_attribute("served_by")

    @property
    def port(self) -> float:
        return self.get_number_attribute("port")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")


class SshConfigHosts(TypedDict):
    name: str
    fqdn: str
    address: str
    host_key: str


class SshConfig(HalabResource):
    """An SSH client configuration with pinned host keys: `ssh -F .halab/LAB/ssh_config node1`."""

    TYPE = "halab_ssh_config"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        private_key_path: str,
        hosts: Sequence[SshConfigHosts],
        intact: bool | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"private_key_path": private_key_path, "hosts": hosts, "intact": intact}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def private_key_path(self) -> str:
        return self.get_string_attribute("private_key_path")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")


class SshKey(HalabResource):
    """An ed25519 key pair."""

    TYPE = "halab_ssh_key"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"name": name}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def private_key_path(self) -> str:
        return self.get_string_attribute("private_key_path")

    @property
    def public_key(self) -> str:
        return self.get_string_attribute("public_key")


class SshTrustPeers(TypedDict):
    name: str
    address: str
    host_key: str
    user_key: str


class SshTrust(HalabResource):
    """Whom a host lets in, and whose host keys it knows."""

    TYPE = "halab_ssh_trust"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: str,
        peers: Sequence[SshTrustPeers],
        domain: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(scope, id, {"machine": machine, "domain": domain, "peers": peers}, depends_on, lifecycle)

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def domain(self) -> str:
        return self.get_string_attribute("domain")


class StonithLocations(TypedDict, total=False):
    node: str
    score: str | None


class StonithColocations(TypedDict, total=False):
    with_resource: str
    score: str | None


class StonithAfter(TypedDict, total=False):
    resource: str
    kind: str | None


class StonithOperations(TypedDict, total=False):
    name: str
    interval: str | None
    timeout: str | None
    on_fail: str | None
    attributes: Mapping[str, str] | None


class Stonith(HalabResource):
    """A STONITH device: it cuts the power of one node."""

    TYPE = "halab_stonith"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        name: str,
        agent: str,
        node: str,
        locations: Sequence[StonithLocations] | None = None,
        colocations: Sequence[StonithColocations] | None = None,
        after: Sequence[StonithAfter] | None = None,
        bans: Sequence[str] | None = None,
        wait: bool | None = None,
        wait_s: float | None = None,
        condition: str | None = None,
        params: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        operations: Sequence[StonithOperations] | None = None,
        machine: str | None = None,
        delay: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            {
                "cluster": cluster,
                "name": name,
                "locations": locations,
                "colocations": colocations,
                "after": after,
                "bans": bans,
                "wait": wait,
                "wait_s": wait_s,
                "condition": condition,
                "agent": agent,
                "params": params,
                "meta": meta,
                "operations": operations,
                "node": node,
                "machine": machine,
                "delay": delay,
            },
            depends_on,
            lifecycle,
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def cluster(self) -> str:
        return self.get_string_attribute("cluster")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def wait_s(self) -> float:
        return self.get_number_attribute("wait_s")

    @property
    def condition(self) -> str:
        return self.get_string_attribute("condition")

    @property
    def agent(self) -> str:
        return self.get_string_attribute("agent")

    @property
    def machine(self) -> str:
        return self.get_string_attribute("machine")

    @property
    def delay(self) -> str:
        return self.get_string_attribute("delay")


class Volume(HalabResource):
    """A qcow2 disk: blank, or an overlay that starts as a copy of `backing`."""

    TYPE = "halab_volume"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        pool: str,
        size_bytes: float,
        backing: str | None = None,
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope, id, {"name": name, "pool": pool, "size_bytes": size_bytes, "backing": backing}, depends_on, lifecycle
        )

    @property
    def id(self) -> str:
        return self.get_string_attribute("id")

    @property
    def name(self) -> str:
        return self.get_string_attribute("name")

    @property
    def pool(self) -> str:
        return self.get_string_attribute("pool")

    @property
    def size_bytes(self) -> float:
        return self.get_number_attribute("size_bytes")

    @property
    def backing(self) -> str:
        return self.get_string_attribute("backing")

    @property
    def path(self) -> str:
        return self.get_string_attribute("path")

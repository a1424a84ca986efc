"""Settings: where they come from, and that every mistake is named at once."""

from __future__ import annotations

from typing import Any

import pytest

from halab.constructs.settings import SettingsError, load, names, variable


def test_defaults_are_a_valid_three_node_lab() -> None:
    settings = load({}, {})
    assert (settings.name, settings.node_count, settings.journals) == ("summit", 3, 3)
    assert settings.target_address == "192.168.77.10"
    assert [settings.node_address(n) for n in (1, 16)] == ["192.168.77.11", "192.168.77.26"]
    assert settings.site_address == "192.168.77.50"


def test_environment_overrides_context() -> None:
    context = {
        "node_count": 2,
        "image": {"suite": "bookworm", "extra_packages": ["strace"]},
        "iscsi": {"demo_mode": True},
    }
    settings = load(context, {"HALAB_NODE_COUNT": "4", "HALAB_IMAGE_EXTRA_PACKAGES": "vim, tmux", "PATH": "/bin"})
    assert settings.node_count == 4
    assert settings.image.suite == "bookworm"
    assert settings.image.extra_packages == ("vim", "tmux")
    assert settings.iscsi.demo_mode is True


def test_a_split_of_two_nodes_is_tied() -> None:
    assert load({"node_count": 2}, {}).is_tied_by_a_split
    assert not load({"node_count": 2, "quorum_device": "yes"}, {}).is_tied_by_a_split
    assert not load(
        {"node_count": 2, "fencing": {"method": "none"}, "site": {"storage": "local"}}, {}
    ).is_tied_by_a_split
    assert not load({"node_count": 4}, {}).is_tied_by_a_split
    assert not load({}, {}).is_tied_by_a_split


EL9 = {"suite": "el9", "tree": "http://m.example/9/BaseOS/x86_64/os"}


@pytest.mark.parametrize(
    ("context", "environment", "said"),
    [
        ({"node_count": 17}, {}, ["node_count: 17 is out of range: 1 to 16"]),
        ({"node_count": "three"}, {}, ["node_count: 'three' is not a number"]),
        ({"node_count": 2.5}, {}, ["node_count: 2.5 is not a whole number"]),
        ({"node_cout": 3}, {}, ["node_cout: unknown setting; did you mean node_count?"]),
        ({}, {"HALAB_NODE_COUT": "3"}, ["HALAB_NODE_COUT: unknown setting; did you mean HALAB_NODE_COUNT?"]),
        ({"node_count": 0}, {}, ["node_count: 0 nodes are no lab", "make destroy"]),
        ({"gfs2": {"jurnals": 4}}, {}, ["gfs2.jurnals: unknown setting; did you mean gfs2.journals?"]),
        ({"gfs2": "gfs0"}, {}, ["gfs2: is a group of settings"]),
        ({"network": {"cidr": "192.168.77.0/29"}}, {}, ["network.cidr: 192.168.77.0/29 is too small"]),
        ({"network": {"cidr": "192.168.77.1/24"}}, {}, ["network.cidr", "host bits set"]),
        ({"network": {"cidr": "0.0.0.0/24"}}, {}, ["network.cidr: 0.0.0.0/24 is not a private network"]),
        ({"network": {"cidr": "10.0.0.0/7"}}, {}, ["network.cidr"]),
        ({"network": {"cidr": "240.0.0.0/24"}}, {}, ["network.cidr: 240.0.0.0/24 is not a private network"]),
        ({"network": {"cidr": "8.8.8.0/24"}}, {}, ["network.cidr: 8.8.8.0/24 is not a private network"]),
        ({"network": {"domain": "Bad_Domain"}}, {}, ["network.domain: 'Bad_Domain' is no DNS domain"]),
        ({"floating_ip": "10.0.0.1"}, {}, ["floating_ip: 10.0.0.1 is not a host address of network.cidr"]),
        ({"floating_ip": "192.168.77.255"}, {}, ["floating_ip: 192.168.77.255 is not a host address"]),
        ({"floating_ip": "192.168.77.12"}, {}, ["floating_ip: 192.168.77.12 is inside the DHCP range"]),
        ({"floating_ip": "192.168.77.1"}, {}, ["is the gateway"]),
        ({"name": "Summit"}, {}, ["name: 'Summit' is no host name"]),
        ({"name": "s" * 33}, {}, ["is no cluster name: GFS2 takes 1 to 32"]),
        ({"gfs2": {"name": "x" * 31}}, {}, ["gfs2.name", "1 to 30"]),
        ({"gfs2": {"size": "2G"}}, {}, ["gfs2.size: '2G' is no size: give a share like 90%VG, or bytes"]),
        ({"gfs2": {"journals": 2}}, {}, ["gfs2.journals: 2 is too few: each of the 3 nodes needs one"]),
        (
            {"iscsi": {"lun_gib": 1}, "gfs2": {"journal_mib": 512}},
            {},
            ["iscsi.lun_gib: 1 GiB is too small for 4 journals"],
        ),
        ({"gfs2": {"size": "99999999999999"}}, {}, ["gfs2.size: 99999999999999 is more than the 4088 MiB of the LUN"]),
        ({"gfs2": {"size": "1%VG"}}, {}, ["gfs2.size: 1%VG is 41 MiB, too small for 4 journals of 32 MiB", "143 MiB"]),
        ({"iscsi": {"iqn": "target1"}}, {}, ["iscsi.iqn: 'target1' is no iSCSI name"]),
        ({"iscsi": {"demo_mode": "maybe"}}, {}, ["iscsi.demo_mode: 'maybe' is neither true nor false"]),
        ({"fencing": {"method": "none"}}, {}, ["fencing.method: none cannot go with GFS2"]),
        ({"fencing": {"method": "apc"}}, {}, ["fencing.method: 'apc' is not known: use redfish or wti or ipmi or"]),
        (
            {"fencing": {"levels": ["redfish", "apc+redfish"]}},
            {},
            ["fencing.levels: 'apc' is not known: use redfish"],
        ),
        ({}, {"HALAB_FENCING_LEVELS": "redfish,redfish"}, ["fencing.levels: redfish stands there twice", "keep one"]),
        ({"fencing": {"levels": ["redfish+redfish"]}}, {}, ["fencing.levels: redfish stands there twice"]),
        *(
            ({"fencing": {"levels": [gap]}}, {}, [f"fencing.levels: '{gap}' has an empty part: name a way on both"])
            for gap in ("redfish+", "+redfish", "redfish++sbd", "+")
        ),
        *(
            ({}, {"HALAB_FENCING_LEVELS": gap}, [f"fencing.levels: '{gap}' has an empty part: fill it in"])
            for gap in ("redfish,,sbd", "redfish,", ",")
        ),
        ({}, {"HALAB_FENCING_LEVELS": "scsi + ,sbd"}, ["fencing.levels: 'scsi+' has an empty part"]),
        ({}, {"HALAB_IMAGE_EXTRA_PACKAGES": "vim,,tmux"}, ["image.extra_packages: 'vim,,tmux' has an empty part"]),
        (
            {"fencing": {"levels": ["redfish", "wti"], "wti_port": 8000}},
            {},
            ["fencing.wti_port: 8000 is fencing.port's, too; choose another one"],
        ),
        (
            {"fencing": {"levels": ["wti", "virsh"], "wti_port": 2222}},
            {},
            ["fencing.virsh_port: 2222 is fencing.wti_port's, too; choose another one"],
        ),
        *(
            (
                {"fencing": {"levels": ["xvm", "sbd"], "xvm_port": port}},
                {},
                [f"fencing.xvm_port: {port} is {owner}'s on each node", "choose another one"],
            )
            for port, owner in ((2224, "pcsd"), (21064, "DLM"))
        ),
        ({"fencing": {"levels": ["none"]}}, {}, ["fencing.levels: none is no level: set fencing.method to none"]),
        (
            {"fencing": {"levels": ["redfish"], "method": "sbd"}},
            {},
            ["fencing.levels: fencing.method is sbd, too; take one of the two out"],
        ),
        (
            {"fencing": {"method": "scsi"}, "site": {"storage": "local"}},
            {},
            ["fencing.method: scsi cuts nodes off from the shared LUN", "set site.storage to gfs2"],
        ),
        (
            {"image": {"suite": "bookworm"}, "fencing": {"levels": ["redfish", "scsi"]}},
            {},
            ["fencing.levels: scsi does not go"],
        ),
        (
            {"fencing": {"method": "scsi"}, "node_count": 2},
            {},
            ["fencing.method: scsi alone cannot tell which of two nodes", "scsi+redfish", "quorum_device to yes"],
        ),
        (
            {"fencing": {"levels": ["mpath", "scsi+redfish"]}},
            {},
            ["fencing.levels: scsi cannot share the LUN", "take one of the two out"],
        ),
        (
            {"fencing": {"method": "mpath"}, "site": {"storage": "local"}},
            {},
            ["fencing.method: mpath cuts nodes off from the shared LUN"],
        ),
        *[
            (
                {"fencing": {"method": "watchdog"}, **nodes},
                {},
                ["fencing.method: watchdog resets each node", "odd number"],
            )
            for nodes in ({"node_count": 1}, {"node_count": 2}, {"node_count": 4, "quorum_device": "no"})
        ],
        ({"fencing": {"levels": ["sbd", "watchdog"]}}, {}, ["fencing.levels: watchdog and sbd are both SBD"]),
        ({"fencing": {"levels": ["watchdog", "redfish"]}}, {}, ["fencing.levels: watchdog has to be the last level"]),
        ({"fencing": {"levels": ["redfish+watchdog"]}}, {}, ["fencing.levels: watchdog has to be the last level"]),
        (
            {"image": {"suite": "bookworm"}, "fencing": {"levels": ["redfish", "watchdog"]}},
            {},
            ["fencing.levels: watchdog is no further level with Debian 12", "image.suite to trixie"],
        ),
        ({"uri": "qemu+ssh://elsewhere/system"}, {}, ["uri", "use qemu:///system"]),
        ({"hypervisor": "xen"}, {}, ["hypervisor: 'xen' is not known: use auto or kvm or qemu"]),
        ({"image": {"suite": "noble"}}, {}, ["image.suite: 'noble' is not known"]),
        ({"image": {"suite": "el9"}}, {}, ["image.tree: el9 is installed from a tree, and none is given", "ISO file"]),
        ({}, {"HALAB_IMAGE_SUITE": "el9"}, ["image.tree: el9 is installed from a tree"]),
        ({"image": {**EL9, "install": "assembled"}}, {}, ["image.install: el9 cannot be assembled"]),
        ({"image": {**EL9, "apt_sources": ["x"]}}, {}, ["image.apt_sources: an installer takes its packages from"]),
        ({"image": {**EL9, "rhsm_organization": "1"}}, {}, ["image.rhsm_activation_key_file: organization and"]),
        ({"image": {**EL9, "rhsm_activation_key_file": "x"}}, {}, ["image.rhsm_organization: organization and"]),
        ({"image": EL9, "network": {"mode": "isolated"}}, {}, ["network.mode: isolated has no way out"]),
        ({"image": {"tree": "http://m.example/debian"}}, {}, ["image.tree: is for the installer; set image.install"]),
        ({"image": {"install_each_node": True}}, {}, ["image.install_each_node: is for the installer"]),
        ({"image": {"install": "installer"}}, {}, ["image.tree: the installer of trixie needs one"]),
        ({"image": {"kickstart": "my.ks"}}, {}, ["image.kickstart: is for image.suite el9, and it is trixie"]),
        ({"image": {"disk_gib": 0}}, {}, ["image.disk_gib: 0 is out of range: 1 to 2048 GiB"]),
        (
            {
                "image": {**EL9, "install_each_node": True},
                "network": {"cidr": "10.9.8.0/27"},
                "floating_ip": "10.9.8.30",
                "node_count": 5,
            },
            {},
            ["network.cidr: 10.9.8.0/27 is too small"],
        ),
        ({"image": EL9, "floating_ip": "192.168.77.9"}, {}, ["floating_ip: 192.168.77.9 is inside the DHCP range"]),
        ({"node_count": 20, "vcpus": 0, "token_ms": 5}, {}, ["node_count: 20", "vcpus: 0", "token_ms: 5"]),
    ],
)
def test_mistakes_are_named(context: dict[str, Any], environment: dict[str, str], said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(context, environment)
    assert all(words in str(caught.value) for words in said), str(caught.value)


@pytest.mark.parametrize(
    ("context", "levels"),
    [
        ({}, (("redfish",), ("sbd",))),
        ({"fencing": {"method": "redfish"}}, (("redfish",),)),
        ({"fencing": {"levels": ["redfish"]}}, (("redfish",),)),
        ({"fencing": {"method": "none"}, "site": {"storage": "local"}}, ()),
        ({"fencing": {"method": "scsi"}, "node_count": 2, "quorum_device": "yes"}, (("scsi",),)),
        ({"fencing": {"levels": ["scsi+redfish"]}, "node_count": 2}, (("scsi", "redfish"),)),
        ({"fencing": {"levels": ["scsi + redfish", "sbd"]}}, (("scsi", "redfish"), ("sbd",))),
        ({"fencing": {"levels": "scsi + redfish, sbd"}}, (("scsi", "redfish"), ("sbd",))),
        ({"fencing": {"method": "wti", "xvm_port": 2224}}, (("wti",),)),
        ({"fencing": {"method": "wti", "virsh_port": 8000, "ipmi_port": 8000}}, (("wti",),)),
        ({"fencing": {"levels": ["redfish", "watchdog"]}}, (("redfish",), ("watchdog",))),
        ({"fencing": {"method": "watchdog"}, "node_count": 4}, (("watchdog",),)),
        ({"fencing": {"method": "watchdog"}, "node_count": 2, "quorum_device": "yes"}, (("watchdog",),)),
        ({"fencing": {"method": "watchdog"}, "image": {"suite": "bookworm"}}, (("watchdog",),)),
    ],
)
def test_a_method_is_a_level_of_its_own(context: dict[str, Any], levels: tuple[tuple[str, ...], ...]) -> None:
    assert load(context, {}).fencing.in_levels == levels


def test_a_way_to_fence_brings_its_packages() -> None:
    def packages(method: str, suite: str = "trixie", *more: str) -> tuple[str, ...]:
        image = (
            {"suite": suite, "extra_packages": list(more), "tree": "/t"}
            if suite == "el9"
            else {"suite": suite, "extra_packages": list(more)}
        )
        return load({"fencing": {"method": method}, "image": image}, {}).image.extra_packages

    assert packages("scsi") == ()
    assert packages("mpath") == ("multipath-tools", "fence-agents-mpath")
    assert packages("mpath", "trixie", "tcpdump", "multipath-tools") == (
        "tcpdump",
        "multipath-tools",
        "fence-agents-mpath",
    )
    assert packages("mpath", "el9") == ("device-mapper-multipath", "fence-agents-mpath")


def test_every_setting_has_a_variable_of_its_own_and_a_line_for_its_table() -> None:
    variables = {variable(name) for name in names()}
    assert len(variables) == len(names())
    assert all(item.metadata["doc"] for item in names().values())


def test_the_page_of_settings_lists_every_one() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs/settings.md").read_text()
    missing = [name for name in names() if f"| `{name}` | `{variable(name)}` |" not in page]
    assert not missing


@pytest.mark.parametrize(
    ("image", "by_installer", "family"),
    [
        ({}, False, "debian"),
        ({"suite": "bookworm"}, False, "debian"),
        (EL9, True, "el"),
        ({"install": "installer", "tree": "/debian.iso"}, True, "debian"),
    ],
)
def test_el9_is_installed_and_debian_assembled_unless_said_otherwise(
    image: dict[str, Any], by_installer: bool, family: str
) -> None:
    chosen = load({"image": image}, {}).image
    assert (chosen.by_installer, chosen.platform.family) == (by_installer, family)

"""Imports read what nobody has told them: declared as it was imported, nothing shows a difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.host import ssh_trust
from halab.provisioners.iscsi import session
from halab.provisioners.storage import gfs2, lvm, partition
from halab.provisioners.web import apache

SITE = apache.Site(machine="m", document_root="/srv/www", server_name="www.a.test", served_by="node1", port=8080)
PEERS = tuple(
    ssh_trust.Peer(name=n, address=f"10.0.0.{i}", host_key=f"ssh-ed25519 H{n}", user_key=f"ssh-ed25519 U{n}")
    for i, n in enumerate(("a", "b"))
)
TRUST = ssh_trust.SshTrust(machine="m", domain="a.test", peers=PEERS)
TABLE = json.dumps(
    {
        "partitiontable": {
            "label": "gpt",
            "sectorsize": 512,
            "partitions": [{"node": "/dev/vdb1", "start": 2048, "size": 8192, "uuid": "AB-CD", "name": "web"}],
        }
    }
)
LOOK = f"{TABLE}\x1ePTTYPE=gpt\n\x1ethere\n"
JOURNALS = "seen\n\x1eUUID=u\nTYPE=gfs2\nLABEL=c:fs\n\x1ejournal0: 0x12    64MB clean.\njournal1: 0x2  64MB clean.\n"
ROW = {"vg_name": "v", "vg_uuid": "u", "vg_lock_type": "dlm", "vg_size": "9", "pv_name": "/dev/sda1"}
VG = "\x1e" + json.dumps({"report": [{"vg": [ROW]}]})


def test_a_site(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    text = apache.render(DEBIAN_13, SITE)
    look = told(text, "UnitFileState=disabled\nActiveState=inactive\n", "")
    host, _ = guest_host(text, look)
    assert (
        apache.SiteItem().adopt(host, apache.Site(machine="m", document_root="", server_name="", served_by="")) == SITE
    )


def test_whom_a_host_trusts(guest_host: Callable[..., Any], told: Callable[..., str]) -> None:
    blocks = [
        "\n".join(["# BEGIN halab", *lines, "# END halab", ""])
        for lines in (ssh_trust.authorized_lines(TRUST), ssh_trust.known_lines(TRUST))
    ]
    host, _ = guest_host(told(blocks[1]), told(*blocks))
    assert ssh_trust.SshTrustItem().adopt(host, ssh_trust.SshTrust(machine="m", peers=())) == TRUST


def test_a_partition_whatever_its_name(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(LOOK)
    found = partition.PartitionItem().adopt(host, partition.Partition(machine="m", device="/dev/vdb"))
    assert found is not None
    assert (found.label, found.uuid, found.path, found.condition) == ("web", "ab-cd", "/dev/vdb1", "complete")
    host, _ = guest_host("")
    assert partition.PartitionItem().adopt(host, partition.Partition(machine="m", device="/dev/vdc")) is None


def test_a_file_system_with_the_size_of_its_journals(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host(JOURNALS)
    named = gfs2.Gfs2(cluster="c", name="fs", device="/dev/v/l", journals=0)
    assert gfs2.Gfs2Item().adopt(host, named) == replace(named, journals=2, journal_size_mib=64, uuid="u")


def test_a_volume_group_by_a_name_that_is_the_same_everywhere(guest_host: Callable[..., Any]) -> None:
    host, guest = guest_host(VG, "/dev/disk/by-id/wwn-0x1-part1\n")
    found = lvm.SharedVgItem().adopt(host, lvm.SharedVg(cluster="c", name="v", device=""))
    assert found == lvm.SharedVg(cluster="c", name="v", device="/dev/disk/by-id/wwn-0x1-part1", uuid="u")
    assert guest.asked[1].argv[-1] == "/dev/sda1"


def test_a_session_with_its_initiator_and_password(guest_host: Callable[..., Any]) -> None:
    lines = {
        "initiator": "iqn.2020-01.a:n",
        "unit": "enabled",
        "ordered": "yes",
        "startup": "automatic",
        "session.timeo.replacement_timeout": "120",
        "session.auth.authmethod": "CHAP",
        "session.auth.username": "n",
        "password": Secret("Correct-Horse-42").digest(),
        "state": "LOGGED_IN",
        "device": "/dev/disk/by-id/wwn-0x1",
    }
    host, _ = guest_host("".join(f"{k}={v}\n" for k, v in lines.items()), "Correct-Horse-42\n")
    named = session.Session(machine="m", initiator_iqn="", target_iqn="iqn.2020-01.a:t", portal="10.0.0.1")
    found = session.SessionItem().adopt(host, named)
    assert found == replace(
        named,
        initiator_iqn="iqn.2020-01.a:n",
        chap_user="n",
        chap_password=Secret("Correct-Horse-42"),
        device="/dev/disk/by-id/wwn-0x1",
    )

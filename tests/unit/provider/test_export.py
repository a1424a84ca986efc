"""Export: HCL text, what a CIB holds, attributes that have to be written, references between resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from halab.provider.export import hcl
from halab.provider.export.cib import in_cib
from halab.provider.export.configuration import Configuration, written
from halab.provider.export.found import Found, LeftAlone
from halab.provider.export.hcl import Reference
from halab.provider.protocol import LIST, NUM, STR, Attr, Block
from halab.provider.registry import resources
from halab.provisioners.iscsi.lio_view import unit_serial
from halab.provisioners.pacemaker.cib import parse
from halab.provisioners.storage.partition import parent_disk

DATA = Path(__file__).parents[2] / "data" / "pacemaker"
PCS = (DATA / "cib-pcs-0.12.xml").read_text()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        ("plain", '"plain"'),
        ('a "quote" \\ and\ttab', '"a \\"quote\\" \\\\ and\\ttab"'),
        ("${not} %{this}", '"$${not} %%{this}"'),
        ("one\nline", '"one\\nline"'),
        ("two\nlines\n", "<<EOT\ntwo\nlines\nEOT"),
        ("a\x07b", '"a\\u0007b"'),
        (Reference("local.x"), "local.x"),
        ([1, 2], "[1, 2]"),
        ([], "[]"),
        ({}, "{}"),
        ({"a": "b", "c d": 1}, '{ a = "b", "c d" = 1 }'),
        (["x" * 60, "y" * 60], f'[\n  "{"x" * 60}",\n  "{"y" * 60}",\n]'),
        ({"a": "x" * 60, "bcd": "y" * 60}, f'{{\n  a   = "{"x" * 60}"\n  bcd = "{"y" * 60}"\n}}'),
    ],
)
def test_values(given: Any, text: str) -> None:
    assert hcl.value(given) == text


def test_blocks_are_aligned_as_terraform_aligns_them() -> None:
    given = {"a": 1, "long": 2, "many": ["x" * 60, "y" * 60], "z": Reference("local.z")}
    assert hcl.block("resource", ("t", "n"), given) == (
        'resource "t" "n" {\n  a    = 1\n  long = 2\n'
        f'  many = [\n    "{"x" * 60}",\n    "{"y" * 60}",\n  ]\n  z = local.z\n}}\n'
    )


def test_labels_differ() -> None:
    taken: set[str] = set()
    assert [hcl.label(name, taken) for name in ("web-1", "web.1", "7up", "--")] == ["web_1", "web_1_2", "n7up", "it"]


def test_what_a_cib_of_pcs_holds() -> None:
    found = list(in_cib(parse(PCS), "hand"))
    assert [(f.type.removeprefix("halab_"), f.id) for f in found if isinstance(f, Found)] == [
        ("cluster_property", "hand:stonith-enabled"),
        ("cluster_property", "hand:no-quorum-policy"),
        ("primitive", "hand:dummy"),
        ("group", "hand:web"),
        ("clone", "hand:every-clone"),
        ("clone", "hand:prom-clone"),
        ("stonith", "hand:fence-a"),
        ("fencing_level", "hand:node1:1"),
        ("order", "hand:dummy:page"),  # on a primitive inside of a group
    ]
    assert [note.what for note in found if isinstance(note, LeftAlone)] == [
        "rsc_defaults in the CIB",
        "attributes of the node node1",
    ]


@pytest.mark.parametrize(
    ("resource", "constraint", "note"),
    [
        ("<bundle id='b'/>", "", ("the bundle b", "halab describes primitives, groups and clones")),
        ("<primitive id='x' template='t'/>", "", ("the primitive x", "x is made from a template")),
        ("<primitive id='x' class='upstart' type='x'/>", "", ("the primitive x", "'upstart:x' is not an agent")),
        ("", "<rsc_ticket id='t' rsc='dummy' ticket='a'/>", ("the constraint t", "it has a set")),
        (
            "",
            "<rsc_location id='l' rsc='dummy'><rule id='r' score='1'/></rsc_location>",
            ("the constraint l", "it has a set"),
        ),
        (
            "",
            "<rsc_location id='l' rsc='dummy' node='node1' score='7'/>",
            ("the constraint l", "it has a set, a rule, a role or an action, or stands there twice"),
        ),
    ],
)
def test_what_is_left_alone(resource: str, constraint: str, note: tuple[str, str]) -> None:
    text = PCS.replace("</resources>", resource + "</resources>").replace(
        "</constraints>", constraint + "</constraints>"
    )
    notes = [(n.what, n.why) for n in in_cib(parse(text), "hand") if isinstance(n, LeftAlone)]
    assert any(what == note[0] and why.startswith(note[1]) for what, why in notes), notes


def test_what_a_fencing_by_hand_has_left_is_no_level_of_the_configuration() -> None:
    found = list(in_cib(parse(PCS.replace("fl-node1-1", "by-hand-node1")), "hand"))
    assert "halab_fencing_level" not in {f.type for f in found if isinstance(f, Found)}
    assert "the fencing level by-hand-node1" in {note.what for note in found if isinstance(note, LeftAlone)}


SCHEMA = Block(
    attrs={
        "id": Attr(STR, computed=True),
        "name": Attr(STR, required=True),
        "size": Attr(NUM, default=3),
        "tags": Attr(LIST(STR), optional=True),
        "uuid": Attr(STR, computed=True),
        "condition": Attr(STR, default="complete"),
        "parts": Attr(nesting="list", optional=True, nested={"a": Attr(STR, required=True), "b": Attr(NUM, default=1)}),
    }
)


@pytest.mark.parametrize(
    ("values", "attributes"),
    [
        ({"id": "x", "name": "n", "size": 3, "tags": [], "uuid": "u"}, {"name": "n"}),
        ({"name": "", "size": 4, "tags": ["t"]}, {"name": "", "size": 4, "tags": ["t"]}),
        ({"name": "n", "condition": "amiss"}, {"name": "n"}),
        (
            {"name": "n", "parts": [{"a": "1", "b": 1}, {"a": "2", "b": 2}]},
            {"name": "n", "parts": [{"a": "1"}, {"a": "2", "b": 2}]},
        ),
    ],
)
def test_only_what_has_to_be_told_is_written(values: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert written(SCHEMA, values) == attributes


def configuration() -> Configuration:
    kinds = resources()
    built: dict[str, Any] = {}
    return Configuration(lambda kind: built.setdefault(kind, kinds[kind](None)), {"node1": "u-1"})


TARGET = {
    "machine": "u-1", "device": "/dev/vdb1", "portal": "10.0.0.1", "iqn": "iqn.2020-01.a:t", "hostname": "target",
    "port": 3260, "backstore": "lun0", "demo_mode": False, "chap": True, "lun_device": "/dev/disk/by-id/wwn-0x1",
    "condition": "complete",
}  # fmt: skip
ACL = {
    "machine": "u-1", "target_iqn": "iqn.2020-01.a:t", "initiator_iqn": "iqn.2020-01.a:n", "chap_user": "n",
    "chap_password": "Correct-Horse-42", "node": None, "condition": "complete",
}  # fmt: skip


@pytest.mark.parametrize(("serial", "told"), [(unit_serial("iqn.2020-01.a:t"), False), ("other", True)])
def test_a_serial_that_follows_from_the_name_is_not_written(serial: str, told: bool) -> None:
    made = configuration()
    made.add("halab_iscsi_target", "t", "id", {**TARGET, "serial": serial})
    assert ("serial" in made.files("")["main.tf"]) == told


def test_secrets_are_resources_once_for_each_value() -> None:
    made = configuration()
    made.add("halab_iscsi_target", "t", "id-t", {**TARGET, "serial": "s"})
    made.add("halab_iscsi_acl", "n", "id-a", ACL)
    made.add("halab_iscsi_acl", "m", "id-b", {**ACL, "initiator_iqn": "iqn.2020-01.a:m"})
    made.add("halab_iscsi_acl", "k", "id-c", {**ACL, "initiator_iqn": "iqn.2020-01.a:k", "chap_password": "short"})
    files = made.files("# head\n")
    assert made.secrets == {"n-chap-password": "Correct-Horse-42"}
    assert made.variables == {"k_chap_password": "short"}
    for text in files.values():
        assert "Correct-Horse" not in text
    assert files["main.tf"].count("halab_secret.n_chap_password.value") == 2
    assert "var.k_chap_password" in files["main.tf"]
    assert 'machine       = local.machines["node1"]' in files["main.tf"]
    assert "target_iqn    = halab_iscsi_target.t.iqn" in files["main.tf"]
    assert '  to = halab_secret.n_chap_password\n  id = "n-chap-password"\n' in files["imports.tf"]


def test_resources_refer_only_to_those_before_them() -> None:
    made = configuration()
    shared = {"cluster": "c", "agent": "ocf:pacemaker:Dummy", "bans": [], "wait": True, "wait_s": 300}
    one = {**shared, "name": "one", "colocations": [{"with_resource": "two", "score": "INFINITY"}]}
    two = {**shared, "name": "two", "after": [{"resource": "one", "kind": "Mandatory"}]}
    made.add("halab_primitive", "one", "c:one", one)
    made.add("halab_primitive", "two", "c:two", two)
    text = made.files("")["main.tf"]
    assert '{ with_resource = "two" }' in text
    assert "{ resource = halab_primitive.one.name }" in text


@pytest.mark.parametrize(
    ("partition", "disk"),
    [
        ("/dev/vdb1", "/dev/vdb"),
        ("/dev/nvme0n1p2", "/dev/nvme0n1"),
        ("/dev/disk/by-id/wwn-0x1-part1", "/dev/disk/by-id/wwn-0x1"),
        ("/dev/vdb", None),
        ("/dev/vg/lv", None),
        ("", None),
    ],
)
def test_the_disk_of_a_partition(partition: str, disk: str | None) -> None:
    assert parent_disk(partition) == disk

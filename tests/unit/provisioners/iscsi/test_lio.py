import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.iscsi.lio import Target, TargetItem, target_seen
from halab.provisioners.iscsi.lio_acl import Acl, AclItem, acl_seen, chap_problems
from halab.provisioners.iscsi.lio_view import generated_iqn, look, lun_device, parse_view, unit_serial

DATA = Path(__file__).parents[3] / "data" / "lio"
IQN = "iqn.2003-01.org.linux-iscsi.target.x8664:sn.62c66a7a5dd7"
TPG = f"iscsi/{IQN}/tpgt_1"
PASSWORD = "Correct-Horse-42"
TARGET = TargetItem().plan(None, Target(machine="m", device="/dev/vdb1", portal="10.77.0.14"))
ACL = Acl(
    machine="m",
    target_iqn=IQN,
    initiator_iqn="iqn.2026-01.test.summit:node1",
    chap_user="node1",
    chap_password=Secret(PASSWORD),
)


SHA, OTHER_SHA = ACL.chap_password.digest(), Secret("another").digest()
# What the look at LIO says of the passwords of two initiators.
DIGESTS = f"{ACL.initiator_iqn} {SHA} saved\niqn.2026-01.test.summit:node2 {OTHER_SHA} \n"
WRITABLE = ("write_protect\x000", "write_protect\x001")
NO_CHAP = f"{TPG}/acls/{ACL.initiator_iqn}/attrib/authentication\x000\n"


def captured(name: str) -> str:
    return (DATA / f"{name}.txt").read_text()


def changed(old: str, new: str) -> str:
    text = captured("complete")
    assert old in text
    return text.replace(old, new)


def with_portals(*portals: str) -> str:
    there = f"{TPG}/np/10.77.0.14:3260\0dir\n"
    return changed(there, there + "".join(f"{TPG}/np/{portal}\0dir\n" for portal in portals))


def sent(step: Step) -> tuple[str, str, dict[str, Any]]:
    """What a step has the target do: its visible words, the change, its values."""
    assert isinstance(step, Run)
    stdin = step.command.stdin
    assert isinstance(stdin, Secret)
    call = stdin.reveal().splitlines()[-1]
    found: list[Any] = []
    eval(call, {"main": lambda *args: found.extend(args)})
    return str(step), found[0], found[1]


def test_names_follow_from_the_machine_and_the_iqn() -> None:
    assert TARGET.iqn == generated_iqn("target", "m") == IQN
    assert unit_serial(IQN) == "2f5f3785-a1d2-5030-bca4-ae774c1420ed"
    assert TARGET.lun_device == lun_device(unit_serial(IQN)) == "/dev/disk/by-id/wwn-0x60014052f5f3785a1d25030bca4ae774"
    given = TargetItem().plan(None, replace(TARGET, iqn="iqn.2026-01.test.summit:web", serial=None, lun_device=None))
    assert given.iqn == "iqn.2026-01.test.summit:web"
    assert given.lun_device != TARGET.lun_device


def test_a_target_that_somebody_else_has_made_is_imported_as_it_is(guest_host: Callable[..., Any]) -> None:
    foreign = "2c2d9b0c-7a7a-4d58-a3a8-1f2f0e1d9a11"
    text = captured("complete").replace(unit_serial(IQN), foreign)
    text = text.replace("attrib/authentication\x001", "attrib/authentication\x000").replace(
        '"authentication": 1', '"authentication": 0'
    )
    host, _ = guest_host(text)
    found = TargetItem().adopt(host, Target(machine="m", device="", portal="", iqn=IQN))
    assert found is not None
    assert (found.serial, found.lun_device) == (foreign, lun_device(foreign))
    assert (found.device, found.portal, found.chap) == (TARGET.device, TARGET.portal, False)
    assert found.condition == "complete"
    # Declared as it was imported, it shows no difference; without the serial it is another disk.
    host, _ = guest_host(text)
    assert TargetItem().observe(host, found) == found


@pytest.mark.parametrize(
    ("id", "parts"),
    [
        ("m:iqn.2003-01.a:sn.1:iqn.2016-06.b:n1", ["m", "iqn.2003-01.a:sn.1", "iqn.2016-06.b:n1"]),
        ("m:iqn.2003-01.a:eui.02004567A425678D", ["m", "iqn.2003-01.a", "eui.02004567A425678D"]),
        ("m:iqn.2003-01.a", ["m:iqn.2003-01.a"]),
    ],
)
def test_both_names_in_an_import_id_may_have_a_colon(id: str, parts: list[str]) -> None:
    assert AclItem().separate(id) == parts


def test_an_acl_is_imported_with_its_password(guest_host: Callable[..., Any]) -> None:
    named = replace(ACL, chap_user="", chap_password=Secret(""))
    host, _ = guest_host(PASSWORD + "\n", captured("complete") + "\x1e" + DIGESTS)
    assert AclItem().adopt(host, named) == ACL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (captured("complete"), TARGET),
        (captured("opened"), replace(TARGET, condition="TPG attribute authentication is 0")),
        (
            changed("enabled\n", "disabled\n"),
            replace(TARGET, condition="the unit that restores it at boot is disabled"),
        ),
        (changed("/enable\x001", "/enable\x000"), replace(TARGET, condition="the TPG is disabled")),
        (changed("np/10.77.0.14:3260", "np/10.77.0.9:3261"), replace(TARGET, portal="10.77.0.9", port=3261)),
        (changed("/dev/vdb1", "/dev/vdc1"), replace(TARGET, device="/dev/vdc1")),
        (changed("ae774c1420ed", "000000000000"), replace(TARGET, condition="the backstore has another serial")),
        (changed('"wwn": "iqn', '"wwn": "naa'), replace(TARGET, condition="not saved")),
        (changed('"authentication": 1', '"authentication": 0'), replace(TARGET, condition="not saved")),
        ("enabled\n\x1e{broken\x1e" + captured("complete").split("\x1e")[2], replace(TARGET, condition="not saved")),
        (changed(f"{TPG}/lun/lun_0/aa", "x/aa"), replace(TARGET, condition="LUN 0 has no backstore")),
        (changed(f"{TPG}/np/", "x/"), replace(TARGET, condition="it listens on 0 addresses")),
        (with_portals("10.77.0.14:3261"), replace(TARGET, further_ports=(3261,))),
        (with_portals("10.77.0.9:3260"), replace(TARGET, condition="it listens on 2 addresses")),
        ("disabled\n\x1e\x1e", None),
    ],
)
def test_target_seen(text: str, expected: Target | None) -> None:
    assert target_seen(parse_view(text), TARGET) == expected


def test_a_further_port_comes_and_goes() -> None:
    two = replace(TARGET, further_ports=(3261,))
    assert target_seen(parse_view(captured("complete")), two) == TARGET, "it is not there yet"
    assert target_seen(parse_view(with_portals("10.77.0.14:3261")), two) == two
    for now, wanted, ports in ((TARGET, two, [3260, 3261]), (two, TARGET, [3260])):
        *_, change = TargetItem().steps(DEBIAN_13, now, wanted)
        assert sent(change)[2]["ports"] == ports
    other = replace(TARGET, port=3270, further_ports=(3261, 3260))
    assert target_seen(parse_view(with_portals("10.77.0.14:3261")), other) == replace(
        TARGET, port=3261, further_ports=(3260,)
    ), "in the wanted order"


def test_a_target_that_is_to_keep_reservations_says_whether_it_can() -> None:
    wanted = replace(TARGET, reservations=True)
    assert target_seen(parse_view(captured("complete")), wanted) == TARGET
    kept = captured("complete").replace("iscsi/", "dbroot/pr\0kept\niscsi/", 1)
    assert target_seen(parse_view(kept), wanted) == wanted
    assert target_seen(parse_view(kept), TARGET) == TARGET, "a folder that is not needed is no difference"


def test_opened_by_hand_shows_as_demo_mode() -> None:
    text = captured("complete")
    flips = {"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1"}
    for name, value in {**flips, "demo_mode_write_protect": "0"}.items():
        text = text.replace(f"/attrib/{name}\0{1 - int(value)}", f"/attrib/{name}\0{value}")
    seen = target_seen(parse_view(text), TARGET)
    assert seen == replace(TARGET, demo_mode=True, condition="not saved")


@pytest.mark.parametrize(
    ("text", "passwords", "expected"),
    [
        (captured("complete"), DIGESTS, ACL),
        (captured("complete"), DIGESTS.replace(SHA, OTHER_SHA), replace(ACL, chap_password=Secret(""))),
        (captured("complete"), "", replace(ACL, chap_password=Secret(""), condition="not saved")),
        (captured("complete"), DIGESTS.replace(" saved", ""), replace(ACL, condition="not saved")),
        (captured("unmapped"), DIGESTS, replace(ACL, condition="LUN 0 is not mapped")),
        (changed("auth/userid\0node1", "auth/userid\0eve"), DIGESTS, replace(ACL, chap_user="eve")),
        (changed(*WRITABLE), DIGESTS, replace(ACL, condition="LUN 0 is write-protected")),
        (changed('"node_wwn": "iqn.2026', '"node_wwn": "iqn.2025'), DIGESTS, replace(ACL, condition="not saved")),
        (captured("complete") + NO_CHAP, DIGESTS, replace(ACL, condition="CHAP is off for this initiator")),
        (captured("complete") + NO_CHAP.replace("\x000", "\x00-1"), DIGESTS, ACL),
    ],
)
def test_acl_seen(text: str, passwords: str, expected: Acl) -> None:
    assert acl_seen(parse_view(f"{text}\x1e{passwords}"), ACL) == expected


def test_acl_is_absent_without_a_further_question(guest_host: Callable[..., Any]) -> None:
    host, guest = guest_host(captured("complete"))
    assert AclItem().observe(host, replace(ACL, initiator_iqn="iqn.2026-01.test.summit:node9")) is None
    assert len(guest.asked) == 1


def test_all_acls_are_seen_with_one_question_that_holds_no_password(guest_host: Callable[..., Any]) -> None:
    host, guest = guest_host(f"{captured('complete')}\x1e{DIGESTS}")
    other = replace(ACL, initiator_iqn="iqn.2026-01.test.summit:node2", chap_user="node2")
    assert AclItem().observe(host, ACL) == ACL
    assert AclItem().observe(host, other) == replace(other, chap_password=Secret(""), condition="not saved")
    assert len(guest.asked) == 1
    assert guest.asked[0].stdin is None


def test_the_guest_makes_digests_of_the_passwords_in_configfs(tmp_path: Path) -> None:
    """The script itself, on a folder that looks like configfs."""
    acl = tmp_path / "config" / TPG / "acls" / ACL.initiator_iqn
    for folder in (acl / "auth", acl.parents[1] / "np", acl.parents[1] / "lun"):
        folder.mkdir(parents=True)
    (acl / "auth/password").write_text(PASSWORD + "\n")
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"chap_password": PASSWORD}, indent=2))
    text = look(DEBIAN_13, IQN).argv[2].replace("/sys/kernel/config/target", str(tmp_path / "config"))
    words = ["sh", "-euc", text, "halab", "no-such-unit", str(saved), IQN]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert parse_view(said).passwords == {ACL.initiator_iqn: (SHA, True)}
    assert PASSWORD not in said


def test_target_steps() -> None:
    item = TargetItem()
    assert list(item.steps(DEBIAN_13, TARGET, TARGET)) == []
    assert list(item.steps(DEBIAN_13, None, None)) == []
    enable, make = item.steps(DEBIAN_13, None, TARGET)
    assert str(enable).endswith("halab rtslib-fb-targetctl")
    words, change, values = sent(make)
    assert (words, change) == (f"python3 - LIO target {IQN}", "target")
    assert values["attributes"]["authentication"] == "1"
    assert values["saved"] == "/etc/rtslib-fb-target/saveconfig.json"
    assert (values["device"], values["serial"], values["ports"]) == ("/dev/vdb1", unit_serial(IQN), [3260])
    _, demo = item.steps(EL_9, TARGET, replace(TARGET, demo_mode=True))
    assert sent(demo)[2]["attributes"]["generate_node_acls"] == "1"
    (gone,) = item.steps(DEBIAN_13, TARGET, None)
    assert sent(gone)[1:] == (
        "no_target",
        {"iqn": IQN, "saved": "/etc/rtslib-fb-target/saveconfig.json", "backstore": "lun0"},
    )


@pytest.mark.parametrize("configured", [True, False])
def test_nothing_that_is_configured_is_dropped_by_a_restore(
    tmp_path: Path, shell: Callable[..., list[str]], configured: bool
) -> None:
    """A start of the unit takes away what was not saved."""
    if configured:
        (tmp_path / "iscsi/iqn.2003-01.a:somebodys").mkdir(parents=True)
    enable, _ = TargetItem().steps(DEBIAN_13, None, TARGET)
    assert isinstance(enable, Run)
    argv = enable.command.argv
    text = argv[2].replace("/sys/kernel/config/target", str(tmp_path))
    done = shell((*argv[:2], text, *argv[3:]), systemctl="", sync="")
    assert ("systemctl start rtslib-fb-targetctl" in done) != configured


@pytest.mark.parametrize(
    ("now", "wanted", "change"),
    [
        (None, ACL, "acl"),
        (replace(ACL, chap_password=Secret("")), ACL, "acl"),
        (replace(ACL, condition="not saved"), ACL, "acl"),
        (ACL, None, "no_acl"),
        (ACL, ACL, None),
        (None, None, None),
    ],
)
def test_acl_steps(now: Acl | None, wanted: Acl | None, change: str | None) -> None:
    steps = list(AclItem().steps(DEBIAN_13, now, wanted))
    assert [sent(step)[1] for step in steps] == ([change] if change else [])
    for step in steps:
        assert PASSWORD not in repr(step) + str(step)
        assert "iqn.2026-01.test.summit:node1" in str(step)


@pytest.mark.parametrize(
    ("user", "password", "fields"),
    [
        ("node1", "Correct-Horse-42", []),
        (None, None, []),
        ("node 1", "Correct-Horse-42", ["chap_user"]),
        ("node1", "short", ["chap_password"]),
        ("node1", 'with"quote-1234', ["chap_password"]),
        ("node1", "with blank 1234", ["chap_password"]),
        ("node1", "ümlaut-12345678", ["chap_password"]),
    ],
)
def test_chap_problems(user: str | None, password: str | None, fields: list[str]) -> None:
    problems = list(chap_problems(user, None if password is None else Secret(password)))
    assert [field for field, _ in problems] == fields
    assert all(password not in text for field, text in problems if field == "chap_password" and password)


def test_what_is_no_look_is_an_error() -> None:
    with pytest.raises(UnexpectedOutput):
        parse_view("enabled\n")


def test_the_guest_program_is_python() -> None:
    _, make = TargetItem().steps(DEBIAN_13, None, TARGET)
    assert isinstance(make, Run)
    assert isinstance(make.command.stdin, Secret)
    compile(make.command.stdin.reveal(), "lio_guest.py", "exec")

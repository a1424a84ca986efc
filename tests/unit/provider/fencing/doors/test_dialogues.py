"""The consoles: bytes in, bytes out, as tables."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Action, Power, State
from halab.provider.fencing.doors.terminal import MAX_LINE, Dialogue, Telnet
from halab.provider.fencing.doors.virsh import Virsh
from halab.provider.fencing.doors.wti import Wti
from halab.provider.fencing.power_files import PowerFiles
from tests.unit.provider.fencing.doors.conftest import FOREIGN, GONE, OURS, Allow, Domains

SECRET = "talk2016"


class Echo(Dialogue):
    """Shows each line between brackets."""

    def begin(self) -> str:
        return "> "

    def answer(self, line: str) -> str:
        self.ended = line == "end"
        return f"[{line}]\n> "


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\r", ["a", "b"]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\0b\r\0", ["a", "b"]),
        (b"\r\n\r\n", ["", ""]),
        (b"ab\x08c\x7fd\r\n", ["ad"]),
        (b"  a \x01\xff\r\n", ["a"]),
        (b"a\r\nend\r\nb\r\n", ["a", "end"]),
        (b"x" * (MAX_LINE + 1) + b"\r\nb\r\n", []),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_a_line_ends_once(typed: bytes, lines: list[str], chunk: int) -> None:
    dialogue = Echo()
    out = b"".join(dialogue.receive(typed[at : at + chunk]) for at in range(0, len(typed), chunk))
    assert [part.split(b"]")[0].decode() for part in out.split(b"[")[1:]] == lines


@pytest.mark.parametrize(
    ("raw", "data", "reply"),
    [
        (b"abc", b"abc", b""),
        (b"a\xff\xffb", b"a\xffb", b""),
        (b"\xff\xfd\x01a", b"a", b""),  # DO ECHO: said before
        (b"\xff\xfd\x00a", b"a", b"\xff\xfb\x00"),  # DO BINARY
        (b"\xff\xfd\x00\xff\xfd\x00", b"", b"\xff\xfb\x00"),  # each answer once: no loops
        (b"\xff\xfd\x18", b"", b"\xff\xfc\x18"),  # DO TERMINAL TYPE: WONT
        (b"\xff\xfb\x18", b"", b"\xff\xfe\x18"),  # WILL: DONT
        (b"\xff\xfe\x18\xff\xfc\x18", b"", b""),
        (b"a\xff\xfa\x18\x00xx\xff\xffx\xff\xf0b", b"ab", b""),
        (b"a\xff\xf1b", b"ab", b""),  # NOP
    ],
)
@pytest.mark.parametrize("chunk", [1, 1000])
def test_telnet(raw: bytes, data: bytes, reply: bytes, chunk: int) -> None:
    telnet = Telnet()
    parts = [telnet.receive(raw[at : at + chunk]) for at in range(0, len(raw), chunk)]
    assert (b"".join(part[0] for part in parts), b"".join(part[1] for part in parts)) == (data, reply)


def _typed(dialogue: Dialogue, *lines: str) -> str:
    """What the last line shows."""
    shown = dialogue.greet()
    for line in lines:
        shown = dialogue.receive(line.encode() + b"\r\n")
    return shown.decode()


def _row(plug: int, name: str, status: str) -> str:
    return f" {plug:<3} | {name:<16} | (undefined) | {status:^6} |     0.5 Secs    |   ON    |"


@pytest.mark.usefixtures("domains")
def test_wti_shows_plugs_after_the_password(power: Power) -> None:
    dialogue = Wti(power, "peer", SECRET)
    assert _typed(dialogue) == "\r\nPassword: "
    shown = dialogue.receive(SECRET.encode() + b"\r\n").decode()
    assert SECRET not in shown
    for row in ("Plug | Name ", _row(1, "node1", "ON"), _row(2, GONE[:16], "OFF")):
        assert f"\r\n{row}" in shown
    assert "foreign" not in shown
    assert shown.endswith("\r\nIPS> ")


@pytest.mark.parametrize("line", ["", "wrong", SECRET + "x", "/S"])
@pytest.mark.usefixtures("domains")
def test_wti_hangs_up_on_a_wrong_password(power: Power, line: str) -> None:
    dialogue = Wti(power, "peer", SECRET)
    assert "Invalid password" in _typed(dialogue, line)
    assert dialogue.ended
    assert dialogue.refused
    assert dialogue.receive(SECRET.encode() + b"\r\n/S\r\n") == b""


@pytest.mark.parametrize(
    ("lines", "running", "shown"),
    [
        (["/off 1,y"], False, _row(1, "node1", "OFF")),
        (["/OFF 01 , Y"], False, _row(1, "node1", "OFF")),
        (["/off 1"], True, "Are you sure? (Y/N): "),
        (["/off 1", "y"], False, _row(1, "node1", "OFF")),
        (["/off 1", "n"], True, "IPS> "),
        (["/off 1", ""], True, "IPS> "),
        (["/off 1,y", "/on 1,y"], True, _row(1, "node1", "ON")),
        (["/boot 1,y"], True, _row(1, "node1", "ON")),
        (["/off 3,y"], True, "Invalid plug"),
        (["/off 0,y"], True, "Invalid plug"),
        (["/off *,y"], True, "Invalid plug"),
        (["/off 1,2,y"], True, "Invalid plug"),
        (["/off node1,y"], True, "Invalid plug"),
        (["/off"], True, "Invalid plug"),
        (["/off 1,yes"], True, "Invalid plug"),
        (["off 1,y"], True, "Invalid command"),
        (["/sg"], True, "GROUP NAME "),
        (["/x"], True, ""),
    ],
)
def test_wti_commands(power: Power, domains: Domains, lines: list[str], running: bool, shown: str) -> None:
    dialogue = Wti(power, "peer", None)
    assert shown in _typed(dialogue, *lines)
    assert bool(domains(OURS).isActive()) is running
    assert domains(FOREIGN).isActive()
    assert dialogue.ended is (lines == ["/x"])


@pytest.mark.usefixtures("domains")
def test_a_plug_stays_empty_until_somebody_needs_it(power: Power, allow: Allow) -> None:
    allow(GONE)
    assert _row(1, GONE[:16], "OFF") in _typed(Wti(power, "peer", None), "/s")


@pytest.mark.parametrize(
    ("line", "said", "running"),
    [
        ("virsh list --all", "node1 ", True),
        ("virsh domstate node1", "running", True),
        (f"virsh domstate {OURS}", "running", True),
        (f"virsh domstate {OURS.upper()}", "running", True),
        (f"virsh domstate {GONE}", "shut off", True),
        ("virsh destroy node1", "Domain 'node1' destroyed", False),
        ("virsh start node1", "Domain 'node1' started", True),
        (f"virsh start {GONE}", "error: ", True),
        ("virsh domstate foreign", "error: 'foreign' is no machine of this lab", True),
        (f"virsh destroy {FOREIGN}", "error: ", True),
        ("virsh undefine node1", "error: not part of fencing", True),
        ("virsh domstate node1; id", "error: not part of fencing", True),
        ("virsh -c qemu:///system list --all", "error: not part of fencing", True),
        ("id", "error: not part of fencing", True),
        ("", "", True),
    ],
)
def test_virsh_commands(power: Power, domains: Domains, line: str, said: str, running: bool) -> None:
    shown = _typed(Virsh(power, "peer"), line)
    assert shown.split("\r\n", 1)[1].lstrip().startswith(said) or said in shown
    assert "failed to get domain" not in shown, "--missing-as-off would take it for off"
    assert shown.endswith("[EXPECT]# ")
    assert "foreign" not in shown.replace(line, "").replace("'foreign'", "")
    assert bool(domains(OURS).isActive()) is running
    assert domains(FOREIGN).isActive()


@pytest.mark.parametrize("line", ["quit", "exit"])
def test_virsh_leaves(power: Power, line: str) -> None:
    dialogue = Virsh(power, "peer")
    _typed(dialogue, line)
    assert dialogue.ended


@pytest.mark.parametrize(
    ("console", "lines", "never"),
    [
        (lambda power: Virsh(power, "peer"), ["virsh domstate node1", f"virsh destroy {OURS}"], "shut off"),
        (lambda power: Wti(power, "peer", None), ["/s", "/off 1,y"], "OFF"),
    ],
)
@pytest.mark.usefixtures("domains")
def test_what_is_not_known_is_not_called_off(
    power: Power, monkeypatch: pytest.MonkeyPatch, console: Callable[[Power], Dialogue], lines: list[str], never: str
) -> None:
    import libvirt

    def refuse(_: str) -> None:
        raise libvirt.libvirtError("Failed to connect socket")

    monkeypatch.setattr(libvirt, "open", refuse)
    for line in lines:
        shown = _typed(console(power), line)
        assert never not in shown
        assert "error: " in shown or "known now" in shown or "was not switched" in shown


def fuzzed(make: Callable[[], Dialogue], telnet: bool, words: list[bytes], seed: int, lines: int) -> int:
    """Random and mutated lines, through telnet's filter if wanted; how many bytes were shown. Nothing may raise."""
    chance, shown, dialogue, filter_ = random.Random(seed), 0, make(), Telnet()
    for _ in range(lines):
        line = bytearray(chance.choice((chance.choice(words), chance.randbytes(chance.randrange(60)))))
        for _ in range(chance.randrange(4)):
            if line:
                line[chance.randrange(len(line))] = chance.randrange(256)
        data = bytes(line) + chance.choice((b"\r\n", b"\r", b"\n", b"\r\0", b""))
        if telnet:
            data, reply = filter_.receive(data)
            shown += len(reply)
        shown += len(dialogue.receive(data))
        assert len(dialogue._line) <= MAX_LINE + 1
        if dialogue.ended:
            dialogue, filter_ = make(), Telnet()
            dialogue.greet()
    return shown


class Recording(Power):
    """A back end that switches nothing and remembers what it was asked for."""

    def __init__(self, machines: Machines) -> None:
        super().__init__("", machines)
        self.asked = list[tuple[str, Action]]()

    def is_on(self, uuid: str) -> bool:
        return True

    def states(self) -> dict[str, State]:
        return {uuid: State(uuid, True) for uuid in self.machines.uuids()}

    def switch(self, uuid: str, action: Action) -> None:
        self.asked.append((uuid, action))


# Words of a session, none of which switches as it stands: whatever switches did so by a mutation.
CONSOLES: dict[str, tuple[Callable[[Power], Dialogue], bool, list[bytes]]] = {
    "wti": (lambda power: Wti(power, "peer", SECRET), True, [b"talk", b"/S", b"/OFF 1,y", b"\xff\xfd\x01"]),
    "wti-ssh": (lambda power: Wti(power, "peer", None), False, [b"/S", b"/SG", b"/OFF", b"/ON abcdefgh,y", b"/BOOT"]),
    "virsh": (
        lambda power: Virsh(power, "peer"),
        False,
        [b"virsh list --all", b"virsh domstate a", b"virsh destroy a"],
    ),
}


@pytest.mark.parametrize("console", CONSOLES)
def test_nothing_that_is_typed_raises_or_switches(files: PowerFiles, allow: Allow, console: str) -> None:
    make, telnet, words = CONSOLES[console]
    power = Recording(Machines(files))
    assert fuzzed(lambda: make(power), telnet, words, 20161116, 2000) > 1000
    assert power.asked == []

"""Keys on a LUN: what sg_persist says of them, and what is done to a LUN that keeps its state in files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.item import Item
from halab.provisioners.engine.limits import reservation_key
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.iscsi.reservation import (
    TYPE,
    Reservations,
    ScsiKey,
    ScsiKeyItem,
    ScsiReservation,
    ScsiReservationItem,
    key_of,
    parse,
    reservation_seen,
)

DEVICE = "/dev/disk/by-id/wwn-0x60014051"
ONE, TWO, THREE = (key_of("summit", f"node{number}") for number in (1, 2, 3))
KEY = ScsiKey(machine="m", device=DEVICE, key=ONE)
HELD = ScsiReservation(cluster="summit", device=DEVICE, keys=(ONE, TWO))

# As sg_persist of sg3-utils 1.48 prints them.
NO_KEYS = "  PR generation=0x0, there are NO registered reservation keys"
NOT_HELD = "  PR generation=0x0, there is NO reservation held"
TWO_KEYS = f"  PR generation=0x2, 2 registered reservation keys follow:\n    0x{ONE}\n    0x{TWO}"
IS_HELD = f"  PR generation=0x2, Reservation follows:\n    Key=0x{ONE}\n    scope: LU_SCOPE,  type: {TYPE}"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", None),
        (f"{NO_KEYS}\036{NOT_HELD}\0360\n", Reservations((), "")),
        (f"{TWO_KEYS}\036{IS_HELD}\0361\n", Reservations((ONE, TWO), TYPE)),
        (f"{TWO_KEYS}\036{NOT_HELD}\0362\n", Reservations((ONE, TWO), "", paths=2)),
        (f"{TWO_KEYS.upper().replace('GENERATION', 'generation').replace('0X', '0x')}\036{IS_HELD}\0360\n",
         Reservations((ONE, TWO), TYPE)),
    ],
)  # fmt: skip
def test_what_a_lun_says(text: str, seen: Reservations | None) -> None:
    assert parse(text) == seen


@pytest.mark.parametrize(
    "text",
    ["nonsense", f"{TWO_KEYS}\036\0360", f"{TWO_KEYS}\036{IS_HELD}", f"{TWO_KEYS}\036PR generation=0x2, what?\0360"],
)
def test_what_cannot_be_read_is_no_answer(text: str) -> None:
    with pytest.raises(UnexpectedOutput):
        parse(text)


def test_keys_are_those_of_the_agent() -> None:
    """fence_scsi 4.16.0, generate_key: "%.4s%.4s" of two MD5 sums; leading zeros go."""
    assert key_of("summit", "node1") == "cc8c1645"
    assert all(not key_of("c", f"n{number}").startswith("0") for number in range(500))


def test_a_missing_key_is_a_node_that_was_fenced_and_no_fault_of_the_reservation() -> None:
    def seen(keys: tuple[str, ...], type: str = TYPE) -> ScsiReservation | None:
        return reservation_seen(Reservations(keys, type), HELD, "node1")

    assert seen((ONE, TWO)) == seen((ONE,)) == HELD
    assert seen((ONE, TWO, THREE, THREE)) == replace(HELD, keys=(ONE, TWO, THREE))
    assert seen((ONE, TWO), "") is None
    with pytest.raises(Conflict, match="in another way"):
        seen((ONE,), "Exclusive Access")
    away = reservation_seen(None, HELD, "node1")
    assert away is not None
    assert away.condition == f"{DEVICE} is not there on node1"
    assert reservation_seen(None, replace(HELD, keys=()), "node1") is None, "an import"


@pytest.mark.parametrize(("item", "wanted"), [(ScsiKeyItem(), KEY), (ScsiReservationItem(), HELD)])
def test_who_does_not_see_the_lun_has_lost_nothing(
    item: Item[Any], wanted: Any, guest_host: Callable[..., Any]
) -> None:
    """Only the LUN itself says that a key, or the reservation, is gone."""
    host, _ = guest_host("", f"{TWO_KEYS}\036{IS_HELD}\0361\n", f"{NO_KEYS}\036{NOT_HELD}\0361\n")
    assert item.observe(host, wanted) == replace(wanted, condition=f"{DEVICE} is not there on node1")
    assert item.observe(host, wanted) == wanted
    assert item.observe(host, wanted) is None


def test_bad_keys_are_named() -> None:
    assert reservation_key("ab12") is None
    for wrong in ("", "0ab", "xyz", "AB", "1" * 17, 5):
        assert "is no reservation key" in str(reservation_key(wrong))


SG_PERSIST = r"""#!/bin/sh
# A LUN: $LUN/keys has a key a line, $LUN/holder the holder's. $LUN/news--read-keys and
# so on: a byte for each change that it tells instead of doing that.
set -eu
action= rk= sark= aptpl=
for word; do
  case $word in
  --read-* | --register* | --reserve | --preempt | --clear) action=$word ;;
  --param-rk=*) rk=${word#*=} ;;
  --param-sark=*) sark=${word#*=} ;;
  --param-aptpl) aptpl=yes ;;
  esac
done
[ ! -e "$LUN/away" ] || { echo "device not ready" >&2; exit 2; }
news=$LUN/news$action
touch "$LUN/keys" "$LUN/holder" "$news"
if [ -s "$news" ]; then
  tail -c +2 "$news" > "$LUN/new"; mv "$LUN/new" "$news"
  echo "Persistent reservation: Unit Attention"; echo "sg_persist failed: Unit attention" >&2; exit 6
fi
drop() { grep -vx "$1" "$LUN/keys" > "$LUN/new" || :; mv "$LUN/new" "$LUN/keys"; }
registered() { grep -qx "$rk" "$LUN/keys" || { echo "reservation conflict" >&2; exit 24; }; }
case $action in
--read-keys)
  if [ -s "$LUN/keys" ]; then
    echo "  PR generation=0x1, $(wc -l < "$LUN/keys") registered reservation keys follow:"
    sed 's/^/    0x/' "$LUN/keys"
  else echo "  PR generation=0x0, there are NO registered reservation keys"; fi ;;
--read-reservation)
  if [ -s "$LUN/holder" ]; then
    echo "  PR generation=0x1, Reservation follows:"
    echo "    Key=0x$(cat "$LUN/holder")"
    echo "    scope: LU_SCOPE,  type: Write Exclusive, registrants only"
  else echo "  PR generation=0x1, there is NO reservation held"; fi ;;
--register-ignore) drop "$sark"; echo "$sark" >> "$LUN/keys" ;;
--register)
  registered
  [ "$sark" = 0 ] || exit 5
  drop "$rk"
  [ "$(cat "$LUN/holder")" != "$rk" ] || : > "$LUN/holder" ;;
--reserve) registered; echo "$rk" > "$LUN/holder" ;;
--preempt)
  registered
  grep -qx "$sark" "$LUN/keys" || { echo "reservation conflict" >&2; exit 24; }
  drop "$sark"
  [ "$(cat "$LUN/holder")" != "$sark" ] || echo "$rk" > "$LUN/holder" ;;
--clear) registered; : > "$LUN/keys"; : > "$LUN/holder" ;;
esac
case $action in --register*) echo "${aptpl:-no}" >> "$LUN/aptpl" ;; esac
"""


class Lun:
    """A LUN in a folder, and a node that sees it."""

    def __init__(self, folder: Path, node: str) -> None:
        self.folder, bin_ = folder, folder / "bin"
        bin_.mkdir()
        programs = {
            "sg_persist": SG_PERSIST,
            "udevadm": "#!/bin/sh\n",
            "readlink": "#!/bin/sh\necho /dev/sda\n",
            "uname": f"#!/bin/sh\necho {node}\n",
        }
        for name, text in programs.items():
            (bin_ / name).write_text(text)
            (bin_ / name).chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "LUN": str(folder)}

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().split() if file.exists() else []

    def put(self, keys: Iterable[str], holder: str = "") -> None:
        (self.folder / "keys").write_text("".join(f"{key}\n" for key in keys))
        (self.folder / "holder").write_text(f"{holder}\n" if holder else "")

    def do(self, steps: Iterable[Step], mounted: bool = False) -> subprocess.CompletedProcess[str]:
        (step,) = steps
        assert isinstance(step, Run)
        mounts, dlm = self.folder / "mounts", self.folder / "dlm"
        mounts.write_text("/dev/vg/lv /var/www/html gfs2 rw 0 0\n" if mounted else "/dev/vda / ext4 rw 0 0\n")
        text = step.command.argv[2].replace("[ -b ", "[ -n ")
        text = text.replace("/proc/mounts", str(mounts)).replace("/sys/kernel/dlm", str(dlm))
        argv = [*step.command.argv[:2], text, *step.command.argv[3:]]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)


@pytest.fixture
def lun(tmp_path: Path) -> Lun:
    return Lun(tmp_path, "node1")


def register(lun: Lun, mounted: bool = False) -> subprocess.CompletedProcess[str]:
    return lun.do(ScsiKeyItem().steps(DEBIAN_13, None, KEY), mounted)


def test_a_key_outlasts_the_target_and_so_do_the_others_when_it_goes(lun: Lun) -> None:
    assert register(lun).returncode == 0
    assert lun.lines("keys") == [ONE]
    lun.put([ONE, TWO], holder=TWO)
    assert lun.do(ScsiKeyItem().steps(DEBIAN_13, KEY, None)).returncode == 0
    assert (lun.lines("keys"), lun.lines("holder")) == ([TWO], [TWO])
    assert lun.do(ScsiKeyItem().steps(DEBIAN_13, KEY, None)).returncode == 0, "it is gone already"
    assert lun.lines("aptpl") == ["yes", "yes"]


def test_a_fenced_node_that_has_not_restarted_gets_no_key(lun: Lun) -> None:
    lun.put([TWO], holder=TWO)
    refused = register(lun, mounted=True)
    assert refused.returncode == 4
    assert "it was fenced" in refused.stderr
    assert "halab fence" in refused.stderr
    assert lun.lines("keys") == [TWO]
    assert register(lun).returncode == 0, "it has restarted, or is new, and uses nothing of the LUN"
    assert lun.lines("keys") == [TWO, ONE]


def test_a_fenced_node_whose_dlm_still_has_lockspaces_gets_no_key(lun: Lun) -> None:
    """lvmlockd's, say: it may write what nobody guards any more, though no file system is mounted."""
    (lun.folder / "dlm/lvm_vg").mkdir(parents=True)
    lun.put([TWO], holder=TWO)
    assert register(lun).returncode == 4
    assert lun.lines("keys") == [TWO]


def test_a_lun_that_lost_its_reservation_shuts_nobody_out(lun: Lun) -> None:
    """The target's machine was made anew: its nodes go on, and get their keys again while they do."""
    lun.put([])
    assert register(lun, mounted=True).returncode == 0
    assert lun.lines("keys") == [ONE]


def test_the_lun_is_reserved_once_and_strangers_go(lun: Lun) -> None:
    item = ScsiReservationItem()
    lun.put([ONE, TWO])
    assert lun.do(item.steps(DEBIAN_13, None, HELD)).returncode == 0
    assert lun.lines("holder") == [ONE]
    lun.put([ONE, TWO, THREE], holder=THREE)
    assert lun.do(item.steps(DEBIAN_13, replace(HELD, keys=(ONE, TWO, THREE)), HELD)).returncode == 0
    assert (lun.lines("keys"), lun.lines("holder")) == ([ONE, TWO], [ONE])
    assert [*item.steps(DEBIAN_13, HELD, HELD)] == []


def test_a_key_that_went_with_its_node_is_not_taken_off_again(lun: Lun) -> None:
    """A lab of fewer nodes: the node took its key off, and was the holder."""
    lun.put([ONE, TWO])
    prior = replace(HELD, keys=(ONE, TWO, THREE))
    assert lun.do(ScsiReservationItem().steps(DEBIAN_13, prior, HELD)).returncode == 0
    assert (lun.lines("keys"), lun.lines("holder")) == ([ONE, TWO], [ONE])


def test_a_node_without_key_reserves_nothing(lun: Lun) -> None:
    lun.put([TWO])
    assert lun.do(ScsiReservationItem().steps(DEBIAN_13, None, HELD)).returncode != 0
    assert lun.lines("holder") == []


def test_the_reservation_ends_with_all_keys(lun: Lun) -> None:
    lun.put([ONE, TWO], holder=TWO)
    assert lun.do(ScsiReservationItem().steps(DEBIAN_13, HELD, None)).returncode == 0
    assert lun.lines("keys") == lun.lines("holder") == []


@pytest.mark.parametrize("changes", [1, 4])
def test_what_a_lun_tells_of_its_changes_is_no_answer(lun: Lun, changes: int) -> None:
    item, surplus = ScsiReservationItem(), replace(HELD, keys=(ONE, TWO, THREE))
    for action, steps, keys, holder in (
        ("--register-ignore", ScsiKeyItem().steps(DEBIAN_13, None, KEY), [ONE], []),
        ("--reserve", item.steps(DEBIAN_13, None, HELD), [ONE], [ONE]),
        ("--preempt", item.steps(DEBIAN_13, surplus, HELD), [ONE], [ONE]),
        ("--register", ScsiKeyItem().steps(DEBIAN_13, KEY, None), [], []),
        ("--register-ignore", ScsiKeyItem().steps(DEBIAN_13, None, KEY), [ONE], []),
        ("--clear", item.steps(DEBIAN_13, HELD, None), [], []),
    ):
        told = [lun.folder / f"news{one}" for one in ("--read-keys", "--read-reservation", action)]
        for news in told:
            news.write_text("x" * changes)
        if action == "--preempt":
            lun.put([ONE, THREE], holder=ONE)
        assert lun.do(steps).returncode == 0, action
        assert (lun.lines("keys"), lun.lines("holder")) == (keys, holder), action
        assert [news.read_text() for news in told] == ["", "", ""], action
    (lun.folder / "news--read-keys").write_text("x" * 99)
    assert register(lun).returncode == 6


def test_a_lun_that_does_not_answer_is_an_error(lun: Lun) -> None:
    (lun.folder / "away").touch()
    assert register(lun).returncode not in (0, 4)

"""What Pacemaker is asked on a node, and what it answers: stonith_admin and cibadmin, in XML."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.command import Command, Result, cmd, script
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.stonith import BY_HAND

_NO_SUCH_OBJECT = 105  # Pacemaker's exit code
_NO_DEVICE, _NONE_RUNS = "No such device", "none that runs can do it (`halab status` shows which failed, and why)"
_XML = "--output-as=xml"
_NO_LIST = (["N/A"], ["NOTICE", "List"])  # fencing.py: "NOTICE: List option is not working on this device yet"

# $1 node, $2 action, $3 seconds; $4 levels while it is fenced, as cibadmin --modify takes them; $5 what finds levels of
# other devices, $6 levels of before, or $7 the id of one that is only for this. It goes on when whoever has asked has
# gone away: so the levels come back.
_ALONE = """# fence a node by one device alone
node=$1 before=$6 only=$7
back() {
  rc=$?
  if [ -n "$only" ]; then cibadmin --delete --xpath "//fencing-level[@id='$only']"
  else cibadmin --modify --xml-text "$before"; fi ||
  { echo "the fencing levels of $node are not as before: halab deploy brings them back" >&2; exit 1; }
  exit "$rc"
}
trap back EXIT
trap 'exit 1' HUP INT TERM
cibadmin --modify --allow-create --xml-text "$4"
deadline=$(($(date +%s) + 30))
while :; do
  rc=0; cibadmin --query --local --xpath "$5" > /dev/null 2>&1 || rc=$?
  [ "$rc" != 105 ] || break
  [ "$(date +%s)" -lt "$deadline" ] || { echo "this node's CIB has not taken the levels" >&2; exit 1; }
  sleep 0.2
done
stonith_admin "--$2" "$node" --timeout "$3" --output-as=xml
"""


def able(node: str) -> Command:
    """Asks for the devices that can fence a node."""
    return cmd("stonith_admin", "--list", node, _XML, ok=(0, _NO_SUCH_OBJECT), timeout_s=180)


def levels(node: str) -> Command:
    """Asks for a node's fencing levels."""
    return cmd("cibadmin", "--query", "--xpath", _levels_of(node), ok=(0, _NO_SUCH_OBJECT))


def first_level(answer: Result) -> list[str]:
    """The names of the devices of a node's first level; empty when it has no levels."""
    first = min(_levels(answer), key=lambda level: int(level.get("index", "0")), default=None)
    return [] if first is None else first.get("devices", "").split(",")


def used(answer: Result) -> int:
    """How many devices a node's levels have in all."""
    return sum(len(level.get("devices", "").split(",")) for level in _levels(answer))


def monitor(device: str) -> Command:
    """Has a device's agent monitor; to be asked on the node on which it runs."""
    return cmd("stonith_admin", "--query", device, _XML, timeout_s=180)


def targets(device: str) -> Command:
    """Has a device's agent list what it can switch; to be asked on the node on which it runs."""
    return cmd("stonith_admin", "--list-targets", device, _XML, timeout_s=180)


def metadata(agent: str) -> Command:
    """Asks what an agent can do."""
    return cmd("stonith_admin", "--metadata", "--agent", agent, _XML)


def items(answer: Result) -> list[str]:
    """The items of a list of stonith_admin's."""
    return [item.text or "" for item in _parsed(answer.stdout).iterfind("list/item")]


def listed(answer: Result) -> list[str]:
    """What an agent says that it can switch: numbers and names, each once; empty when it cannot tell.

    An agent of the fence-agents that has no list of its own says so in a sentence, which Pacemaker takes for names.
    """
    names = list(dict.fromkeys(items(answer)))
    return [] if names[:2] in _NO_LIST else names


def knows(answer: Result, action: str) -> bool:
    """Whether an agent's metadata have an action."""
    text = _parsed(answer.stdout).findtext("metadata", "")
    return any(one.get("name") == action for one in _parsed(text).iterfind("actions/action"))


def refusal(answer: Result) -> str:
    """Why it failed, in Pacemaker's words; empty when it did not."""
    if answer.rc == 0:
        return ""
    try:
        errors = [error.text or "" for error in _parsed(answer.stdout).iter("error")]
    except UnexpectedOutput:
        errors = []
    said = "; ".join(errors) or answer.stderr.strip()[-300:] or f"exit code {answer.rc}"
    return f"{said}: {_NONE_RUNS}" if _NO_DEVICE in said else said


def fence(host: Host, node: str, action: str, timeout_s: int) -> Result:
    """Has Pacemaker fence a node as it would by itself. `action`: reboot or fence (which leaves it off)."""
    return host.attempt(
        cmd("stonith_admin", f"--{action}", node, "--timeout", timeout_s, _XML, timeout_s=timeout_s + 60)
    )


def fence_by(host: Host, device: str, node: str, action: str, timeout_s: int) -> Result:
    """The same by one device alone: meanwhile the node's fencing levels name no other. CommandFailed.

    A run that is killed in between leaves that to the node, which brings the levels back all the same.
    """
    found = _levels(host.ask(levels(node)))
    new = "" if found else f"{BY_HAND}{node}"
    during = [(level.get("id", ""), device) for level in found] or [(new, device)]
    before = [(level.get("id", ""), level.get("devices", "")) for level in found]
    others = f"{_levels_of(node)}[@devices!='{device}']"
    arguments = (_topology(during, node if new else ""), others, _topology(before), new)
    return host.attempt(script(_ALONE, node, action, timeout_s, *arguments, timeout_s=timeout_s + 120))


def _levels_of(node: str) -> str:
    return f"//fencing-level[@target='{node}']"


def _levels(answer: Result) -> list[Element]:
    return [] if answer.rc == _NO_SUCH_OBJECT else list(_parsed(answer.stdout).iter("fencing-level"))


def _topology(devices: Sequence[tuple[str, str]], target: str = "") -> str:
    """Levels by id and their devices; `target`: of a level that is not there yet."""
    root = Element("configuration")
    topology = SubElement(root, "fencing-topology")
    for id_, names in devices:
        level = SubElement(topology, "fencing-level", id=id_, devices=names)
        if target:
            level.attrib.update(target=target, index="1")
    return ElementTree.tostring(root, encoding="unicode")


def _parsed(text: str) -> Element:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("Pacemaker gave no XML", f"{error}: {text[:200]!r}") from error

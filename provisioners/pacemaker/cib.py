"""The CIB: what `cibadmin --query` shows, to look things up in and (a copy of one's own) to edit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.command import Result, cmd
from halab.provisioners.engine.errors import ClusterNotRunning, Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.values import WRITTEN_BY_CLUSTER

NOT_CONNECTED = 102  # the exit code of Pacemaker's tools when no cluster runs on the host
QUERY = cmd("cibadmin", "--query", ok=(0, NOT_CONNECTED))
RESOURCES = ("primitive", "group", "clone", "master", "bundle")


@dataclass(frozen=True, slots=True)
class Cib:
    """One CIB. Whatever came out of `observe` is shared and only read; edits get a copy from `parse`."""

    root: Element

    @property
    def version(self) -> tuple[int, int]:
        """(admin_epoch, epoch): rises whenever the configuration is changed by anybody."""
        return int(self.root.get("admin_epoch", "0")), int(self.root.get("epoch", "0"))

    def section(self, name: str) -> Element:
        """A section of the configuration, made if it is missing (only edits may ask for one that can be)."""
        configuration = self.root.find("configuration")
        if configuration is None:
            raise UnexpectedOutput("The CIB has no configuration", f"<{self.root.tag}> came back instead.")
        found = configuration.find(name)
        return SubElement(configuration, name) if found is None else found

    def resources(self) -> Iterator[Element]:
        """Every resource, outer ones before inner ones."""
        return (e for e in self.root.iterfind("configuration/resources//*") if e.tag in RESOURCES)

    def resource(self, name: str) -> Element | None:
        return next((e for e in self.resources() if e.get("id") == name), None)

    def around(self, element: Element) -> Element | None:
        """The resource that directly holds another (a group, a clone); None at the top."""
        return next((outer for outer in self.resources() if any(inner is element for inner in outer)), None)

    def outer(self, name: str) -> str:
        """The id that constraints must use for a resource: that of the clone around it, if there is one."""
        element = self.resource(name)
        while element is not None:
            holder = self.around(element)
            if holder is not None and holder.tag != "group":
                name = holder.get("id", "")
            element = holder
        return name

    def constraints(self) -> list[Element]:
        return list(self.root.iterfind("configuration/constraints/*"))

    def fresh_id(self, wanted: str) -> str:
        """`wanted` without what an XML id cannot hold, with a number at its end if it is taken."""
        base = re.sub(r"[^A-Za-z0-9_.-]", "", wanted)
        taken = {e.get("id") for e in self.root.iter()}
        names = (base, *(f"{base}-{n}" for n in range(1, len(taken) + 2)))
        return next(name for name in names if name not in taken)


def parse(text: str) -> Cib:
    """A CIB of one's own from XML. Raises UnexpectedOutput when it is none."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("cibadmin gave no XML", f"{error}: {text[:200]!r}") from error
    if root.tag != "cib":
        raise UnexpectedOutput("cibadmin gave no CIB", f"The outermost element is <{root.tag}>.")
    for status in root.findall("status"):
        root.remove(status)  # big, and what runs is crm_mon's to say
    for element in root.iter():
        element.text = element.tail = None  # only indentation: the CIB holds no text
    return Cib(root)


@lru_cache(maxsize=8)
def has_joined(text: str, node: str) -> bool:
    """Whether what a node's `cibadmin --query` shows is the cluster's CIB.

    Until it has joined, after its start or that of its pacemaker-based alone, it is what lay on its disk, which others
    may have changed since. The status is never on a disk, and has the node as a member from then on.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return False
    states = root.iterfind("status/node_state[@join='member']")
    return any(state.get("uname") == node for state in states)


def render(cib: Cib) -> str:
    return ElementTree.tostring(cib.root, encoding="unicode")


def fingerprint(cib: Cib) -> str:
    """Of what people configure (hex). What Pacemaker itself writes, at any time, does not count."""
    own = parse(render(cib)).root
    for properties in own.iterfind("configuration/crm_config/*"):
        for pair in [one for one in properties if one.get("name") in WRITTEN_BY_CLUSTER]:
            properties.remove(pair)
    text = "".join(ElementTree.tostring(one, encoding="unicode") for one in own.iterfind("configuration"))
    return hashlib.sha256(ElementTree.canonicalize(text).encode()).hexdigest()


@lru_cache(maxsize=4)
def _parse_shared(text: str) -> Cib:
    return parse(text)


def observe(host: Host) -> Cib:
    """The CIB as last seen, to read only: all resources of one cluster share one query."""
    return _parse_shared(_checked(host, host.ask(QUERY, cached=True)))


def query(host: Host) -> Cib:
    """The CIB as it is now."""
    return parse(_checked(host, host.ask(QUERY)))


def _checked(host: Host, result: Result) -> str:
    if result.rc == NOT_CONNECTED:
        raise ClusterNotRunning(
            f"{host.name}: the cluster does not run",
            f"{result.stderr.strip()} Start it there: `pcs cluster start`, or `systemctl start corosync pacemaker`.",
        )
    return result.stdout


def existing(cib: Cib, name: str, tag: str) -> Element | None:
    """The resource of that name, which must be of kind `tag`. Raises Conflict when the name is in use otherwise."""
    if (found := cib.resource(name)) is not None:
        if found.tag != tag:
            raise Conflict(
                f"{name} is not a {tag}",
                f"The cluster already has a {found.tag} of this name. Choose another name, or remove it: "
                f"`pcs resource delete {name}`.",
                "name",
            )
        return found
    if any(e.get("id") == name for e in cib.root.iterfind("configuration//*")):
        raise Conflict(f"{name} is taken", "Something else has this id in the CIB. Choose another name.", "name")
    return None

"""The lab's mark: an element in libvirt's metadata by which an object is known as ours. Public data only."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, fields

MARK_URI = "https://halab.invalid/xmlns/lab/1"
MARK_PREFIX = "halab"
_TAG = f"{{{MARK_URI}}}lab"
_POOLS = uuid.uuid5(uuid.NAMESPACE_URL, f"{MARK_URI}/pool")

ET.register_namespace(MARK_PREFIX, MARK_URI)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What stands on an object. Networks carry the lab alone, machines also who they are in it; empty = not said."""

    lab: str
    hostname: str = ""
    domain: str = ""
    address: str = ""
    cluster: str = ""
    host_key: str = ""
    """The pinned SSH host key ("ssh-ed25519 AAAA..."); empty until the first boot showed it."""

    def element(self) -> ET.Element:
        """<halab:lab name=... hostname=... />."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        named = {"name": values.pop("lab"), **values}
        return ET.Element(_TAG, {name: value for name, value in named.items() if value})

    def xml(self) -> str:
        """The element as virDomainSetMetadata wants it: in no namespace, since libvirt puts it into the mark's."""
        element = self.element()
        element.tag = "lab"
        return ET.tostring(element, encoding="unicode")

    @classmethod
    def of(cls, element: ET.Element) -> Mark:
        """The mark in a <halab:lab> element; attributes of later versions are ignored."""
        known = {field.name for field in fields(cls)} - {"lab"}
        return cls(lab=element.get("name", ""), **{name: element.get(name, "") for name in known})


def mark_in(root: ET.Element) -> Mark | None:
    """The mark below <metadata> of a domain's or network's XML, None if it has none."""
    element = root.find(f"metadata/{_TAG}")
    return None if element is None else Mark.of(element)


def parse_mark(xml: str) -> Mark:
    """The mark from what virDomainGetMetadata returned."""
    return Mark.of(ET.fromstring(xml))


def pool_uuids(lab: str, name: str) -> tuple[str, str]:
    """The UUIDs that mark a pool, which has no metadata: of one whose directory we made, and of one that was there."""
    return tuple(str(uuid.uuid5(_POOLS, f"{lab}/{name}/{kind}")) for kind in ("made", "found"))  # type: ignore[return-value]

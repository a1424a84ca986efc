"""Each way to fence, and how a lab gets its devices: one line a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from halab.constructs.cdk import Construct
from halab.constructs.door_fencing import IpmiFencing, VirshFencing, WtiFencing, XvmFencing
from halab.constructs.fenced import Fenced, Method
from halab.constructs.redfish_fencing import RedfishFencing
from halab.constructs.sbd_fencing import SbdFencing
from halab.constructs.scsi_fencing import MpathFencing, ScsiFencing
from halab.constructs.watchdog_fencing import WatchdogFencing

METHODS: Mapping[str, Callable[[Construct, str, Fenced], Method]] = {
    "redfish": RedfishFencing,
    "wti": WtiFencing,
    "ipmi": IpmiFencing,
    "virsh": VirshFencing,
    "xvm": XvmFencing,
    "scsi": ScsiFencing,
    "mpath": MpathFencing,
    "sbd": SbdFencing,
    "watchdog": WatchdogFencing,
}

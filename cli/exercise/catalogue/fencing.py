"""Fencing that does not fence, or the wrong one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from halab.cli.drill.declaration import ACTIVE, FENCING, NODES, REDFISH
from halab.cli.exercise.catalogue.policies import option
from halab.cli.exercise.declaration import (
    Configured,
    Exercise,
    Healthy,
    OnNodes,
    Step,
    Survives,
)
from halab.provisioners.pacemaker.primitives import META, PARAMS, options

_PASSWORD = "/etc/halab/fencing-password"
_SYSTEM = "/redfish/v1/Systems/"
_URI = "crm_resource --resource fence-{idle} --set-parameter systems_uri --parameter-value " + _SYSTEM
_WAIT = "crm_resource --wait --timeout=240s"
# Whichever command the devices have for it, each. One without has its password in the CIB.
_GIVES_PASSWORD = """cibadmin --query --xpath "//primitive[@class='stonith']//nvpair[@name='password_script']" |
  sed -n 's/.* value="\\([^"]*\\)".*/\\1/p' | sort -u | while read -r script; do
    [ -n "$(sh -c "$script" < /dev/null)" ] || exit 1
  done"""


def _fences(cib: Element, _cast: Mapping[str, str]) -> bool:
    return option(cib, "stonith-enabled").lower() in ("true", "yes", "on", "1", "y", "")


def _own_system(cib: Element, cast: Mapping[str, str]) -> bool:
    """Whatever may fence the node by Redfish switches the node's own machine, as libvirt knows it; there is one.

    A device without a list of nodes may be asked for each of them.
    """
    found = [params for params in map(_params, _devices(cib)) if "systems_uri" in params]
    about = [params for params in found if cast["idle"] in (names := _fenced(params)) or not names]
    own = [params["systems_uri"].rstrip("/").rpartition("/")[2].lower() == cast["idle_uuid"] for params in about]
    return all(own) and any(_fenced(params) for params in about)


def _devices(cib: Element) -> list[Element]:
    """Those that are not disabled."""
    found = cib.iterfind("configuration/resources//primitive[@class='stonith']")
    return [one for one in found if options(one, META).get("target-role", "").lower() != "stopped"]


def _params(device: Element) -> dict[str, str]:
    return options(device, PARAMS)


def _fenced(params: Mapping[str, str]) -> set[str]:
    """The nodes that a device is said to fence."""
    named = re.split(r"[\s,;]+", f"{params.get('pcmk_host_list', '')} {params.get('pcmk_host_map', '')}")
    return {name for one in named if (name := one.partition(":")[0])}


EXERCISES = (
    Exercise(
        "fencing-off",
        level=1,
        symptom="A test for an audit: a node was crashed on purpose. The others saw it go and did nothing about it; "
        "every process that wrote to the shared file system stood still until the node had booted.",
        breaks=(Step(ACTIVE, "crm_attribute --name stonith-enabled --update false"),),
        broken=Step(ACTIVE, '[ "$(crm_attribute -n stonith-enabled -G -q)" = false ]'),
        hints=(
            "Are the fencing devices running? `crm_mon -1` and `pcs stonith` tell, and so does `halab status`.",
            "Whether the cluster fences at all is a property of the cluster.",
        ),
        solution=(Step(ACTIVE, f"crm_attribute --name stonith-enabled --update true; {_WAIT}"),),
        checks=(
            Healthy(20),
            Configured(40, "the cluster fences nobody", _fences),
            Survives(40, "crash-idle"),
        ),
        needs=frozenset({FENCING}),
    ),
    Exercise(
        "wrong-machine",
        level=3,
        symptom="{idle} hung, and the cluster fenced it, with success, as its log says. But it was {active} that went "
        "dark, and {idle} still hung.",
        breaks=(Step(ACTIVE, f"{_URI}{{active_uuid}}; {_WAIT}"),),
        broken=Step(
            ACTIVE,
            f'[ "$(crm_resource --resource fence-{{idle}} --get-parameter systems_uri)" = {_SYSTEM}{{active_uuid}} ]',
        ),
        hints=(
            "A device does not know who it is about: compare the devices' parameters, `pcs stonith config`.",
            "A machine's UUID is what `virsh domuuid` says on the host, and /sys/class/dmi/id/product_uuid in the "
            "guest.",
        ),
        solution=(Step(ACTIVE, f"{_URI}{{idle_uuid}}; {_WAIT}"),),
        checks=(
            Healthy(20),
            Configured(40, "the device of {idle} switches another machine", _own_system),
            Survives(40, "crash-idle"),
        ),
        needs=frozenset({REDFISH}),
    ),
    Exercise(
        "no-password",
        level=3,
        symptom="A security scan was followed by a hardening of file modes. Since then the fence agents say that they "
        "get no password, on whichever node they run.",
        breaks=(Step(NODES, f"chmod 0600 {_PASSWORD}"),),
        broken=Step(NODES, f"! [ -x {_PASSWORD} ]"),
        hints=(
            "Where does the agent get its password from? `pcs stonith config` has no password in it, by design.",
            "`password_script` names a program that prints it. A program has to be what, for a system to run it?",
        ),
        solution=(Step(NODES, f"chmod 0700 {_PASSWORD}"), Step(ACTIVE, f"crm_resource --cleanup; {_WAIT}")),
        checks=(
            Healthy(20),
            OnNodes(40, "there are nodes on which the agent gets no password", NODES, _GIVES_PASSWORD),
            Survives(40, "crash-idle"),
        ),
        needs=frozenset({REDFISH}),
    ),
)

"""The cluster's properties: what there are, with help, what they are now, and which of them Terraform declares."""

from __future__ import annotations

from halab.cli.console.contract import Parameter, Properties, Property
from halab.cli.console.metadata import DAEMONS, of_daemon, parameters, refuse_misfit
from halab.cli.console.refusing import Refused
from halab.cli.lab.state import instances
from halab.cli.look.place import Place
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import Cib, query
from halab.provisioners.pacemaker.primitives import options, set_options
from halab.provisioners.pacemaker.values import check_property, check_text

_SET, _FIRST = "cluster_property_set", "cib-bootstrap-options"


def known(host: Host) -> dict[str, Parameter]:
    """All properties that the Pacemaker of this host has and people set, by name. HalabError."""
    found = {one.name: one for daemon in DAEMONS for one in parameters(host.ask(of_daemon(daemon)).stdout)}
    return {name: one for name, one in sorted(found.items()) if check_property(name) is None}


def properties(host: Host, place: Place) -> Properties:
    """With what is set now; what is set and unknown to Pacemaker comes, too. HalabError, StateUnusable."""
    cib = query(host)
    now, there = set_now(cib), known(host)
    declared = {one.attributes["name"] for one in instances(place.state) if one.type == "halab_cluster_property"}
    unknown = {name: Parameter(name, "", "", (), False, "", "") for name in now if check_property(name) is None}
    rows = tuple(Property(one, now.get(name), name in declared) for name, one in sorted({**unknown, **there}.items()))
    return Properties(host.name, rows)


def set_now(cib: Cib) -> dict[str, str]:
    return options(cib.section("crm_config"), _SET)


def change(cib: Cib, name: str, value: str | None) -> None:
    """`value` None: Pacemaker's default again."""
    before, after = {name: ""}, {} if value is None else {name: value}
    set_options(cib, cib.section("crm_config"), _SET, before, after, _FIRST)


def refuse_unknown(host: Host, name: str, value: str | None) -> None:
    """Refused: Pacemaker has no such property, or it takes no such value. `value` None: it is to be unset."""
    if (problem := check_property(name)) or (problem := check_text(value or "")):
        raise Refused(problem)
    if value is None:
        return
    if (one := known(host).get(name)) is None:
        raise Refused(f"Pacemaker has no property {name}.")
    refuse_misfit(one, value)

"""A web site that Pacemaker starts and stops: configuration, and a unit that keeps its hands off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import GONE, KEPT
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import PutFile, Run, Step
from halab.provisioners.engine.survey import Says, Text, survey

COMPLETE = "complete"

# Apache that Pacemaker runs reads its configuration again and finishes the requests under way; otherwise nothing runs.
_SETTLE = f"""# check the configuration, leave the server to Pacemaker
mkdir -p -- "$4"
[ -z "$3" ] || rm -f -- "$3"
systemctl stop "$1"
[ "$(SYSTEMCTL_SKIP_SYSV=1 systemctl is-enabled "$1" 2>/dev/null || :)" = disabled ] || systemctl disable -q "$1"
{KEPT}
apachectl configtest
pid=$(pgrep --oldest --exact "$1") && [ "$(readlink "/proc/$pid/exe")" = "$2" ] && kill -USR1 "$pid" || :
"""
_CONFIG = """\
# Written by halab. Pacemaker runs this server; its unit stays disabled.
<IfModule !mod_headers.c>
    LoadModule headers_module {modules}/mod_headers.so
</IfModule>
<IfModule !mod_status.c>
    LoadModule status_module {modules}/mod_status.so
</IfModule>
{listen}ServerName {server_name}
<VirtualHost *:{port}>
    ServerName {server_name}
    DocumentRoot "{document_root}"
    Header always set X-Served-By "{served_by}"
    <Directory "{document_root}">
        Require all granted
    </Directory>
    <Location "/server-status">
        SetHandler server-status
        Require local
    </Location>
</VirtualHost>
"""
_SAID = {
    "server_name": r"^ServerName (\S+)$",
    "port": r"^<VirtualHost \*:([0-9]+)>$",
    "document_root": r'^ +DocumentRoot "(.*)"$',
    "served_by": r'X-Served-By "(.*)"$',
}


def absolute_path(value: object) -> str | None:
    if isinstance(value, str) and value.startswith("/") and value.isprintable() and not set(value) & set("\"'\\ $<>"):
        return None
    return f"{value!r} is no folder: give an absolute path without blanks and quotes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A web site on one node, with a status page for the node itself and a header that names the node."""

    machine: str = attr("UUID of the domain.", replace=True)
    document_root: str = attr(
        "Folder that is served; it may be a mount point that is mounted later.", check=absolute_path
    )
    server_name: str = attr("The site's name.", check=limits.dns_domain)
    served_by: str = attr("What the header X-Served-By says: the node's name.", check=limits.dns_label)
    port: int = attr("TCP port.", default=80, check=limits.between(1, 65535))
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class SiteItem(Item[Site]):
    spec = Site
    scope = "machine"
    phase = "site"
    identity = ("machine",)

    def observe(self, host: Host, wanted: Site) -> Site | None:
        platform = host.platform
        text, unit, default = survey(
            host,
            Text(_path(platform)),
            Says('systemctl show --property UnitFileState,ActiveState -- "$1"', (platform.apache_unit,)),
            Says('[ ! -e "$1" ] || echo there', (platform.apache_default_site or "",)),
        )
        if text is None:
            return None
        return site_seen(text, parse_unit(unit or ""), bool((default or "").strip()), wanted, platform)

    def adopt(self, host: Host, named: Site) -> Site | None:
        text = host.read(_path(host.platform)) or ""
        return self.observe(host, with_fields(named, **parse_config(text)))

    def steps(self, platform: Platform, now: Site | None, wanted: Site | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield Run(script(f"# remove the site\n{GONE}", _path(platform)))
        elif now != wanted:
            yield PutFile(_path(platform), render(platform, wanted))
            yield Run(
                script(
                    _SETTLE,
                    platform.apache_unit,
                    platform.apache_binary,
                    platform.apache_default_site or "",
                    wanted.document_root,
                    timeout_s=120,
                )
            )


def render(platform: Platform, site: Site) -> str:
    """The configuration file. Port 80 is what the distributions' own configuration listens on."""
    listen = "" if site.port == 80 else f"Listen {site.port}\n"
    return _CONFIG.format(
        modules=platform.apache_modules,
        listen=listen,
        server_name=site.server_name,
        port=site.port,
        document_root=site.document_root,
        served_by=site.served_by,
    )


def parse_config(text: str) -> dict[str, Any]:
    """What the configuration file says of a site; empty for what it does not say."""
    found = {name: re.search(pattern, text, re.MULTILINE) for name, pattern in _SAID.items()}
    said: dict[str, Any] = {name: match[1] for name, match in found.items() if match}
    return {**said, **({"port": int(said["port"])} if "port" in said else {})}


def parse_unit(text: str) -> Mapping[str, str]:
    """Properties as `systemctl show` prints them."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not {"UnitFileState", "ActiveState"} <= found.keys():
        raise UnexpectedOutput("systemctl show lacks a property", text[:500])
    return found


def site_seen(text: str, unit: Mapping[str, str], default_site: bool, wanted: Site, platform: Platform) -> Site:
    return with_fields(wanted, condition=next(_faults(text, unit, default_site, wanted, platform), COMPLETE))


def _faults(text: str, unit: Mapping[str, str], default_site: bool, wanted: Site, platform: Platform) -> Iterator[str]:
    if text != render(platform, wanted):
        yield f"{_path(platform)} was changed"
    if unit["UnitFileState"] != "disabled":
        yield f"{platform.apache_unit} is {unit['UnitFileState']}, Pacemaker alone is to start it"
    if unit["ActiveState"] not in ("inactive", "failed"):
        yield f"{platform.apache_unit} is {unit['ActiveState']} outside the cluster"
    if default_site:
        yield f"{platform.apache_default_site} is there"


def _path(platform: Platform) -> str:
    return f"{platform.apache_conf_dir}/halab-site.conf"

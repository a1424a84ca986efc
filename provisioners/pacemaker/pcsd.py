"""pcsd, so that `pcs` works for a person on any node: certificate, password, and all nodes authorized to each other.

`pcs host auth` is not used: it costs minutes on emulated guests and needs all nodes at once. It would leave behind two
files on each node, which are written here: known-hosts (which token opens which node) and pcs_users.conf (which
tokens this node takes, for whom). Their formats are those of pcs 0.10 to 0.12. What else is in them stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from halab.provisioners.engine import units
from halab.provisioners.engine.command import Command, Secret, script
from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.limits import cluster_name
from halab.provisioners.engine.managed_block import Whole, write
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.engine.survey import Says, Text, survey
from halab.provisioners.pacemaker.pcsd_files import (
    DROP_INS,
    KNOWN_HOSTS,
    PYTHON,
    SETTINGS,
    USER,
    USERS,
    Authorize,
    PcsdNode,
    Revoke,
    accepted_tokens,
    parse_known_hosts,
    parsed,
)

_CERTIFICATE_THERE = "if [ -s /var/lib/pcsd/pcsd.crt ] && [ -s /var/lib/pcsd/pcsd.key ]; then echo yes; fi"

# Two daemons that start one after the other: busy emulated guests need more than systemd's 90 s. And after a boot the
# cluster comes first: pacemakerd kills a daemon of its own that does not answer it five times, and the node is fenced.
# Of itself pcsd keeps ten workers, each of which loads all of pcs: memory, and minutes of an emulated guest. It makes
# temporary ones when all are busy. And it looks for tasks ten times a second, which is 7% of an idle emulated guest.
# Its Ruby half has Puma tell systemd its state each second, which is 1%; that it has started, pcsd-ruby tells itself.
# What somebody sets in pcsd's environment file outweighs this.
_DROP_IN = f"""\
[Service]
TimeoutStartSec=20min
CPUWeight=10
Environment=PCSD_WORKER_COUNT=2 PCSD_CHECK_INTERVAL_MS=1000 PUMA_SKIP_SYSTEMD=1 PYTHONPATH={PYTHON}
"""
# pcsd's workers, and the process through which they talk, are forked from a server of Python's. That has loaded nothing
# by default, and each of them loads all of pcs: 20 s of a slow emulated guest. Before Python 3.10, which does not know
# its arguments here, they still do.
_PRELOAD = """\
import sys

if getattr(sys, "orig_argv", [])[1:2] == ["/usr/sbin/pcsd"]:
    import multiprocessing

    multiprocessing.set_forkserver_preload(["pcs.entry_points.daemon"])
"""

# pcsd itself would make an RSA key at its first start, for which an emulated guest needs longer than systemd waits.
_CERTIFICATE = f"""# make pcsd's certificate
umask 077
cd /var/lib/pcsd
if ! [ -s pcsd.crt ] || ! [ -s pcsd.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -sha256 \\
    -subj "/CN=$(uname -n)" -keyout pcsd.key -out pcsd.crt 2>/dev/null
  {KEPT}
fi
"""

# Not yescrypt, Debian's default, which takes an emulated guest a third of a second at each look: only weak passwords
# need a hash that is dear to guess against.
_CHPASSWD = f"chpasswd --crypt-method SHA512\n{KEPT}"

# Does stdin match the password's hash? perl and python both know the system's crypt(); each is missing somewhere.
# 0 yes, 3 no.
_VERIFY = """# compare hacluster's password with its hash
if command -v perl >/dev/null; then
  exec perl -e '$p = <STDIN>; $h = (getpwnam($ARGV[0]))[1]; exit(length($h) > 2 && crypt($p, $h) eq $h ? 0 : 3)' "$1"
fi
exec python3 -W ignore -c '
import crypt, spwd, sys
h = spwd.getspnam(sys.argv[1]).sp_pwdp
sys.exit(0 if len(h) > 2 and crypt.crypt(sys.stdin.read(), h) == h else 3)' "$1"
"""


def _token(token: Any) -> str | None:
    text = token.reveal() if isinstance(token, Secret) else str(token)
    if not 16 <= len(text) <= 256 or not text.isascii() or not text.isprintable() or '"' in text:
        return "A token has 16 to 256 printable characters."
    return None


def _password(password: Any) -> str | None:
    text = password.reveal() if isinstance(password, Secret) else str(password)
    if len(text) < 8 or not text.isprintable():
        return "The password needs at least 8 printable characters."
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcsd:
    """pcsd on a node."""

    machine: str = attr("UUID of the machine.", replace=True)
    cluster: str = attr("Name of the cluster.", replace=True, check=cluster_name)
    nodes: tuple[PcsdNode, ...] = attr("All nodes of the cluster.")
    hacluster_password: Secret = attr("Password of the user hacluster, for the web interface.", check=_password)
    token: Secret = attr("Token by which the nodes authorize each other, 16 to 256 characters.", check=_token)
    enabled: bool = attr("Whether pcsd starts at boot.", default=True)
    running: bool = attr("Whether pcsd runs now. Nothing waits until it has started.", default=True)


class PcsdItem(Item[Pcsd]):
    """pcsd configured, enabled, and starting."""

    spec = Pcsd
    phase = "cluster"
    identity = ("machine", "cluster")
    ordinary = True  # pcsd copies its files from node to node by itself

    def observe(self, host: Host, wanted: Pcsd) -> Pcsd | None:
        state, certificate, known, users, settings = survey(
            host,
            Says(units.show("pcsd")),
            Says(_CERTIFICATE_THERE),
            Text(KNOWN_HOSTS),
            Text(USERS),
            Text(SETTINGS),
        )
        (unit,) = units.parse_show(state or "")
        clusters = parsed(settings, SETTINGS).get("clusters", [])
        if not certificate or not any(c.get("name") == wanted.cluster for c in clusters):
            return None
        mine = sorted(next(c["nodes"] for c in clusters if c.get("name") == wanted.cluster))
        token, nodes = parse_known_hosts(known, mine)
        if token not in accepted_tokens(users):
            token = ""
        verified = host.ask(script(_VERIFY, USER, stdin=wanted.hacluster_password, ok=(0, 3))).rc == 0
        return replace(
            wanted,
            nodes=wanted.nodes if set(nodes) == set(wanted.nodes) else nodes,
            token=Secret(token),
            hacluster_password=wanted.hacluster_password if verified else Secret(""),
            enabled=unit.file == "enabled",
            running=unit.running,
        )

    def steps(self, platform: Platform, now: Pcsd | None, wanted: Pcsd | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Revoke(now.cluster, now.token)
                if now.hacluster_password.reveal():
                    yield Run(_LOCK)  # it is the one that was set here
            return
        if now is None:
            yield write([Whole(f"{PYTHON}/sitecustomize.py", _PRELOAD), *(Whole(path, _DROP_IN) for path in DROP_INS)])
            yield Run(script(_CERTIFICATE))
        if now is None or now.hacluster_password != wanted.hacluster_password:
            yield Run(
                script(
                    f"# set hacluster's password\n{_CHPASSWD}",
                    stdin=Secret(f"{USER}:{wanted.hacluster_password.reveal()}\n"),
                )
            )
        if now is None or (set(now.nodes), now.token) != (set(wanted.nodes), wanted.token):
            yield Authorize(wanted.cluster, wanted.nodes, wanted.token)
        if now is None or (now.enabled, now.running) != (wanted.enabled, wanted.running):
            yield Run(_units(wanted))


def _units(wanted: Pcsd) -> Command:
    """pcsd's second daemon, pcsd-ruby, comes and goes with it."""
    enable = (units.enable if wanted.enabled else units.disable)("pcsd")
    # This item is the last one on a node: systemd reads the drop-ins and all that was enabled without a reload.
    reload = "if [ $(systemctl show -p NeedDaemonReload --value pcsd) = yes ]; then systemctl daemon-reload; fi"
    run = f"systemctl {'start' if wanted.running else 'stop'} --no-block pcsd"
    return script(f"# start or stop pcsd\n{enable}\n{reload}\n{run}", timeout_s=300)


_LOCK = script(f"# lock hacluster's password\nusermod --lock {USER}\n{KEPT}")

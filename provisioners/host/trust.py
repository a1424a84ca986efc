"""CA certificates that a guest trusts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import GONE, KEPT
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import PutFile, Run, Step

_UPDATE_S = 600  # it handles every certificate of the distribution


def _name(name: str) -> str | None:
    return None if re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) else f"{name!r}: use small letters, digits and dashes."


def _pem(pem: str) -> str | None:
    if "PRIVATE KEY" in pem:
        return "It contains a private key. Give the certificate alone."
    if pem.count("-----BEGIN CERTIFICATE-----") != 1 or "-----END CERTIFICATE-----" not in pem:
        return "It is not one certificate in PEM form (-----BEGIN CERTIFICATE-----)."
    return None


# 3: no such file. 4: the file is there, but the store was not made from it: nothing trusts it yet. $2 is the store. A
# line of the certificate's end is unique; a store that breaks lines elsewhere has another one, and openssl is asked.
_PROBE = """# see whether a CA is trusted
[ -e "$1" ] || exit 3
while IFS= read -r line; do case $line in -*) ;; *) last=$line ;; esac; done < "$1"
grep -qxF -e "$last" "$2" || openssl verify -- "$1" >/dev/null 2>&1 || exit 4
cat -- "$1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaCertificate:
    """A CA certificate in the system's trust store."""

    machine: str = attr("UUID of the machine.", replace=True)
    name: str = attr("Name of the file in the trust store.", replace=True, check=_name)
    pem: str = attr("The certificate in PEM form.", check=_pem)


class CaCertificateItem(Item[CaCertificate]):
    """The certificate's file, and the store that is made from all such files."""

    spec = CaCertificate
    phase = "fencing"
    identity = ("machine", "name")

    def observe(self, host: Host, wanted: CaCertificate) -> CaCertificate | None:
        path, store = _path(host.platform, wanted.name), host.platform.ca_trust_store
        result = host.look(script(_PROBE, path, store, ok=(0, 3, 4)))
        if result.rc == 3:
            return None
        return replace(wanted, pem=result.stdout if result.rc == 0 else "")

    def steps(self, platform: Platform, now: CaCertificate | None, wanted: CaCertificate | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield from _drop(platform, _path(platform, now.name))
        elif now != wanted:
            path = _path(platform, wanted.name)
            yield PutFile(path, wanted.pem)
            if now is None and platform.ca_trust_add is not None:
                yield Run(script(platform.ca_trust_add, path))
            else:
                yield _update(platform)


def _drop(platform: Platform, path: str) -> Iterator[Step]:
    if platform.ca_trust_drop is not None:
        yield Run(script(platform.ca_trust_drop, path))
    else:
        yield Run(script(f"# remove a certificate\n{GONE}", path))
        yield _update(platform)


def _update(platform: Platform) -> Step:
    return Run(script(f'# make the trust store anew\n"$@"\n{KEPT}', *platform.ca_trust_update, timeout_s=_UPDATE_S))


def _path(platform: Platform, name: str) -> str:
    return f"{platform.ca_trust_dir}/{name}.crt"

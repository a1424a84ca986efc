"""Root's SSH between the lab's hosts, each to all and to itself, without a password or a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from halab.provisioners.engine import limits
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.managed_block import Block, block_lines, write
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step
from halab.provisioners.engine.survey import Text, survey

AUTHORIZED = "/root/.ssh/authorized_keys"
KNOWN = "/etc/ssh/ssh_known_hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A host that may log in here, and whose host key is known here."""

    name: str = attr("Short host name.", check=limits.host_name)
    address: str = attr("IPv4 address.", check=limits.ipv4)
    host_key: str = attr("Public host key, `ssh-ed25519 AAAA…`.")
    user_key: str = attr("Public key of the host's root, `ssh-ed25519 AAAA…`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTrust:
    """Whom a host lets in, and whose host keys it knows."""

    machine: str = attr("UUID of the machine.", replace=True)
    domain: str = attr("DNS domain of the lab; empty when hosts have short names only.", default="")
    peers: tuple[Peer, ...] = attr("All hosts of the lab, this one too.")


class SshTrustItem(Item[SshTrust]):
    """Our block in authorized_keys and ssh_known_hosts; the lines of others stay."""

    spec = SshTrust
    phase = "host"
    identity = ("machine",)

    def observe(self, host: Host, wanted: SshTrust) -> SshTrust | None:
        authorized, known = map(block_lines, survey(host, Text(AUTHORIZED), Text(KNOWN)))
        if authorized is None and known is None:
            return None
        if (authorized, known) == (authorized_lines(wanted), known_lines(wanted)):
            return wanted
        return replace(wanted, peers=parse_peers(authorized or (), known or ()))

    def adopt(self, host: Host, named: SshTrust) -> SshTrust | None:
        """With the domain of the long names."""
        (known,) = map(block_lines, survey(host, Text(KNOWN)))
        names = known[0].split()[0].split(",") if known else []
        domain = names[1].removeprefix(f"{names[0]}.") if len(names) == 3 else ""
        return self.observe(host, replace(named, domain=domain))

    def steps(self, platform: Platform, now: SshTrust | None, wanted: SshTrust | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield write([Block(AUTHORIZED, (), mode=0o600), Block(KNOWN, ())])
        elif now != wanted:
            yield write([Block(AUTHORIZED, authorized_lines(wanted), mode=0o600), Block(KNOWN, known_lines(wanted))])


def authorized_lines(spec: SshTrust) -> tuple[str, ...]:
    return tuple(f"{_key(p.user_key)} root@{p.name}" for p in spec.peers)


def known_lines(spec: SshTrust) -> tuple[str, ...]:
    """Each host under its short name, its long name and its address."""
    return tuple(
        f"{','.join((p.name, *([f'{p.name}.{spec.domain}'] if spec.domain else []), p.address))} {_key(p.host_key)}"
        for p in spec.peers
    )


def _key(key: str) -> str:
    """Type and key without a comment."""
    return " ".join(key.split()[:2])


def parse_peers(authorized: tuple[str, ...], known: tuple[str, ...]) -> tuple[Peer, ...]:
    """The peers that both blocks speak of; a key that one of them lacks is empty."""
    logins = [words for line in authorized if len(words := line.split()) == 3]
    user_keys = {owner.removeprefix("root@"): f"{kind} {key}" for kind, key, owner in logins}
    host_keys, addresses = dict[str, str](), dict[str, str]()
    for names, _, key in (line.partition(" ") for line in known):
        name, *_, address = names.split(",")
        host_keys[name], addresses[name] = key, address
    return tuple(
        Peer(name=n, address=addresses.get(n, ""), host_key=host_keys.get(n, ""), user_key=user_keys.get(n, ""))
        for n in dict.fromkeys([*host_keys, *user_keys])
    )

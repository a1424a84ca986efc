"""No secret of a real lab stands where others, or a log, can show it."""

from __future__ import annotations

import json
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from halab.provider.lab import HalabProvider
from halab.provider.protocol.redaction import secrets_of
from halab.provisioners.engine.command import script
from tests.e2e.lab import CHECKOUT, STATE, Lab, hypervisor

# Shorter lines of a secret (of a script that holds it, say) are not secret.
_LEAST = 12
_LOGS = ("deploy.log", "progress.jsonl", "outputs.json", "ssh_config", "known_hosts")
# What every process, journal line and file that anybody may read shows; the secrets come through stdin, one a line.
# The patterns stand in a file of this shell's own: in an argument list they would be found there. Of the root file
# system only what was written since a minute before the first boot named the machine: the image knows no secret.
_SEARCH = r"""# search for secrets
umask 077; patterns=$(mktemp /run/secrets-XXXXXX); trap 'rm -f "$patterns"' EXIT; cat > "$patterns"
grep -lasFf "$patterns" -- /proc/[0-9]*/cmdline | while read -r file; do
  echo "$file: $(cat "${file%cmdline}comm")"
done
journalctl --no-pager --boot | grep -Ff "$patterns" | sed 's/^.\{16\}\([^:]*\):.*/journal: \1/' || :
dmesg | grep -qFf "$patterns" && echo "kernel's log" || :
since=$(($(stat -c %Z /etc/machine-id) - 60))
find / -xdev -type f -newerct "@$since" -perm /004 -size -2M -print0 | xargs -0r grep -lsFf "$patterns" -- || :
find /run /var/www -type f -perm /004 -size -2M -print0 2>/dev/null | xargs -0r grep -lsFf "$patterns" -- || :
"""


def _instances(lab: Lab) -> list[dict[str, Any]]:
    state = json.loads(lab.folder.state.read_text())
    return [
        {"of": f"{resource['type']}.{resource['name']}", **instance}
        for resource in state["resources"]
        for instance in resource["instances"]
    ]


def _sensitive(instance: dict[str, Any]) -> set[str]:
    """The values that the provider's schema marks as sensitive."""
    provider = HalabProvider()
    kind = instance["of"].split(".")[0]
    return secrets_of(provider.resources[kind](provider).schema, instance["attributes"])


@pytest.fixture(scope="module")
def secrets(lab: Lab) -> dict[str, str]:
    """Each secret's text (line by line) -> which it is."""
    sensitive = {instance["of"]: _sensitive(instance) for instance in _instances(lab)}
    # Each type that makes or takes a secret is among them.
    types = {name.split(".")[0] for name, values in sensitive.items() if values}
    assert {"halab_secret", "halab_cluster", "halab_cluster_member", "halab_iscsi_acl", "halab_pcsd"} <= types
    found = {
        line: name
        for name, values in sensitive.items()
        for value in values
        for line in [value, *value.splitlines()]
        if len(line) >= _LEAST and not line.startswith("#!")
    }
    key = (STATE / "id_ed25519").read_text().splitlines()
    found |= {line: "the lab's private key" for line in key if not line.startswith("-----")}
    for place in (STATE / "fencing").rglob("*.key"):
        found |= {line: str(place) for line in place.read_text().splitlines() if not line.startswith("-----")}
    return {text: name for text, name in found.items() if "\n" not in text}


def _in(text: str, secrets: dict[str, str]) -> set[str]:
    """Which secrets stand in a text."""
    return {name for secret, name in secrets.items() if secret in text}


def test_logs_and_progress(lab: Lab, secrets: dict[str, str]) -> None:
    for name in _LOGS:
        assert _in((STATE / name).read_text(errors="replace"), secrets) == set(), name
    for log in (STATE / "fencing").rglob("power.log"):
        assert _in(log.read_text(errors="replace"), secrets) == set()


def test_what_cdktf_shows_and_synthesizes(
    lab: Lab, secrets: dict[str, str], first_diff: subprocess.CompletedProcess[str]
) -> None:
    assert _in(first_diff.stdout + first_diff.stderr, secrets) == set()
    stack = CHECKOUT / "cdktf.out/stacks" / lab.settings.name
    assert _in((stack / "cdk.tf.json").read_text(), secrets) == set()
    assert stat.S_IMODE(stack.stat().st_mode) == 0o700  # its plan holds them


def test_consoles(secrets: dict[str, str]) -> None:
    logs = list(Path("/var/lib/libvirt").rglob("*.console.log*"))
    assert logs
    for log in logs:
        assert _in(log.read_text(errors="replace"), secrets) == set(), log


def test_libvirt(secrets: dict[str, str]) -> None:
    with hypervisor() as connection:
        texts = [
            *(domain.XMLDesc() for domain in connection.listAllDomains()),
            *(network.XMLDesc() for network in connection.listAllNetworks()),
            *(pool.XMLDesc() for pool in connection.listAllStoragePools()),
        ]
    for text in texts:
        assert _in(text, secrets) == set()
    for log in Path("/var/log/libvirt").rglob("*.log"):
        assert _in(log.read_text(errors="replace"), secrets) == set(), log


def test_processes_of_the_host(secrets: dict[str, str]) -> None:
    seen = 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            shown = (place / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        seen += "qemu-system" in shown
        assert _in(shown, secrets) == set(), place
    assert seen


def test_hosts(lab: Lab, secrets: dict[str, str]) -> None:
    """Processes, journals, and files that anybody may read."""
    search, names = script(_SEARCH, stdin="\n".join(secrets) + "\n", timeout_s=900), [*lab.nodes, "target"]
    with ThreadPoolExecutor() as together:
        found = together.map(lambda name: lab.host(name).ask(search).stdout.splitlines(), names)
        assert dict(zip(names, found, strict=True)) == {name: [] for name in names}


def test_cib_and_its_history(lab: Lab, secrets: dict[str, str]) -> None:
    """Anybody in the group haclient may read it, and `crm_report` takes it along."""
    assert _in(lab.ask("node1", "cibadmin", "--query"), secrets) == set()


def test_base_image(lab: Lab, secrets: dict[str, str]) -> None:
    """As made, before any lab: its files as far as they are stored plainly. No key, no password hash, no machine id."""
    images = {
        instance["attributes"]["source"] for instance in _instances(lab) if instance["of"].startswith("halab_image.")
    }
    wanted = [secret.encode() for secret in secrets]
    for image in images:
        for file in Path(image).iterdir():
            rest = b""
            with file.open("rb") as data:
                while chunk := data.read(8 << 20):
                    block = rest + chunk
                    assert not any(secret in block for secret in wanted), file
                    rest = block[-512:]


def test_own_files(lab: Lab) -> None:
    places = [STATE, *STATE.rglob("*")]
    loose = [place for place in places if stat.S_IMODE(place.stat().st_mode) & 0o077]
    assert loose == []
    for name in lab.nodes:
        said = lab.ask(
            name, "sh", "-euc",
            "stat -c '%a' /etc/corosync/authkey /etc/pacemaker/authkey /etc/iscsi/iscsid.conf /etc/shadow; "
            "find /etc/halab/fencing-password /etc/iscsi/nodes /var/lib/iscsi -type f -perm /044 2>/dev/null || :",
        )  # fmt: skip
        modes = said.split()
        assert all(int(mode, 8) & 0o007 == 0 for mode in modes[:2] + modes[3:4]), (name, said)
        assert modes[4:] == [], name

"""Gathers the facts, as whoever calls it: no root is needed, and what may not be read is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from halab.cli.doctor import facts as f
from halab.cli.doctor.lab_files import damaged
from halab.cli.doctor.listening import listeners
from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import CHECKOUT, lab_settings
from halab.cli.look import status
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import Place, place
from halab.cli.look.report import Fault
from halab.cli.look.together import together
from halab.constructs.settings import Settings
from halab.provider.run.console_service import ConsoleService
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError

_CALL_S, _LIBVIRT_S = 20.0, 5.0
_SBIN = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))  # not in an ordinary user's PATH on Debian
_POOLS = Path("/var/lib/libvirt/images")


def gather(checkout: Path = CHECKOUT) -> f.Facts:
    """SettingsError. What is wrong with the lab's own files is among the facts."""
    settings, where = lab_settings(checkout), place(checkout)
    folder = LabFolder(where.state.parent)
    is_there, known = _lab(where)
    wanted = _wanted(settings, is_there)
    jobs: dict[str, Callable[[], Any]] = {
        "libvirt": lambda: _libvirt(where.uri),
        "firewall": _firewall,
        "terraform": _terraform,
        "node": _node,
        "lab": lambda: _faults(where) if known else None,
    }
    found = together(jobs, 3 * _CALL_S)
    listening = tuple(_listeners())
    ports = [53, *(port for _, ports in wanted.endpoint_ports.values() for port in ports)]
    return f.Facts(
        wanted=wanted,
        kvm=_kvm(where),
        memory_available_bytes=_memory(Path("/proc/meminfo").read_text()),
        pool=_space(_POOLS),
        checkout=_space(checkout),
        listeners=listening,
        holders={port: name for port in ports if (name := _holder(port))},
        routes=_routes(),
        user=_user(),
        console=_console(folder),
        damaged=tuple(damaged(folder)),
        **found,
    )


def _lab(where: Place) -> tuple[bool, bool]:
    """Whether a lab is to be there, and whether it is known. What is amiss with its state `damaged` tells."""
    try:
        deployed(where.state)
    except NothingDeployed:
        return False, False
    except (StateUnusable, OSError):
        return True, False
    return True, True


def _faults(where: Place) -> tuple[Fault, ...]:
    try:
        return status.look(where).faults
    except (StateUnusable, NothingDeployed, OSError) as error:
        return (Fault("lab", f"cannot be looked at: {error}", remedy="Look again; `halab status` says the same."),)


def _wanted(settings: Settings, is_deployed: bool) -> f.Wanted:
    return f.Wanted(
        lab=settings.name,
        network=settings.net,
        gateway=settings.gateway,
        endpoint_ports=settings.fencing.endpoint_ports,
        memory_bytes=(settings.node_count + 1) * settings.memory_mib * f.MIB,
        lun_bytes=settings.iscsi.lun_gib * f.GIB,
        hypervisor=settings.hypervisor,
        deployed=is_deployed,
    )


def _kvm(where: Place) -> f.Kvm:
    flags = Path("/proc/cpuinfo").read_text().split()
    return f.Kvm(Path("/dev/kvm").exists(), not {"vmx", "svm"}.isdisjoint(flags), _verdict(where.kvm_verdict))


def _verdict(file: Path) -> tuple[bool, str] | None:
    """What was found out since the host's boot."""
    try:
        said = json.loads(file.read_text())
        this_boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return (bool(said["usable"]), str(said["reason"])) if said["boot_id"] == this_boot else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _memory(text: str) -> int:
    kib = next(line.split()[1] for line in text.splitlines() if line.startswith("MemAvailable:"))
    return int(kib) * 1024


def _space(directory: Path) -> f.Space:
    there = next(path for path in (directory, *directory.parents) if _is_there(path))
    found = os.statvfs(there)
    return f.Space(str(there), found.f_bavail * found.f_frsize)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _libvirt(uri: str) -> f.Libvirt:
    from halab.provider.hypervisor.connection import Connection, LibvirtAway, LibvirtFailed

    def ask() -> f.Libvirt:
        try:
            Connection(uri).libvirt.getVersion()
        except LibvirtFailed as error:
            return f.Libvirt(error.summary, error.detail, isinstance(error, LibvirtAway))
        except HalabError as error:
            return f.Libvirt(error.summary, error.detail)
        return f.Libvirt()

    mute = f.Libvirt(f"libvirt does not answer within {_LIBVIRT_S:.0f} s", "See journalctl -u libvirtd -u virtqemud.")
    return together({"libvirt": ask}, _LIBVIRT_S).get("libvirt", mute)


def _listeners() -> list[f.Listener]:
    found = list[f.Listener]()
    for kind in ("tcp", "udp"):
        for table in (Path(f"/proc/net/{kind}"), Path(f"/proc/net/{kind}6")):
            if table.exists():  # no IPv6 in this kernel
                found += listeners(kind, table.read_text())
    return found


def _holder(port: int) -> str | None:
    from halab.provider.fencing.power_port import listener

    return listener(port) or listener(port, "udp")


def _routes() -> tuple[f.Route, ...] | None:
    said = _call(["ip", "-json", "-4", "route", "show"])
    if said is None or said.returncode:
        return None
    return tuple(
        f.Route(IPv4Network(line["dst"]), line.get("dev", ""), line.get("prefsrc", ""))
        for line in json.loads(said.stdout or "[]")
        if line["dst"] != "default"
    )


def _firewall() -> f.Firewall:
    said = _call(["nft", "--json", "list", "ruleset"])
    readable = said is not None and said.returncode == 0
    state = _call(["firewall-cmd", "--state"])
    zones = (Path(base, "firewalld/zones/libvirt.xml") for base in ("/etc", "/usr/lib"))
    return f.Firewall(
        rules=json.loads(said.stdout) if said is not None and readable else None,
        why="nft is not installed" if said is None else (said.stderr.strip().splitlines() or [""])[0],
        ufw="ENABLED=yes" in _text(Path("/etc/ufw/ufw.conf")).split(),
        firewalld=state is not None and state.returncode == 0,
        zone=any(zone.exists() for zone in zones),
        bridges_filtered=_text(Path("/proc/sys/net/bridge/bridge-nf-call-iptables")).strip() == "1",
    )


def _terraform() -> f.Terraform:
    binary = os.environ.get("HALAB_TERRAFORM") or shutil.which("terraform") or shutil.which("tofu") or ""
    named = os.environ.get("TF_CLI_CONFIG_FILE", "")
    file = Path(named) if named else Path.home() / ".terraformrc"
    plugins = Path.home() / ".terraform.d/plugins/terraform.local/halab/halab"
    return f.Terraform(
        binary=binary,
        version=_terraform_version(binary) if binary else "",
        named=named,
        configuration=(str(file), file.read_text()) if file.is_file() else None,
        launcher=any(plugins.glob("*/linux_amd64/terraform-provider-halab_v*")),
    )


def _terraform_version(binary: str) -> str:
    said = _call([binary, "version", "-json"], CHECKPOINT_DISABLE="1")
    if said is None or said.returncode:
        return ""
    return str(json.loads(said.stdout).get("terraform_version", ""))


def _node() -> f.Node:
    path = os.pathsep.join((os.path.join(sys.prefix, "bin"), os.environ.get("PATH", "")))  # make prepare's own first
    said = _call([shutil.which("node", path=path) or "node", "-p", "process.versions.node"])
    version = said.stdout.strip() if said is not None and said.returncode == 0 else ""
    return f.Node(version, shutil.which("npm", path=path) or "", os.environ.get("HALAB_CDK") or "cdktf")


def _user() -> f.User:
    from halab.provider.fencing.power_unit import ends_at_logout, supervision_here

    mask = os.umask(0o077)  # it can only be read by setting it
    os.umask(mask)
    return f.User(os.geteuid() == 0, mask, supervision_here() == "user unit" and ends_at_logout())


def _console(folder: LabFolder) -> f.Console | None:
    service = ConsoleService(folder)
    try:
        config = service.read()
    except (HalabError, OSError):  # `damaged` tells
        return None
    if config is None:
        return None
    return f.Console(config.port, service.listens(config.port), service.supervised())


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, PermissionError):
        return ""


def _call(argv: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str] | None:
    """What a program says in English; None when it is not there, or does not end."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), _SBIN))
    if (program := shutil.which(argv[0], path=path)) is None:
        return None
    environment = {**os.environ, **variables, "PATH": path, "LC_ALL": "C"}
    try:
        return subprocess.run(
            [program, *argv[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_CALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None

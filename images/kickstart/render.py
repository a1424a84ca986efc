"""Renders the host profile as a kickstart file. Pure: the same profile and sources give the same bytes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from halab.images.installation import EXPORT_MEMBERS, EXPORT_SERIAL, Role
from halab.images.kickstart.distributions import Sources
from halab.images.profile import ROLES, TEMPLATES, GuestFile, HostProfile, names_of
from halab.images.profile import Role as HostRole
from halab.provisioners.engine.limits import NODE_PORTS, TARGET_PORTS

SECRET_INCLUDE = "halab-secret.ks"  # Anaconda's initrd hands /*.ks on to the installer's root
# The installer's root is BIOS-bootable and boots on its serial console without the lab too.
BOOT_ARGUMENTS = "console=ttyS0 net.ifnames=0"
_GROUPS = ("@^minimal-environment", "@standard")  # @core, and what @base was until EL 7
# Else `clearpart --all` and autopart take the drive for the image's parts, too.
_ONLY_DRIVE = "ignoredisk --only-use=vda"
_EXCLUDED = ("dracut-config-rescue", "iwl*-firmware", "plymouth")
_LOG = "/var/log/halab-install.log"
_FILES_GO_HERE = "# @FILES@"
_END_OF_FILE = "HALAB-END-OF-FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a kickstart is rendered from."""

    profile: HostProfile
    sources: Sources
    role: Role
    firewall: bool
    extra_packages: tuple[str, ...]
    size_mib: int
    heading: str


def render(wanted: Wanted) -> str:
    """A whole kickstart file."""
    return "\n".join([f"# {wanted.heading}", *_commands(wanted), "", *sections(wanted)]) + "\n"


def extend(own: str, wanted: Wanted, *, power_off: bool, choose_drive: bool, environment: bool) -> str:
    """The user's kickstart, and after it what makes its system a host of the lab.

    `power_off`, `choose_drive`, `environment`: it does not say itself how it ends, which drives the installer may
    touch, and which environment of packages it wants.
    """
    commands = [*(["poweroff"] if power_off else []), *([_ONLY_DRIVE] if choose_drive else [])]
    groups = _GROUPS if environment else _GROUPS[1:]
    lines = [f"# {wanted.heading}", *_sources(wanted), *commands, "", *sections(wanted, groups)]
    return f"{own.rstrip()}\n\n" + "\n".join(lines) + "\n"


def roles_of(role: Role) -> tuple[HostRole, ...]:
    """The roles that a machine may get."""
    return ROLES if role == "any" else (role,)


def _commands(wanted: Wanted) -> Iterator[str]:
    profile = wanted.profile
    yield "cmdline"
    yield "eula --agreed"
    yield "firstboot --disable"
    yield f"lang {profile.region.language}"
    yield f"keyboard {profile.region.keyboard}"
    yield f"timezone {profile.region.timezone} --utc"
    yield "network --bootproto=dhcp --device=link --activate"
    # No password has this hash. Some releases of Anaconda ask for one where the account is locked and nothing more.
    yield "rootpw --lock --iscrypted locked"
    yield "selinux --enforcing"
    yield _firewall(wanted)
    yield _services(profile)
    yield _ONLY_DRIVE
    yield "zerombr"
    yield "clearpart --all --initlabel --drives=vda"
    yield f'bootloader --location=mbr --boot-drive=vda --timeout=1 --append="{BOOT_ARGUMENTS}"'
    yield "reqpart"
    disk = profile.disk
    yield (
        f"part / --fstype={disk.filesystem} --label={disk.label} --ondisk=vda --size={wanted.size_mib * 3 // 4} --grow"
    )
    yield from _sources(wanted)
    yield "poweroff"
    yield ""
    yield "%addon com_redhat_kdump --disable"
    yield "%end"


def _sources(wanted: Wanted) -> Iterator[str]:
    for name, address in wanted.sources.repositories:
        yield f"repo --name={name} --baseurl={address}"
    if wanted.sources.registered:
        yield "# organization and activation key: in the installer's memory alone"
        yield f"%include /{SECRET_INCLUDE}"


def _firewall(wanted: Wanted) -> str:
    """Until a machine is provisioned, what its roles need is open to everybody; then, to the lab's network alone."""
    if not wanted.firewall:
        return "firewall --disabled"
    ports = {"node": NODE_PORTS, "target": TARGET_PORTS}
    opened = dict.fromkeys(port for role in roles_of(wanted.role) for port in ports[role])
    written = [f"{number}:{protocol}" for protocol, number in (port.split("/") for port in opened)]
    return f"firewall --enabled --port={','.join(written)}"


def _services(profile: HostProfile) -> str:
    """Units of packages; our own do not exist before %post, where all of them are set once more."""
    enabled = [name for name in names_of(profile.enabled, "el") if not name.startswith("halab-")]
    return f"services --enabled={','.join(enabled)} --disabled={','.join(names_of(profile.disabled, 'el'))}"


def sections(wanted: Wanted, groups: tuple[str, ...] = _GROUPS) -> Iterator[str]:
    """%packages and %post: what every kickstart gets, the user's own too."""
    roles = roles_of(wanted.role)
    table = [entry for entry in wanted.profile.packages if set(entry.roles) & set(roles)]
    addons = [name for entry in table if entry.addon for name in entry.el]
    # Repositories that only the installed system knows by their ids are of use only once it is there.
    later = [*addons, *sorted(wanted.extra_packages)] if wanted.sources.enabled else []
    now = [name for entry in table for name in entry.el] + sorted(wanted.extra_packages)
    yield "%packages"
    yield from groups
    yield from dict.fromkeys([*(name for name in now if name not in later), *_tools(wanted)])
    yield from (f"-{name}" for name in _EXCLUDED)
    yield "%end"
    yield ""
    yield "%post --erroronfail"
    yield from _lists(wanted, later)
    for line in (TEMPLATES / "el-configure").read_text().splitlines():
        if line != _FILES_GO_HERE:
            yield line
            continue
        for file in wanted.profile.files_of("el"):
            yield from _file(file)
    yield "%end"


def _tools(wanted: Wanted) -> tuple[str, ...]:
    return ("subscription-manager",) if wanted.sources.registered else ()


def _lists(wanted: Wanted, later: list[str]) -> Iterator[str]:
    profile = wanted.profile
    values = {
        "LOG": (_LOG,),
        "LOCALE": (profile.region.language,),
        "REGISTERED": ("yes",) if wanted.sources.registered else (),
        "REPOSITORIES": wanted.sources.enabled,
        "ADDON_PACKAGES": later,
        "ENABLED": names_of(profile.enabled, "el"),
        "DISABLED": names_of(profile.disabled, "el"),
        "MASKED": names_of(profile.masked, "el"),
        "REMOVED": names_of(profile.removed, "el"),
        "KERNEL_MODULES": profile.kernel_modules,
        "ROOT_LABEL": (profile.disk.label,),
        "EXPORT": (f"/dev/disk/by-id/virtio-{EXPORT_SERIAL}",),
        "EXPORT_MEMBERS": EXPORT_MEMBERS,
    }
    for name, words in values.items():
        yield f"{name}={shlex.quote(' '.join(words))}"


def _file(file: GuestFile) -> Iterator[str]:
    text = file.content().decode()
    if any(line.startswith("%") or line == _END_OF_FILE for line in text.splitlines()):
        raise ValueError(f"{file.template} has a line that would end its place in a kickstart")
    yield f"mkdir -p '{file.path.rpartition('/')[0]}'"
    yield f"cat > '{file.path}' <<'{_END_OF_FILE}'"
    if text:
        yield text.rstrip("\n")
    yield _END_OF_FILE
    yield f"chmod {file.mode:04o} '{file.path}'"

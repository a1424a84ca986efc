"""From a request to an installation of EL 9: the tree, the sources of packages, the kickstart, all of it checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from halab.images.debian import EMULATED_CMDLINE
from halab.images.installation import ArchiveFile, Installation, SecretFile, failures, read_secret, stages
from halab.images.kickstart.check import check, drives_are_chosen, ends_by_itself, has_environment
from halab.images.kickstart.distributions import distribution_of, sources_of
from halab.images.kickstart.render import SECRET_INCLUDE, Wanted, extend, render
from halab.images.tree import read_tree
from halab.provisioners.engine.errors import ConfigError

if TYPE_CHECKING:
    from halab.images.prepare import Request

_MIB_PER_GIB = 1024
_MEMORY_MIB = 3072  # the installer's second stage is unpacked in memory
_ORGANIZATION = re.compile(r"[A-Za-z0-9_.-]+")
# SELinux stays: no lsm= here. The root is found by its label.
_CMDLINE = "root=LABEL={label} rw console=ttyS0 net.ifnames=0 quiet systemd.tty.term.console=dumb TERM=dumb"
_ARGUMENTS = (
    "inst.ks=file:/ks.cfg",
    "inst.text",
    "inst.cmdline",
    "inst.notmux",  # plain lines on the console
    "inst.nosave=all",  # neither logs nor kickstart stay in the image
    "console=ttyS0",
    "net.ifnames=0",
    "ip=dhcp",
)
# What Anaconda 34 prints without a terminal of its own, in its order: docs/el9.md has the place of each in its source.
# Between them: systemd's and dracut's lines, and what our %post prints.
STAGES = stages(
    ("the installer's first stage looks for its second", r"dracut cmdline hook|Loading [^\r\n]* installer\.\.\."),
    ("the installer starts", r"Starting installer, one moment|anaconda [^\r\n]* started\."),
    ("it reads storage and packages' lists", r"Starting automated install"),
    ("it checks the storage", r"(?:Saving|Checking) storage configuration\.\.\."),
    ("it prepares the installation", r"Setting up the installation environment"),
    ("it makes the file systems", r"Configuring storage|Creating \S+ on /dev/"),
    ("it chooses packages", r"Starting package installation process"),
    ("it fetches packages", r"Downloading (?:packages|\d+ RPMs)"),
    ("it installs packages", r"Preparing transaction from installation source|Installing \S+\.\w+ \(\d+/\d+\)"),
    ("it runs the packages' scripts", r"Performing post-installation setup tasks|Configuring \S+\.(?:noarch|x86_64)"),
    ("it checks the packages", r"Verifying \S+\.\w+ \(\d+/\d+\)"),
    ("it installs the boot loader", r"Installing boot loader"),
    ("it sets up the system", r"Configuring installed system"),
    ("it makes the initramfs", r"Generating initramfs"),
    ("it runs %post", r"Running post-installation scripts"),
    ("it applies the host profile", r"HALAB-STAGE host profile"),
    ("it installs the add-ons' packages", r"HALAB-STAGE add-on packages"),
    ("it sets up units and kernel", r"HALAB-STAGE units and kernel"),
    ("it exports kernel and initramfs", r"HALAB-STAGE export"),
    ("it seals the system", r"HALAB-STAGE seal"),
    ("it has finished and powers off", r"HALAB-STAGE done"),
)
_EXIT = r"[^\r\n]*\r?\n(?P<reason>[\s\S]+?)\r?\n[^\r\n]*The installer will now terminate"
FAILURES = failures(
    # Its first stage. What went wrong there is listed a minute before dracut gives up, and may still come right.
    r"Installer errors encountered during boot:[^\r\n]*(?:\r?\n[^\r\n]*# +#)?\r?\n(?P<reason>[\s\S]+?)\r?\n"
    r"[^\r\n]*# +#\r?\n[^\r\n]*Anaconda installer errors end[\s\S]*?Entering emergency mode",
    r"^[^\r\n]*Entering emergency mode[^\r\n]*",
    # Before it has an interface it ends at once, and its machine stays on.
    rf"An error occurred during reading the kickstart file:{_EXIT}",
    r"^[^\r\n]*requires \d+ MB of memory to install[^\r\n]*",
    # It says this, sleeps for three minutes, and then does what the kickstart says.
    rf"The exact error message is:{_EXIT}",
    # A script with --erroronfail: it asks somebody to press a key.
    r"There was an error running the kickstart script[^\r\n]*",
    r"An unknown error has occurr?ed[^\r\n]*",
    r"(?:Please make a selection from the above|Installation complete\. Press ENTER to quit)[^\r\n]*",
    # It ended by itself, for whatever other reason, and was not to: systemd says so.
    r"Failed to start [^\r\n]*the anaconda installation program[^\r\n]*",
)


def installation(request: Request) -> Installation:
    """Everything about an installation of EL 9."""
    secrets = _secrets(request)
    tree = read_tree(request.tree)
    distribution = distribution_of(tree)
    disk_gib = request.profile.disk.installed_size_gib(request.disk_gib)
    wanted = Wanted(
        profile=request.profile,
        sources=sources_of(tree, distribution, request.repositories, bool(secrets)),
        role=request.role,
        firewall=request.firewall,
        extra_packages=request.extra_packages,
        size_mib=disk_gib * _MIB_PER_GIB,
        heading=f"Made by halab from its host profile for {distribution.name} 9: {_hosts(request)}.",
    )
    return Installation(
        suite=request.suite,
        installer="anaconda",
        role=request.role,
        tree=tree,
        answer_name="ks.cfg",
        answer=(answer := _kickstart(request, wanted).encode()),
        archive_files=(ArchiveFile("ks.cfg", answer),),
        secret_files=secrets if wanted.sources.registered else (),
        arguments=_ARGUMENTS,
        disk_size_bytes=disk_gib * 1024**3,
        memory_mib=_MEMORY_MIB,
        cmdline=_CMDLINE.format(label=request.profile.disk.label),
        cmdline_emulated=EMULATED_CMDLINE,
        stages=STAGES,
        failures=FAILURES,
    )


def _hosts(request: Request) -> str:
    return {"any": "all hosts", "node": "a node", "target": "the target"}[request.role]


def _kickstart(request: Request, wanted: Wanted) -> str:
    disk_mib = wanted.size_mib
    if request.kickstart is None:
        text = render(wanted)
        check(text, "the kickstart that halab rendered", "image.suite", disk_mib=disk_mib)
        return text
    plaintext, setting = request.allow_plaintext_password, "image.kickstart"
    own = _read(request.kickstart)
    check(own, str(request.kickstart), setting, disk_mib=disk_mib, allow_plaintext_password=plaintext)
    text = extend(
        own,
        wanted,
        power_off=not ends_by_itself(own),
        choose_drive=not drives_are_chosen(own),
        environment=not has_environment(own),
    )
    name = f"{request.kickstart} with what halab adds"
    check(text, name, setting, disk_mib=disk_mib, allow_plaintext_password=plaintext)
    return text


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"{path} cannot be read", f"{reason}.", "image.kickstart") from error


def _secrets(request: Request) -> tuple[SecretFile, ...]:
    """The subscription: organization and key go together. The key's file is looked at, not kept."""
    organization, key = request.rhsm_organization, request.rhsm_activation_key_file
    if not organization and key is None:
        return ()
    if not organization or key is None:
        raise ConfigError(
            "half of a subscription is set",
            "image.rhsm_organization and image.rhsm_activation_key_file go together: set both, or none.",
            "image.rhsm_activation_key_file" if organization else "image.rhsm_organization",
        )
    if not _ORGANIZATION.fullmatch(organization):
        raise ConfigError(
            f"{organization!r} is no organization", "Use its ID as the portal shows it.", "image.rhsm_organization"
        )
    read_secret(key)
    line = f'rhsm --organization="{organization}" --activation-key="{{secret}}"\n'
    return (SecretFile(SECRET_INCLUDE, key, line),)

"""Renders the host profile as a preseed file for Debian's installer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from halab.images.debian import SCRATCH_DIR, DebianRecipe
from halab.images.installation import EXPORT_MEMBERS, EXPORT_SERIAL
from halab.images.profile import TEMPLATES
from halab.images.tree import Tree

OVERLAY = "halab.tar"  # the profile's files and the scripts, beside the preseed file in the initrd's root
LATE_SCRIPT = "halab-late"
ROOT_DEVICE = "/dev/vda1"  # of the installed system, in the layout below


_ANY_COUNTRY = "US"  # nothing follows from it: time zone, keyboard and archive are answered


def render(recipe: DebianRecipe, tree: Tree, size_mib: int) -> str:
    """A whole preseed file."""
    return "\n".join(["# Made by halab from its host profile.", *_answers(recipe, tree, size_mib)]) + "\n"


def late_script(tree: Tree) -> bytes:
    """What runs in the installer when the system is installed, before it powers off."""
    values = {
        "MEDIUM": tree.medium,
        "SCRATCH": SCRATCH_DIR,
        "OVERLAY": f"/{OVERLAY}",
        "EXPORT": f"/dev/disk/by-id/virtio-{EXPORT_SERIAL}",
        "EXPORT_MEMBERS": " ".join(EXPORT_MEMBERS),
    }
    lists = "".join(f"{name}='{value}'\n" for name, value in values.items())
    return f"#!/bin/sh\n{lists}{(TEMPLATES / 'debian-late').read_text()}".encode()


def _answers(recipe: DebianRecipe, tree: Tree, size_mib: int) -> Iterator[str]:
    region, disk = recipe.profile.region, recipe.profile.disk
    yield from _section("", *_locale(region.language))
    yield from _section("", ("keyboard-configuration/xkb-keymap", "select", region.keyboard))
    yield from _section(
        "network and where packages come from",
        ("netcfg/choose_interface", "select", "auto"),
        # An emulated machine on a busy host is late for the installer's own 3 s and 25 s.
        ("netcfg/link_wait_timeout", "string", "30"),
        ("netcfg/dhcp_timeout", "string", "120"),
        # An isolated network has no way out and no name server: the installer would ask whether that is right.
        ("netcfg/no_default_route", "boolean", "true"),
        ("netcfg/get_nameservers", "string", ""),
        # Of the installed system's network takes care systemd-networkd, and not ifupdown beside it.
        ("netcfg/target_network_config", "select", "loopback"),
        ("netcfg/get_hostname", "string", "installed"),
        ("netcfg/get_domain", "string", ""),
        ("netcfg/hostname", "string", "installed"),
        *_mirror(tree, recipe.suite),
    )
    yield from _section(
        "root gets in by the lab's key alone, which comes at boot",
        ("passwd/root-login", "boolean", "true"),
        ("passwd/root-password-crypted", "password", "*"),
        ("passwd/make-user", "boolean", "false"),
    )
    yield from _section(
        "time: the lab has its own",
        ("clock-setup/utc", "boolean", "true"),
        ("clock-setup/ntp", "boolean", "false"),
        ("time/zone", "string", region.timezone),
    )
    yield from _section(
        "one file system on the first disk",
        ("partman-auto/disk", "string", "/dev/vda"),
        ("partman-auto/method", "string", "regular"),
        ("partman-partitioning/default_label", "string", "msdos"),
        ("partman-auto/expert_recipe", "string", _recipe(disk.filesystem, disk.label, size_mib)),
        ("partman-basicfilesystems/no_swap", "boolean", "false"),
        ("partman-partitioning/confirm_write_new_label", "boolean", "true"),
        ("partman/choose_partition", "select", "finish"),
        ("partman/confirm", "boolean", "true"),
        ("partman/confirm_nooverwrite", "boolean", "true"),
    )
    yield from _section(
        "packages",
        ("base-installer/kernel/image", "string", "linux-image-amd64"),
        ("base-installer/install-recommends", "boolean", "false"),
        ("apt-setup/cdrom/set-first", "boolean", "false"),
        ("pkgsel/run_tasksel", "boolean", "false"),
        ("pkgsel/include", "string", " ".join(recipe.packages)),
        ("pkgsel/upgrade", "select", "none"),
        ("popularity-contest/participate", "boolean", "false"),
    )
    yield from _section(
        "boot loader and end",
        ("grub-installer/only_debian", "boolean", "true"),
        ("grub-installer/bootdev", "string", "/dev/vda"),
        ("debian-installer/add-kernel-opts", "string", "console=ttyS0 net.ifnames=0"),
        ("preseed/late_command", "string", f"sh /{LATE_SCRIPT}"),
        ("finish-install/reboot_in_progress", "note", ""),
        ("debian-installer/exit/poweroff", "boolean", "true"),
    )


def _section(heading: str, *answers: tuple[str, str, str]) -> Iterator[str]:
    if heading:
        yield f"\n# {heading}"
    for name, kind, value in answers:
        owner = "popularity-contest" if name.startswith("popularity-contest/") else "d-i"
        yield f"{owner} {name} {kind} {value}".rstrip()


def _locale(name: str) -> Iterator[tuple[str, str, str]]:
    """The installer insists on a country: it asks for one, at the highest priority, where the locale names none."""
    language, _, country = name.partition(".")[0].partition("_")
    yield "debian-installer/language", "string", language
    yield "debian-installer/country", "string", country or _ANY_COUNTRY
    yield "debian-installer/locale", "string", name


def _mirror(tree: Tree, suite: str) -> Iterator[tuple[str, str, str]]:
    if tree.medium == "iso":
        yield "apt-setup/use_mirror", "boolean", "false"
        return
    address = urlsplit(tree.location if tree.medium == "url" else "http:")
    yield "mirror/country", "string", "manual"
    yield "mirror/protocol", "string", address.scheme
    if tree.medium == "url":  # otherwise both are on the installer's command line
        yield f"mirror/{address.scheme}/hostname", "string", address.netloc
        yield f"mirror/{address.scheme}/directory", "string", address.path or "/"
    yield f"mirror/{address.scheme}/proxy", "string", ""
    yield "mirror/suite", "string", suite
    # What a lab's mirror has besides the suite itself is not known.
    yield "apt-setup/services-select", "multiselect", ""


def _recipe(filesystem: str, label: str, size_mib: int) -> str:
    least = size_mib * 3 // 4
    return (
        f"halab :: {least} {size_mib} -1 {filesystem} $primary{{ }} $bootable{{ }} method{{ format }} format{{ }} "
        f"use_filesystem{{ }} filesystem{{ {filesystem} }} mountpoint{{ / }} label{{ {label} }} ."
    )

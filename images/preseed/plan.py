"""From a request to an installation of Debian: the tree and the preseed file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halab.images.debian import EMULATED_CMDLINE, DebianRecipe, command_line
from halab.images.installation import ArchiveFile, Installation, failures, stages
from halab.images.kickstart.render import roles_of
from halab.images.preseed.render import LATE_SCRIPT, OVERLAY, ROOT_DEVICE, late_script, render
from halab.images.preseed.tree import read_debian_tree
from halab.provisioners.engine.errors import ConfigError

if TYPE_CHECKING:
    from halab.images.prepare import Request

_MEMORY_MIB = 1024
_ARGUMENTS = (
    "auto=true",
    "priority=critical",
    "preseed/file=/preseed.cfg",
    "DEBIAN_FRONTEND=text",  # plain lines on the console
    "TERM=dumb",
    "console=ttyS0",
    "net.ifnames=0",
)
STAGES = stages(
    ("the installer starts", r"Starting system log daemon"),
    ("it sets up the network", r"Detecting network hardware"),
    ("it looks for the archive", r"Checking the Debian archive mirror"),
    ("it loads its further parts", r"Loading additional components"),
    ("it partitions the disk", r"Partition(ing)? disks|Starting up the partitioner|Partitions formatting"),
    ("it installs the base system", r"Install(ing)? the base system"),
    ("it configures apt", r"Configur(e|ing) (the package manager|apt)"),
    ("it installs packages", r"Select and install software|Retrieving file \d+ of \d+"),
    ("it installs the boot loader", r"Install(ing)? (the )?GRUB boot loader"),
    ("it finishes", r"Finish(ing)? the installation"),
    ("it applies the host profile", r"HALAB-STAGE host profile"),
    ("it exports kernel and initramfs", r"HALAB-STAGE export"),
    ("it has finished and powers off", r"HALAB-STAGE done"),
)
# How its text frontend shows errors, and questions to which nobody has given an answer: it waits for a person.
FAILURES = failures(
    r"!! ERROR: [^\r\n]*",
    r"[^\r\n]+\r?\n-{3,}\r?\n(?:(?!\n-{3,}\r?\n)[\s\S])*?(?:Prompt: '\?' for help|\[Press enter to continue\])",
)


def installation(request: Request) -> Installation:
    """Everything about an installation of Debian by its own installer."""
    _refuse_what_is_for_el(request)
    recipe = DebianRecipe(request.suite, request.extra_packages, roles=roles_of(request.role), profile=request.profile)
    tree = read_debian_tree(request.tree, request.suite, recipe.packages)
    disk_gib = request.profile.disk.installed_size_gib(request.disk_gib)
    answer = render(recipe, tree, disk_gib * 1024).encode()
    return Installation(
        suite=request.suite,
        installer="debian-installer",
        role=request.role,
        tree=tree,
        answer_name="preseed.cfg",
        answer=answer,
        archive_files=(
            ArchiveFile("preseed.cfg", answer),
            ArchiveFile(OVERLAY, recipe.overlay),
            ArchiveFile(LATE_SCRIPT, late_script(tree), 0o755),
        ),
        arguments=_ARGUMENTS,
        disk_size_bytes=disk_gib * 1024**3,
        memory_mib=_MEMORY_MIB,
        cmdline=command_line(ROOT_DEVICE),
        cmdline_emulated=EMULATED_CMDLINE,
        stages=STAGES,
        failures=FAILURES,
    )


def _refuse_what_is_for_el(request: Request) -> None:
    for setting, value in (
        ("image.kickstart", request.kickstart),
        ("image.repositories", request.repositories),
        ("image.rhsm_organization", request.rhsm_organization),
        ("image.rhsm_activation_key_file", request.rhsm_activation_key_file),
    ):
        if value:
            raise ConfigError(
                f"{setting} is for image.suite el9", f"Debian {request.suite} has no use for it: take it out.", setting
            )

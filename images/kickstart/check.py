"""Reads a kickstart as the installer of RHEL 9 would, and refuses what would end badly. Starts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from halab.provisioners.engine.errors import ConfigError

_VERSION = "RHEL9"
_INCLUDE = re.compile(r"^%(include|ksappend)\b", re.MULTILINE)
_ENDS_MACHINE = re.compile(
    r"^\s*(?:exec\s+)?(?:/\S*/)?"
    r"(?:(?:systemctl\s+(?:-\S+\s+)*)?(?:poweroff|halt|reboot|kexec)\b|shutdown\b|(?:tel)?init\s+[06]\b)"
)
_HERE_DOCUMENT = re.compile(r"""(?<!<)<<-?\s*(?P<quote>["']?)(?P<end>[A-Za-z_]\w*)(?P=quote)""")
_KERNEL_NAME = re.compile(r"(?:/dev/)?(?P<drive>(?:[shv]d[a-z]|nvme\d+n\d+))(?:p?\d+)?")
_DRIVE = "vda"  # of the installer's machine; vdb is what the image comes out of
_WHEN = {"%pre": "before installing", "%pre-install": "before installing", "%post": "before the system is sealed"}
_PLAIN_TEXT = (
    "Give a hash (--iscrypted; `openssl passwd -6` makes one), or lock the account (--lock). If the password may be "
    "read by everybody who sees the file, set image.allow_plaintext_password to true."
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line (0: in the file as a whole), and what would be right."""

    line: int
    words: str
    remedy: str


def check(text: str, name: str, setting: str, *, disk_mib: int, allow_plaintext_password: bool = False) -> None:
    """Raises ConfigError that names the file, the line and the words."""
    problems = sorted(_problems(text, disk_mib, allow_plaintext_password), key=lambda p: p.line)
    if not problems:
        return
    first, *rest = problems
    detail = "".join(f"\n{_at(name, p.line)}: {p.words}. {p.remedy}" for p in rest)
    raise ConfigError(f"{_at(name, first.line)}: {first.words}", f"{first.remedy}{detail}", setting)


def ends_by_itself(text: str) -> bool:
    """Whether the file says what happens when the installation is complete."""
    return parse(text).reboot.action is not None


def has_environment(text: str) -> bool:
    """Whether the file says which environment of packages it wants (@^...): there is one, and the last one counts."""
    return bool(parse(text).packages.environment)


def parse(text: str) -> Any:
    """pykickstart's handler with all commands of a file. Includes are left out: they are the installer's to read."""
    import warnings

    from pykickstart.parser import KickstartParser
    from pykickstart.version import makeVersion

    handler = makeVersion(_VERSION)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        KickstartParser(handler).readKickstartFromString(_INCLUDE.sub(r"#\1", text))
    return handler


def _at(name: str, line: int) -> str:
    return f"{name}, line {line}" if line else name


def _problems(text: str, disk_mib: int, allow_plaintext_password: bool) -> Iterator[Problem]:
    from pykickstart.errors import KickstartError

    try:
        handler = parse(text)
    except KickstartError as error:
        words = " ".join(str(error.message or error).split()).rstrip(".")
        yield Problem(error.lineno or 0, words, "The installer of RHEL 9 would stop there.")
        return
    yield from _ending(handler)
    yield from _interaction(handler)
    yield from _drives(handler)
    yield from _disk(handler, disk_mib, included=_INCLUDE.search(text) is not None)
    if not allow_plaintext_password:
        yield from _passwords(handler)
    if handler.rhsm.seen:
        remedy = "Take it out and set image.rhsm_organization and image.rhsm_activation_key_file."
        yield Problem(handler.rhsm.lineno, "an activation key would be cached with the kickstart", remedy)


def _ending(handler: Any) -> Iterator[Problem]:
    from pykickstart.constants import KS_REBOOT, KS_WAIT

    action = {KS_REBOOT: "reboots", KS_WAIT: "halts, and the machine stays on"}.get(handler.reboot.action)
    if action:
        yield Problem(handler.reboot.lineno, f"the installer {action}", "Its end is told by the power: use poweroff.")
    for script in handler.scripts:
        section = _section(script)
        for offset, line in _commands(script.script):
            if section and _ENDS_MACHINE.match(line):
                words = f"{section} runs `{line.strip()}`: the machine goes off {_WHEN[section]}"
                yield Problem(script.lineno + offset, words, "Take it out; the command poweroff ends the installation.")


def _commands(script: str) -> Iterator[tuple[int, str]]:
    """The lines of a script with their numbers, without the texts that it writes (here-documents)."""
    end = ""
    for number, line in enumerate(script.splitlines(), 1):
        if end:
            end = "" if line.strip() == end else end
            continue
        yield number, line
        if found := _HERE_DOCUMENT.search(line):
            end = found["end"]


def _section(script: Any) -> str:
    from pykickstart.constants import KS_SCRIPT_POST, KS_SCRIPT_PRE, KS_SCRIPT_PREINSTALL

    return {KS_SCRIPT_PRE: "%pre", KS_SCRIPT_PREINSTALL: "%pre-install", KS_SCRIPT_POST: "%post"}.get(script.type, "")


def _interaction(handler: Any) -> Iterator[Problem]:
    from pykickstart.constants import DISPLAY_MODE_GRAPHICAL

    if handler.displaymode.displayMode == DISPLAY_MODE_GRAPHICAL or handler.vnc.enabled:
        line = handler.vnc.lineno if handler.vnc.enabled else handler.displaymode.lineno
        yield Problem(line, "the installer's machine has no screen", "Use the command cmdline.")


def drives_are_chosen(text: str) -> bool:
    """Whether the file says which drives the installer may touch."""
    chosen = parse(text).ignoredisk
    return bool(chosen.onlyuse or chosen.ignoredisk)


def _drives(handler: Any) -> Iterator[Problem]:
    parts, loader = handler.partition.partitions, handler.bootloader
    named = [
        *((handler.ignoredisk.lineno, name) for name in handler.ignoredisk.onlyuse),
        *((handler.clearpart.lineno, name) for name in handler.clearpart.drives),
        *((part.lineno, part.disk) for part in parts),
        *((part.lineno, part.onPart) for part in parts),
        (loader.lineno, loader.bootDrive),
    ]
    for line, name in dict.fromkeys(named):
        found = _KERNEL_NAME.fullmatch(name or "")
        if found and found["drive"] != _DRIVE:
            yield Problem(
                line, f"the drive {name} is not the system's", f"The installer's machine has {_DRIVE} for it."
            )
    if _DRIVE in handler.ignoredisk.ignoredisk:
        yield Problem(handler.ignoredisk.lineno, f"{_DRIVE} is ignored", "It is the drive for the system.")


def _disk(handler: Any, disk_mib: int, *, included: bool) -> Iterator[Problem]:
    """`included`: a part of the file, and so maybe of the layout, is in another one."""
    parts, mounts = handler.partition.partitions, handler.mount.mount_points
    if not parts and not mounts and not handler.autopart.seen and not included:
        yield Problem(0, "no disk layout", "Add reqpart and part /, or autopart.")
        return
    on = [thing.mountpoint for thing in (*parts, *handler.logvol.lvList, *handler.raid.raidList)]
    on += [mount.mount_point for mount in mounts]
    if parts and "/" not in on and not included:
        yield Problem(
            parts[0].lineno, "no partition or volume for /", "Add one, for example part / --size=6000 --grow."
        )
    wanted_mib = sum(part.size or 0 for part in parts)
    if wanted_mib > disk_mib:
        words = f"the partitions take {wanted_mib} MiB, the disk has {disk_mib} MiB"
        yield Problem(parts[-1].lineno, words, "Make them smaller, or raise image.disk_gib.")


def _passwords(handler: Any) -> Iterator[Problem]:
    if handler.rootpw.password and not handler.rootpw.isCrypted:
        yield Problem(handler.rootpw.lineno, "root's password stands there in plain text", _PLAIN_TEXT)
    for user in [*handler.user.userList, *handler.sshpw.sshUserList]:
        if user.password and not user.isCrypted:
            name = getattr(user, "name", "") or getattr(user, "username", "")
            yield Problem(user.lineno, f"the password of {name} stands there in plain text", _PLAIN_TEXT)
    if handler.bootloader.password and not handler.bootloader.isCrypted:
        yield Problem(handler.bootloader.lineno, "the boot loader's password stands there in plain text", _PLAIN_TEXT)
    for thing in (*handler.partition.partitions, *handler.logvol.lvList, handler.autopart):
        if thing.passphrase:
            yield Problem(thing.lineno, "a disk's passphrase stands there in plain text", "Do not encrypt the disk.")

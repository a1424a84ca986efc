"""The rendered kickstart: golden files for each variant, and what each directive does against the host profile."""

from __future__ import annotations

import os
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from halab.images.host import HOST
from halab.images.installation import EXPORT_MEMBERS, Role
from halab.images.kickstart.check import check, parse
from halab.images.kickstart.distributions import DISTRIBUTIONS, Sources
from halab.images.kickstart.render import SECRET_INCLUDE, Wanted, extend, render, roles_of
from halab.images.profile import names_of
from halab.provisioners.engine.limits import NODE_PORTS, TARGET_PORTS

GOLDEN = Path(__file__).parents[2] / "data" / "kickstart"
MIRROR = "http://archive.example/9"
BY_ID = Sources(enabled=("highavailability", "resilientstorage"))
BESIDE = Sources(
    tuple((name, f"{MIRROR}/{name}/x86_64/os") for name in ("AppStream", "HighAvailability", "ResilientStorage"))
)
SUBSCRIBED = Sources(enabled=tuple(DISTRIBUTIONS[0].repositories.values()), registered=True)


def wanted(
    heading: str, sources: Sources, role: Role = "any", firewall: bool = True, extra: tuple[str, ...] = ()
) -> Wanted:
    return Wanted(
        profile=HOST,
        sources=sources,
        role=role,
        firewall=firewall,
        extra_packages=extra,
        size_mib=10240,
        heading=heading,
    )


VARIANTS = {
    "rhel-any-firewall": wanted("RHEL, all hosts", SUBSCRIBED),
    "rhel-own-repositories": wanted("RHEL, repositories of one's own", Sources(BESIDE.repositories[1:])),
    "almalinux-any-firewall": wanted("AlmaLinux from the DVD, all hosts", BY_ID),
    "almalinux-any-no-firewall": wanted("AlmaLinux from the DVD, no firewall", BY_ID, firewall=False),
    "rocky-node-firewall": wanted("Rocky Linux from a mirror, a node", BESIDE, "node", extra=("tmux",)),
    "centos-stream-target-firewall": wanted("CentOS Stream, the target", BY_ID, "target", extra=("tmux",)),
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> tuple[Wanted, Any]:
    """What was wanted, and what RHEL 9's parser makes of it."""
    chosen = VARIANTS[request.param]
    return chosen, parse(render(chosen))


@pytest.mark.parametrize("name", VARIANTS)
def test_golden(name: str) -> None:
    """After a change that is meant: HALAB_GOLDEN=write pytest, and read the difference."""
    file, text = GOLDEN / f"{name}.ks", render(VARIANTS[name])
    if os.environ.get("HALAB_GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


def test_every_golden_file_is_rendered() -> None:
    assert {path.stem for path in GOLDEN.glob("*.ks")} == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_checker_accepts_it(name: str) -> None:
    check(render(VARIANTS[name]), name, "image.suite", disk_mib=10240)


def test_language_keyboard_time(variant: tuple[Wanted, Any]) -> None:
    _, ks = variant
    assert (ks.lang.lang, ks.keyboard.keyboard) == (HOST.region.language, HOST.region.keyboard)
    assert (ks.timezone.timezone, ks.timezone.isUtc) == (HOST.region.timezone, True)


def test_nobody_is_asked(variant: tuple[Wanted, Any]) -> None:
    from pykickstart.constants import DISPLAY_MODE_CMDLINE, FIRSTBOOT_SKIP, KS_SHUTDOWN

    _, ks = variant
    assert (ks.displaymode.displayMode, ks.firstboot.firstboot) == (DISPLAY_MODE_CMDLINE, FIRSTBOOT_SKIP)
    assert ks.eula.agreed
    assert ks.reboot.action == KS_SHUTDOWN


def test_root_has_no_password(variant: tuple[Wanted, Any]) -> None:
    _, ks = variant
    assert HOST.root.password == "locked"
    assert (ks.rootpw.lock, ks.rootpw.isCrypted, ks.rootpw.password) == (True, True, "locked")
    assert not ks.user.userList
    assert not ks.sshkey.sshUserList


def test_access_control_and_firewall(variant: tuple[Wanted, Any]) -> None:
    from pykickstart.constants import SELINUX_ENFORCING

    chosen, ks = variant
    assert ks.selinux.selinux == SELINUX_ENFORCING
    assert ks.firewall.enabled is chosen.firewall
    ports = {"node": NODE_PORTS, "target": TARGET_PORTS}
    needed = {port for role in roles_of(chosen.role) for port in ports[role]} if chosen.firewall else set()
    assert {"/".join(reversed(port.split(":"))) for port in ks.firewall.ports} == needed


def test_disk(variant: tuple[Wanted, Any]) -> None:
    from pykickstart.constants import CLEARPART_TYPE_ALL

    chosen, ks = variant
    (root,) = ks.partition.partitions
    assert (root.mountpoint, root.fstype, root.label, root.disk) == ("/", HOST.disk.filesystem, HOST.disk.label, "vda")
    assert root.grow
    assert root.size < chosen.size_mib
    assert ks.reqpart.reqpart  # what the firmware needs
    assert (ks.clearpart.type, ks.clearpart.drives, ks.clearpart.initAll) == (CLEARPART_TYPE_ALL, ["vda"], True)
    assert ks.ignoredisk.onlyuse == ["vda"]  # the other disk is for the export
    assert (ks.bootloader.bootDrive, ks.bootloader.appendLine) == ("vda", "console=ttyS0 net.ifnames=0")


def test_network(variant: tuple[Wanted, Any]) -> None:
    _, ks = variant
    (network,) = ks.network.network
    assert (network.bootProto, network.device, network.activate) == ("dhcp", "link", True)


def test_services(variant: tuple[Wanted, Any]) -> None:
    _, ks = variant
    own = {name for name in names_of(HOST.enabled, "el") if name.startswith("halab-")}
    assert {*ks.services.enabled, *own} == set(names_of(HOST.enabled, "el"))
    assert set(ks.services.disabled) == set(names_of(HOST.disabled, "el"))
    lists = lists_of(ks)
    assert lists["ENABLED"].split() == list(names_of(HOST.enabled, "el"))
    assert lists["DISABLED"].split() == list(names_of(HOST.disabled, "el"))
    assert lists["MASKED"].split() == list(names_of(HOST.masked, "el"))


def test_packages(variant: tuple[Wanted, Any]) -> None:
    chosen, ks = variant
    assert ks.packages.environment == "minimal-environment"
    assert [group.name for group in ks.packages.groupList] == ["standard"]
    lists = lists_of(ks)
    later = lists["ADDON_PACKAGES"].split()
    roles = roles_of(chosen.role)
    assert {*ks.packages.packageList, *later} == {
        *names_of(HOST.packages, "el", roles),
        *chosen.extra_packages,
        *(["subscription-manager"] if chosen.sources.registered else []),
    }
    assert not set(ks.packages.packageList) & set(later)
    addons = {name for entry in HOST.packages if entry.addon and set(entry.roles) & set(roles) for name in entry.el}
    assert addons <= set(later) or not chosen.sources.enabled
    assert lists["REPOSITORIES"].split() == list(chosen.sources.enabled)
    assert [(repo.name, repo.baseurl) for repo in ks.repo.repoList] == list(chosen.sources.repositories)


def test_a_role_s_own_packages() -> None:
    node, target = (set(names_of(HOST.packages, "el", roles_of(role))) for role in ("node", "target"))
    assert {
        "pacemaker",
        "gfs2-utils",
        "dlm",
        "fence-agents-sbd",
        "sbd",
        "iscsi-initiator-utils",
        "httpd",
    } <= node - target
    assert {"targetcli", "corosync-qnetd"} == target - node
    assert {"kernel-modules", "firewalld", "chrony", "openssh-server", "python3"} <= node & target


def test_the_only_script_runs_to_its_end_or_fails_the_installation(variant: tuple[Wanted, Any]) -> None:
    from pykickstart.constants import KS_SCRIPT_POST

    _, ks = variant
    (script,) = ks.scripts
    assert (script.type, script.errorOnFail, script.inChroot) == (KS_SCRIPT_POST, True, True)
    subprocess.run(["bash", "-n"], input=script.script, text=True, check=True)
    assert "\nset -eu\n" in script.script
    lists = lists_of(ks)
    assert lists["EXPORT_MEMBERS"].split() == list(EXPORT_MEMBERS)
    assert (lists["ROOT_LABEL"], lists["KERNEL_MODULES"].split()) == (HOST.disk.label, list(HOST.kernel_modules))
    assert lists["REMOVED"].split() == list(names_of(HOST.removed, "el"))


def test_files_of_the_profile(variant: tuple[Wanted, Any], tmp_path: Path) -> None:
    """The part of %post that writes files, run below another root."""
    _, ks = variant
    part = ks.scripts[0].script.partition('say "host profile"')[2].partition('say "add-on packages"')[0]
    here = re.sub(r"^(mkdir -p '|cat > '|chmod \d+ ')/", rf"\1{tmp_path}/", part, flags=re.MULTILINE)
    subprocess.run(["sh", "-eu"], input=here, text=True, check=True)
    written = {f"/{path.relative_to(tmp_path)}" for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {file.path for file in HOST.files_of("el")}
    for file in HOST.files_of("el"):
        path = tmp_path / file.path.lstrip("/")
        assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (file.content(), file.mode)


def test_a_machine_says_who_it_is_before_anybody_logs_in() -> None:
    files = {file.path: file.content().decode() for file in HOST.files_of("el")}
    unit = files["/etc/systemd/system/halab-host-key.service"]
    assert "RequiredBy=sshd.service" in unit
    assert all(path in files for path in re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE))
    assert "HALAB-HOST-KEY" in files["/usr/local/lib/halab/bin/host-key"]
    assert "HALAB-READY" in files["/etc/systemd/system/sshd.service.d/halab.conf"]
    sshd = files["/etc/ssh/sshd_config.d/10-halab.conf"]
    assert f"PermitRootLogin {HOST.root.login}" in sshd
    assert "PasswordAuthentication no" in sshd
    assert "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2" in sshd  # identity_files writes the second
    assert "UsePAM yes" in sshd  # without it there is no SELinux context for a session


def test_a_subscription_is_neither_in_the_file_nor_in_the_image() -> None:
    text = render(VARIANTS["rhel-any-firewall"])
    assert f"\n%include /{SECRET_INCLUDE}\n" in text
    assert not re.search(r"^rhsm|activation-key=", text, re.MULTILINE)
    seal = text.partition('say "seal"')[2]
    assert seal.index("subscription-manager unregister") < seal.index("tar --create")
    assert "REGISTERED=''" in render(VARIANTS["almalinux-any-firewall"])


def test_a_kickstart_of_one_s_own_is_kept_and_completed() -> None:
    own = "lang de_DE.UTF-8\nrootpw --lock\nautopart --type=lvm\n%packages\n@core\nvim-enhanced\n%end\n"
    text = extend(own, VARIANTS["almalinux-any-firewall"], power_off=True, choose_drive=True, environment=True)
    ks = parse(text)
    assert text.startswith(own)
    assert (ks.lang.lang, ks.autopart.autopart) == ("de_DE.UTF-8", True)
    assert {"vim-enhanced", "openssh-server"} <= set(ks.packages.packageList)
    assert "pacemaker" in lists_of(ks)["ADDON_PACKAGES"]
    assert ks.ignoredisk.onlyuse == ["vda"], "autopart would take the drive for the image's parts, too"
    assert ks.packages.environment == "minimal-environment"
    check(text, "own", "image.kickstart", disk_mib=10240)


@pytest.mark.parametrize(("step", "rc"), [("true", 0), ("echo no space left >&2; false", 1)])
def test_what_the_steps_print_is_on_the_console_while_they_run(step: str, rc: int, tmp_path: Path) -> None:
    """Anaconda gives a script a pipe, reads it to its end, and only then writes what it has read."""
    script = parse(render(VARIANTS["almalinux-any-firewall"])).scripts[0].script
    console, log = tmp_path / "console", tmp_path / "install.log"
    console.touch()
    head, said, _ = script.partition('say "host profile"\n')
    assert said
    waits = f'for try in $(seq 300); do if grep -q "step one" {console}; then break; fi; sleep 0.1; done'
    body = f'{said}echo step one\n{waits}\ngrep "step one" {console} > {tmp_path}/seen\n{step}\nsay "done"\n'
    text = re.sub(r"^LOG=.*", f"LOG={log}", head + body, flags=re.MULTILINE).replace("/dev/console", str(console))
    text = text.replace(f"> {console}", f">> {console}")  # a file, unlike a terminal, would be written from its start
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (rc, "", "")
    assert (tmp_path / "seen").read_text() == "step one\n", "it was told before the step had ended"
    printed = console.read_text()
    assert ("HALAB-STAGE done" in printed) is (rc == 0)
    assert ("HALAB-STAGE FAILED with exit status 1" in printed) is (rc == 1)
    if rc:
        assert "no space left" in printed.partition("HALAB-STAGE FAILED")[0]


@pytest.mark.parametrize("name", VARIANTS)
def test_the_parsers_of_el_9_have_nothing_to_say_against_it(name: str) -> None:
    """Anaconda's initramfs reads it first, with its own sections; deprecated words are told by both."""
    from pykickstart.parser import KickstartParser
    from pykickstart.version import makeVersion

    text = render(VARIANTS[name]).replace(f"%include /{SECRET_INCLUDE}", "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KickstartParser(makeVersion("RHEL9")).readKickstartFromString(text)


def test_the_language_is_the_profile_s() -> None:
    """Anaconda takes C.UTF-8 for en_US and writes that into the system."""
    script = parse(render(VARIANTS["almalinux-any-firewall"])).scripts[0].script
    assert f"\nLOCALE={HOST.region.language}\n" in script
    assert "\nprintf 'LANG=%s\\n' \"$LOCALE\" > /etc/locale.conf\n" in script


def lists_of(ks: Any) -> dict[str, str]:
    """The variables at the head of %post."""
    found = re.findall(r"^([A-Z_]+)=(?:'([^']*)'|(\S*))$", ks.scripts[-1].script, re.MULTILINE)
    return {name: quoted or plain for name, quoted, plain in found}

"""Mistakes in a kickstart: each is told with the line and the words, before anything boots."""

from __future__ import annotations

import pytest

from halab.images.kickstart.check import check, ends_by_itself
from halab.provisioners.engine.errors import ConfigError

GOOD = """\
lang C.UTF-8
keyboard us
timezone UTC --utc
rootpw --lock
reqpart
part / --fstype=ext4 --size=6000 --grow
poweroff
%packages
@core
%end
"""


def refusal(text: str, disk_mib: int = 10240, allow: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        check(text, "my.ks", "image.kickstart", disk_mib=disk_mib, allow_plaintext_password=allow)
    assert caught.value.attribute == "image.kickstart"
    return str(caught.value)


def test_a_good_file_is_accepted() -> None:
    check(GOOD, "my.ks", "image.kickstart", disk_mib=10240)
    assert ends_by_itself(GOOD)
    assert not ends_by_itself(GOOD.replace("poweroff\n", ""))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # what RHEL 9's parser refuses
        (("rootpw --lock", "rootpw --lok x"), ["my.ks, line 4", "--lok"]),
        (("keyboard us", "keybord us"), ["my.ks, line 2: Unknown command: keybord"]),
        (("keyboard us", "install"), ["my.ks, line 2: install has been removed"]),
        (("%end\n", ""), ["%packages does not end with %end"]),
        (("part /", "part"), ["my.ks, line 6"]),
        # how it ends
        (("poweroff", "reboot"), ["my.ks, line 7: the installer reboots", "use poweroff"]),
        (("poweroff", "halt"), ["my.ks, line 7: the installer halts"]),
        (
            ("%packages", "%pre\necho x\npoweroff\n%end\n%packages"),
            ["line 10: %pre runs `poweroff`", "before installing"],
        ),
        (
            ("%packages", "%pre\n/usr/sbin/shutdown -h now\n%end\n%packages"),
            ["line 9: %pre runs `/usr/sbin/shutdown -h now`", "before installing"],
        ),
        (("%packages", "%pre-install\nsystemctl reboot\n%end\n%packages"), ["%pre-install runs `systemctl reboot`"]),
        (
            ("%packages", "%post\n  reboot -f\n%end\n%packages"),
            ["%post runs `reboot -f`", "before the system is sealed"],
        ),
        # secrets
        (
            ("rootpw --lock", "rootpw --plaintext Secret1"),
            ["line 4: root's password", "image.allow_plaintext_password"],
        ),
        (("rootpw --lock", "rootpw Secret1"), ["line 4: root's password stands there in plain text", "openssl passwd"]),
        (("poweroff", "poweroff\nuser --name=me --password=Secret1"), ["line 8: the password of me"]),
        (("poweroff", "poweroff\nsshpw --username=me Secret1"), ["line 8: the password of me"]),
        (("poweroff", "poweroff\nbootloader --password=Secret1"), ["line 8: the boot loader's password"]),
        (("--grow", "--grow --encrypted --passphrase=Secret1"), ["line 6: a disk's passphrase"]),
        (
            ("poweroff", 'poweroff\nrhsm --organization="1" --activation-key="Secret1"'),
            ["line 8: an activation key", "image.rhsm_activation_key_file"],
        ),
        # the machine
        (("poweroff", "poweroff\ngraphical"), ["line 8: the installer's machine has no screen", "cmdline"]),
        (("poweroff", "poweroff\nvnc"), ["line 8: the installer's machine has no screen"]),
        (
            ("--size=6000", "--size=20000"),
            ["line 6: the partitions take 20000 MiB, the disk has 10240 MiB", "disk_gib"],
        ),
        (("part / --fstype=ext4 --size=6000 --grow\n", ""), ["no disk layout", "autopart"]),
        (("part / ", "part /home "), ["line 6: no partition or volume for /"]),
        # its drives
        (("reqpart", "ignoredisk --only-use=sda"), ["line 5: the drive sda is not the system's", "has vda"]),
        (("reqpart", "ignoredisk --drives=vda"), ["line 5: vda is ignored"]),
        (("reqpart", "clearpart --all --drives=vda,nvme0n1"), ["line 5: the drive nvme0n1"]),
        (("--grow", "--grow --ondisk=vdb"), ["line 6: the drive vdb"]),
        (("part / --fstype=ext4 --size=6000", "part / --onpart=/dev/sda2"), ["line 6: the drive sda2"]),
        (("poweroff", "poweroff\nbootloader --boot-drive=sda"), ["line 8: the drive sda"]),
        (
            ("%packages", "%post\ncat <<EOF\nx\nEOF\nreboot\n%end\n%packages"),
            ["line 12: %post runs `reboot`"],
        ),
    ],
)
def test_mistakes(change: tuple[str, str], words: list[str]) -> None:
    assert change[0] in GOOD
    said = refusal(GOOD.replace(*change))
    assert all(word in said for word in words), said
    assert "Secret1" not in said


def test_all_mistakes_are_told_at_once() -> None:
    said = refusal(GOOD.replace("poweroff", "reboot").replace("rootpw --lock", "rootpw Secret1"))
    assert said.index("line 4: root's password") < said.index("line 7: the installer reboots")


def test_a_setting_lets_plain_text_pass() -> None:
    check(
        GOOD.replace("rootpw --lock", "rootpw Secret1"),
        "my.ks",
        "image.kickstart",
        disk_mib=10240,
        allow_plaintext_password=True,
    )
    assert "reboots" in refusal(GOOD.replace("poweroff", "reboot"), allow=True)


@pytest.mark.parametrize(
    "script",
    [
        "%post\necho 'then reboot'\n%end",
        "%post\n# poweroff\n%end",
        "%post\nhaltingproblem\n%end",
        "%post\ncat > /usr/local/bin/again <<'EOF'\n#!/bin/sh\nreboot\nEOF\n%end",
        "%post\ncat <<-END | tee /root/notes\n\tpoweroff\n\tEND\n%end",
    ],
)
def test_words_that_only_look_like_it(script: str) -> None:
    check(f"{GOOD}{script}\n", "my.ks", "image.kickstart", disk_mib=10240)


def test_volumes_count_as_a_layout() -> None:
    lvm = "part pv.1 --size=6000 --grow\nvolgroup vg pv.1\nlogvol / --vgname=vg --name=root --size=5000\n"
    check(GOOD.replace("part / --fstype=ext4 --size=6000 --grow\n", lvm), "my.ks", "image.kickstart", disk_mib=10240)


def test_includes_are_the_installer_s_to_read() -> None:
    check(f"{GOOD}%include /tmp/made-by-pre.ks\n", "my.ks", "image.kickstart", disk_mib=10240)


@pytest.mark.parametrize(
    "layout",
    [
        "%include /tmp/layout-made-by-pre.ks\n",
        "part /boot --size=500\n%include /tmp/layout-made-by-pre.ks\n",
        "mount /dev/vda2 /\n",
        "part raid.1 --size=3000\npart raid.2 --size=3000\nraid / --level=1 --device=md0 raid.1 raid.2\n",
        "part / --size=6000 --ondisk=/dev/vda\n",
        "part / --size=6000 --ondisk=disk/by-path/pci-0000:00:03.0\n",
        "part / --onpart=vda2\n",
    ],
)
def test_layouts_that_are_right(layout: str) -> None:
    text = GOOD.replace("reqpart\npart / --fstype=ext4 --size=6000 --grow\n", layout)
    check(text, "my.ks", "image.kickstart", disk_mib=10240)

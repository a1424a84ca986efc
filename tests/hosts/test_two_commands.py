"""README's two commands on a fresh Debian, as a user with sudo and a umask of 0002: the whole way from nothing.

Not in tests/e2e/sandbox: the host that is made has a libvirt, a network and processes of its own. HALAB_HOSTS_DIR
(default /var/tmp) holds its file system, some 6 GB, until the end. Logs are in artifacts/hosts/.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.fresh_host import CHECKOUT, USER, FreshHost, booted, fill, furnish, missing_tools

pytestmark = pytest.mark.long
LOGS = CHECKOUT / "artifacts/hosts"
AS_USER = "export LIBVIRT_DEFAULT_URI=qemu:///system; "


@pytest.fixture(scope="module", params=["trixie", "bookworm"])
def host(request: pytest.FixtureRequest) -> Iterator[FreshHost]:
    if os.geteuid() != 0 or missing_tools():
        pytest.fail(f"a host is made by root, and with {', '.join(missing_tools()) or 'all tools'} installed")
    LOGS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="halab-hosts.", dir=os.environ.get("HALAB_HOSTS_DIR", "/var/tmp")))
    root = folder / f"fresh-{request.param}"
    try:
        root.mkdir()
        fill(root, request.param)
        furnish(root)
        with booted(root) as made:
            yield made
    finally:
        shutil.rmtree(folder)


def said(host: FreshHost, script: str, name: str) -> tuple[int, str]:
    """Exit code and all that the user sees of a session; it stays in artifacts/hosts/."""
    log = LOGS / f"{host.root.name}-{name}.log"
    began = time.monotonic()
    code = host.log_in(AS_USER + script, log)
    with log.open("a") as file:
        file.write(f"\nexit code {code} after {time.monotonic() - began:.0f} s\n")
    return code, log.read_text(errors="replace")


def test_the_first_command_builds_the_lab(host: FreshHost) -> None:
    code, text = said(host, "make deploy", "deploy")
    assert code == 0, text[-4000:]
    assert f"adding {USER} to the group libvirt" in text
    assert f"keeping {USER}'s units after log-out" in text
    assert "Traceback" not in text
    assert "[ERROR]" not in text
    lists = host.as_root("apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages'").stdout
    assert lists.strip(), "the build of the image emptied the host's package lists"
    code, text = said(host, "virsh list --name; curl --fail --silent --show-error http://192.168.77.50/", "site")
    assert code == 0, text
    assert {"summit-node1", "summit-node2", "summit-node3", "summit-target"} <= set(text.split())


def test_plain_cdktf_runs_on_the_node_that_was_brought(host: FreshHost) -> None:
    """A fresh host has none; Debian's npm would be some 340 packages."""
    assert host.as_root("command -v node npm").stdout == ""
    code, text = said(host, ". .venv/bin/activate; npx cdktf diff", "cdktf")
    assert code == 0, text
    assert "No changes" in text
    assert "end-of-life" not in text


def test_fencing_outlives_the_log_out(host: FreshHost) -> None:
    host.await_end_of_sessions()
    assert host.as_root(f"loginctl show-user --property=State --value {USER}").stdout == "lingering\n"
    assert ":8000" in host.as_root("ss --listening --tcp --numeric --no-header").stdout
    code, text = said(host, "ssh -F .halab/summit/ssh_config node1 stonith_admin --reboot node3", "fence")
    assert code == 0, text


def test_the_second_command_leaves_nothing(host: FreshHost) -> None:
    code, text = said(host, "make destroy ARGS=--yes", "destroy")
    assert code == 0, text
    code, text = said(
        host, "virsh list --all --name; virsh net-list --all --name; virsh pool-list --all --name", "left"
    )
    assert code == 0, text
    assert "summit" not in text
    processes = host.as_root("ps -eo args").stdout
    assert "halab.provider" not in processes
    assert "qemu-system" not in processes


def test_a_users_checks_are_green(host: FreshHost) -> None:
    code, text = said(host, "make check", "check")
    assert code == 0, text[-4000:]


def test_the_sandbox_leaves_nothing_of_roots(host: FreshHost) -> None:
    code, text = said(host, "tests/e2e/sandbox bash -c 'virsh list; date > artifacts/seen; id -u'", "sandbox")
    assert code == 0, text
    assert text.rstrip().endswith("0") or "\n0\n" in text
    found = host.as_root(f"find /home/{USER} -not -user {USER}").stdout
    assert found == "", found

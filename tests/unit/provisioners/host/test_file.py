from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provider.guests import specs
from halab.provider.protocol import UNKNOWN
from halab.provider.protocol.planning import plan_values
from halab.provisioners.engine.command import Secret, script
from halab.provisioners.engine.durable import BELOW, GONE, NOT_MOUNTED, PUT
from halab.provisioners.engine.errors import ClusterNotRunning, Conflict
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import PutFile, Run
from halab.provisioners.host.file import ClusterFileItem, ClusterFileSpec, FileItem, FileSpec

FILE, CLUSTER_FILE = FileItem(), ClusterFileItem()
MOTD = FileSpec(machine="uuid", path="/etc/motd", content="hello\n")
PASSWORD = FileSpec(machine="uuid", path="/etc/halab/fencing-password", sensitive_content=Secret("s3cret"), mode="0700")
_WORDS = ("/srv/gfs0", "/srv/gfs0/index.html")
PAGE = ClusterFileSpec(cluster="summit", mount_point="/srv/gfs0", path="/srv/gfs0/index.html", content="hi")


@pytest.mark.parametrize(
    ("wanted", "answer", "seen"),
    [
        (MOTD, "644 root:root\nhello\n", MOTD),
        (replace(MOTD, mode="644"), "644 root:root\nhello\n", replace(MOTD, mode="644")),
        (MOTD, "600 daemon:root\nbye", replace(MOTD, mode="0600", owner="daemon:root", content="bye")),
        (MOTD, "644 root:root\n", replace(MOTD, content="")),
        (MOTD, (3, ""), None),
        (PASSWORD, "700 root:root\ns3cret", PASSWORD),
        (PASSWORD, "700 root:root\nother", replace(PASSWORD, sensitive_content=Secret("other"))),
    ],
)
def test_observe(guest_host: Callable[..., Any], wanted: FileSpec, answer: Any, seen: FileSpec | None) -> None:
    host, _ = guest_host(answer)
    assert FILE.observe(host, wanted) == seen


S3CRET = {"sensitive_content": "s3cret"}


@pytest.mark.parametrize(
    ("given", "prior_mode", "mode"),
    [
        ({"content": "hello"}, None, "0644"),
        (S3CRET, None, "0600"),
        ({"sensitive_content": UNKNOWN}, None, UNKNOWN),  # it may turn out to be null: planned again when it is known
        (S3CRET | {"mode": "0640"}, None, "0640"),
        (S3CRET, "0600", "0600"),
        (S3CRET, "0644", "0600"),  # drift, or what an earlier version made
        ({"content": "hello"}, "0600", "0644"),
    ],
)
def test_a_secret_is_its_owners_only_unless_another_mode_is_given(
    given: dict[str, Any], prior_mode: str | None, mode: Any
) -> None:
    schema = specs.block(FileSpec)
    config = dict.fromkeys(schema.attrs) | {"machine": "uuid", "path": "/etc/x"} | given
    prior = config | {"mode": prior_mode, "owner": "root:root"} if prior_mode else None
    planned = plan_values(schema, config, prior, config | {"mode": config["mode"] or prior_mode})
    assert planned["mode"] == mode


def test_a_directory_is_in_the_way(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host((4, ""))
    with pytest.raises(Conflict):
        FILE.observe(host, MOTD)


@pytest.mark.parametrize(
    ("now", "wanted", "steps"),
    [
        (None, MOTD, [PutFile("/etc/motd", "hello\n")]),
        (MOTD, MOTD, []),
        (replace(MOTD, mode="0600"), MOTD, [PutFile("/etc/motd", "hello\n")]),
        (None, PASSWORD, [PutFile(PASSWORD.path, Secret("s3cret"), 0o700)]),
        (MOTD, None, [Run(script(f"# remove a file\n{GONE}", "/etc/motd"))]),
        (None, None, []),
    ],
)
def test_steps(now: FileSpec | None, wanted: FileSpec | None, steps: list[object]) -> None:
    found = list(FILE.steps(DEBIAN_13, now, wanted))
    assert found == steps
    assert "s3cret" not in " ".join(map(str, found)) + repr(found)


@pytest.mark.parametrize(
    "spec", [replace(MOTD, content=None), replace(MOTD, sensitive_content=Secret("x"))], ids=["none", "both"]
)
def test_exactly_one_content(spec: FileSpec) -> None:
    assert [field for field, _ in FILE.check(spec)] == ["content"]


def test_a_cluster_file_needs_its_file_system(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host((NOT_MOUNTED, ""))
    with pytest.raises(ClusterNotRunning, match="not mounted"):
        CLUSTER_FILE.observe(host, PAGE)


def test_a_cluster_file(guest_host: Callable[..., Any]) -> None:
    host, _ = guest_host("644 root:root\nhi", (3, ""))
    assert CLUSTER_FILE.observe(host, PAGE) == PAGE
    assert CLUSTER_FILE.observe(host, PAGE) is None
    written = script(f"# write a file below a mount point\n{BELOW}{PUT}", *_WORDS, "0644", "root:root", stdin="hi")
    assert list(CLUSTER_FILE.steps(DEBIAN_13, None, replace(PAGE, mode="644"))) == [Run(written)]
    removed = script(f"# remove a file below a mount point\n{BELOW}{GONE}", *_WORDS)
    assert list(CLUSTER_FILE.steps(DEBIAN_13, PAGE, None)) == [Run(removed)]
    assert list(CLUSTER_FILE.steps(DEBIAN_13, PAGE, PAGE)) == []
    assert list(CLUSTER_FILE.check(PAGE)) == []
    assert [field for field, _ in CLUSTER_FILE.check(replace(PAGE, path="/etc/motd"))] == ["path"]


@pytest.mark.parametrize(
    ("field", "value", "good"),
    [
        ("path", "/etc/motd", True),
        ("path", "etc/motd", False),
        ("path", "/etc/", False),
        ("path", "/etc/../x", False),
        ("mode", "0644", True),
        ("mode", "755", True),
        ("mode", "0844", False),
        ("mode", "rw-r--r--", False),
        ("owner", "root:haclient", True),
        ("owner", "root", False),
    ],
)
def test_field_checks(field: str, value: str, good: bool) -> None:
    found = FileSpec.__dataclass_fields__[field].metadata["check"](value)
    assert (found is None) == good

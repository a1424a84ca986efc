"""The connection: what is absent, what cannot be reached, and what people read about it."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection, LibvirtFailed, _found, doing, is_code
from halab.provisioners.engine.errors import ConfigError


def test_absent_is_none(connection: Connection) -> None:
    assert connection.domain("no") is None
    assert connection.domain_by_uuid("00000000-0000-4000-8000-000000000000") is None
    assert connection.network("no") is None
    assert connection.network_by_uuid("00000000-0000-4000-8000-000000000000") is None
    assert connection.pool("no") is None
    assert connection.pool_by_uuid("00000000-0000-4000-8000-000000000000") is None
    assert connection.volume("/no/such") is None
    assert connection.volume_in(connection.pool("theirs"), "no") is None


def test_present_is_found(connection: Connection) -> None:
    domain = connection.domain("theirs")
    assert domain is not None
    assert connection.domain_by_uuid(domain.UUIDString()) is not None


def test_any_other_error_is_an_error(connection: Connection) -> None:
    with pytest.raises(LibvirtFailed, match="libvirt cannot look at it"), doing("look at it"):
        connection.domain_by_uuid("not a UUID")


def test_one_connection_until_closed(connection: Connection) -> None:
    first = connection.libvirt
    assert connection.libvirt is first
    connection.close()
    assert connection.libvirt is not first


@pytest.mark.parametrize("uri", ["qemu+ssh://host/system", "qemu:///session", "", "xen:///"])
def test_only_this_hosts_system_libvirt(uri: str) -> None:
    with pytest.raises(ConfigError, match="qemu:///system") as caught:
        Connection(uri)
    assert caught.value.attribute == "uri"


def test_a_daemon_that_does_not_answer_has_a_remedy() -> None:
    with pytest.raises(LibvirtFailed, match="systemctl start libvirtd"):
        _ = Connection("test:///no/such/file").libvirt


def failing(text: str) -> Any:
    error = libvirt.libvirtError("virConnectOpen() failed")
    error.err = (libvirt.VIR_ERR_SYSTEM_ERROR, 0, text, 2, None, None, None, 13, -1)
    error.args = (text,)

    def fail(_uri: str) -> None:
        raise error

    return fail


def test_missing_rights_have_another_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied"
    monkeypatch.setattr(libvirt, "open", failing(text))
    with pytest.raises(LibvirtFailed, match="group libvirt") as caught:
        _ = Connection().libvirt
    assert text in caught.value.detail


def test_errors_of_others_pass() -> None:
    with pytest.raises(KeyError), doing("nothing"):
        raise KeyError("x")
    assert not is_code(KeyError(), "VIR_ERR_NO_DOMAIN")


def lost() -> Any:
    """What the first call after a restart of the daemon raises."""
    error = libvirt.libvirtError("")
    error.args = ("Cannot recv data: Connection reset by peer",)  # made without a failed call, it tells of an older one
    error.err = (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_RPC, "Connection reset by peer", 2, "", "", "", 104, -1)
    return error


def test_a_look_up_is_repeated_once_after_the_daemon_was_restarted() -> None:
    answers: list[Any] = [lost(), "found"]

    def look_up() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert _found("VIR_ERR_NO_DOMAIN", look_up) == "found"
    answers[:] = [lost(), lost(), "never asked"]
    with pytest.raises(Exception, match="Cannot recv data"):
        _found("VIR_ERR_NO_DOMAIN", look_up)
    assert answers == ["never asked"]

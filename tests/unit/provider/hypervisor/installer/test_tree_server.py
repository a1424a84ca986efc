"""The tree's server, asked by a real client."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import requests

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.installer.tree_server import served
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.network.network_xml import NetworkSpec, network_xml
from halab.provisioners.engine.errors import Conflict


class Network:
    """One whose own address is loopback's."""

    def __init__(self, active: bool = True) -> None:
        self._active = active

    def isActive(self) -> bool:
        return self._active

    def XMLDesc(self) -> str:
        return network_xml(NetworkSpec(name="lab", cidr="127.0.0.0/8", mode="isolated"), Mark(lab="lab"))


def _connection(network: Network | None) -> Connection:
    class Known:
        def network(self, name: str) -> Any:
            return network if name == "lab" else None

    return cast(Connection, Known())


def test_what_is_asked_for_and_not_there_is_known(tmp_path: Path) -> None:
    (tmp_path / "Release").write_text("Origin: Debian\n")
    with served(_connection(Network()), "lab", tmp_path) as tree:
        assert requests.get(f"{tree.address}/Release", timeout=10).text == "Origin: Debian\n"
        assert list(tree.lacked) == []
        for path in ("/pool/b_1.udeb", "/dists/oldstable/Release", "/pool/a_1.udeb", "/pool/b_1.udeb"):
            assert requests.get(tree.address + path, timeout=10).status_code == 404
        assert list(tree.lacked) == ["/pool/b_1.udeb", "/pool/a_1.udeb"]
        where = tree.address
    with pytest.raises(requests.ConnectionError):
        requests.get(where, timeout=10)


def test_nothing_is_served_without_a_directory() -> None:
    with served(_connection(None), "lab", None) as tree:
        assert (tree.address, tree.lacked) == ("", {})


@pytest.mark.parametrize("network", [None, Network(active=False)])
def test_a_network_that_does_not_run(network: Network | None, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="'lab' does not run"), served(_connection(network), "lab", tmp_path):
        pass

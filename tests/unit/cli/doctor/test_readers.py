"""What is read of a host: Terraform's configuration, the kernel's tables."""

from __future__ import annotations

import socket

import pytest

from halab.cli.doctor.facts import Listener
from halab.cli.doctor.gathering import gather
from halab.cli.doctor.listening import listeners
from halab.cli.doctor.tools import hides_provider, numbers

_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 21 1 0 100 0 0 10 0
   1: 014DA8C0:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0
   2: 0A4DA8C0:0016 014DA8C0:D4A2 01 00000000:00000000 00:00000000 00000000     0        0 23 1 0 20 4 30 10 -1
"""
_TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 0A
   1: 0000000000000000FFFF00000100007F:1F40 00000000000000000000000000000000:0000 0A
   2: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A
"""
_MIRROR = 'filesystem_mirror {\n path = "/root/.terraform.d/plugins"\n %s }'
CONFIGURATIONS = [
    ("", False),
    ('plugin_cache_dir = "/x"', False),
    ("# provider_installation { direct {} }", False),
    ('credentials "x" { token = "//provider_installation {" }', False),
    ("provider_installation {\n  direct {}\n}", True),
    ('provider_installation { network_mirror { url = "https://x/" } }', True),
    ('provider_installation { filesystem_mirror { path = "/usr/share/terraform" } }', True),
    ("provider_installation {" + _MIRROR % "" + " direct {} }", False),
    ("provider_installation {" + _MIRROR % 'include = ["terraform.local/*/*"]' + "}", False),
    ("provider_installation {" + _MIRROR % 'include = ["terraform.local/halab/halab"]' + "}", False),
    ("provider_installation {" + _MIRROR % 'include = ["example.com/*/*", "hashicorp/*"]' + "}", True),
    ("provider_installation {" + _MIRROR % 'exclude = ["terraform.local/*/*"]' + "}", True),
    ('provider_installation { dev_overrides { "terraform.local/halab/halab" = "/x" } direct {} }', False),
    ('provider_installation { dev_overrides { "hashicorp/null" = "/x" } direct {} }', True),
    ("provider_installation { /* " + _MIRROR % "" + " */ direct {} }", True),
]


@pytest.mark.parametrize(("text", "hidden"), CONFIGURATIONS)
def test_what_hides_the_provider(text: str, hidden: bool) -> None:
    assert bool(hides_provider(text)) is hidden


def test_listeners_of_the_kernels_tables() -> None:
    assert list(listeners("tcp", _TCP)) == [Listener("tcp", "127.0.0.53", 53), Listener("tcp", "192.168.77.1", 8000)]
    assert [one.address for one in listeners("tcp", _TCP6)] == ["::", "127.0.0.1", "::1"]


def test_facts_are_gathered_on_this_host_and_see_a_listener() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        facts = gather()
        assert Listener("tcp", "127.0.0.1", server.getsockname()[1]) in facts.listeners
    assert facts.memory_available_bytes > 0
    assert facts.pool.free_bytes > 0
    assert facts.routes is not None


@pytest.mark.parametrize(("text", "found"), [("1.11.4", (1, 11)), ("20.9.0", (20, 9)), ("v22", (22, 0)), ("", (0, 0))])
def test_versions(text: str, found: tuple[int, int]) -> None:
    assert numbers(text) == found

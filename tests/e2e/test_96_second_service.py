"""The example with a service besides the site, deployed as its user does, and asked before and after a node is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from halab.cli.lab.this_lab import lab_settings
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.command import Secret, script
from tests.e2e.lab import CHECKOUT, Lab, hypervisor

EXAMPLE = CHECKOUT / "examples/second_service"
# From a machine that is no member: over the network, with the password.
_ASK = """IFS= read -r PGPASSWORD; export PGPASSWORD
exec psql --no-psqlrc --tuples-only --no-align --host "$1" --username postgres --command "$2"
"""


class Shop(Lab):
    """The example's lab: it stands in the example's folder."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(environment)
        self.settings = lab_settings(EXAMPLE, environment)
        self.folder = LabFolder.of(EXAMPLE, self.settings.name)
        self.nodes = [f"node{number}" for number in range(1, self.settings.node_count + 1)]

    def cdktf(self, *words: str) -> None:
        """What the example's user types, in its folder."""
        done = self.run("env", f"--chdir={EXAMPLE}", str(CHECKOUT / "node_modules/.bin/cdktf"), *words)
        assert done.returncode == 0

    def sql(self, statement: str) -> str | None:
        """What the database answers; None while it does not."""
        state = json.loads(self.folder.state.read_text())["outputs"]
        password = Secret(state["database_password"]["value"] + "\n")
        address = state["database_address"]["value"]
        answer = self.attempt("target", script(_ASK, address, statement, stdin=password, ok=range(256)))
        return answer.stdout.strip() if answer and answer.rc == 0 else None


@pytest.fixture(scope="module")
def duo(environment: dict[str, str]) -> Iterator[Shop]:
    shop = Shop({**environment, "CI": "1", "CHECKPOINT_DISABLE": "1"})
    try:
        shop.cdktf("deploy", "shop", "--auto-approve")
        yield shop
    finally:
        shop.cdktf("destroy", "shop", "--auto-approve")
        with hypervisor() as connection:
            assert connection.listAllDomains() == []


@pytest.mark.long
def test_the_database_survives_the_node_that_runs_it(duo: Shop) -> None:
    duo.until("an answer", lambda: duo.sql("select 1") == "1")
    assert duo.sql("create table orders (thing text); insert into orders values ('kept')") is not None
    (node,) = duo.runs_on("database-server")
    other = next(name for name in duo.nodes if name != node)
    before = duo.boot_id(node)
    duo.attempt(node, script("echo 1 >/proc/sys/kernel/sysrq; (sleep 1; echo c >/proc/sysrq-trigger) >&2 &"))
    duo.until("another node that runs it", lambda: duo.runs_on("database-server", other) - {node}, deadline_s=600)
    assert duo.until("the row", lambda: duo.sql("select thing from orders"), deadline_s=300) == "kept"
    duo.until("another boot", lambda: duo.boot_id(node) not in (None, before), deadline_s=600)
    duo.until("all online", lambda: duo.online(other) == set(duo.nodes), deadline_s=600)
    assert duo.sql("select thing from orders") == "kept"

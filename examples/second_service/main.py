"""A lab with a second service: PostgreSQL on a logical volume of its own, which fails over with its address."""

import sys
from pathlib import Path

from halab.cli.lab.application import run
from halab.constructs import bindings
from halab.constructs.cdk import TerraformOutput, TerraformStack
from halab.constructs.failover_service import FailoverService
from halab.constructs.lab import Lab

HERE = Path(__file__).resolve().parent


def add_database(lab: Lab) -> None:
    """The unit and its password on each node, and a group of the cluster that starts it on one of them."""
    password = bindings.Secret(lab, "database_password", name="database-password", length=20)
    files: list[bindings.File] = []
    for node, machine in lab.nodes.items():
        unit = bindings.File(
            lab,
            f"{node}_database_unit",
            machine=machine.id,
            path="/etc/systemd/system/database.service",
            content=(HERE / "database.service").read_text(),
        )
        secret = bindings.File(
            lab,
            f"{node}_database_password",
            machine=machine.id,
            path="/etc/halab/database-password",
            sensitive_content=password.value,
            mode="0600",
        )
        files += [unit, secret]
    address = str(lab.settings.net[51])
    FailoverService(
        lab,
        "database",
        size="30%VG",
        directory="/srv",
        address=address,
        agents={"server": "systemd:database"},
        after=files,
    )
    stack = TerraformStack.of(lab)
    TerraformOutput(stack, "database_address", value=address)
    TerraformOutput(stack, "database_password", value=password.value, sensitive=True)


if __name__ == "__main__":
    sys.exit(run(HERE, add_database, node_ports=["tcp/5432"]))

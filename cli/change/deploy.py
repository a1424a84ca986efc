"""`make deploy`: libvirt answers, cdktf deploys, the progress is told; at the end times and what to try next."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halab.cli import libvirt_daemons
from halab.cli.change.progress import Timeline, table
from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import CHECKOUT, LIBVIRT_RECORD, lab_folder, lab_settings
from halab.cli.terraform.cdktf_run import CdktfRun
from halab.constructs.settings import SettingsError
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError


def next_steps(folder: LabFolder, outputs: Mapping[str, Any]) -> list[str]:
    """What to try, from the stack's outputs."""
    nodes = outputs.get("nodes")
    node = next(iter(nodes), "node1") if isinstance(nodes, dict) else "node1"
    shell = f"ssh -F {os.path.relpath(folder.ssh_config, CHECKOUT)} {node}"
    steps = [
        (shell, "a shell on a node"),
        (f"{shell} crm_mon -1", "what runs where"),
        (f"{shell} pcs status", "the same, as pcs tells it"),
        (f"{shell} stonith_admin --reboot {_last(nodes, 'node2')}", "fence a node"),
        ("npx cdktf diff", "does reality still match?"),
        ("make destroy", "remove everything"),
    ]
    if url := outputs.get("site_url"):
        steps.insert(0, (f"curl {url}", "the site; it names the node that served it"))
    width = max(len(command) for command, _ in steps)
    return [f"  {command:<{width}}  # {meaning}" for command, meaning in steps]


def _last(nodes: object, default: str) -> str:
    return list(nodes)[-1] if isinstance(nodes, dict) and nodes else default


def stack_outputs(file: Path) -> dict[str, Any]:
    """The outputs of the one stack in cdktf's outputs file; empty without one."""
    if not file.exists():
        return {}
    stacks = json.loads(file.read_text())
    return dict(next(iter(stacks.values()), {}))


def deploy(folder: LabFolder) -> tuple[int, Timeline]:
    """Makes libvirt answer and has cdktf deploy: its exit code, and the times.

    LibvirtUnavailable, Conflict, StateUnusable.
    """
    libvirt_daemons.ensure(LIBVIRT_RECORD)
    run = CdktfRun(CHECKOUT, folder, folder.log, sys.stdout)
    code = run.run(["deploy", "--auto-approve", "--outputs-file", str(folder.outputs)])
    print("", *table(run.timeline.phases(), time.time() - run.timeline.began), sep="\n")
    return code, run.timeline


def diff() -> int:
    """Has cdktf show what a deploy would change. The exit code is cdktf's."""
    command = [str(CHECKOUT / "node_modules/.bin/cdktf"), "diff"]
    return subprocess.run(command, cwd=CHECKOUT, env={**os.environ, "CI": "1"}, check=False).returncode


def output() -> int:
    """Shows the outputs of the last deploy; 1 when there are none."""
    try:
        outputs = stack_outputs(lab_folder(lab_settings()).outputs)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not outputs:
        print("error: no lab is deployed from this checkout", file=sys.stderr)
        return 1
    print(*(f"{name}: {_plain(value)}" for name, value in sorted(outputs.items())), sep="\n")
    return 0


def main() -> int:
    """The exit code is cdktf's; 1 when libvirt does not answer, the lab's folder is not its own or its disk full."""
    try:
        folder = lab_folder(lab_settings())
        code, _ = deploy(folder)
    except (libvirt_daemons.LibvirtUnavailable, SettingsError, HalabError, StateUnusable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if code == 0:
        outputs = stack_outputs(folder.outputs)
        print("", *(f"{name}: {_plain(value)}" for name, value in sorted(outputs.items())), sep="\n")
        print("", "Try:", *next_steps(folder, outputs), sep="\n")
    return code


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return str(value)


if __name__ == "__main__":
    sys.exit(main())

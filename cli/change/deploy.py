"""`halab deploy`: tells what differs, asks where something would be lost, applies, waits for the site."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from halab.cli.change import consent, summary
from halab.cli.change.outputs import as_lines, next_steps
from halab.cli.change.progress import table
from halab.cli.change.run import LabRun, guarded, lab_run
from halab.cli.checkpoint.commands import Commands
from halab.cli.checkpoint.of_a_deploy import save_deployed
from halab.cli.ending import Ended, Ending
from halab.cli.lab import deployed_settings
from halab.cli.lab.deployed_settings import Difference
from halab.cli.lab.state import instances
from halab.cli.lab.this_lab import all_labs
from halab.cli.look.place import place
from halab.cli.look.status import look
from halab.cli.terraform.events import Change
from halab.cli.terraform.run import Stopped
from halab.cli.watch.site import served_by
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run.files import write_private

HEALTHY_DEADLINE_S = 240.0
"""pcsd of emulated nodes starts on after a deploy."""
SITE_DEADLINE_S = 240.0
"""After a reboot of the host, an emulated cluster takes its time; times the settings' time scale."""
_POLL_S = 0.5


def main(yes: bool, checkpoint: bool = False) -> int:
    """The exit code; docs/command.md has the table. `checkpoint`: save the lab once it is healthy."""
    return guarded(lambda: _main(yes, checkpoint), "deploy")


def _main(yes: bool, checkpoint: bool) -> int:
    with lab_run("deploy") as run:
        differences = _differences(run)
        run.screen.doing("writing the configuration")
        run.terraform.prepare()
        run.screen.doing("looking at what is there")
        with run.terraform.planned() as changes:
            _agree(run, changes, differences, yes)
            write_private(run.folder.settings, deployed_settings.dump(run.settings))
            run.screen.expect(changes)
            run.screen.doing("deploying")
            run.terraform.apply()
        outputs = run.terraform.outputs
        write_private(run.folder.outputs, json.dumps({run.settings.name: outputs}, indent=2) + "\n")
        served = _await_site(run, str(outputs.get("site_url", "")))
        run.screen.close()
        lines = ["", *table(run.screen.timeline.phases(), time.time() - run.screen.timeline.began)]
        lines += ["", *as_lines(outputs), *served, "", "Try:", *next_steps(outputs)]
        for line in lines:
            run.screen.line(line)
        if checkpoint:
            _save(run, str(outputs.get("site_url", "")))
    return 0


def _save(run: LabRun, site: str) -> None:
    """The checkpoint of this deploy. NotHealthy; Stopped by Ctrl-C while it is waited for, the lab being deployed."""
    where, patience_s = place(), HEALTHY_DEADLINE_S * max(1.0, run.settings.time_scale)
    run.screen.line("\nwaiting until the lab is healthy, for the checkpoint")
    commands = Commands(run.folder, Checkpoints(Connection(where.uri), where.lab), run.screen.line, site)
    try:
        with Ending():
            save_deployed(commands, lambda: look(where), patience_s)
    except Ended as ended:
        raise Stopped(ended.exit_code) from None


def _differences(run: LabRun) -> list[Difference]:
    """Told at once: what keeps the lab as it is may be all that its owner wants to know."""
    if not instances(run.folder.state):
        others = [lab.lab for lab in all_labs() if instances(lab.state)]
        if others:
            run.screen.line(f"A new lab, {run.settings.name!r}; deployed from this checkout, too: {', '.join(others)}.")
        return []
    found = deployed_settings.differences(run.folder.settings, run.settings)
    for difference in found:
        keeper = f" ({difference.keeper} keeps it)" if difference.keeper else ""
        run.screen.line(f"The lab was deployed with {difference}{keeper}.")
    return found


def _agree(run: LabRun, changes: Sequence[Change], differences: Sequence[Difference], yes: bool) -> None:
    """Asks where something is lost, and where settings differ and change what is there. NotConfirmed."""
    if not changes:
        run.screen.line("No changes: the lab is as its settings say.")
        return
    if all(change.action == "create" or change.unfinished for change in changes):
        return
    for line in summary.lines(changes):
        run.screen.line(f"  {line}")
    if made := sum(change.action == "create" for change in changes):
        run.screen.line(f"  {summary.counted(made, 'resource')} would be made")
    if summary.losses(changes):
        consent.ask(run.screen, "What is replaced or removed is lost with all that is in it. Go on?", yes, "deploy")
    elif differences:
        consent.ask(run.screen, "Go on?", yes, "deploy")


def _await_site(run: LabRun, url: str) -> list[str]:
    """Waits until somebody serves the site: nodes may just be starting, after a reboot of the host for example."""
    if not url:
        return []
    deadline = time.monotonic() + SITE_DEADLINE_S * max(1.0, run.settings.time_scale)
    run.screen.doing(f"waiting for the site, {url}")
    try:
        while time.monotonic() < deadline:
            if node := served_by(url):
                return [f"served now by: {node}"]
            run.screen.refresh()
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        pass  # only the waiting is over
    return [f"{url} does not answer yet: the cluster may still be starting. `halab status` tells."]

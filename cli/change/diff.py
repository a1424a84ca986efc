"""`halab diff`: what a deploy would change. Nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from halab.cli.change.run import LabRun, guarded, lab_run
from halab.cli.lab import deployed_settings
from halab.cli.lab.state import instances

DIFFERENT = 4
"""The exit code with --exit-code when a deploy would change something."""
FORMAT = 1


def main(as_json: bool, exit_code: bool) -> int:
    """The exit code; docs/command.md has the table."""
    return guarded(lambda: _main(as_json, exit_code), "diff")


def _main(as_json: bool, exit_code: bool) -> int:
    with lab_run("diff", stream_to_stderr=as_json) as run:
        deployed = bool(instances(run.folder.state))
        differences = deployed_settings.differences(run.folder.settings, run.settings) if deployed else []
        run.screen.doing("writing the configuration")
        run.terraform.prepare()
        run.screen.doing("looking at what is there")
        with run.terraform.planned() as changes:
            whole = json.loads(run.terraform.shown_plan("-json"))
            run.screen.close()
            if as_json:
                settings = [{"name": one.name, "was": one.was, "now": one.now} for one in differences]
                print(json.dumps({"format": FORMAT, "settings": settings, "changes": [*_changed(whole)]}, indent=2))
            elif changes:
                _show(run, differences)
            else:
                run.screen.line("No changes: the lab is as its settings say.")
    return DIFFERENT if changes and exit_code else 0


def _show(run: LabRun, differences: list[deployed_settings.Difference]) -> None:
    for difference in differences:
        run.screen.line(f"The lab was deployed with {difference}.")
    colour = run.screen.console.is_terminal and not run.screen.console.no_color
    run.screen.console.file.write(run.terraform.shown_plan(*([] if colour else ["-no-color"])) + "\n")


def _changed(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Addresses, actions and names of attributes; no values, since some are secret."""
    for entry in plan.get("resource_changes", []):
        change = entry["change"]
        if change["actions"] != ["no-op"]:
            before, after = change["before"] or {}, change["after"] or {}
            names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            yield {"address": entry["address"], "actions": change["actions"], "attributes": names}

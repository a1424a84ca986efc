"""The command `halab`. Each subcommand imports what it needs when it is called: --help and completion are quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halab.cli.checkpoint.app import app as checkpoint
from halab.cli.drill.app import app as drill
from halab.cli.exercise.app import app as exercise

EXIT_CODES = (
    "Exit codes: 0 done. 1 failed; the error says what to do. 2 wrong usage. 3 not confirmed. 4 `diff --exit-code`: "
    "there are changes. 128 + N: stopped by signal N (Ctrl-C: 130); all is saved, the same command goes on from there."
)

app = typer.Typer(
    help="Builds, looks after and removes a high-availability lab of virtual machines.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(checkpoint, name="checkpoint")
app.add_typer(drill, name="drill")
app.add_typer(exercise, name="exercise")

Json = Annotated[bool, typer.Option("--json", help="For programs; docs/command.md says what is in it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; for scripts.")]


@app.command()
def deploy(
    yes: Yes = False,
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="Save it as the checkpoint `deployed` once it is healthy.")
    ] = False,
) -> None:
    """Build the lab, or change the one that is there until it is as its settings say.

    Asks before anything is replaced or removed, and where settings differ from those that it was deployed with.
    """
    from halab.cli.change import deploy

    raise typer.Exit(deploy.main(yes, checkpoint))


@app.command()
def diff(
    as_json: Json = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 if a deploy would change it.")] = False,
) -> None:
    """Show what a deploy would change; nothing is changed."""
    from halab.cli.change import diff

    raise typer.Exit(diff.main(as_json, exit_code))


@app.command()
def destroy(yes: Yes = False) -> None:
    """Remove the lab with all that is in it, after a yes."""
    from halab.cli.change import destroy

    raise typer.Exit(destroy.main(yes))


@app.command()
def output(as_json: Json = False) -> None:
    """Show what the last deploy gave: addresses, names, the target."""
    from halab.cli.change import outputs

    raise typer.Exit(outputs.main(as_json))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; docs/status.md says what is in it.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=1, help="Seconds that a machine may take to answer: 5, emulated ones 20.")
    ] = None,
) -> None:
    """Look at the lab: machines, cluster, resources, fencing, storage, the site.

    Exit codes: 0 healthy, 3 something is wrong or set by hand, 4 no lab is deployed, 1 it cannot be looked at.
    """
    from halab.cli.look import status

    raise typer.Exit(status.main(as_json, watch, timeout))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh(
    node: Annotated[str, typer.Argument(help="node1, target and so on.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]", help="What ssh(1) takes: options, then a command.")
    ] = None,
) -> None:
    """A shell on a machine of the lab, or one command. The exit code is ssh's own."""
    from halab.cli.look import people

    raise typer.Exit(people.ssh(node, arguments or []))


@app.command()
def serial(
    node: Annotated[str, typer.Argument(help="node1, target and so on.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the log of a machine's serial console."""
    from halab.cli.look import people

    raise typer.Exit(people.serial(node, follow))


@app.command()
def fence(
    node: Annotated[str, typer.Argument(metavar="[NODE]", help="Whom; with --test: at whom all is fired.")] = "",
    method: Annotated[str, typer.Option(help="By this one alone, as fencing.method has it, or a device's name.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Leave it off; the next deploy switches it on.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Try each device, and after a yes each method.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Fence a node by hand, through Pacemaker on another one; or try all that the lab can be fenced with.

    It counts as fenced when libvirt saw its machine stop or start. Exit codes: 1 it was not fenced, or one of the
    trial's methods does not work or cannot fence the node; 3 the trial was not confirmed.
    """
    from halab.cli.fence import session

    if test and (method or off):
        raise typer.BadParameter("--test tries all methods: leave --method and --off out")
    if not test and not node:
        raise typer.BadParameter("whom? Name a node, or give --test", param_hint="NODE")
    raise typer.Exit(session.trial(node, yes, as_json) if test else session.by_hand(node, method, off, as_json))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def cts(
    iterations: Annotated[int, typer.Argument(min=1, help="How many tests.")] = 50,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[OPTION]...", help="The suite's own, for example --once.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab as the suite leaves it.")] = False,
    as_json: Json = False,
) -> None:
    """Run Pacemaker's own test suite (CTS) against the lab, from its target; the lab is as before then.

    Wants a lab whose image has pacemaker-cts (docs/drills.md). Exit codes: 0 nothing was wrong, 3 something was.
    """
    from halab.cli.cts import session

    raise typer.Exit(session.main(iterations, options or [], keep, as_json))


@app.command("open")
def open_() -> None:
    """Open the site in a browser, or print its address where there is no desktop."""
    from halab.cli.look import people

    raise typer.Exit(people.open_site())


@app.command()
def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of this host's loopback; 0: a free one.")] = 0,
    watch_only: Annotated[bool, typer.Option("--watch-only", help="The page may look, and change nothing.")] = False,
    service: Annotated[bool, typer.Option("--service", help="Go on without this terminal; print its link.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the one that --service started.")] = False,
) -> None:
    """Show the lab live in a browser, and operate it there; prints a link that opens it once."""
    from halab.cli.console import service as services
    from halab.cli.console import serving

    if stop and (service or watch_only or port):
        raise typer.BadParameter("--stop stands alone")
    if stop:
        raise typer.Exit(services.stop())
    raise typer.Exit((services.start if service else serving.main)(port, watch_only))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: well, and findings with their remedies.")] = False,
) -> None:
    """Say what will not work here and the remedy, before a deploy and after it. Nothing is changed; no root is needed.

    Exit codes: 0 nothing stands in the way, 3 something does, 1 it cannot be looked at.
    """
    from halab.cli.doctor import examination

    raise typer.Exit(examination.main(as_json))


@app.command()
def sweep(yes: Yes = False, as_json: Json = False) -> None:
    """List what killed runs left behind, and remove it after a yes."""
    from halab.cli.leftovers import sweep

    given = {"--yes": yes, "--json": as_json}
    raise typer.Exit(sweep.main([option for option, set_ in given.items() if set_]))


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where main.tf and imports.tf are written.")],
    lab: Annotated[str, typer.Option(help="The lab whose machines they are; default: the settings' name.")] = "",
    cluster: Annotated[str, typer.Option(help="Name of the cluster; default: the lab's.")] = "",
    directory: Annotated[Path | None, typer.Option(help="The lab's directory with its SSH key.")] = None,
    uri: Annotated[str, typer.Option(help="The libvirt; default: the settings'.")] = "",
) -> None:
    """Write HCL and import blocks for what runs in a cluster, whoever built it."""
    from halab.cli import export

    given = {"--lab": lab, "--cluster": cluster, "--directory": str(directory or ""), "--uri": uri}
    options = [word for name, value in given.items() if value for word in (name, value)]
    raise typer.Exit(export.main([*options, "--", str(target)]))


@app.command()
def tree(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="debian13 or debian12.")],
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="New, or one that this command has made.")],
    mirror: Annotated[
        str, typer.Option(help="An archive's address as in apt's sources; default: the one in this host's.")
    ] = "",
    keyring: Annotated[Path | None, typer.Option(help="The keys that sign it; default: Debian's.")] = None,
) -> None:
    """Make an installation tree for image.tree from packages: the installer, and all that an installation needs.

    A run that was stopped is taken up again: what is there is checked by its hash and not fetched again.
    """
    from halab.cli import tree as trees

    if release not in trees.RELEASES:
        raise typer.BadParameter(
            f"{release!r}: a tree can be made of {', '.join(trees.RELEASES)}", param_hint="RELEASE"
        )
    raise typer.Exit(trees.main(release, directory, mirror, keyring))


@app.command()
def bench(keep: Annotated[bool, typer.Option("--keep", help="Leave the lab deployed.")] = False) -> None:
    """Deploy, time it, a checkpoint, a diff and a failover, and destroy."""
    from halab.cli.bench import bench

    raise typer.Exit(bench.main(["--keep"] if keep else []))


@app.command()
def clean() -> None:
    """Remove what was installed or cached in the checkout; refused while a lab is deployed."""
    from halab.cli.leftovers import clean

    raise typer.Exit(clean.main())


def main() -> None:
    """The program `halab`."""
    app(prog_name="halab")


if __name__ == "__main__":
    main()

"""Runs terraform so that nothing but its own decision ends it: `bin/terraform-shield ARG...`.

cdktf 0.21 answers Ctrl-C by leaving at once. Its pseudo terminal goes with it, the hang-up kills terraform, and what
was being created is in no state. So terraform runs in a session of its own. The first interrupt, termination or hang-up
becomes one SIGINT: terraform finishes what is under way, saves the state and ends. More of them change nothing (a
second SIGINT would make terraform give up). The shield stays until then, also when nobody reads its output any more.
"""

import errno
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CHUNK_BYTES = 65536


def find_terraform(environment: Mapping[str, str]) -> str:
    """HALAB_TERRAFORM, or terraform or tofu in PATH. FileNotFoundError: there is none."""
    path = environment.get("PATH")
    for name in filter(None, (environment.get("HALAB_TERRAFORM"), "terraform", "tofu")):
        if found := shutil.which(name, path=path):
            return found
    raise FileNotFoundError("neither terraform nor tofu is in PATH: install one, or name it in HALAB_TERRAFORM")


def run(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Terraform's exit code; 128 + N when signal N ended it."""
    wake = _stop_signals()
    output, output_end = os.pipe()
    errors, errors_end = os.pipe()
    terraform = subprocess.Popen(
        # Should the shield itself be killed, terraform still gets its one SIGINT.
        ["setpriv", "--pdeathsig", "INT", find_terraform(environment), *arguments],
        stdout=output_end,
        stderr=errors_end,
        env=without_missing_configuration(environment),
        start_new_session=True,
        restore_signals=False,  # SIGPIPE stays ignored: without the shield, nobody reads what terraform prints
    )
    os.close(output_end)
    os.close(errors_end)
    _pass_through(terraform, {output: 1, errors: 2}, wake)
    code = terraform.wait()
    return code if code >= 0 else 128 - code


def _stop_signals() -> int:
    """A descriptor that becomes readable when a signal to stop came, also one that came before anybody looks."""
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda _number, _frame: None)
    return wake


def _pass_through(terraform: subprocess.Popen[bytes], targets: Mapping[int, int], wake: int) -> None:
    """Copies the output until its end, and makes the first signal one SIGINT.

    In one thread: the kernel tells a process of its parent's death once for each thread that the parent had.
    """
    asked, unread = False, set[int]()
    with selectors.DefaultSelector() as selector:
        for source in (*targets, wake):
            selector.register(source, selectors.EVENT_READ)
        while len(selector.get_map()) > 1:
            for key, _ in selector.select():
                chunk = os.read(key.fd, CHUNK_BYTES)
                if key.fd == wake:
                    if not asked:
                        terraform.send_signal(signal.SIGINT)
                    asked = True
                elif not chunk:
                    selector.unregister(key.fd)
                elif key.fd not in unread and not _write(targets[key.fd], chunk):
                    unread.add(key.fd)


def _write(target: int, chunk: bytes) -> bool:
    """False: nobody reads the target any more."""
    try:
        while chunk:
            chunk = chunk[os.write(target, chunk) :]
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):  # closed pseudo terminal, closed pipe
            raise
        return False
    return True


def without_missing_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """Drops a TF_CLI_CONFIG_FILE that is not there: terraform prints an error block about it at every call."""
    kept = dict(environment)
    if not Path(kept.get("TF_CLI_CONFIG_FILE", "/")).exists():
        del kept["TF_CLI_CONFIG_FILE"]
    return kept


def main() -> int:
    """Names its process in the file HALAB_SHIELD_PID (if set) while terraform runs."""
    os.umask(0o077)  # terraform writes states and their backups for everybody to read
    pid_file = os.environ.get("HALAB_SHIELD_PID")
    if not pid_file:
        return run(sys.argv[1:], os.environ)
    Path(pid_file).write_text(str(os.getpid()))
    try:
        return run(sys.argv[1:], os.environ)
    finally:
        if Path(pid_file).read_text() == str(os.getpid()):
            Path(pid_file).unlink()


if __name__ == "__main__":
    sys.exit(main())

"""Runs terraform so that nothing but its own decision ends it: `bin/terraform-shield ARG...`.

cdktf 0.21 answers Ctrl-C by leaving at once. Its pseudo terminal goes with it, the hang-up kills terraform, and what
was being created is in no state. So terraform runs in a session of its own. The first interrupt, termination or hang-up
becomes one SIGINT: terraform finishes what is under way, saves the state and ends. More of them change nothing (a
second SIGINT would make terraform give up). The shield stays until then, also when nobody reads its output any more.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

CHUNK_BYTES = 65536


def find_terraform(environment: Mapping[str, str]) -> str:
    """HALAB_TERRAFORM, or terraform or tofu in PATH. FileNotFoundError: there is none."""
    path = environment.get("PATH")
    for name in filter(None, (environment.get("HALAB_TERRAFORM"), "terraform", "tofu")):
        if found := shutil.which(name, path=path):
            return found
    raise FileNotFoundError("neither terraform nor tofu is in PATH: install one, or name it in HALAB_TERRAFORM")


def copy_while_read(source: int, target: int) -> None:
    """Copies until the source ends. When nobody reads the target any more, the rest is dropped."""
    is_read = True
    while chunk := os.read(source, CHUNK_BYTES):
        while chunk and is_read:
            try:
                chunk = chunk[os.write(target, chunk) :]
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EPIPE):  # closed pseudo terminal, closed pipe
                    raise
                is_read = False


class Stop:
    """Hands the first signal on to terraform as SIGINT, also one that comes before terraform runs."""

    def __init__(self) -> None:
        self.terraform: subprocess.Popen[bytes] | None = None
        self._asked = False
        self._passed_on = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self._ask)

    def watch(self, terraform: subprocess.Popen[bytes]) -> None:
        """From now on there is somebody to hand it to."""
        self.terraform = terraform
        if self._asked:
            self._pass_on()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self.terraform is not None:
            self._pass_on()

    def _pass_on(self) -> None:
        if self.terraform is not None and not self._passed_on:
            self._passed_on = True
            self.terraform.send_signal(signal.SIGINT)


def run(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Terraform's exit code; 128 + N when signal N ended it."""
    stop = Stop()
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
    stop.watch(terraform)
    os.close(output_end)
    os.close(errors_end)
    error_copy = threading.Thread(target=copy_while_read, args=(errors, 2))
    error_copy.start()
    copy_while_read(output, 1)
    error_copy.join()
    code = terraform.wait()
    return code if code >= 0 else 128 - code


def without_missing_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """Drops a TF_CLI_CONFIG_FILE that is not there: terraform prints an error block about it at every call."""
    kept = dict(environment)
    if not Path(kept.get("TF_CLI_CONFIG_FILE", "/")).exists():
        del kept["TF_CLI_CONFIG_FILE"]
    return kept


def main() -> int:
    """Names its process in the file HALAB_SHIELD_PID (if set) while terraform runs."""
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

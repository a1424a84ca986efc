"""Acceptance tests: the real terraform (or tofu) binary against a provider of ours.

How to test a resource type of your own
---------------------------------------
Define a fixture `provider` in the test module (or class); the fixture `terraform` then serves it *inside the test
process* and lets real terraform attach to it. So the test holds the provider's doubles (a fake host, a fake
hypervisor) in its hands, changes them between two commands (drift), and looks at what was done to them:

    @pytest.fixture
    def provider() -> Halab:
        return Halab(hosts=FakeHosts())          # your provider with your doubles

    def test_create(terraform: Terraform, provider: Halab) -> None:
        terraform.write('resource "halab_group" "web" { name = "web" }')
        terraform.apply()
        assert terraform.resource("halab_group.web")["name"] == "web"
        assert terraform.plan().actions == {}    # nothing left to do

For annotations: `if TYPE_CHECKING: from tests.acceptance.conftest import Terraform`.

What to cover for each type: create and no-op plan, update, replace, drift, destroy, import, one bad value. The life
cycle in general (interrupts, tainting, bugs, parallelism) is tested once for all types in test_protocol.py.

- `terraform.apply(...)`, `plan`, `destroy` and `import_` fail the test on an error, with terraform's output. For an
  expected one: `outcome = terraform.fails("apply")`, then `outcome.error.summary`, `.detail`, `.line` (the HCL line
  that it points at).
- `terraform.plan().actions` and `.changes`, `terraform.state()` and `.resource(address)` say what is planned and there.
- `terraform.start("apply")` returns a running command to interrupt with `.interrupt()`.
- The fixture `install` starts a provider as users do: through a launcher in a local mirror.

All output is read as JSON. Commands run without the user's home, CLI configuration and environment.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.protocol import Provider, reattachable
from halab.provider.run.folder import ALL_LABS
from tests.acceptance.outcome import Outcome as Outcome
from tests.acceptance.outcome import Plan as Plan
from tests.acceptance.outcome import Reported as Reported
from tests.acceptance.outcome import reports

if TYPE_CHECKING:
    from tests.acceptance.doubles import DoubledProvider

COMMAND_TIMEOUT_S = 120.0
_VERSION = "1.0.0"


class Running:
    """A terraform command under way, the leader of a process group of its own, as in a terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def interrupt(self) -> None:
        """What Ctrl-C does: SIGINT to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, timeout_s: float = COMMAND_TIMEOUT_S) -> Outcome:
        """Wait for its end. On a timeout the group is killed and the test fails."""
        try:
            text, _ = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            text, _ = self.process.communicate()
            pytest.fail(f"terraform did not end within {timeout_s:.0f} s:\n{text}")
        return Outcome(self.process.returncode, text, tuple(reports(text)))


class Terraform:
    """A folder with a configuration, and terraform to run in it."""

    def __init__(self, folder: Path, address: str, environment: dict[str, str]) -> None:
        self.folder, self.address = folder, address
        home = folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CHECKPOINT_DISABLE": "1",  # no question to a server whether there is a newer version
            "TF_IN_AUTOMATION": "1",
            **environment,
        }
        self._binary = _find_binary()
        name = address.rsplit("/", 1)[-1]
        required = {"terraform": {"required_providers": {name: {"source": address, "version": _VERSION}}}}
        if "TF_REATTACH_PROVIDERS" in environment:
            del required["terraform"]["required_providers"][name]["version"]
        (folder / "versions.tf.json").write_text(json.dumps(required))

    def write(self, hcl: str) -> None:
        """Make `hcl` the whole configuration, besides required_providers."""
        (self.folder / "main.tf").write_text(hcl)

    def init(self) -> None:
        """Only needed for an installed provider; attaching needs none."""
        self.run("init", "-input=false")

    def run(self, *arguments: str, fails: bool = False) -> Outcome:
        """Run a command to its end; the test fails unless its success is as expected."""
        outcome = self.start(*arguments).wait()
        if (outcome.status != 0) != fails:
            told = "\n".join(map(str, outcome.reported)) or outcome.text
            pytest.fail(f"terraform {' '.join(arguments)} ended with {outcome.status}:\n{told}")
        return outcome

    def start(self, *arguments: str) -> Running:
        """Begin a command; "apply" and "destroy" get the options they need."""
        process = subprocess.Popen(
            [self._binary, *_with_options(arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(process)

    def plan(self, *options: str) -> Plan:
        """Plan, which must succeed."""
        outcome = self.run("plan", "-out=plan.bin", *options)
        return Plan(self._show("plan.bin"), self.run("show", "-no-color", "plan.bin").text, outcome)

    def apply(self, *options: str) -> Outcome:
        """Apply, which must succeed."""
        return self.run("apply", *options)

    def destroy(self, *options: str) -> Outcome:
        """Destroy everything, which must succeed."""
        return self.run("apply", "-destroy", *options)

    def fails(self, *arguments: str) -> Outcome:
        """Run a command ("plan", "apply" ...) that must fail."""
        return self.run(*arguments, fails=True)

    def import_(self, address: str, id: str) -> Outcome:
        """Import an existing object, which must succeed."""
        return self.run("import", "-input=false", "-no-color", address, id)

    def state(self) -> dict[str, dict[str, Any]]:
        """Address -> entry of the root module's resources: `values`, `tainted`, `sensitive_values` ..."""
        root = self._show().get("values", {}).get("root_module", {})
        return {entry["address"]: entry for entry in root.get("resources", [])}

    def resource(self, address: str) -> dict[str, Any]:
        """The values of one resource in the state."""
        values: dict[str, Any] = self.state()[address]["values"]
        return values

    def _show(self, *options: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run("show", "-json", *options).text)
        return document


def _find_binary() -> str:
    found = shutil.which("terraform") or shutil.which("tofu")
    if found is None:
        pytest.fail("acceptance tests need terraform (or tofu) >= 1.6 on PATH")
    return found


def _with_options(arguments: Sequence[str]) -> list[str]:
    options = {
        "plan": ["-json", "-input=false"],
        "apply": ["-json", "-input=false", "-auto-approve"],
        "validate": ["-json"],
    }
    return [arguments[0], *options.get(arguments[0], []), *arguments[1:]]


def installed(
    folder: Path, address: str, command: Sequence[str], environment: dict[str, str] | None = None
) -> Terraform:
    """A Terraform that starts the provider as users' do: `command` by a launcher in the implied local mirror."""
    terraform = Terraform(folder, address, environment or {})
    name = address.rsplit("/", 1)[-1]
    mirror = folder / "home/.terraform.d/plugins" / address / _VERSION / "linux_amd64"
    mirror.mkdir(parents=True)
    launcher = mirror / f"terraform-provider-{name}_v{_VERSION}"
    launcher.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in command) + ' "$@"\n')
    launcher.chmod(0o755)
    return terraform


@pytest.fixture
def provider() -> Provider:
    """The provider under test: define this fixture in your module."""
    pytest.fail("define a fixture `provider` that returns the provider under test")


@pytest.fixture
def terraform(provider: Provider, tmp_path: Path) -> Iterator[Terraform]:
    """Terraform, attached to `provider` in this process."""
    with reattachable(provider) as entry:
        yield Terraform(tmp_path, provider.address, {"TF_REATTACH_PROVIDERS": entry})


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> DoubledProvider:
    """The real provider on libvirt's test driver, with doubles of guests: for a module's fixture `provider`."""
    from tests.acceptance.doubles import DoubledProvider
    from tests.acceptance.hypervisor import put_doubles

    put_doubles(monkeypatch)
    return DoubledProvider()


@pytest.fixture(autouse=True)
def checkout_untouched() -> Iterator[None]:
    """A provider within the test process takes a relative path as one of the checkout, where a user's labs stand."""
    labs = Path(__file__).parents[2] / ALL_LABS

    def others() -> set[Path]:
        # test_console_service makes and removes its own there, perhaps in another process at the same time.
        return {lab for lab in labs.glob("*") if not lab.name.startswith("console")}

    before = others()
    yield
    assert others() == before


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Terraform, DoubledProvider]]:
    """A lab with one node and at least one resource of each type, deployed; a test leaves it as it was."""
    from tests.acceptance.doubles import DoubledProvider, stack, uncovered, write_stack
    from tests.acceptance.hypervisor import put_doubles

    folder = tmp_path_factory.mktemp("deployed")
    with pytest.MonkeyPatch.context() as patch:
        put_doubles(patch)
        provider = DoubledProvider()
        with reattachable(provider) as entry:
            terraform = Terraform(folder, provider.address, {"TF_REATTACH_PROVIDERS": entry})
            write_stack(terraform, stack(1, folder), uncovered("summit", "${halab_machine.node1.id}"))
            terraform.apply()
            yield terraform, provider


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Terraform]:
    """install(address, command, environment): a Terraform that starts the provider through a launcher."""

    def build(address: str, command: Sequence[str], environment: dict[str, str] | None = None) -> Terraform:
        return installed(tmp_path, address, command, environment)

    return build

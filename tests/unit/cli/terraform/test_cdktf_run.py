"""One run of cdktf, by a program that stands for it, terraform behind the shield included."""

import os
import subprocess
import sys
from pathlib import Path

from halab.cli.terraform.cdktf_run import Log

RUN = """
import sys
from pathlib import Path
from halab.cli.terraform.cdktf_run import CdktfRun
from halab.provider.run.folder import LabFolder
checkout = Path(sys.argv[1])
folder = LabFolder.of(checkout, "summit")
sys.exit(CdktfRun(checkout, folder, folder.log, sys.stdout).run(["deploy"]))
"""
CDKTF = """#!/bin/sh
echo '{}' > .halab/summit/outputs.json
exec "$TERRAFORM_BINARY_NAME" apply
"""
TERRAFORM = """#!/bin/sh
for file in terraform.tfstate terraform.tfstate.backup; do
  echo '{}' > .halab/summit/$file
done
mkdir -p .halab/summit/fencing
touch .halab/summit/fencing/file
"""
SHIELD = f"""#!/bin/sh
exec {sys.executable} -P -m halab.cli.terraform.shield "$@"
"""


def test_what_a_run_leaves_is_its_owners_only(tmp_path: Path) -> None:
    programs = {"node_modules/.bin/cdktf": CDKTF, "terraform": TERRAFORM, "bin/terraform-shield": SHIELD}
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    lab = tmp_path / ".halab/summit"
    lab.mkdir(0o755, parents=True)
    (lab / "terraform.tfstate").write_text('{"version": 4,')
    (lab / "terraform.tfstate.backup").write_text('{"version": 4}')
    for earlier in ("deploy.log", "ssh_config"):
        (lab / earlier).touch(0o644)
    environment = {**os.environ, "HALAB_TERRAFORM": str(tmp_path / "terraform")}
    run = [sys.executable, "-P", "-c", RUN, str(tmp_path)]
    done = subprocess.run(run, env=environment, umask=0o022, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "put back from terraform.tfstate.backup" in done.stdout
    left = {str(path.relative_to(lab)): path.stat().st_mode & 0o777 for path in [lab, *lab.rglob("*")]}
    assert {"terraform.tfstate.backup", "outputs.json", "deploy.log", "fencing/file"} <= left.keys()
    assert {name: f"{mode:o}" for name, mode in left.items() if mode & 0o077} == {}


def test_a_command_goes_on_when_its_log_finds_no_room() -> None:
    told: list[str] = []
    log = Log(Path("/dev/full"), told.append)
    log.write("one")
    log.write("two")
    log.close()
    assert told == ["full lacks what comes now: No space left on device"]


def test_a_log_has_all_lines_and_is_its_owners_only(tmp_path: Path) -> None:
    log = Log(tmp_path / "deploy.log", lambda text: None)
    log.write("one")
    log.write("zwölf \N{BOX DRAWINGS LIGHT VERTICAL}")
    log.close()
    assert (tmp_path / "deploy.log").read_text().splitlines() == ["one", "zwölf │"]
    assert (tmp_path / "deploy.log").stat().st_mode & 0o777 == 0o600

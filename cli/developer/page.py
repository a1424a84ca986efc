"""The console's page: the types that it shares with the server, and its JavaScript, compiled from TypeScript.

What is compiled is checked in: whoever uses halab needs no compiler, and a test compiles again and compares.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from halab.cli.console.typescript import typescript

_PAGE = "cli/console/page"
_COMPILER = "node_modules/typescript/bin/tsc"


class DoesNotCompile(Exception):
    """The compiler's words."""


def page(root: Path) -> dict[str, str]:
    """Path below the checkout -> what stands there. DoesNotCompile."""
    contract = typescript()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for source in (root / _PAGE).glob("*.ts"):
            shutil.copy(source, work)
        shutil.copy(root / _PAGE / "tsconfig.json", work)
        (work / "contract.ts").write_text(contract)
        _compile(root, work)
        scripts = {f"{_PAGE}/{one.name}": one.read_text() for one in sorted(work.glob("*.js"))}
    scripts.pop(f"{_PAGE}/contract.js")  # types alone: nothing of it is left
    return {f"{_PAGE}/contract.ts": contract, **scripts}


def _compile(root: Path, work: Path) -> None:
    node = shutil.which("node", path=f"{root / '.venv/bin'}{os.pathsep}{os.environ['PATH']}")
    if node is None or not (root / _COMPILER).exists():
        raise DoesNotCompile(f"there is no {_COMPILER}, or no node: run `make develop`")
    done = subprocess.run([node, root / _COMPILER, "--project", work], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DoesNotCompile(done.stdout + done.stderr)

"""Programs that stand in for a host's own."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)

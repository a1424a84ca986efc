"""Regenerate tfplugin6_pb2.py and .pyi from tfplugin6.proto: `python -m halab.provider.protocol.regenerate`.

Needs grpcio-tools (the "dev" extra). The generated files are committed, so that running the provider does not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def regenerate() -> None:
    """Write both generated files beside the .proto. Raises CalledProcessError when protoc refuses it."""
    folder = Path(__file__).parent
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={folder}",
            f"--python_out={folder}",
            f"--pyi_out={folder}",
            "tfplugin6.proto",
        ],
        check=True,
    )


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m halab.provider.protocol.regenerate", description=__doc__).parse_args()
    regenerate()

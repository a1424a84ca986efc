"""Builds the base image that the settings ask for, unless it is cached: `python -m halab.cli.image`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


def image_arguments(context: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """The arguments of `python -m halab.images` for cdktf.json's context, overridden by HALAB_IMAGE_* variables."""
    image = context.get("image", {})
    packages = image.get("extra_packages", [])
    if not isinstance(packages, str):
        packages = ",".join(packages)
    arguments = ["build", "--extra-packages", environment.get("HALAB_IMAGE_EXTRA_PACKAGES", packages)]
    if suite := environment.get("HALAB_IMAGE_SUITE") or image.get("suite"):
        arguments += ["--suite", suite]
    return arguments


def main() -> int:
    """Prints the image's folder; the exit code is the builder's."""
    context = json.loads((CHECKOUT / "cdktf.json").read_text()).get("context", {})
    arguments = image_arguments(context, os.environ)
    return subprocess.run([sys.executable, "-m", "halab.images", *arguments], cwd=CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

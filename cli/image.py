"""Assembles the base image that the settings ask for, unless it is cached: `python -m halab.cli.image`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from halab.constructs.settings import Settings, SettingsError, load

CHECKOUT = Path(__file__).resolve().parent.parent


def image_arguments(settings: Settings) -> list[str]:
    """The arguments of `python -m halab.images`."""
    image = settings.image
    sources = [word for source in image.apt_sources for word in ("--apt-source", source)]
    return ["build", "--suite", image.suite, "--extra-packages", ",".join(image.extra_packages), *sources]


def main() -> int:
    """Prints the image's folder; the exit code is the builder's, or 1 when the settings are wrong."""
    try:
        context = json.loads((CHECKOUT / "cdktf.json").read_text()).get("context", {})
        settings = load(context, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    if settings.image.by_installer:
        print(f"installed from {settings.image.tree} when the lab is deployed")
        return 0
    return subprocess.run(
        [sys.executable, "-m", "halab.images", *image_arguments(settings)], cwd=CHECKOUT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())

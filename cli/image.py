"""Assembles the base image that the settings ask for, unless it is cached: `python -m halab.cli.image`."""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from halab.cli.lab.this_lab import CHECKOUT, lab_settings
from halab.constructs.settings import Settings, SettingsError


def image_arguments(settings: Settings) -> list[str]:
    """The arguments of `python -m halab.images`."""
    image = settings.image
    sources = [word for source in image.apt_sources for word in ("--apt-source", source)]
    return ["build", "--suite", image.suite, "--extra-packages", ",".join(image.extra_packages), *sources]


def main(arguments: Sequence[str]) -> int:
    """Prints the image's folder; the exit code is the builder's, or 1 when the settings are wrong."""
    argparse.ArgumentParser(prog="python -m halab.cli.image", description=__doc__).parse_args(arguments)
    try:
        settings = lab_settings()
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
    sys.exit(main(sys.argv[1:]))

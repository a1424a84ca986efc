"""`halab tree`: makes an installation tree of a Debian release from packages."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from halab.cli.lab.this_lab import lab_settings
from halab.constructs.settings import SettingsError
from halab.images.archive.apt import KEYRING, Apt, host_mirror
from halab.images.archive.make import TreeMaker, Wanted
from halab.images.debian import DebianRecipe
from halab.provisioners.engine.errors import HalabError

RELEASES = {"debian12": ("12", "bookworm", "oldstable"), "debian13": ("13", "trixie", "stable")}
"""Its number, and its names in the archive. The last one passes on to the next release with time."""


def main(release: str, directory: Path, mirror: str = "", keyring: Path | None = None) -> int:
    """Make the tree; the exit code."""
    number, suite, alias = RELEASES[release]
    began_s = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - began_s:5.0f} s  {line}", file=sys.stderr, flush=True)

    try:
        recipe = DebianRecipe(suite, lab_settings().image.extra_packages)
        address = mirror or host_mirror(suite)
        maker = TreeMaker(directory.absolute(), Wanted(number, suite, recipe.packages), report)
        size_bytes = maker.make(lambda work: Apt(work, address, suite, keyring or KEYRING, alias))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except HalabError as error:
        print(f"error: {error.summary}\n{error.detail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was fetched stays for the next run", file=sys.stderr)
        return 130
    report(f"done: {size_bytes / 1e6:.0f} MB of packages")
    print(f"HALAB_IMAGE_INSTALL=installer HALAB_IMAGE_SUITE={suite} HALAB_IMAGE_TREE={directory.absolute()}")
    return 0

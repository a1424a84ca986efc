"""`python -m halab.images build`: prints the directory of the finished base image, building it first if need be."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from halab.images.build import build_image
from halab.images.cache import ImageCache, ImageInfo, default_cache_dir
from halab.images.debian import DEFAULT_SUITE, RENAMED, DebianRecipe
from halab.provisioners.engine.errors import HalabError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    started_s = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - started_s:5.0f} s  {line}", file=sys.stderr, flush=True)

    def build(recipe: DebianRecipe, directory: Path) -> ImageInfo:
        info = build_image(recipe, directory, report)
        report("done")
        return info

    try:
        recipe = DebianRecipe(options.suite, _names(options.extra_packages), tuple(options.apt_source))
        print(ImageCache(options.cache or default_cache_dir()).ensure(recipe, build).directory)
    except HalabError as error:
        setting = f"{error.attribute}: " if error.attribute else ""
        print(f"error: {setting}{error.summary}\n{error.detail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing of the unfinished image was kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m halab.images", description="Base images of the lab's machines.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="print the directory of the image, building it if it is not cached")
    build.add_argument("--suite", default=DEFAULT_SUITE, help=f"{' or '.join(RENAMED)} (default: %(default)s)")
    build.add_argument("--extra-packages", default="", metavar="A,B", help="more Debian packages")
    build.add_argument("--cache", type=Path, metavar="DIR", help="default: $HALAB_CACHE/images or .cache/images")
    build.add_argument(
        "--apt-source",
        action="append",
        default=[],
        metavar="SOURCE",
        help="an archive's address, a 'deb ...' line or a sources file, instead of mmdebstrap's default; repeatable",
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

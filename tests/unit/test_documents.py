"""Promises about what there is to read: short enough, in reach, and naming what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from halab.cli.main import app

CHECKOUT = Path(__file__).resolve().parents[2]
README = CHECKOUT / "README.md"
README_WORDS = 1200
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
HISTORY = {CHECKOUT / "CHANGELOG.md"}  # names what was there at its time


def _links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Links to files of the project: as written, the file, the heading below it."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link:
            path, _, heading = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, heading


def _anchors(page: Path) -> set[str]:
    """The headings as GitHub names them in addresses."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_readme_takes_five_minutes() -> None:
    assert len(README.read_text().split()) <= README_WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CHECKOUT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link, target, heading in _links(page):
        assert target.exists(), link
        assert not heading or heading in _anchors(target), link


def test_every_page_can_be_reached_from_readme() -> None:
    seen, waiting = set[Path](), [README]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for _, target, _ in _links(page):
            waiting += target.glob("*.md") if target.is_dir() else [target]
    assert [page.relative_to(CHECKOUT).as_posix() for page in PAGES if page not in seen] == []


def test_every_picture_is_shown() -> None:
    shown = {target for page in PAGES for _, target, _ in _links(page)}
    assert [path.name for path in CHECKOUT.glob("docs/pictures/*.svg") if path not in shown] == []


def _commands() -> set[str]:
    command = typer.main.get_command(app)
    return set(getattr(command, "commands", {}))


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def _typed(page: Path) -> Iterator[str]:
    """What is meant to be typed: blocks of code, line by line, and spans."""
    text = page.read_text()
    for block in re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p not in HISTORY], ids=lambda p: p.relative_to(CHECKOUT).as_posix()
)
def test_commands_that_pages_name_exist(page: Path) -> None:
    for line in _typed(page):
        if found := re.match(r"(?:[A-Z_]+=\S+ |timeout \d+ |\S*/)*halab ([a-z][a-z-]*)", line):
            assert found[1] in _commands(), line
        if found := re.match(r"(?:[A-Z_]+=\S+ |\S*/sandbox )*make ([a-z][a-z0-9-]*)", line):
            assert found[1] in _targets(), line

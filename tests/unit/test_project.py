"""Promises about the files of the project as a whole."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from halab.cli.developer import generate
from halab.provider.guests import specs
from halab.provider.protocol import Attr
from halab.provider.registry import ITEMS
from halab.provisioners.engine.item import Item

CHECKOUT = Path(__file__).resolve().parents[2]
MAX_LINES = 300
GENERATED = {
    "constructs/bindings.py",
    "package-lock.json",
    "tools/cdktn/package-lock.json",
    "docs/pictures/deploy.svg",
    "requirements/users.txt",
    "requirements/developers.txt",
}


def _files() -> Iterator[Path]:
    """The project's own text files: not what .gitignore names, and no links."""
    ignored = {line.rstrip("/") for line in (CHECKOUT / ".gitignore").read_text().split()} | {".git"}
    for folder, folders, names in os.walk(CHECKOUT):
        folders[:] = [name for name in folders if name not in ignored and not name.endswith(".egg-info")]
        yield from (path for name in names if not (path := Path(folder, name)).is_symlink() and name not in ignored)


def _texts() -> Iterator[tuple[str, str]]:
    for path in _files():
        try:
            yield str(path.relative_to(CHECKOUT)), path.read_text()
        except UnicodeDecodeError:
            continue


def test_generated_files_are_what_the_generator_writes() -> None:
    wanted = generate.files(CHECKOUT, generate.schemas())
    different = [name for name, text in wanted.items() if _text(CHECKOUT / name) != text]
    assert not different, "run .venv/bin/python -m halab.cli.developer.generate"
    pages = {f"docs/resources/{path.name}" for path in (CHECKOUT / "docs/resources").iterdir()}
    assert pages - set(wanted) == set(), "pages of types that are gone"


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def test_constructs_hides_nothing_from_cdktf() -> None:
    assert not (CHECKOUT / "constructs/__init__.py").exists(), "it would hide PyPI's `constructs`"
    # As cdktf starts it: with the checkout first on the import path, unlike under pytest.
    run = subprocess.run(
        [sys.executable, "main.py"],
        cwd=CHECKOUT,
        env={**os.environ, "HALAB_NODE_COUNT": "17"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, "node_count: 17 is out of range" in run.stderr) == (1, True), run.stderr


def _local_names(name: str, text: str) -> Iterator[str]:
    if re.search(rf"(?<![\w.-]){re.escape(str(CHECKOUT))}(?![\w.-])", text):
        yield f"{name}: this checkout's path"
    # Each machine has package sources of its own.
    for host in re.findall(r"https?://[^\s/]*(?:registry|mirror|artifactory|nexus|pypi|npmjs|proxy)[^\s/]*", text):
        yield f"{name}: {host}"
    if name == "package-lock.json" and '"resolved"' in text:
        yield f"{name}: where npm found its packages"


def test_no_file_knows_where_it_was_written() -> None:
    assert [problem for name, text in _texts() for problem in _local_names(name, text)] == []


def _too_long() -> Iterator[str]:
    for name, text in _texts():
        generated = name in GENERATED or "_pb2" in name or name.startswith("tests/data/")
        if not generated and text.count("\n") > MAX_LINES:
            yield name


def test_files_are_short_enough_to_be_read_at_once() -> None:
    assert list(_too_long()) == []


# --- items ---


def _item(where: str) -> Item[Any]:
    module, name = where.split(":")
    item: Item[Any] = getattr(import_module(module), name)()
    return item


def _undocumented(attrs: Mapping[str, Attr], prefix: str = "") -> Iterator[str]:
    for name, attr in attrs.items():
        if not attr.doc.strip():
            yield prefix + name
        if attr.nested is not None:
            yield from _undocumented(attr.nested, f"{prefix}{name}.")


@pytest.mark.parametrize(("type_name", "where"), ITEMS.items())
def test_items_say_what_they_are(type_name: str, where: str) -> None:
    item = _item(where)
    fields = {field.name for field in dataclasses.fields(item.spec)}
    assert item.identity
    assert set(item.identity) <= fields, "an import id is made of fields"
    assert item.scope in fields, "the field says where it is carried out"
    assert item.phase in {"host", "iscsi", "cluster", "fencing", "storage", "site"}
    identifying = {name for name in item.identity if not specs.block(item.spec).attrs[name].replace}
    taken_over = {"machine"} if item.outlives_machine else set[str]()
    assert identifying == taken_over, f"another {identifying} is another {type_name}"
    assert not item.outlives_machine or "condition" in fields, "which tells that its machine is gone"


@pytest.mark.parametrize("type_name", generate.schemas())
def test_every_attribute_is_documented(type_name: str) -> None:
    block = generate.schemas()[type_name]
    assert block.doc.strip().endswith(".")
    assert [*_undocumented(block.attrs)] == []


def test_every_test_that_the_table_of_drifts_names_exists() -> None:
    named = re.findall(r"^\d+\. `(\S+)::(\w+)`$", (CHECKOUT / "docs/drift.md").read_text(), re.MULTILINE)
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if f"\ndef {name}(" not in (CHECKOUT / path).read_text()]
    assert missing == []


def test_every_row_of_the_table_of_drifts_has_tests() -> None:
    text = (CHECKOUT / "docs/drift.md").read_text()
    count = len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and "by hand" not in line]
    assert len(rows) > 30
    used = {int(number) for row in rows for number in row[3].removesuffix(" |").split(", ")}
    assert used == set(range(1, count + 1))


def test_every_room_is_installed() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        listed = set(tomllib.load(file)["tool"]["setuptools"]["packages"])
    folders = ("cli", "images", "provider", "provisioners")
    rooms = {path.parent for folder in folders for path in (CHECKOUT / folder).rglob("__init__.py")}
    there = {".".join(("halab", *room.relative_to(CHECKOUT).parts)) for room in rooms}
    assert listed == there | {"halab.constructs"}

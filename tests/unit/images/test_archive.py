"""A tree out of packages, by the real apt from a real, small archive."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halab.images.archive.apt import COMPONENTS, Apt, host_mirror
from halab.images.archive.initrd import read_initrd
from halab.images.archive.make import TreeMaker, Wanted
from halab.images.archive.packages import Package, installer_parts, read_packages
from halab.images.archive.release import split, sums
from halab.images.preseed.tree import MARK, read_debian_tree
from halab.provisioners.engine.errors import ConfigError, Conflict, HalabError, UnexpectedOutput
from tests.unit.images.recorded_archive import KERNEL, RecordedArchive, initrd, small_archive

WANTED = Wanted("12", "bookworm", ("corosync",))
DEBS = ("apt-of-it", "base-files", "corosync", "grub-pc", "libbase", "libquorum", "linux-image-amd64")
PARTS = (
    "base-installer",
    "disk-detect",
    "ext4-modules",
    "libparted-udeb",
    "lvm2-udeb",
    "partman-auto-lvm",
    "partman-base",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedArchive]:
    work = tmp_path_factory.mktemp("archive")
    archive = small_archive(work / "debian", work)
    yield archive
    archive.close()


class Mirror:
    """A copy of the archive that is served, and trees made from it."""

    def __init__(self, archive: RecordedArchive, directory: Path, address: str) -> None:
        self.directory, self._address, self._keyring = directory, address, archive.keyring
        shutil.copytree(archive.directory, directory)
        self.told: list[str] = []

    def make(self, tree: Path, wanted: Wanted = WANTED, keyring: Path | None = None, alias: str = "") -> int:
        self.told = []
        maker = TreeMaker(tree, wanted, self.told.append)
        return maker.make(lambda work: Apt(work, self._address, wanted.suite, keyring or self._keyring, alias))


@pytest.fixture
def mirror(recorded: RecordedArchive, tmp_path: Path, served: Callable[[Path], str]) -> Mirror:
    return Mirror(recorded, tmp_path / "debian", served(tmp_path / "debian"))


def names(tree: Path) -> set[str]:
    return {file.name.split("_")[0] for file in (tree / "pool").rglob("*") if file.is_file()}


def test_a_tree_has_what_an_installation_needs_and_no_more(mirror: Mirror, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    size_bytes = mirror.make(tree)
    assert names(tree) == {*DEBS, *PARTS, f"linux-image-{KERNEL}"}
    assert size_bytes == sum(file.stat().st_size for file in (tree / "pool").rglob("*.*deb"))
    assert json.loads((tree / MARK).read_text()) == {"format": 1, "suite": "bookworm", "packages": ["corosync"]}
    assert {path.name for path in tree.iterdir()} == {"dists", "pool", MARK}, "nothing that was only for the making"


def test_the_archives_signature_holds_for_what_the_installer_asks_for(
    mirror: Mirror, recorded: RecordedArchive, tmp_path: Path
) -> None:
    mirror.make(tmp_path / "tree")
    dists = tmp_path / "tree/dists/bookworm"
    said = subprocess.run(
        ["gpgv", "--keyring", recorded.keyring, dists / "Release.gpg", dists / "Release"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Good signature" in said.stderr
    vouched = sums((dists / "Release").read_text())
    there = ("main/binary-amd64/Release", *(f"{part}/binary-amd64/Packages.xz" for part in COMPONENTS))
    for path in there:
        assert hashlib.sha256((dists / path).read_bytes()).hexdigest() == vouched[path]


def test_an_archive_on_this_host_is_copied(recorded: RecordedArchive, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    address = f"file:{recorded.directory}"
    TreeMaker(tree, WANTED, lambda line: None).make(lambda work: Apt(work, address, "bookworm", recorded.keyring))
    assert names(tree) == {*DEBS, *PARTS, f"linux-image-{KERNEL}"}
    assert not [path for path in tree.rglob("*") if path.is_symlink()]


def test_apt_takes_the_tree_as_an_archive(mirror: Mirror, recorded: RecordedArchive, tmp_path: Path) -> None:
    mirror.make(tmp_path / "tree")
    apt = Apt(tmp_path / "apt", f"file:{tmp_path / 'tree'}", "bookworm", recorded.keyring)
    apt.update()
    assert {one.path for one in apt.lists()} == {
        "main/binary-amd64/Packages.xz",
        "main/debian-installer/binary-amd64/Packages.xz",
    }
    assert {name for name, _ in apt.resolve(["corosync"])} == {"corosync", "libquorum"}


def test_the_plan_takes_the_tree(mirror: Mirror, tmp_path: Path) -> None:
    mirror.make(tmp_path / "tree")
    tree = read_debian_tree(str(tmp_path / "tree"), "bookworm")
    assert (tree.medium, tree.version) == ("directory", "12.1")
    tree.fetch(tree.kernel, tmp_path / "kernel")
    tree.fetch(tree.initrd, tmp_path / "initrd")
    assert read_initrd(tmp_path / "initrd").kernel == KERNEL
    (tmp_path / "tree" / tree.kernel).write_bytes(b"another")
    with pytest.raises(HalabError, match="is damaged"):
        tree.fetch(tree.kernel, tmp_path / "kernel")


def test_the_plan_refuses_a_tree_that_was_made_for_less(mirror: Mirror, tmp_path: Path) -> None:
    mirror.make(tmp_path / "tree")
    assert read_debian_tree(str(tmp_path / "tree"), "bookworm", ["corosync"]).variant == "bookworm"
    with pytest.raises(ConfigError, match="was made without vim"):
        read_debian_tree(str(tmp_path / "tree"), "bookworm", ["corosync", "vim"])
    (tmp_path / "tree" / MARK).write_text("[]")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_debian_tree(str(tmp_path / "tree"), "bookworm", ["corosync"])


def test_files_that_the_archive_lists_and_does_not_serve(mirror: Mirror, tmp_path: Path) -> None:
    tree, gone = tmp_path / "tree", next(mirror.directory.rglob("partman-base_*"))
    content = gone.read_bytes()
    gone.unlink()
    with pytest.raises(HalabError) as failed:
        mirror.make(tree)
    assert failed.value.summary == "the archive lists 1 files that it does not serve"
    assert "partman-base_1.0_amd64.udeb" in failed.value.detail
    assert not (tree / "dists/bookworm/Release").exists(), "what is not whole is no tree"
    with pytest.raises(ConfigError, match="has no Debian bookworm"):
        read_debian_tree(str(tree), "bookworm")
    assert names(tree) == {*DEBS, *PARTS, f"linux-image-{KERNEL}"} - {"partman-base"}

    gone.write_bytes(content)
    mirror.make(tree)
    assert any(": 1 to fetch" in line for line in mirror.told), mirror.told
    assert "partman-base" in names(tree)


def test_what_was_damaged_is_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    mirror.make(tree)
    damaged = next(tree.rglob("corosync_*"))
    right = damaged.read_bytes()
    damaged.write_bytes(b"!" * len(right))
    mirror.make(tree)
    assert damaged.read_bytes() == right
    assert any(": 1 to fetch" in line for line in mirror.told)


def test_a_file_that_is_not_what_is_signed(mirror: Mirror, tmp_path: Path) -> None:
    wrong = next(mirror.directory.rglob("libquorum_*"))
    wrong.write_bytes(b"!" * wrong.stat().st_size)
    with pytest.raises(HalabError):
        mirror.make(tmp_path / "tree")
    assert "libquorum" not in names(tmp_path / "tree")


def test_an_archive_that_somebody_else_signed(mirror: Mirror, tmp_path: Path) -> None:
    work = tmp_path / "other"
    other = RecordedArchive(work / "debian", work)
    try:
        with pytest.raises(HalabError) as failed:
            mirror.make(tmp_path / "tree", keyring=other.keyring)
    finally:
        other.close()
    assert failed.value.summary == "the archive's lists cannot be fetched"
    assert "is not signed" in failed.value.detail  # by gpgv and by sqv, which apt asks since Debian 13


def test_an_archive_that_does_not_answer(recorded: RecordedArchive, tmp_path: Path) -> None:
    apt = Apt(tmp_path / "apt", "http://127.0.0.1:1/debian", "bookworm", recorded.keyring)
    with pytest.raises(HalabError, match="the archive's lists cannot be fetched"):
        apt.update()


def test_an_archive_without_the_installer(recorded: RecordedArchive, mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(HalabError, match="no package debian-installer-13-netboot-amd64"):
        mirror.make(tmp_path / "tree", Wanted("13", "bookworm", ()))


def test_a_package_that_the_archive_does_not_have(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(HalabError, match="Debian bookworm has no package nonesuch"):
        mirror.make(tmp_path / "tree", Wanted("12", "bookworm", ("corosync", "nonesuch")))


def test_a_directory_of_somebody_elses(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/mine").write_text("mine")
    with pytest.raises(Conflict, match="is not empty"):
        mirror.make(tmp_path / "tree")
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["mine"]


def _sources(lines: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This host's apt has these alone."""
    (directory / "lists/partial").mkdir(parents=True)
    (directory / "sources.list").write_text(lines)
    settings = {"Dir::Etc::sourcelist": directory / "sources.list", "Dir::Etc::sourceparts": "-"}
    settings |= {"Dir::State::lists": directory / "lists", "APT::Sandbox::User": ""}
    (directory / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    monkeypatch.setenv("APT_CONFIG", str(directory / "apt.conf"))


def test_a_host_whose_sources_have_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _sources("", tmp_path, monkeypatch)
    with pytest.raises(HalabError, match="no Debian bookworm"):
        host_mirror("bookworm")


def test_a_host_of_another_release_shares_its_archive(
    recorded: RecordedArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sources(f"deb [signed-by={recorded.keyring}] file:{recorded.directory} bookworm main\n", tmp_path, monkeypatch)
    subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    assert host_mirror("trixie") == host_mirror("bookworm") == f"file:{recorded.directory}/"


def test_an_archive_that_is_in_order_under_another_name_only(mirror: Mirror, tmp_path: Path) -> None:
    shutil.copytree(mirror.directory / "dists/bookworm", mirror.directory / "dists/oldstable")
    (mirror.directory / "dists/bookworm/main/debian-installer/binary-amd64/Packages.xz").write_bytes(b"of another day")
    with pytest.raises(HalabError, match="lists cannot be fetched"):
        mirror.make(tmp_path / "tree")
    mirror.make(tmp_path / "tree", alias="oldstable")
    assert read_debian_tree(str(tmp_path / "tree"), "bookworm").version == "12.1"


def test_a_name_that_stands_for_the_next_release_by_now(mirror: Mirror, tmp_path: Path) -> None:
    (mirror.directory / "dists/bookworm").rename(mirror.directory / "dists/stable")
    with pytest.raises(HalabError, match="What it calls stable is not trixie"):
        mirror.make(tmp_path / "tree", Wanted("13", "trixie", ("corosync",)), alias="stable")


@pytest.mark.parametrize("mirror", ["/srv/debian", "http://one two", "[trusted=yes] http://one"])
def test_an_address_that_would_be_another_sources_line(mirror: str, recorded: RecordedArchive, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no archive's address"):
        Apt(tmp_path, mirror, "bookworm", recorded.keyring)


def test_an_initrd_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    with pytest.raises(UnexpectedOutput, match="cannot be read"):
        read_initrd(tmp_path / "text")
    (tmp_path / "initrd").write_bytes(initrd(status=""))
    with pytest.raises(UnexpectedOutput, match="no initrd of Debian's installer"):
        read_initrd(tmp_path / "initrd")


def test_each_provider_of_what_is_needed_comes_along() -> None:
    def part(
        name: str, priority: str = "optional", depends: tuple[str, ...] = (), provides: tuple[str, ...] = ()
    ) -> Package:
        return Package(
            name=name,
            version="1",
            architecture="all",
            priority=priority,
            path=name,
            size_bytes=1,
            sha256="",
            depends=depends,
            provides=provides,
        )

    parts = [
        part("needs", "standard", depends=("either",)),
        part("one", provides=("either",)),
        part("two", provides=("either",), depends=("needs",)),
        part("three"),
    ]
    assert {package.name for package in installer_parts(parts, {}, "6.1")} == {"needs", "one", "two"}
    assert {package.name for package in installer_parts(parts, {"one": "1", "two": "0"}, "6.1")} == {"needs", "two"}


def test_a_list_that_leads_out_of_the_tree() -> None:
    stanza = "Package: a\nVersion: 1\nArchitecture: all\nFilename: {}\nSize: 1\nSHA256: 0\n"
    assert read_packages(stanza.format("./pool/a.deb"))[0].path == "pool/a.deb"
    for path in ("../a.deb", "/etc/a.deb", "pool/../../a.deb"):
        with pytest.raises(UnexpectedOutput):
            read_packages(stanza.format(path))


def test_a_text_that_nobody_signed() -> None:
    with pytest.raises(UnexpectedOutput, match="no signed text"):
        split("Origin: Debian\nSuite: bookworm\n")

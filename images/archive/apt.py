"""apt with a state of its own: what the host has installed and configured for itself has no say, its mirrors do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from halab.provisioners.engine.errors import CommandFailed, ConfigError, HalabError, UnexpectedOutput

COMPONENTS = ("main", "main/debian-installer")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_COMPRESSED = (".xz", ".gz")
_HOST_TARGETS = "$(CREATED_BY)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(REPO_URI)"
_FETCHED = re.compile(r"^'[^']*' (?P<name>[^_ ]+)_(?P<version>[^_ ]+)_[^_ ]+\.deb ", re.MULTILINE)
_GONE = re.compile(r"404 +Not Found|File not found|No such file")


@dataclass(frozen=True, slots=True)
class Unserved:
    """apt's complaints about files that an archive did not give. `gone`: it answered that it has no such file."""

    complaints: str
    gone: bool


def host_mirror(suite: str) -> str:
    """The archive of a suite in this host's apt sources, or that of another release of Debian: they share one.

    Raises HalabError if there is none.
    """
    _require_apt()
    done = _run(["apt-get", "indextargets", "--format", _HOST_TARGETS])
    others: list[str] = []
    for line in done.stdout.splitlines():
        created_by, codename, release, component, origin, address = line.split("|")
        if created_by != "Packages" or component != "main":
            continue
        if suite in (codename, release):
            return address
        if origin == "Debian" and "-" not in codename:  # its security updates have an archive of their own
            others.append(address)
    if others:
        return others[0]
    raise HalabError(
        f"this host's apt sources have no Debian {suite}",
        "Say where one is: --mirror ADDRESS, as after `deb` in a sources file.",
    )


@dataclass(frozen=True, slots=True)
class SignedList:
    """A package list: its path below dists/SUITE, a copy as the archive has it, and its text."""

    path: str
    file: Path
    text: str


class Apt:
    """`directory` holds its lists and settings; `mirror` is an address for a sources file.

    `alias`: another name by which the archive has the suite.
    """

    def __init__(self, directory: Path, mirror: str, suite: str, keyring: Path = KEYRING, alias: str = "") -> None:
        _require_apt()
        if not keyring.is_file():
            raise HalabError(f"{keyring} is not there", "Install the package debian-archive-keyring.")
        if re.search(r"\s", mirror) or ("://" not in mirror and not mirror.startswith("file:/")):
            raise ConfigError(f"{mirror!r} is no archive's address", "Give it as after `deb` in a sources file.")
        self._directory, self._mirror, self._suite, self._keyring = directory, mirror.rstrip("/"), suite, keyring
        self._names = (suite, alias) if alias else (suite,)
        self._name = suite
        for name in ("state/lists/partial", "cache/archives/partial"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()

    def update(self) -> None:
        """Fetch the signed lists. Raises HalabError if one is not to be had, or not as it is signed.

        By the first name under which all are in order: of a mirror of many hosts one may lag behind by one name only.
        """
        said: list[str] = []
        for name in self._names:
            self._name = name
            if not (complaint := self._fetch_lists()):
                return
            said.append(complaint)
        said.append("Another mirror may have them: --mirror ADDRESS.")
        raise HalabError("the archive's lists cannot be fetched", "\n".join(said))

    def _fetch_lists(self) -> str:
        """Those of the name that is used now; what is wrong with them."""
        shutil.rmtree(self._directory / "state/lists")
        (self._directory / "state/lists/partial").mkdir(parents=True)
        for file, components in (("all.list", COMPONENTS), ("main.list", COMPONENTS[:1])):
            words = f"[signed-by={self._keyring}] {self._mirror} {self._name} {' '.join(components)}"
            (self._directory / file).write_text(f"deb {words}\n")
        done = self._apt("all.list", "update", "--error-on=any")
        if done.returncode:
            return complaints(done.stderr)
        codename = re.search(r"^Codename: (.*)$", self.in_release().read_text(), re.MULTILINE)
        return "" if codename and codename[1] == self._suite else f"What it calls {self._name} is not {self._suite}."

    def in_release(self) -> Path:
        """The signed description that `update` fetched."""
        found = list((self._directory / "state/lists").glob("*_InRelease"))
        if len(found) != 1:
            raise UnexpectedOutput(f"apt has {len(found)} InRelease files", "One was expected.")
        return found[0]

    def lists(self) -> list[SignedList]:
        """All that `update` fetched; once after it.

        From then on apt itself reads them unpacked: in a compressed one it begins anew for each package.
        """
        form = "$(CREATED_BY)|$(METAKEY)|$(FILENAME)"
        lines = [line.split("|") for line in self._checked("all.list", "indextargets", "--format", form).splitlines()]
        found = (self._unpacked(key, Path(file)) for created_by, key, file in lines if created_by == "Packages")
        return list(found)

    def _unpacked(self, key: str, file: Path) -> SignedList:
        suffix = file.suffix if file.suffix in _COMPRESSED else ""
        done = _run(["/usr/lib/apt/apt-helper", "cat-file", str(file)])
        if done.returncode:
            raise CommandFailed(f"{file.name} cannot be unpacked", complaints(done.stderr), rc=done.returncode)
        original = self._directory / "lists" / (key + suffix)
        original.parent.mkdir(parents=True, exist_ok=True)
        file.replace(original)
        file.with_name(file.name.removesuffix(suffix)).write_text(done.stdout)
        return SignedList(key + suffix, original, done.stdout)

    def fetch(self, path: str, sha256: str, target: Path) -> None:
        """Put a small file below dists/SUITE to `target`, checked by its sum. Raises HalabError."""
        target.parent.mkdir(parents=True, exist_ok=True)
        helper = ["/usr/lib/apt/apt-helper", "--option", "APT::Sandbox::User=", "download-file"]
        done = _run([*helper, f"{self._mirror}/dists/{self._name}/{path}", str(target), f"SHA256:{sha256}"])
        if done.returncode:
            raise HalabError(f"the archive does not give dists/…/{path}", complaints(done.stderr))
        if target.is_symlink():  # to a file of an archive on this host
            original = target.resolve()
            target.unlink()
            shutil.copyfile(original, target)

    def resolve(self, names: Sequence[str]) -> set[tuple[str, str]]:
        """Name and version of everything that an empty system gets with packages of the component main."""
        said = self._checked("main.list", "install", "--print-uris", "--quiet=2", "--yes", *names)
        return {(found["name"], found["version"].replace("%3a", ":")) for found in _FETCHED.finditer(said)}

    def download(self, words: Sequence[str], directory: Path) -> Unserved | None:
        """Fetch packages (`name=version`) into a directory, checked against the signed lists; what is there stays."""
        done = self._apt("all.list", "download", *words, cwd=directory)
        said = complaints(done.stderr)
        return Unserved(said, bool(_GONE.search(done.stderr))) if done.returncode else None

    def _checked(self, sources: str, *words: str) -> str:
        done = self._apt(sources, *words)
        if done.returncode:
            raise HalabError(f"apt-get {words[0]} failed", complaints(done.stderr))
        return done.stdout

    def _apt(self, sources: str, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        directory = self._directory
        settings = {
            "Dir::State": directory / "state",
            "Dir::State::status": directory / "status",
            "Dir::Cache": directory / "cache",
            "Dir::Etc::sourcelist": directory / sources,
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",  # the directory may let nobody else in
            "Acquire::Languages": "none",
            # As the archive has them: their sums stand in its signed description.
            "Acquire::GzipIndexes": "true",
            "Acquire::IndexTargets::deb::Packages::KeepCompressedAs": "xz gz",
        }
        options = [word for name, value in settings.items() for word in ("--option", f"{name}={value}")]
        return _run(["apt-get", *options, *words], cwd)


def complaints(said: str) -> str:
    """The first lines in which apt says what went wrong."""
    lines = [line for line in said.splitlines() if line.startswith(("E: ", "W: "))]
    return "\n".join((lines or said.strip().splitlines())[:5])


def _require_apt() -> None:
    if shutil.which("apt-get") is None:
        raise HalabError("apt-get: not installed", "The tree is made of packages by apt: make it on a Debian host.")


def _run(argv: Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )

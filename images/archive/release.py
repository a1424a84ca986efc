"""An archive's signed description. Pure."""

from __future__ import annotations

import re

from halab.provisioners.engine.errors import UnexpectedOutput

_BEGIN, _SIGNATURE = "-----BEGIN PGP SIGNED MESSAGE-----\n", "-----BEGIN PGP SIGNATURE-----\n"


def split(in_release: str) -> tuple[str, str]:
    """Release and Release.gpg from InRelease, as apt itself splits it: the signature holds for the text alone.

    The installer asks for the two files, an archive's client has the one.
    """
    before, begin, rest = in_release.partition(_BEGIN)
    headers, blank, framed = rest.partition("\n\n")
    message, signature, armour = framed.partition(f"\n{_SIGNATURE}")
    if before or not (begin and blank and signature) or any(": " not in line for line in headers.splitlines()):
        raise UnexpectedOutput("the archive's InRelease is no signed text", "Is it a Debian archive?")
    return re.sub(r"^- ", "", message, flags=re.MULTILINE), _SIGNATURE + armour


def sums(release: str) -> dict[str, str]:
    """Path below dists/SUITE -> sha256, of all files that a Release file vouches for."""
    section = re.search(r"^SHA256:\n((?: .*\n?)*)", release, re.MULTILINE)
    lines = (line.split() for line in (section.group(1) if section else "").splitlines())
    return {words[2]: words[0] for words in lines if len(words) == 3}

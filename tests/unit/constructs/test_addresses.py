"""The addresses of the default lab: another name in a state is another object, so these stay."""

from __future__ import annotations

import os
from pathlib import Path

from tests.unit.constructs.synthesized import synthesized

_GOLDEN = Path(__file__).parents[2] / "data/constructs/addresses.txt"


def test_a_deployed_lab_finds_its_resources_again() -> None:
    """A new address is written with HALAB_GOLDEN=write; one that is gone needs a way for the labs that have it."""
    addresses = sorted(synthesized().by_address)
    if os.environ.get("HALAB_GOLDEN") == "write":
        _GOLDEN.write_text("".join(f"{address}\n" for address in addresses))
    assert addresses == _GOLDEN.read_text().split()

"""The mutants' own run takes minutes and is in make test-long; that each can still be put in, the checks tell."""

from __future__ import annotations

import pytest

from tests.mutants.test_mutants import CHECKOUT, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_place_is_there_once(mutant: Mutant) -> None:
    assert (CHECKOUT / mutant.file).read_text().count(mutant.old) == 1, f"follow it in {mutant.file}"

"""In a refresh a host is asked everything at once: so whoever observes must look, not ask."""

from __future__ import annotations

import inspect

import pytest

from halab.provider.registry import ITEMS, _load

# A password is compared on the guest: it goes there on stdin, which is neither kept nor sent with other questions.
ASKS = {"halab_pcsd"}


@pytest.mark.parametrize("type_name", ITEMS)
def test_items_look(type_name: str) -> None:
    item = _load(ITEMS[type_name])
    asks = [line for line in inspect.getsource(item.observe).splitlines() if "host.ask(" in line]
    assert bool([line for line in asks if "cached=True" not in line]) == (type_name in ASKS)

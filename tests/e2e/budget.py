"""What `make test` leaves out where it would not end in time: a host with other work is several times slower."""

from __future__ import annotations

import os
import time

import pytest

_BEGAN = "PYTEST_BEGAN"
"""When `make test` began, in seconds since 1970. Tests that are run by themselves are never left out."""


def leave_out_after(minutes: int) -> None:
    """Skips a test that `make test` comes to later than that."""
    gone = (time.time() - float(os.environ.get(_BEGAN, "inf"))) / 60
    if gone > minutes:
        pytest.skip(f"make test has taken {gone:.0f} minutes, more than {minutes}: this host is slow")

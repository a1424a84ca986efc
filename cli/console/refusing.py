"""What is not carried out, and why."""

from __future__ import annotations


class Refused(Exception):
    """A wish that is not carried out; the text says why."""

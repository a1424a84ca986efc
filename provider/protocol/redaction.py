"""Keeps sensitive values out of everything that Terraform or its log shows."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Set
from typing import Any

from halab.provider.protocol.schema import Block
from halab.provider.protocol.types import UNKNOWN

MASK = "(sensitive value)"

# A shorter secret is masked only where it stands alone: "a" is part of almost every text.
_WHOLE_WORD_BELOW = 4
# Lines of a longer secret (a private key) are masked one by one too, when they are long enough to tell something.
_LINE_LENGTH = 8


def secrets_of(block: Block, value: Any) -> set[str]:
    """Texts of all sensitive and write-only values in `value`, an object of the schema `block`."""
    found: set[str] = set()
    if not isinstance(value, dict):
        return found
    for name, attr in block.attrs.items():
        if attr.sensitive or attr.write_only:
            found.update(_texts(value.get(name)))
    for name, inner in block.parts():
        for _step, element in inner.objects(value.get(name)):
            found |= secrets_of(inner, element)
    return found


class Redactor:
    """The one door through which text leaves a provider process: what is sensitive in any request never passes it.

    Diagnostics, Terraform's log and whatever a provider writes for people go through it. Safe for threads.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._secrets: frozenset[str] = frozenset()

    def learn(self, block: Block, value: Any) -> None:
        """Take note of all that is sensitive in `value`, an object of the schema `block`."""
        if not (found := secrets_of(block, value)) <= self._secrets:
            with self._guard:
                self._secrets |= found

    def __call__(self, text: str) -> str:
        """`text` without any of it."""
        return redact(text, self._secrets)


class RedactedLog(logging.Formatter):
    """Writes log records without what the redactor knows."""

    def __init__(self, form: str, redactor: Redactor) -> None:
        super().__init__(form)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor(super().format(record))


def redact(text: str, secrets: Set[str]) -> str:
    """`text` with each secret, also in quoted form, replaced by MASK; the longest first."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        if len(form) >= _WHOLE_WORD_BELOW:
            text = text.replace(form, MASK)
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MASK, text)
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and value is not UNKNOWN and not isinstance(value, bool) and str(value):
        yield str(value)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE_LENGTH)

"""How a setting is declared: a field with its default, its line in docs/settings.md and its rule."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from halab.provisioners.engine import limits


def setting(default: Any, doc: str, rule: limits.Rule | None = None, together: str = "") -> Any:
    """A field of a settings class: its default, one line for docs/settings.md, and its rule.

    `together`: what joins several parts of a list to one, with blanks around it or without.
    """
    return field(default=default, metadata={"doc": doc, "rule": rule, "together": together})

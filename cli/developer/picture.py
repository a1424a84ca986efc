"""A terminal's text as an SVG: rich draws it, without the web font that it would fetch."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text

_COLUMNS = 100
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def svg(text: str, title: str) -> str:
    """`text` has colours as escape sequences; lines beyond the width are cut off."""
    console = Console(file=io.StringIO(), record=True, width=_COLUMNS, color_system="truecolor", force_terminal=True)
    console.print(Text.from_ansi(text), no_wrap=True, overflow="ellipsis", crop=True, highlight=False)
    return _FONT.sub("", console.export_svg(title=title, unique_id="halab"))

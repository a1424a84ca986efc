"""Picks from cdktf's output what a person needs beside the progress: diagnostics and summaries."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")
_SUMMARY = re.compile(r"(Plan: \d+ to |No changes\. |(Apply|Destroy) complete! |Interrupt received)")


def without_colour(line: str) -> str:
    """The line without terminal codes and line ends."""
    return _COLOUR.sub("", line).rstrip()


class OutputFilter:
    """Fed line by line; remembers whether it is inside a diagnostic's box."""

    def __init__(self) -> None:
        self._inside = False
        self.told_error = False

    def shown(self, line: str) -> str | None:
        """What to show of a line without colour, if anything."""
        if "╷" in line:
            self._inside = True
            return ""
        if self._inside:
            if "╵" in line:
                self._inside = False
                return ""
            text = line[line.find("│") :] if "│" in line else line.strip()
            self.told_error = self.told_error or text.startswith("│ Error: ")
            return text
        if match := _SUMMARY.search(line):
            return line[match.start() :]
        return None

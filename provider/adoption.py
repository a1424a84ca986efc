"""What a create may take over of what is there already: the one rule, for all types.

1. Never what the state holds: not for a second block of one name, nor for an object that is made before the one that it
   replaces is destroyed (create_before_destroy). The removal of one of the two would take the other's.
2. Never what was not made from here, whatever it looks like.
3. What is left is taken over: this lab has made it and the state does not hold it. A run was killed, or the state is
   lost.

Terraform shows a provider one object at a time, and nothing of a plan reaches the create that it leads to. So each
object stands in a file of the lab's folder: as `left` before it is made, as `held` once a refresh or a plan has shown
it in the state, as `left` again when it is gone from there. A plan that was shown nothing has no state: all is left.
What is in a machine goes by the machine's name (`is`): one that is made anew around its disk has another UUID.
See docs/design/021-ownership.md.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from halab.provider.protocol.ledger import Ledger
from halab.provider.run.files import private_directory, read_or_none, write_private
from halab.provisioners.engine.errors import Conflict

if TYPE_CHECKING:
    from halab.provider.protocol import Resource, State

log = logging.getLogger(__name__)

Object = tuple[str, str]
"""Type and key, see Resource.key."""
Verb = Literal["held", "left", "gone"]
_Word = Literal["held", "left", "gone", "is"]
_MACHINE = "halab_machine"
_EARLIER: Object = ("", "")
"""Stands there as long as an earlier version, which kept no such file, may have left something."""
_SPARE_LINES = 2000  # that many more lines than objects, and the file is written anew
_MANAGED = (
    "Nothing of it was changed. Give one of the two another name, or keep one block. What is to be made before the one "
    "that it replaces is destroyed (create_before_destroy) needs another name, too. If its block was taken out of the "
    "state, `terraform import` brings it back; if the state is lost, plan without -target first."
)


class Adoption(Ledger):
    """The rule in one process of Terraform's run, which either plans or applies. Thread-safe.

    `partial`: the run may look at a part of the state only (-target). `changed`: whether this lab was changed before.
    """

    def __init__(self, file: Path, *, partial: bool, changed: bool) -> None:
        self._file, self._partial = file, partial
        self._guard = threading.RLock()
        self._now: dict[Object, Verb] = {}
        self._names: dict[str, str] = {}  # of machines, by UUID
        self._coming: set[Object] = set()
        self._shown = self._planned = self._applied = self._failed = False
        text = read_or_none(file, errors="replace")  # lines that are no text say nothing
        self._lines = 0
        for word, thing in entries(text or ""):
            self._note(word, thing)
        self._earlier = text is None and changed

    # --- what Terraform's requests tell ---

    def held(self, resource: Resource, state: State) -> None:
        with self._guard:
            self._shown = True
            self._remember_earlier()
            if resource.type == _MACHINE:
                self.called(state["id"], state["name"])
            self._tell("held", self._object(resource, state))

    def missing(self, resource: Resource, state: State) -> None:
        with self._guard:
            self._tell("left", self._object(resource, state))

    def called(self, machine: str, name: str) -> None:
        with self._guard:
            if self._names.get(machine) != name:
                self._tell("is", (machine, name))

    def answered(self, *, planned: bool, failed: bool) -> None:
        with self._guard:
            self._planned, self._failed = self._planned or planned, self._failed or failed

    def creating(self, resource: Resource, planned: State) -> None:
        thing = self._object(resource, planned)
        with self._guard:
            self._applied = True
            self._remember_earlier()
            if thing is None:
                return
            if thing in self._coming:
                raise _managed(thing)
            self._coming.add(thing)

    def begin(self, resource: Resource, planned: State, *, found: bool, ordinary: bool = False) -> None:
        thing = self._object(resource, planned)
        if thing is None:
            return
        with self._guard:
            before = self._now.get(thing)
            if found and before == "held":
                raise _managed(thing)
            if found and before is None and not ordinary and _EARLIER not in self._now:
                raise _foreign(thing, self._file)
            if before != "left":
                self._write("left", thing)

    def made(self, kind: str) -> frozenset[str]:
        with self._guard:
            return frozenset(key for type_name, key in self._now if type_name == kind)

    def machines(self) -> tuple[str, ...]:
        with self._guard:
            return tuple(self._names)

    def failed(self, resource: Resource, planned: State) -> None:
        with self._guard:
            self._coming.discard(self._object(resource, planned) or _EARLIER)

    def deleted(self, resource: Resource, state: State, *, left: bool) -> None:
        thing = self._object(resource, state)
        with self._guard:
            self._applied = True
            self._coming.discard(thing or _EARLIER)
            self._tell("left" if left else "gone", thing)

    # --- the file ---

    def _remember_earlier(self) -> None:
        """From now on there is a file, so it has to say that an earlier version kept none."""
        if self._earlier:
            self._earlier = False
            self._tell("left", _EARLIER)

    def close(self) -> None:
        """At the end of a process: what does the run as a whole tell?"""
        with self._guard:
            if self._failed:
                return
            if self._partial:
                return
            if self._applied:
                self._tell("gone", _EARLIER)
            elif self._planned and not self._shown:
                for thing in [thing for thing, verb in self._now.items() if verb == "held"]:
                    self._tell("left", thing)

    def _object(self, resource: Resource, values: State) -> Object | None:
        key = resource.key(values)
        if key is None:
            return None
        machine = values.get("machine")
        if isinstance(machine, str) and machine in self._names and key.startswith(machine):
            key = self._names[machine] + key.removeprefix(machine)
        return resource.type, key

    def _tell(self, word: _Word, thing: Object | None) -> None:
        """Write it down if it is news. A full disk is reported by the apply: what it makes has to stand here before."""
        if thing is None or self._now.get(thing, "gone") == word:
            return
        try:
            self._write(word, thing)
        except OSError as error:
            log.warning("%s is not kept: %s", self._file, error)

    def _write(self, word: _Word, thing: Object) -> None:
        self._note(word, thing)
        kept = len(self._now) + len(self._names)
        if self._applied and self._lines > kept + _SPARE_LINES:  # the lab's lock is held: nobody else writes
            names = (_line("is", name) for name in self._names.items())
            write_private(self._file, "".join((*names, *(_line(verb, thing) for thing, verb in self._now.items()))))
            self._lines = kept
            return
        private_directory(self._file.parent)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            line = f"\n{_line(word, thing)}".encode()  # a line that was cut short ends there
            if os.write(descriptor, line) != len(line):
                raise OSError(f"{self._file}: the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _note(self, word: _Word, thing: Object) -> None:
        self._lines += 1
        if word == "is":
            self._names[thing[0]] = thing[1]
        elif word == "gone":
            self._now.pop(thing, None)
        else:
            self._now[thing] = word


def _managed(thing: Object) -> Conflict:
    return Conflict(f"{thing[0]} {thing[1]} is managed already by another block of this state", _MANAGED)


def _foreign(thing: Object, file: Path) -> Conflict:
    return Conflict(
        f"{thing[0]} {thing[1]} exists already and was not made from here",
        f"It is left alone: {file} tells what this lab has made. Choose another name, remove it, or make it the lab's "
        "own: terraform import ADDRESS ID. If it is that of a lab whose folder is lost, `halab sweep` removes it.",
    )


def _line(word: _Word, thing: Object) -> str:
    return json.dumps([word, *thing]) + "\n"


def entries(text: str) -> Iterator[tuple[_Word, Object]]:
    """What the file says. A line that a killed run or a full disk has cut short says nothing."""
    for line in text.splitlines():
        words: Any
        try:
            words = json.loads(line)
        except ValueError:
            continue
        if isinstance(words, list) and len(words) == 3 and words[0] in ("held", "left", "gone", "is"):
            yield words[0], (str(words[1]), str(words[2]))

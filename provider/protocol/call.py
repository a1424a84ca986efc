"""One request of Terraform: what resources see of it, and how it is reported without its secrets."""

from __future__ import annotations

import threading
from typing import Any

from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import diagnostic_message, unpack
from halab.provider.protocol.diagnostics import Diagnostic
from halab.provider.protocol.redaction import Redactor
from halab.provider.protocol.resource import Ctx, State
from halab.provider.protocol.schema import Block, cut_path
from halab.provider.protocol.types import show_path


class Call(Ctx):
    """One request: the context that resources see, and what is needed to report about it without secrets."""

    def __init__(self, stop: threading.Event, doing: str, redactor: Redactor) -> None:
        super().__init__(stop)
        self.doing, self._redactor = doing, redactor
        self.schema = Block()

    def take(self, message: pb.DynamicValue, schema: Block) -> Any:
        """Decode a value of the request, and remember what is sensitive in it."""
        self.schema = schema
        return self.seen(unpack(message, schema.object_type))

    def seen(self, value: Any) -> Any:
        """`value`, an object of the request's schema, after what is sensitive in it was remembered."""
        self._redactor.learn(self.schema, value)
        return value

    def save(self, state: State) -> None:
        super().save(self.seen(state))

    def messages(self) -> list[pb.Diagnostic]:
        """The diagnostics for Terraform: no secrets, and paths that it can show."""
        return [diagnostic_message(self._presentable(diagnostic)) for diagnostic in self.diagnostics]

    def _presentable(self, diagnostic: Diagnostic) -> Diagnostic:
        path = cut_path(self.schema, diagnostic.path)
        detail = diagnostic.detail
        if path != diagnostic.path:
            detail = f"{show_path(diagnostic.path)}: {detail}" if detail else show_path(diagnostic.path)
        return Diagnostic(diagnostic.severity, self._redactor(diagnostic.summary), self._redactor(detail), path)

"""One request of Terraform: what resources see of it, and how it is reported without its secrets."""

from __future__ import annotations

import threading
from typing import Any

from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.codec import diagnostic_message, unpack
from halab.provider.protocol.diagnostics import Diagnostic
from halab.provider.protocol.redaction import redact, secrets_of
from halab.provider.protocol.resource import Ctx
from halab.provider.protocol.schema import Block, cut_path
from halab.provider.protocol.types import show_path


class Call(Ctx):
    """One request: the context that resources see, and what is needed to report about it without its secrets."""

    def __init__(self, stop: threading.Event, doing: str) -> None:
        super().__init__(stop)
        self.doing = doing
        self.schema = Block()
        self.seen: list[tuple[Block, Any]] = []

    def take(self, message: pb.DynamicValue, schema: Block) -> Any:
        """Decode a value of the request, and remember it for the sake of its secrets."""
        self.schema = schema
        value = unpack(message, schema.object_type)
        self.seen.append((schema, value))
        return value

    def secrets(self) -> set[str]:
        """Every sensitive text that this request knows, also what create put into the planned state since."""
        known = [*self.seen, (self.schema, self.saved)]
        return {secret for schema, value in known for secret in secrets_of(schema, value)}

    def messages(self) -> list[pb.Diagnostic]:
        """The diagnostics for Terraform: no secrets, and paths that it can show."""
        secrets = self.secrets() if self.diagnostics else set()
        return [diagnostic_message(self._presentable(diagnostic, secrets)) for diagnostic in self.diagnostics]

    def _presentable(self, diagnostic: Diagnostic, secrets: set[str]) -> Diagnostic:
        path = cut_path(self.schema, diagnostic.path)
        detail = diagnostic.detail
        if path != diagnostic.path:
            detail = f"{show_path(diagnostic.path)}: {detail}" if detail else show_path(diagnostic.path)
        return Diagnostic(diagnostic.severity, redact(diagnostic.summary, secrets), redact(detail, secrets), path)

"""Started by Terraform: `python -m halab.provider`."""

from __future__ import annotations

import logging
import sys

from halab.provider.lab import HalabProvider
from halab.provider.protocol import serve
from halab.provider.protocol.redaction import RedactedLog

if __name__ == "__main__":
    provider = HalabProvider()
    handler = logging.StreamHandler(sys.stderr)
    # Terraform takes a line's level from its beginning. What libraries tell stays out, unless it is a warning.
    handler.setFormatter(RedactedLog("[%(levelname)s] %(name)s: %(message)s", provider.redactor))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("halab").setLevel(logging.INFO)
    serve(provider)

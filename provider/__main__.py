"""Started by Terraform: `python -m halab.provider`."""

from __future__ import annotations

import logging
import sys

from halab.provider.lab import HalabProvider
from halab.provider.protocol import serve

if __name__ == "__main__":
    # Terraform takes a line's level from its beginning. What libraries tell stays out, unless it is a warning.
    logging.basicConfig(stream=sys.stderr, format="[%(levelname)s] %(name)s: %(message)s")
    logging.getLogger("halab").setLevel(logging.INFO)
    serve(HalabProvider())

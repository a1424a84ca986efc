"""Started by Terraform: `python -m halab.provider`."""

from __future__ import annotations

from halab.provider.lab import HalabProvider
from halab.provider.protocol import serve

if __name__ == "__main__":
    serve(HalabProvider())

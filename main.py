"""The CDKTF application: one lab, as cdktf.json and HALAB_* variables describe it. Synth touches no machine."""

import sys
from pathlib import Path

from halab.cli.lab.application import run

if __name__ == "__main__":
    sys.exit(run(Path(__file__).resolve().parent))

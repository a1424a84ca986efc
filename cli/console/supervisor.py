"""`python -m halab.cli.console.supervisor CONFIG`: keeps the console's daemon alive, as the fencing endpoint's is."""

from __future__ import annotations

import sys

from halab.provider.fencing import power_supervisor
from halab.provider.run.console_service import CONSOLE

if __name__ == "__main__":
    sys.exit(power_supervisor.main(sys.argv[1:], CONSOLE))

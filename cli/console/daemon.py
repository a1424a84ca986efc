"""`python -m halab.cli.console.daemon CONFIG`: the console as a service, until SIGTERM. Its supervisor starts it.

Nothing secret is in its arguments, its environment or its files: of the link there is the hash.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from functools import partial
from pathlib import Path

from halab.cli.console import link_file
from halab.cli.console.serving import served
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import place
from halab.constructs.settings import SettingsError
from halab.provider.run.console_service import ConsoleService
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError

log = logging.getLogger("halab.console")
LOG_BYTES = 1024 * 1024


def main(argv: list[str]) -> int:
    """Exit code 1: there is no lab, or no port; 2: the configuration is missing or wrong."""
    if len(argv) != 1:
        print("usage: python -m halab.cli.console.daemon CONFIG", file=sys.stderr)
        return 2
    service = ConsoleService(LabFolder(Path(argv[0]).parent.parent))
    handler = logging.handlers.RotatingFileHandler(service.log, maxBytes=LOG_BYTES, backupCount=1)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", handlers=[handler])
    try:
        config = service.read()
        if config is None:
            log.error("no configuration at %s", service.config)
            return 2
        os.environ.update(config.environment)
        where = place()
        if where.state.parent.resolve() != service.folder.path.resolve():
            log.error("the settings name another lab, in %s", where.state.parent)
            return 2
        deployed(where.state)
        served(where, config.port, config.watch_only, partial(link_file.take, service.link))
    except (SettingsError, NothingDeployed, StateUnusable, HalabError, OSError) as error:
        log.error("the console ends: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`halab console --service` and `--stop`: the console without a terminal, started again when it ends by itself."""

from __future__ import annotations

import http.client
import os
import sys
import time
from pathlib import Path

from halab.cli.console import link_file
from halab.cli.console.serving import LOOPBACK, listening
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import Place, place
from halab.constructs.settings import SettingsError
from halab.provider.run.console_service import ConsoleConfig, ConsoleService
from halab.provider.run.folder import LabFolder
from halab.provider.run.ownership import alone
from halab.provisioners.engine.errors import Conflict, HalabError, TimedOut

_READY_S, _LOOK_S, _ANSWER_S = 60.0, 0.1, 5.0
_LAST_LINES = 8
_OF_TERRAFORM = ("TF_CLI_CONFIG_FILE",)


def start(port: int = 0, watch_only: bool = False) -> int:
    """Prints a link to the service that runs, or to a new one. 0; 1: there is no lab, or it does not start."""
    try:
        where = place()
        deployed(where.state)
        service = ConsoleService(LabFolder(where.state.parent))
        with alone(service.folder.path):
            config = _running(service, port, watch_only) or _started(service, port, watch_only)
            token = link_file.offer(service.link, "watch" if config.watch_only else "drill")
    except OSError as error:
        return _refused(f"port {port} of {LOOPBACK} cannot be used ({error.strerror}); --port takes another")
    except (SettingsError, NothingDeployed, StateUnusable) as error:
        return _refused(str(error))
    except HalabError as error:
        return _refused(f"{error.summary}. {error.detail}")
    _tell(where, config, token)
    return 0


def stop() -> int:
    """0, also when none runs; 1: it does not end."""
    try:
        folder = LabFolder(place().state.parent)
        ended = ConsoleService(folder).end()
    except SettingsError as error:
        return _refused(str(error))
    except HalabError as error:
        return _refused(f"{error.summary}. {error.detail}")
    print(f"The console of {folder.lab} has ended." if ended else f"No console of {folder.lab} runs as a service.")
    return 0


def _running(service: ConsoleService, port: int, watch_only: bool) -> ConsoleConfig | None:
    """The one that runs; None where there is none, or one that nothing would start again. Conflict, TimedOut."""
    config = service.read()
    if config is None or not service.supervised():
        return None
    remedy = "`halab console --stop` ends it."
    if port not in (0, config.port):
        raise Conflict(f"The console runs already, at port {config.port}", remedy)
    if watch_only and not config.watch_only:
        raise Conflict("The console that runs lets its users change the lab", remedy)
    _wait(service, config)
    return config


def _started(service: ConsoleService, port: int, watch_only: bool) -> ConsoleConfig:
    """OSError: the port; CommandFailed, TimedOut: nothing is left of it then."""
    service.end()  # what is left of one that was killed
    with listening(port) as free:
        number: int = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if name.startswith("HALAB_") or name in _OF_TERRAFORM}
    config = ConsoleConfig(number, watch_only, kept)
    try:
        service.start(config)
        _wait(service, config)
    except BaseException:
        service.end()
        raise
    return config


def _wait(service: ConsoleService, config: ConsoleConfig) -> None:
    """Until our own daemon has the port, and answers. TimedOut."""
    deadline = time.monotonic() + _READY_S
    while not (service.listens(config.port) and _answers(config.port)):
        if time.monotonic() > deadline:
            raise TimedOut("The console does not answer", _last_lines(service.log))
        time.sleep(_LOOK_S)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_lines(log: Path) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-_LAST_LINES:])


def _tell(where: Place, config: ConsoleConfig, token: str) -> None:
    print(f"The console of {where.lab} runs, for this host alone, until `halab console --stop` or until the lab goes.")
    print(f"The link opens it once, within ten minutes:\n\n  http://{LOOPBACK}:{config.port}/#{token}\n")
    print("`halab console --service` prints another one. Who knows hacluster's password logs in without it.")


def _refused(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1

"""One fencing endpoint as a whole: start, look after, stop. What keeps its daemon alive is chosen by the host."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from halab.provider.fencing import power_port, power_process
from halab.provider.fencing.doors.check import look
from halab.provider.fencing.doors.names import Spot, spots
from halab.provider.fencing.doors.probe import Answer, Probe
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.fencing.power_supervisor import SUPERVISOR_MODULE
from halab.provider.fencing.power_unit import Unit, unit_text
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import CommandFailed, Conflict, Interrupted, TimedOut

_CONNECT_S, _ANSWER_S = 3.0, 15.0
_READY_S = 60.0
_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class PowerService:
    """The endpoint `name`, whose files these are. `time_scale` stretches every waiting."""

    name: str
    files: PowerFiles
    time_scale: float = 1.0

    def start(self, config: PowerConfig) -> PowerConfig:
        """(Re)start the daemon and open its port. Returns the configuration, with whose the open port is."""
        self.end_daemon(config)
        self._refuse_if_taken(config)
        # Written before anything is started or opened, so that whatever comes next can be undone from it.
        redfish = _redfish(config)
        without = power_port.has_rule(redfish) is False
        doors = {door: spots(door, config.address, port) for door, port in config.doors.items()}
        closed = {door: [s for s in places if power_port.has_rule(s) is False] for door, places in doors.items()}
        ours = tuple(door for door in doors if door in config.door_rules or closed[door])
        config = replace(config, firewall_rule=config.firewall_rule or without, door_rules=ours)
        self.files.write(self.files.config, config.dump())
        for spot in [*([redfish] if without else []), *(spot for places in closed.values() for spot in places)]:
            power_port.add_rule(spot)
        if config.supervision == "supervisor":
            power_process.start_supervisor(self.files.config)
        else:
            unit = self._unit(config)
            if unit.foreign(self.files.config):
                raise Conflict(
                    f"The unit {unit.name} belongs to another lab",
                    f"{unit.path} does not run {self.files.config}. Give this endpoint another "
                    "name, or destroy that lab.",
                    "name",
                )
            unit.install(unit_text(config.lab, self.files.config, user=config.supervision == "user unit"))
        return config

    def stop(self, config: PowerConfig) -> None:
        """End the daemon and close its ports, if it was us who opened them."""
        self.end_daemon(config)
        if config.firewall_rule:
            power_port.remove_rule(_redfish(config))
        for door in config.door_rules:
            for spot in spots(door, config.address, config.doors[door]):
                power_port.remove_rule(spot)
        if config.firewall_opened:
            power_port.close_port(config.port)

    def runs(self, config: PowerConfig) -> bool:
        """Whether anything runs of it, or systemd has a unit for it. Its files need not be there any more."""
        unit = self._unit(config)
        has_unit = config.supervision != "supervisor" and unit.path.exists() and not unit.foreign(self.files.config)
        return has_unit or bool(power_process.processes(self.files.config))

    def supervised(self, config: PowerConfig) -> bool:
        """Whether something would start the daemon again, as this version of halab starts it."""
        if config.supervision == "supervisor":
            return any(p.module == SUPERVISOR_MODULE for p in power_process.processes(self.files.config))
        unit = self._unit(config)
        return unit.starts_present_daemon() and unit.active()

    def reachable(self, config: PowerConfig) -> bool:
        """Whether the host's firewall lets guests in."""
        places = [
            _redfish(config),
            *(s for door, port in config.doors.items() for s in spots(door, config.address, port)),
        ]
        return not any(power_port.is_open(spot) is False for spot in places)

    def wait_until_ready(
        self, config: PowerConfig, username: str, password: Secret | None, stop: threading.Event
    ) -> None:
        """Return when it answers, an authenticated request if there is a password.

        Raises TimedOut, CommandFailed, Interrupted.
        """
        deadline = time.monotonic() + _READY_S * self.time_scale
        while (seen := self.probe(config, username, password)).answer is not Answer.READY:
            if not self.supervised(config):
                raise CommandFailed("The fencing endpoint's daemon does not stay up", self._messages(config))
            if time.monotonic() >= deadline:
                raise TimedOut(
                    f"The fencing endpoint {seen.answer.value}",
                    f"{url(config)}: {seen.detail}\n{self._messages(config)}",
                )
            if stop.wait(_INTERVAL_S):
                raise Interrupted("the fencing endpoint to answer")

    def probe(self, config: PowerConfig, username: str, password: Secret | None) -> Probe:
        """What the first door says that is not well, or Redfish; each is asked by its protocol's own client."""
        seen = self._probe_redfish(config, username, password)
        for door in config.doors:
            if seen.answer is Answer.READY:
                seen = look(door, config, self.files, _ANSWER_S * self.time_scale)
        return seen

    def _probe_redfish(self, config: PowerConfig, username: str, password: Secret | None) -> Probe:
        """Ask for the list of systems as a client would. Without a password: for the service root, which needs none."""
        import requests

        path = "/redfish/v1" if password is None else "/redfish/v1/Systems"
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc, no other certificates
            session.verify = str(self.files.authority)
            if password is not None:
                session.auth = (username, password.reveal())
            try:
                timeout = (_CONNECT_S * self.time_scale, _ANSWER_S * self.time_scale)
                status = session.get(url(config) + path, timeout=timeout, allow_redirects=False).status_code
            except (requests.RequestException, OSError) as error:  # OSError: authority.pem is not there
                return Probe(Answer.DEAD, str(error))
        meanings = {200: Answer.READY, 401: Answer.REFUSED, 403: Answer.REFUSED}
        return Probe(meanings.get(status, Answer.BROKEN), f"HTTP status {status}")

    def _refuse_if_taken(self, config: PowerConfig) -> None:
        power_port.refuse_if_taken(config.address, config.port)
        for door, port in config.doors.items():
            for spot in spots(door, config.address, port):
                if spot.address == config.address:  # a group may be shared: each lab hears its own bridge
                    for one in range(spot.first, spot.last + 1):
                        power_port.refuse_if_taken(spot.address, one, spot.protocol, "doors")

    def _unit(self, config: PowerConfig) -> Unit:
        return Unit(f"halab-fencing-{self.name}", user=config.supervision == "user unit")

    def end_daemon(self, config: PowerConfig) -> None:
        """End whatever runs of it. Its files need not be there any more. Raises TimedOut, CommandFailed."""
        if config.supervision != "supervisor":
            unit = self._unit(config)
            if not unit.foreign(self.files.config):
                unit.remove()
        # In any case: an endpoint may have been made where there was no systemd, or by a killed run.
        power_process.end(self.files.config)

    def _messages(self, config: PowerConfig) -> str:
        return self.files.last_log_lines() if config.supervision == "supervisor" else self._unit(config).status()


def _redfish(config: PowerConfig) -> Spot:
    return Spot("tcp", config.address, config.port, config.port)


def url(config: PowerConfig) -> str:
    """The endpoint's address for clients, without a path."""
    return f"https://{config.address}:{config.port}"

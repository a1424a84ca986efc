"""The fencing endpoint as Terraform drives it, and as a fence agent asks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests

from halab.provider.fencing import power_process
from halab.provider.fencing.endpoint import FencingEndpoint
from halab.provider.fencing.power_files import PowerConfig
from halab.provider.fencing.power_supervisor import SERVER_MODULE
from halab.provider.protocol import UNKNOWN, Ctx, Ledger, State
from halab.provider.run.folder import LabFolder

ADDRESS = "192.168.217.1"
PASSWORD = "correct-horse-1"

NETWORK = f"""
<network><name>fencing-e2e</name><bridge name="vfence0"/>
<ip address="{ADDRESS}" netmask="255.255.255.0"/></network>"""

DOMAIN = """
<domain type="qemu"><name>{name}</name><memory unit="MiB">32</memory><os><type machine="q35">hvm</type></os>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>
<devices><serial type="pty"/></devices></domain>"""


def eventually(what: str, probe: Callable[[], Any], deadline_s: float = 30.0) -> Any:
    """The first true value of `probe`."""
    end = time.monotonic() + deadline_s
    while not (value := probe()):
        assert time.monotonic() < end, f"no {what} within {deadline_s} s"
        threading.Event().wait(0.05)
    return value


def running_id(domain: Any) -> int:
    """libvirt's number for this run of the domain. (A domain object keeps the one that it was looked up with.)"""
    return int(domain.connect().lookupByUUIDString(domain.UUIDString()).ID())


class Endpoint:
    """The resource as Terraform drives it, and clients of the endpoint."""

    def __init__(self, directory: Path, machines: list[str], doors: dict[str, int] | None = None) -> None:
        folder = LabFolder(directory)
        context = SimpleNamespace(lab="e2e", folder=folder, time_scale=1.0, stop=threading.Event(), ledger=Ledger())
        self.resource, self.ctx = FencingEndpoint(context), Ctx()
        self.files = self.resource._service("e2e").files
        wanted = {"name": "e2e", "address": ADDRESS, "port": 8000, "username": "fence", "password": PASSWORD}
        names = ("id", "url", "ca_certificate", "systems", "plugs", "secrets", "ssh_host_key")
        computed = dict.fromkeys(names, UNKNOWN)
        self.state: State = {**wanted, **computed, "machines": machines, "running": True, "doors": doors or {}}
        self.state = self.resource.create(self.ctx, self.state, self.state)

    def update(self, **changes: Any) -> None:
        self.state = self.resource.update(self.ctx, self.state, {**self.state, **changes}, {})

    def read(self) -> State:
        seen = self.resource.read(self.ctx, self.state)
        assert seen is not None
        return seen

    def config(self) -> PowerConfig:
        """What its daemon reads."""
        config = self.files.read_config()
        assert config is not None
        return config

    def ask(self, path: str, password: str = PASSWORD, **more: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.files.authority)
            method = "POST" if "json" in more else "GET"
            return session.request(
                method, self.state["url"] + path, auth=("fence", password), timeout=10, allow_redirects=False, **more
            )

    def power(self, domain: Any, reset_type: str | None = None, **more: Any) -> requests.Response:
        path = f"/redfish/v1/Systems/{domain.UUIDString()}"
        if reset_type is None:
            return self.ask(path, **more)
        return self.ask(f"{path}/Actions/ComputerSystem.Reset", json={"ResetType": reset_type}, **more)

    def pid(self, module: str = SERVER_MODULE) -> int | None:
        return next((p.pid for p in power_process.processes(self.files.config) if p.module == module), None)

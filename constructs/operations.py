"""Operations of the cluster's resources, with timeouts for the machines that they run on."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.settings import Settings


class Operations:
    """Emulated nodes are slow to start anything: the timeouts are upper limits, not waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start_and_stop(self) -> list[bindings.ClonePrimitivesOperations]:
        timeout = self._settings.stretched(180)
        return [{"name": name, "interval": "0s", "timeout": timeout} for name in ("start", "stop")]

    def monitor(self, interval_s: int, timeout_s: int) -> bindings.ClonePrimitivesOperations:
        """Slow machines look less often, too: what is left of them is for those who use the cluster."""
        interval, timeout = self._settings.stretched(interval_s), self._settings.stretched(timeout_s)
        return {"name": "monitor", "interval": interval, "timeout": timeout}

    def monitor_or_fence(self, interval_s: int, timeout_s: int) -> bindings.ClonePrimitivesOperations:
        """For what only a reset of the node can mend."""
        return {**self.monitor(interval_s, timeout_s), "on_fail": "fence"}

    def read_or_fence(self, interval_s: int, timeout_s: int) -> bindings.ClonePrimitivesOperations:
        """A monitor that reads the device, too. A list of mounts says nothing of a LUN that a node has lost."""
        return {**self.monitor_or_fence(interval_s, timeout_s), "attributes": {"OCF_CHECK_LEVEL": "10"}}

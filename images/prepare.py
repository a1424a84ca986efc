"""From the settings of an image to an installation, with everything checked that can be checked before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from halab.images.host import HOST
from halab.images.installation import Installation, Role
from halab.images.profile import HostProfile
from halab.provisioners.engine.errors import ConfigError

EL_SUITES = ("el9",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What image.* and firewall say. `role` "any": an image for all machines; otherwise one machine's own system."""

    suite: str
    tree: str
    role: Role = "any"
    firewall: bool = True  # False: the setting `firewall` is disabled
    extra_packages: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()  # "id=address", instead of the distribution's own for the cluster's packages
    kickstart: Path | None = None  # the user's own answer file
    allow_plaintext_password: bool = False
    disk_gib: int = 0  # 0: what the profile's layout takes
    rhsm_organization: str = ""
    rhsm_activation_key_file: Path | None = None
    profile: HostProfile = HOST


def prepare(request: Request) -> Installation:
    """Read the tree, render the answer file and check it. Raises ConfigError with the setting at fault.

    A tree that cannot be reached is a ConnectError: nothing is known of it then.
    """
    if not request.tree:
        raise ConfigError(
            f"{request.suite} is installed from a tree, and none is given",
            "Set image.tree to the http(s) address of an installation tree, to an ISO file or a directory.",
            "image.tree",
        )
    if request.suite in EL_SUITES:
        from halab.images.kickstart.plan import installation
    else:
        from halab.images.preseed.plan import installation
    return installation(request)

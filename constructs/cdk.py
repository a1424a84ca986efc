"""CDK for Terraform, under its own name or as CDK Terrain, which goes on with it: the one place that imports either.

HALAB_CDK chooses: cdktf, which is the default, or cdktn. Both write the same Terraform.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

_VARIABLE, _KNOWN = "HALAB_CDK", ("cdktf", "cdktn")
_CACHE = Path(__file__).resolve().parent.parent / ".cache" / f"jsii-{os.geteuid()}"


def _prepare_jsii() -> None:
    """What jsii is to know: the import of either library starts Node.

    jsii keeps unpacked packages in the user's home. Below a directory that a group may write, which is all that a umask
    of 0002 makes, it refuses its own cache and ends with a traceback. A folder that it is told it takes as it is: so it
    has one in the checkout, one for each user, since `sudo` and the sandbox are root with the home of another.
    """
    os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(_CACHE))
    if (node := Path(sys.prefix, "bin/node")).exists():  # where the host has none that fits
        os.environ.setdefault("JSII_NODE", str(node))
    # cdktf-cli 0.21 runs on nothing newer than Node 22; the advice to take a newer one helps nobody.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    # Nor does what Node 22 says of the functions that jsii and the libraries call: DEP0044.
    os.environ.setdefault("NODE_NO_WARNINGS", "1")


def chosen() -> str:
    """The library that HALAB_CDK names: cdktf or cdktn. Ends the program with the remedy where it names another."""
    name = os.environ.get(_VARIABLE) or _KNOWN[0]
    if name not in _KNOWN:
        sys.exit(f"{_VARIABLE}: {name!r} is none of {', '.join(_KNOWN)}; set it to one of them, or leave it out")
    return name


_prepare_jsii()
from constructs import Construct, IDependable  # noqa: E402

if TYPE_CHECKING or chosen() == "cdktf":
    from cdktf import (
        App,
        LocalBackend,
        TerraformOutput,
        TerraformProvider,
        TerraformProviderGeneratorMetadata,
        TerraformResource,
        TerraformResourceLifecycle,
        TerraformStack,
        Testing,
        Token,
    )
else:
    from cdktn import (
        App,
        LocalBackend,
        TerraformOutput,
        TerraformProvider,
        TerraformProviderGeneratorMetadata,
        TerraformResource,
        TerraformResourceLifecycle,
        TerraformStack,
        Testing,
        Token,
    )

__all__ = [
    "App",
    "Construct",
    "IDependable",
    "LocalBackend",
    "TerraformOutput",
    "TerraformProvider",
    "TerraformProviderGeneratorMetadata",
    "TerraformResource",
    "TerraformResourceLifecycle",
    "TerraformStack",
    "Testing",
    "Token",
]

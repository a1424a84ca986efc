"""The CDKTF application: one lab, as cdktf.json and HALAB_* variables describe it. Synth touches no machine."""

from __future__ import annotations

import sys
from pathlib import Path

from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import CHECKOUT as INSTALLED
from halab.cli.lab.this_lab import entered, lab_folder, lab_settings
from halab.constructs.base_images import ImagePlaces
from halab.constructs.cdk import App, LocalBackend, TerraformStack
from halab.constructs.lab import Lab
from halab.constructs.resource import SOURCE, VERSION, HalabProvider
from halab.constructs.settings import Settings, SettingsError
from halab.images import DebianRecipe, default_cache_dir
from halab.provisioners.engine.errors import ConfigError, HalabError

CHECKOUT = Path(__file__).resolve().parent
_POOLS = Path("/var/lib/libvirt/images")  # where libvirt's own security labels let QEMU read and write


def settings() -> Settings:
    """The settings that cdktf.json and the environment give."""
    return lab_settings(CHECKOUT)


def build(app: App, chosen: Settings) -> TerraformStack:
    """The stack of one lab."""
    stack = TerraformStack(app, chosen.name)
    # The state holds the lab's passwords: it stands in a directory that nobody else can enter.
    folder = entered(lab_folder(chosen, CHECKOUT), lambda said: print(said, file=sys.stderr))
    LocalBackend(stack, path=str(folder.state))
    HalabProvider(
        stack,
        lab=chosen.name,
        directory=str(folder.path),
        uri=chosen.uri,
        hypervisor=chosen.hypervisor,
        time_scale=chosen.time_scale,
    )
    Lab(stack, "lab", chosen, images=_images(chosen), pool=_POOLS / f"halab-{chosen.name}")
    return stack


def _images(chosen: Settings) -> ImagePlaces:
    """Where the base image is: known beforehand if it is assembled from packages."""
    cache, image = default_cache_dir(CHECKOUT), chosen.image
    if image.by_installer:
        return ImagePlaces(cache)
    return ImagePlaces(cache, cache / DebianRecipe(image.suite, image.extra_packages, image.apt_sources).hash)


def lock(app: App) -> None:
    """Name our provider in each stack's lock file, and keep others out of its folder.

    Where the file lacks it, `cdktf deploy` runs `terraform providers lock`, which asks the public registry and
    knows nothing of a provider that is installed on this machine only. Terraform adds the checksum by itself.
    """
    for stack in app.node.children:
        if TerraformStack.is_stack(stack):
            folder = Path(app.outdir, "stacks", stack.node.id)
            folder.chmod(0o700)  # `cdktf diff` leaves its plan there, which holds the lab's passwords
            file = folder / ".terraform.lock.hcl"
            file.write_text(f'provider "{SOURCE}" {{\n  version     = "{VERSION}"\n  constraints = "{VERSION}"\n}}\n')


def main() -> int:
    try:
        if CHECKOUT != INSTALLED:
            raise ConfigError(f"{sys.prefix} is that of {INSTALLED}", f"Run make prepare in {CHECKOUT}.")
        chosen = settings()
        app = App()
        build(app, chosen)
    except (SettingsError, StateUnusable, HalabError) as error:
        print(error, file=sys.stderr)
        return 1
    app.synth()
    lock(app)
    return 0


if __name__ == "__main__":
    sys.exit(main())

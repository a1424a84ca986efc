"""A CDKTF application with one lab in it: what a main.py does, in the checkout or in a folder of one's own."""

from __future__ import annotations

import hashlib
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from halab.cli.lab import deployed_settings
from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import CHECKOUT, entered, lab_folder, lab_settings
from halab.constructs.base_images import ImagePlaces
from halab.constructs.cdk import App, LocalBackend, TerraformStack
from halab.constructs.lab import Lab
from halab.constructs.resource import SOURCE, VERSION, HalabProvider
from halab.constructs.settings import Settings, SettingsError
from halab.images import DebianRecipe, default_cache_dir
from halab.provisioners.engine.errors import ConfigError, HalabError

_POOLS = Path("/var/lib/libvirt/images")  # where libvirt's own security labels let QEMU read and write


def run(directory: Path, add: Callable[[Lab], None] | None = None, *, node_ports: Sequence[str] = ()) -> int:
    """Synthesize the lab that `directory`/cdktf.json and the environment describe; 1 where they are wrong, and says so.

    `add` makes further resources; `node_ports`: what the nodes' firewall lets in for them (`tcp/5432`). The lab's state
    and keys stand in `directory`/.halab.
    """
    try:
        if (directory / "provider/launcher").exists() and directory != CHECKOUT:
            raise ConfigError(f"{sys.prefix} is that of {CHECKOUT}", f"Run make prepare in {directory}.")
        app = App()
        lab = build(app, lab_settings(directory), directory, node_ports=node_ports)
        if add is not None:
            add(lab)
    except (SettingsError, StateUnusable, HalabError) as error:
        print(error, file=sys.stderr)
        return 1
    app.synth()
    _lock(app)
    return 0


def build(
    app: App, settings: Settings, directory: Path, *, cache: Path | None = None, node_ports: Sequence[str] = ()
) -> Lab:
    """A stack with one lab. `cache`: where images are, that of the checkout when left out."""
    stack = TerraformStack(app, settings.name)
    # The state holds the lab's passwords: it stands in a directory that nobody else can enter.
    folder = entered(lab_folder(settings, directory), lambda said: print(said, file=sys.stderr))
    LocalBackend(stack, path=str(folder.state))
    HalabProvider(
        stack,
        lab=settings.name,
        directory=str(folder.path),
        uri=settings.uri,
        hypervisor=settings.hypervisor,
        time_scale=settings.time_scale,
        settings=deployed_settings.dump(settings),
    )
    images, pool = _images(settings, cache or default_cache_dir(CHECKOUT)), _POOLS / f"halab-{settings.name}"
    return Lab(stack, "lab", settings, images=images, pool=pool, node_ports=node_ports)


def _images(settings: Settings, cache: Path) -> ImagePlaces:
    """Where the base image is: known beforehand if it is assembled from packages."""
    image = settings.image
    if image.by_installer:
        return ImagePlaces(cache)
    return ImagePlaces(cache, cache / DebianRecipe(image.suite, image.extra_packages, image.apt_sources).hash)


def _lock(app: App) -> None:
    """Name our provider in each stack's lock file, and keep others out of its folder.

    Where the file lacks it, `cdktf deploy` runs `terraform providers lock`, which asks the public registry and
    knows nothing of a provider that is installed on this machine only. Terraform adds the checksum by itself, with a
    warning at each command: so it is there where the provider is.
    """
    for stack in app.node.children:
        if TerraformStack.is_stack(stack):
            folder = Path(app.outdir, "stacks", stack.node.id)
            folder.chmod(0o700)  # `cdktf diff` leaves its plan there, which holds the lab's passwords
            file = folder / ".terraform.lock.hcl"
            file.write_text(provider_lock(Path.home()))


def provider_lock(home: Path) -> str:
    """The lock file's text; with the checksum of what is installed below `home`, if it is."""
    lines = [f'version     = "{VERSION}"', f'constraints = "{VERSION}"', *_hashes(home)]
    return f'provider "{SOURCE}" {{\n' + "".join(f"  {line}\n" for line in lines) + "}\n"


def _hashes(home: Path) -> list[str]:
    """Terraform's checksum (h1) of the folder in which `make prepare` installs the provider: one program, alone."""
    name = f"terraform-provider-halab_v{VERSION}"
    program = home / ".terraform.d/plugins" / SOURCE / VERSION / "linux_amd64" / name
    if not program.is_file():
        return []
    listing = f"{hashlib.sha256(program.read_bytes()).hexdigest()}  {name}\n"
    return [f'hashes      = ["h1:{b64encode(hashlib.sha256(listing.encode()).digest()).decode()}"]']

"""The lab in plain HCL that examples/ has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider
from tests.acceptance.hypervisor import write_image

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES.iterdir() if path.is_dir()])
def test_example(terraform: Terraform, provider: DoubledProvider, name: str) -> None:
    (terraform.folder / "versions.tf.json").unlink()  # the example has its own
    shutil.copytree(EXAMPLES / name, terraform.folder, dirs_exist_ok=True)
    # Found from the environment, so that the commands are those that the example gives.
    terraform.environment["TF_VAR_image"] = os.fspath(write_image(terraform.folder / "image"))
    terraform.environment["TF_VAR_pool"] = "/pair"
    # Without a KVM to try: the test driver boots nothing.
    main = terraform.folder / "main.tf"
    main.write_text(main.read_text().replace("lab       = local.lab", 'lab = local.lab\n  hypervisor = "qemu"'))
    terraform.apply()
    assert terraform.plan().actions == {}
    assert len(provider.hypervisor_holds()["domains"]) == 3
    terraform.destroy()
    assert (provider.guests.left(), provider.hypervisor_holds()) == ([], EMPTY_HYPERVISOR)

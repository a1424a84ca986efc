"""Configurations of the demo provider's boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from halab.provider.protocol import Ctx, State

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

WAIT_S = 30.0
SECRET = "tr0ub4dor&3-horse"


def configuration(terraform: Terraform, *boxes: str, **values: str) -> str:
    """A provider block and a box for each body given; `values` (HCL expressions) make one more, demo_box.a."""
    if values:
        boxes = (*boxes, "\n".join(f"{name} = {value}" for name, value in ({"name": '"a"'} | values).items()))
    blocks = "\n".join(f'resource "demo_box" "{chr(97 + index)}" {{\n{body}\n}}' for index, body in enumerate(boxes))
    return f'provider "demo" {{\n  folder = "{terraform.folder}/boxes"\n  key = "{SECRET}-key"\n}}\n{blocks}'


def write(terraform: Terraform, *boxes: str, **values: str) -> None:
    terraform.write(configuration(terraform, *boxes, **values))


def fails_with(error: BaseException) -> Callable[[Ctx, State], NoReturn]:
    def hook(_ctx: Ctx, _state: State) -> NoReturn:
        raise error

    return hook


EVERYTHING = {
    "size": "20",
    "ratio": "0.1",
    "tags": '{ a = "1" }',
    "dns": '["10.0.0.1"]',
    "groups": '["y", "x"]',
    "firmware": '{ kind = "uefi" }',
    "nics": '[{ net = "lan" }, { net = "san", mtu = 9000 }]',
    "routes": '[{ to = "b" }, { to = "a", metric = 5 }]',
}

"""What every binding has in common: how Python values become Terraform's JSON, and how the provider is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jsii

from halab.constructs.cdk import (
    Construct,
    IDependable,
    TerraformProvider,
    TerraformProviderGeneratorMetadata,
    TerraformResource,
    TerraformResourceLifecycle,
)

# A host name of our own: a public registry's namespace could be claimed by a stranger.
SOURCE = "terraform.local/halab/halab"
VERSION = "0.1.0"
_METADATA = TerraformProviderGeneratorMetadata(provider_name="halab", provider_version=VERSION)


def plain(value: Any) -> Any:
    """Mappings and lists as Terraform's JSON takes them; what was not given (None) is left out."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def made_anew_with(*attributes: str) -> TerraformResourceLifecycle:
    """For what lives in something else: it is gone with that, though all that is said of it stays the same."""
    return TerraformResourceLifecycle(replace_triggered_by=[*attributes])


class HalabProvider(TerraformProvider):
    """The provider's configuration."""

    def __init__(self, scope: Construct, id: str = "halab", **attributes: Any) -> None:
        super().__init__(
            scope,
            id,
            terraform_resource_type="halab",
            terraform_provider_source=SOURCE,
            terraform_generator_metadata=_METADATA,
        )
        self._attributes: Mapping[str, Any] = plain(attributes)

    @jsii.member(jsii_name="synthesizeAttributes")
    def _synthesize_attributes(self) -> Mapping[str, Any]:
        return self._attributes


class HalabResource(TerraformResource):
    """Base of the typed bindings. Addresses in the state are the construct's id, without cdktf's hash."""

    TYPE: ClassVar[str]

    def __init__(
        self,
        scope: Construct,
        id: str,
        attributes: Mapping[str, Any],
        depends_on: Sequence[IDependable] = (),
        lifecycle: TerraformResourceLifecycle | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            terraform_resource_type=self.TYPE,
            terraform_generator_metadata=_METADATA,
            depends_on=list(depends_on),  # type: ignore[arg-type]  # jsii wants cdktf's own name of the interface
            lifecycle=lifecycle,
        )
        self.override_logical_id(id)
        self._attributes: Mapping[str, Any] = plain(attributes)

    @jsii.member(jsii_name="synthesizeAttributes")
    def _synthesize_attributes(self) -> Mapping[str, Any]:
        return self._attributes

    def wait_for(self, earlier: HalabResource) -> None:
        """It is made after `earlier`, which a part of the lab that comes later has added."""
        self.depends_on = [*(self.depends_on or ()), earlier.terraform_address]

    @property
    def terraform_address(self) -> str:
        """As `lifecycle` and -replace name it: halab_machine.node1."""
        return f"{self.TYPE}.{self.friendly_unique_id}"

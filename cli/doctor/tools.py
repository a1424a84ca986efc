"""Are the tools right: Terraform and what its configuration hides, Node."""

from __future__ import annotations

import re
from collections.abc import Iterator

from halab.cli.doctor.facts import Facts
from halab.cli.doctor.finding import Finding, bad, good, warning

TERRAFORM_MIN, NODE_MIN, CDKTN_NODE_MIN, NODE_MAX = (1, 5), (20, 9), (22, 19), 22
_PROVIDER = "terraform.local/halab/halab"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def terraform(facts: Facts) -> Iterator[Finding]:
    seen = facts.terraform
    if not seen.binary:
        remedy = "Install Terraform 1.5 or newer, or OpenTofu, and put it in PATH, or name it: HALAB_TERRAFORM."
        yield bad("terraform", "neither terraform nor tofu is in PATH", remedy)
    elif not seen.version:
        yield bad("terraform", f"{seen.binary} does not tell its version", "Install it anew.")
    elif numbers(seen.version) < TERRAFORM_MIN:
        yield bad("terraform", f"{seen.binary} is {seen.version}, 1.5 is needed", "Install a newer one.")
    else:
        yield good("terraform", f"{seen.binary} {seen.version}")
    if seen.named and seen.configuration is None:
        yield warning(
            "terraform",
            f"TF_CLI_CONFIG_FILE names {seen.named}, which is not there: Terraform prints an error at each call",
            "unset TF_CLI_CONFIG_FILE",
        )


def provider(facts: Facts) -> Iterator[Finding]:
    """Terraform finds the provider in its implied local mirror, which a `provider_installation` block switches off."""
    seen = facts.terraform
    if not seen.launcher:
        yield bad("provider", "it is not installed in ~/.terraform.d/plugins", "make prepare")
    elif seen.configuration and (why := hides_provider(seen.configuration[1])):
        path = seen.configuration[0]
        yield bad(
            "provider",
            f"{path} hides it: {why}",
            'Add to provider_installation there: filesystem_mirror { path = "~/.terraform.d/plugins" '
            f'include = ["{_PROVIDER}"] }} (with your home written out), and exclude it elsewhere; or set '
            "TF_CLI_CONFIG_FILE to an empty file.",
        )
    else:
        yield good("provider", "installed, and Terraform finds it")


def node(facts: Facts) -> Iterator[Finding]:
    """make prepare installs one where the host's does not fit."""
    seen, terrain = facts.node, facts.node.cdk == "cdktn"
    if not seen.version:
        yield bad("node", "there is none", "make prepare")
        return
    if numbers(seen.version) < (CDKTN_NODE_MIN if terrain else NODE_MIN):
        yield bad("node", f"{seen.version} is too old for {seen.cdk}-cli", "make prepare")
    elif numbers(seen.version)[0] > NODE_MAX and not terrain:
        yield bad("node", f"{seen.version}: cdktf-cli 0.21 runs on nothing newer than {NODE_MAX}", "make prepare")
    elif numbers(seen.version)[0] < NODE_MAX:
        yield warning("node", f"{seen.version} works, and is past its end of life", f"Install Node {NODE_MAX}.")
    else:
        yield good("node", seen.version)
    if not seen.npm:
        yield bad("node", "npm is missing beside it", "make prepare")


def hides_provider(text: str) -> str:
    """Why Terraform does not find halab's provider with this CLI configuration; empty if it does."""
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    plain = re.sub(rf"({_STRING.pattern})|(?:#|//)[^\n]*", lambda match: match[1] or "", plain)
    if (inside := _block(plain, "provider_installation")) is None:
        return ""
    if (overrides := _block(inside, "dev_overrides")) is not None and f'"{_PROVIDER}"' in overrides:
        return ""
    mirrors = [found for found in _blocks(inside, "filesystem_mirror") if ".terraform.d/plugins" in found]
    if not mirrors:
        return "its provider_installation has no filesystem_mirror with ~/.terraform.d/plugins"
    if any(_lets_in(mirror) for mirror in mirrors):
        return ""
    return "its filesystem_mirror of ~/.terraform.d/plugins leaves it out"


def _lets_in(mirror: str) -> bool:
    included, excluded = _listed(mirror, "include"), _listed(mirror, "exclude")
    return (included is None or _named(included)) and not (excluded is not None and _named(excluded))


def _named(patterns: list[str]) -> bool:
    """Terraform's patterns: host/namespace/type, each of which may be *; the registry's host may be left out."""
    wanted = _PROVIDER.split("/")
    return any(
        len(parts := pattern.split("/")) == 3 and all(p in ("*", w) for p, w in zip(parts, wanted, strict=True))
        for pattern in patterns
    )


def _listed(block: str, name: str) -> list[str] | None:
    found = re.search(rf"\b{name}\s*=\s*\[(.*?)\]", block, flags=re.S)
    return re.findall(r'"([^"]*)"', found[1]) if found else None


def _block(text: str, name: str) -> str | None:
    return next(iter(_blocks(text, name)), None)


def _blocks(text: str, name: str) -> list[str]:
    """What stands in the braces of each block of that name."""
    found = []
    bare = _STRING.sub(lambda match: '"' + "." * (len(match[0]) - 2) + '"', text)  # of the same length
    for head in re.finditer(rf"\b{name}\s*\{{", bare):
        depth, end = 1, head.end()
        while depth and end < len(bare):
            depth += {"{": 1, "}": -1}.get(bare[end], 0)
            end += 1
        found.append(text[head.end() : end])
    return found


def numbers(version: str) -> tuple[int, int]:
    """(major, minor) of 1.11.4-dev."""
    major, minor = (*re.findall(r"[0-9]+", version), "0", "0")[:2]
    return int(major), int(minor)

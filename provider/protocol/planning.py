"""What an apply would change: pure functions over configuration, prior state and Terraform's proposed state.

Terraform proposes the configured values, with the prior ones where a computed attribute is null in the configuration.
We add our defaults and say which computed values are not known yet.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from halab.provider.protocol.schema import Attr, Block
from halab.provider.protocol.types import UNKNOWN, Path

Object = dict[str, Any]
# Gets the attribute, its name, its block's configuration, its prior and planned value; returns the new planned value.
_Decide = Callable[[Attr, str, Object, Any, Any], Any]


def plan_values(block: Block, config: Object, prior: Object | None, proposed: Object) -> Object:
    """The planned state: defaults in place and, only if anything changes, computed values unknown unless stable.

    Whether a default applies is decided by the configuration, not by the proposed state: that one still holds the old
    value of an attribute that was just removed.
    """
    planned = copy.deepcopy(proposed)
    _visit(block, config, prior, planned, _with_default)
    if not block.object_type.same(planned, prior):
        _visit(block, config, prior, planned, _with_unknown)
    return planned


def replacements(block: Block, config: Object, prior: Object, planned: Object) -> list[Path]:
    """Paths of the changes that need a new object, cut where Terraform wants them: at nested attributes and sets.

    A value that the configuration leaves open and that is only "known after apply" replaces nothing.
    """
    found: list[Path] = [
        (name,)
        for name, attr in block.attrs.items()
        if attr.replace and _differs(attr, config.get(name), prior.get(name), planned.get(name))
    ]
    for name, attr in block.attrs.items():
        if attr.inner is not None and any(_replaced_below(attr.inner, *_three(name, config, prior, planned))):
            found.append((name,))
    for name, inner in block.blocks.items():
        paths = _replaced_below(inner, *_three(name, config, prior, planned))
        found += [(name, *(() if inner.nesting == "set" else path)) for path in paths]
    return list(dict.fromkeys(found))


def without_hidden(block: Block, state: Object) -> Object:
    """`state` as it may be stored: write-only values and what stayed unknown are null. The argument is not changed."""
    stored: Object = _known(state)
    _hide(block, stored)
    return stored


def _hide(block: Block, stored: Object) -> None:
    for name, attr in block.attrs.items():
        if attr.write_only:
            stored[name] = None
    for name, inner in block.parts():
        for _step, element in inner.objects(stored.get(name)):
            _hide(inner, element)


def _known(value: Any) -> Any:
    """`value` with null for every unknown in it."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return None if value is UNKNOWN else value


def _with_default(attr: Attr, name: str, config: Object, _prior: Any, planned: Any) -> Any:
    if attr.write_only:
        return None
    open_ = config.get(name) is None and attr.has_default
    return copy.deepcopy(attr.default_beside(config)) if open_ else planned


def _with_unknown(attr: Attr, name: str, config: Object, prior: Any, planned: Any) -> Any:
    if config.get(name) is not None or not attr.computed or attr.has_default:
        return planned
    return prior if attr.stable and prior is not None else UNKNOWN


def _differs(attr: Attr, config: Any, prior: Any, planned: Any) -> bool:
    if planned is UNKNOWN and config is None:
        return False
    return not attr.value_type.same(planned, prior)


def _visit(block: Block, config: Any, prior: Any, planned: Object, decide: _Decide) -> None:
    """Replace each attribute's planned value by what `decide` says, outer ones first, then inside what is nested."""
    config, prior = _object(config), _object(prior)
    for name, attr in block.attrs.items():
        planned[name] = decide(attr, name, config, prior.get(name), planned.get(name))
    for name, inner in block.parts():
        for configured, before, now in _elements(inner, *_three(name, config, prior, planned)):
            _visit(inner, configured, before, now, decide)


def _three(name: str, config: Object, prior: Object, planned: Object) -> tuple[Any, Any, Any]:
    return config.get(name), prior.get(name), planned.get(name)


def _object(value: Any) -> Object:
    """What is null or unknown as a whole has no known part."""
    return value if isinstance(value, dict) else {}


def _elements(block: Block, config: Any, prior: Any, planned: Any) -> Iterator[tuple[Any, Any, Object]]:
    """The objects in a nested part: (configured, prior, planned). Nothing where nothing is configured."""
    if not isinstance(planned, (dict, list)) or not isinstance(config, (dict, list)):
        return
    if block.nesting == "single":
        yield config, prior, _object(planned)
    elif block.nesting == "map":
        for key, element in _object(planned).items():
            if isinstance(element, dict):
                yield _object(config).get(key), _object(prior).get(key), element
    else:
        yield from _sequence(block, list(config), prior if isinstance(prior, list) else [], planned)


def _sequence(block: Block, config: list[Any], prior: list[Any], planned: Any) -> Iterator[tuple[Any, Any, Object]]:
    if block.nesting == "set":
        prior = _align_set(block, config, prior, planned)
    for index, element in enumerate(planned):
        if isinstance(element, dict) and index < len(config):
            yield config[index], prior[index] if index < len(prior) else None, element


def _align_set(block: Block, config: list[Any], prior: list[Any], planned: list[Any]) -> list[Any]:
    """Bring a set's planned elements into the configuration's order, and return its prior ones in that order.

    Elements have no identity: they belong together when everything configured is equal.
    """
    left, found = list(prior), []
    for element in config:
        match = next((old for old in left if _fits(block, element, old)), None)
        if match is not None:
            left.remove(match)
        found.append(match)
    spare, aligned = list(planned), []
    for element in config:
        chosen = next((new for new in spare if _fits(block, element, new)), None)
        if chosen is not None:
            spare.remove(chosen)
        aligned.append(copy.deepcopy(element) if chosen is None else chosen)
    planned[:] = aligned
    return found


def _fits(block: Block, config: Any, value: Any) -> bool:
    """Whether `value` has everything that is configured; what the configuration leaves open may be anything."""
    if not isinstance(config, dict) or not isinstance(value, dict):
        return config is value
    return all(
        config.get(name) is None or part.same(config[name], value.get(name))
        for name, part in block.object_type.attrs.items()
    )


def _replaced_below(block: Block, config: Any, prior: Any, planned: Any) -> Iterator[Path]:
    """Paths, from the nested part on, of changes in it that need a new object. () is the part itself."""
    if planned is UNKNOWN and config is None:
        return
    before, after = _by_step(block, prior), _by_step(block, planned)
    configured = _by_step(block, config)
    for step in dict.fromkeys((*after, *before)):
        gone = step not in after
        paths = replacements(block, _object(configured.get(step)), _object(before.get(step)), _object(after.get(step)))
        yield from (() if gone else (*step, *path) for path in paths)


def _by_step(block: Block, value: Any) -> dict[tuple[Any, ...], Any]:
    """The objects in a nested part by their step; those of a set by what they are."""
    if value is None or value is UNKNOWN:
        return {}
    if block.nesting == "single":
        return {(): value}
    if block.nesting == "map":
        return {((key,),): element for key, element in value.items()}
    if block.nesting == "set":
        return {(repr(sorted(_replacing(block, element).items(), key=str)),): element for element in value}
    return {(index,): element for index, element in enumerate(value)}


def _replacing(block: Block, element: Any) -> Object:
    return {name: _object(element).get(name) for name, attr in block.attrs.items() if attr.replace}

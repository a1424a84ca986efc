"""Answers the protocol's requests by calling the provider's resources. Called from many threads."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from halab.provider.protocol import planning
from halab.provider.protocol import tfplugin6_pb2 as pb
from halab.provider.protocol.call import Call
from halab.provider.protocol.codec import from_json, pack, pack_what_fits, parse_json, path_message, schema_message
from halab.provider.protocol.diagnostics import Failure, Stopped, from_exception
from halab.provider.protocol.resource import Provider, Resource, State
from halab.provider.protocol.schema import Block, check_resource_schema, cut_path
from halab.provider.protocol.types import WrongType
from halab.provider.protocol.validation import broken_rules, malformed

METHODS = (
    "GetProviderSchema",
    "ValidateProviderConfig",
    "ValidateResourceConfig",
    "UpgradeResourceState",
    "ConfigureProvider",
    "ReadResource",
    "PlanResourceChange",
    "ApplyResourceChange",
    "ImportResourceState",
    "StopProvider",
)


class Servicer:
    """The requests of one provider process. `reusable`: it outlives a Terraform run (tests), so a stop is forgotten
    when the next run configures it."""

    def __init__(self, provider: Provider, reusable: bool = False) -> None:
        self.provider = provider
        self.stop = threading.Event()
        self._reusable = reusable
        self._resources: dict[str, Resource] = {}
        self._building = threading.Lock()
        self.asked = threading.Event()
        """Set by the first request: somebody knows of this process."""
        self._running = 0
        self._ended = threading.Condition()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no request is being answered; whether that came in time."""
        with self._ended:
            return self._ended.wait_for(lambda: self._running == 0, timeout_s)

    def answer(self, method: str, request: Any) -> Any:
        """The response to `request`; every exception is in it as one diagnostic."""
        self.asked.set()
        with self._ended:
            self._running += 1
        try:
            return self._answer(method, request)
        finally:
            with self._ended:
                self._running -= 1
                self._ended.notify_all()

    def _answer(self, method: str, request: Any) -> Any:
        response = getattr(pb, method).Response()
        type_name = getattr(request, "type_name", "")
        call = Call(self.stop, f"{method} of {type_name}" if type_name else method, self.provider.redactor)
        handler: Callable[[Any, Any, Call], None] = getattr(self, f"_{method}")
        try:
            handler(request, response, call)
        except BaseException as error:  # also SystemExit of a library: nothing may end the process under Terraform
            self._report(error, call)
        if method in ("ReadResource", "PlanResourceChange", "ApplyResourceChange"):
            planned = method == "PlanResourceChange"
            self.provider.ledger.answered(planned=planned, failed=call.failed or call.stopped)
        if call.diagnostics:
            response.diagnostics.extend(call.messages())
        return response

    def _report(self, error: BaseException, call: Call) -> None:
        call.diagnostics.append(from_exception(error, call.doing))
        text = "".join(traceback.format_exception(error))
        print(self.provider.redactor(text), file=sys.stderr, flush=True)  # Terraform's log, shown with TF_LOG only

    def _resource(self, type_name: str) -> Resource:
        with self._building:
            if type_name not in self._resources:
                if type_name not in self.provider.resources:
                    raise Failure(
                        f"Unknown resource type {type_name}", "This version of the provider does not have it."
                    )
                resource = self.provider.resources[type_name](self.provider)
                check_resource_schema(type_name, resource.schema)
                self._resources[type_name] = resource
            return self._resources[type_name]

    def _GetProviderSchema(self, _request: Any, response: Any, _call: Call) -> None:
        response.provider.CopyFrom(schema_message(self.provider.schema))
        for type_name in self.provider.resources:
            response.resource_schemas[type_name].CopyFrom(schema_message(self._resource(type_name).schema))
        response.server_capabilities.plan_destroy = True
        response.server_capabilities.get_provider_schema_optional = True

    def _ValidateProviderConfig(self, request: Any, _response: Any, call: Call) -> None:
        config = call.take(request.config, self.provider.schema)
        _validate(self.provider, self.provider.schema, config, call)

    def _ValidateResourceConfig(self, request: Any, _response: Any, call: Call) -> None:
        resource = self._resource(request.type_name)
        config = call.take(request.config, resource.schema)
        _validate(resource, resource.schema, config, call)

    def _ConfigureProvider(self, request: Any, _response: Any, call: Call) -> None:
        if self._reusable:
            self.stop = call.stop = threading.Event()
        config = call.take(request.config, self.provider.schema)
        self.provider.configure(call, config)

    def _StopProvider(self, _request: Any, _response: Any, _call: Call) -> None:
        self.stop.set()

    def _UpgradeResourceState(self, request: Any, response: Any, call: Call) -> None:
        resource = self._resource(request.type_name)
        schema = call.schema = resource.schema
        if request.version > schema.version:
            raise Failure(
                f"The state of {request.type_name} is from a newer provider",
                f"It has schema version {request.version}, this provider knows {schema.version}. Upgrade the provider.",
            )
        if request.version == schema.version:
            state = from_json(request.raw_state.json, schema.object_type)
        else:
            state = schema.object_type.decode(_upgraded(resource, request))
        call.seen(state)
        response.upgraded_state.CopyFrom(pack(state, schema.object_type))

    def _ReadResource(self, request: Any, response: Any, call: Call) -> None:
        response.new_state.CopyFrom(request.current_state)  # kept whatever goes wrong: an error is not "gone"
        response.private = request.private
        resource = self._resource(request.type_name)
        state = call.take(request.current_state, resource.schema)
        call.private = _private(request.private)
        self.provider.ledger.held(resource, state)
        found = resource.read(call, state)
        if call.failed:
            return
        if found is None:
            self.provider.ledger.missing(resource, state)
        call.seen(found)
        response.new_state.CopyFrom(_pack_state(found, resource.schema))
        response.private = json.dumps(call.private).encode()

    def _PlanResourceChange(self, request: Any, response: Any, call: Call) -> None:
        resource = self._resource(request.type_name)
        schema = resource.schema
        prior, config = call.take(request.prior_state, schema), call.take(request.config, schema)
        proposed = call.take(request.proposed_new_state, schema)
        call.private = _private(request.prior_private)
        if prior is not None:
            self.provider.ledger.held(resource, prior)
        if proposed is None:
            resource.plan(call, config, prior, None)
            planned = None
        else:
            planned = planning.plan_values(schema, config, prior, proposed)
            resource.plan(call, config, prior, planned)
            if prior is not None:
                asked = [cut_path(schema, path) for path in call.replace]
                paths = dict.fromkeys([*asked, *planning.replacements(schema, config, prior, planned)])
                response.requires_replace.extend(path_message(path) for path in paths)
        response.planned_state.CopyFrom(pack(planned, schema.object_type))
        response.planned_private = json.dumps(call.private).encode()

    def _ApplyResourceChange(self, request: Any, response: Any, call: Call) -> None:
        response.new_state.CopyFrom(request.prior_state)
        response.private = request.planned_private
        resource = self._resource(request.type_name)
        prior, config = call.take(request.prior_state, resource.schema), call.take(request.config, resource.schema)
        planned = call.take(request.planned_state, resource.schema)
        call.private = _private(request.planned_private)
        kept = prior
        try:
            with self.provider.changing(call), self._accounted(resource, call, prior, planned):
                kept = _apply(resource, call, prior, planned, config)
        except BaseException as error:
            self._report(error, call)
            kept = call.saved if call.saved is not None else prior
        self._keep(kept, resource.schema, response, call)

    @contextmanager
    def _accounted(self, resource: Resource, call: Call, prior: State | None, planned: State | None) -> Iterator[None]:
        """Tell the ledger what comes, and what goes."""
        ledger = self.provider.ledger
        if prior is None:
            ledger.creating(resource, planned or {})
        try:
            yield
        except BaseException:
            if prior is None and call.saved is None:
                ledger.failed(resource, planned or {})
            raise
        if planned is None and not call.failed:
            ledger.deleted(resource, prior or {}, left=call.left)
        elif prior and planned and not call.failed and resource.key(prior) != resource.key(planned):
            ledger.deleted(resource, prior, left=False)  # it has another name from now on

    def _keep(self, state: State | None, schema: Block, response: Any, call: Call) -> None:
        """Put the resulting state into the response. One that does not fit the schema is kept as far as it does."""
        call.seen(state)
        try:
            response.new_state.CopyFrom(_pack_state(state, schema))
        except WrongType as error:
            self._report(error, call)
            response.new_state.CopyFrom(pack_what_fits(planning.without_hidden(schema, state or {}), schema))
        response.private = json.dumps(call.private).encode()

    def _ImportResourceState(self, request: Any, response: Any, call: Call) -> None:
        resource = self._resource(request.type_name)
        call.schema = resource.schema
        state: State | None = resource.import_(call, request.id)
        call.seen(state)
        if call.failed:
            return
        if state is None:
            raise Failure("Nothing to import", f"There is no {request.type_name} called {request.id!r}.")
        response.imported_resources.add(
            type_name=request.type_name,
            state=_pack_state(state, resource.schema),
            private=json.dumps(call.private).encode(),
        )


def _validate(whose: Provider | Resource, schema: Block, config: Any, call: Call) -> None:
    """All that is wrong with a configuration. Its owner looks at values only that can be what it expects."""
    flaws = [*malformed(schema, config)]
    call.diagnostics.extend((*flaws, *broken_rules(schema, config)))
    if not flaws:
        whose.validate(call, config)


def _apply(resource: Resource, call: Call, prior: State | None, planned: State | None, config: Any) -> State | None:
    """Do it; the state to keep. Reported errors count as raised ones, but a failed create keeps what it returns."""
    if call.stopped:
        raise Stopped("Terraform was interrupted before this began; nothing was changed.")
    if planned is None:
        call.doing = f"delete {resource.type}"
        resource.delete(call, prior or {})
        return call.saved or prior if call.failed else None
    if prior is None:
        call.doing = f"create {resource.type}"
        state: State | None = resource.create(call, planned, config)
        state = call.saved if call.failed and state is None else state
    else:
        call.doing = f"update {resource.type}"
        state = resource.update(call, prior, planned, config)
        state = (call.saved or prior) if call.failed else state
    if not isinstance(state, dict) and not (state is None and call.failed):
        raise TypeError(f"{call.doing} returned {type(state).__name__} instead of a state")
    return state


def _upgraded(resource: Resource, request: Any) -> Any:
    state = parse_json(request.raw_state.json)
    for version in range(request.version, resource.schema.version):
        if version not in resource.upgraders:
            raise Failure(
                f"Cannot upgrade the state of {resource.type}",
                f"There is no way from schema version {version} to {version + 1}. "
                f"Remove it from the state (terraform state rm) and import it.",
            )
        state = resource.upgraders[version](state)
    return state


def _private(data: bytes) -> State:
    private: State = json.loads(data) if data else {}
    return private


def _pack_state(state: State | None, schema: Block) -> pb.DynamicValue:
    return pack(None if state is None else planning.without_hidden(schema, state), schema.object_type)

"""Serves a provider: by go-plugin's handshake when Terraform starts us, or for Terraform to attach to (tests).

Terraform starts the provider with a magic cookie in the environment and reads one line from its stdout:
`1|6|unix|SOCKET|grpc|CERTIFICATE`. Everything else that we or our children print goes to stderr, Terraform's log.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from halab.provider.protocol.resource import Provider

if TYPE_CHECKING:
    from halab.provider.protocol.certificate import Certificate
    from halab.provider.protocol.servicer import Servicer

# Not a secret: it tells that we were started by a plugin host, as the protocol's documentation gives it.
_COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
_PROTOCOL_VERSION = 6
_CORE_PROTOCOL_VERSION = 1
_THREADS = 64  # -parallelism is 10 by default; requests beyond this many wait for one another
_MESSAGE_BYTES = 256 << 20  # Terraform's own limit
_SOCKET_PATH_LIMIT = 100  # the kernel's is 107 bytes
_ANSWER_GRACE_S = 0.2  # for the answer to Shutdown itself
_FIRST_REQUEST_S = 120.0  # Terraform gives up on a provider that does not answer within 60 s
_GRACE_S = 30.0  # for operations under way when Terraform died without a word


def serve(provider: Provider, argv: Sequence[str] | None = None) -> NoReturn:
    """Serve until Terraform ends us. With --debug: print TF_REATTACH_PROVIDERS=..., serve until SIGINT or SIGTERM."""
    if "--debug" in (sys.argv[1:] if argv is None else argv):
        _serve_debug(provider)
    else:
        _serve_plugin(provider)
    _close(provider)
    sys.stderr.flush()
    os._exit(0)  # worker threads that still wait for something must not keep the process


def _close(provider: Provider) -> None:
    try:
        provider.close()
    except Exception:  # nobody is left who could be told: Terraform's log, shown with TF_LOG only
        traceback.print_exc()


@contextmanager
def reattachable(provider: Provider) -> Iterator[str]:
    """Serve inside this process, for tests, which then share its doubles; yields the value of TF_REATTACH_PROVIDERS."""
    with _socket_folder() as socket, _running(provider, socket, reusable=True):
        yield json.dumps({provider.address: _reattach_entry(socket)})


def _reattach_entry(socket: str) -> dict[str, Any]:
    return {
        "Protocol": "grpc",
        "ProtocolVersion": _PROTOCOL_VERSION,
        "Pid": os.getpid(),
        "Test": True,  # Terraform leaves the process running
        "Addr": {"Network": "unix", "String": socket},
    }


def _serve_debug(provider: Provider) -> None:
    # A lock, and so an Event, can be waited for beyond a signal that comes right before: its handler runs afterwards.
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    signal.set_wakeup_fd(telling)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    with reattachable(provider) as entry:
        print(f"TF_REATTACH_PROVIDERS='{entry}'", flush=True)
        os.read(told, 1)


def _serve_plugin(provider: Provider) -> None:
    _check_started_by_terraform(provider)
    parent, handshake = os.getppid(), os.dup(1)
    os.dup2(2, 1)
    # Ctrl-C and a closed terminal reach the whole process group. Terraform then asks us by StopProvider, or is gone,
    # which we watch: to die now would orphan what is being created.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    shutdown, abandoned = threading.Event(), threading.Event()

    from halab.provider.protocol.certificate import self_signed

    certificate = self_signed()
    with _socket_folder() as socket, _running(provider, socket, certificate, shutdown) as servicer:
        signal.signal(
            signal.SIGTERM, lambda *_: servicer.stop.set()
        )  # Terraform got it too and ends us when it is done
        _watch(parent, abandoned, shutdown)
        encoded = base64.b64encode(certificate.der).decode().rstrip("=")
        os.write(handshake, f"{_CORE_PROTOCOL_VERSION}|{_PROTOCOL_VERSION}|unix|{socket}|grpc|{encoded}\n".encode())
        os.close(handshake)
        if shutdown.wait(_FIRST_REQUEST_S) or servicer.asked.is_set():
            shutdown.wait()
        if abandoned.is_set():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its handler would wait for the lock that set() holds
            servicer.stop.set()
            servicer.wait_idle(_GRACE_S)


def _check_started_by_terraform(provider: Provider) -> None:
    name, value = _COOKIE
    if os.environ.get(name) != value:
        sys.exit(
            f"This is the Terraform provider {provider.address}. Terraform starts it, not a person.\n"
            f"For debugging, run it with --debug and set the variable that it prints for terraform."
        )
    offered = os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "")
    if offered and str(_PROTOCOL_VERSION) not in offered.split(","):
        sys.exit(
            f"This Terraform speaks plugin protocol {offered}, the provider {_PROTOCOL_VERSION}: use Terraform >= 1.0."
        )


def _watch(parent: int, *gone: threading.Event) -> None:
    """Set the events when `parent`, which started us, ends, so that a killed Terraform leaves no provider behind."""

    def wait() -> None:
        try:
            descriptor = os.pidfd_open(parent)
        except ProcessLookupError:
            pass
        else:
            if os.getppid() == parent:  # else it ended in between, and the number may be another process by now
                select.select([descriptor], [], [])
        for event in gone:
            event.set()

    threading.Thread(target=wait, name="parent", daemon=True).start()


@contextmanager
def _socket_folder() -> Iterator[str]:
    """A path for the socket in a folder that only we can enter: besides TLS, the only access control."""
    folder = tempfile.mkdtemp(prefix="tfplugin-")
    if len(folder) > _SOCKET_PATH_LIMIT - len("/s"):
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="tfplugin-", dir="/tmp")
    try:
        yield f"{folder}/s"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    provider: Provider,
    socket: str,
    certificate: Certificate | None = None,
    shutdown: threading.Event | None = None,
    *,
    reusable: bool = False,
) -> Iterator[Servicer]:
    """The gRPC server on `socket`; without a certificate in the clear, which reattaching needs."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # our children exec at once
    import grpc

    from halab.provider.protocol.servicer import Servicer

    servicer = Servicer(provider, reusable=reusable)
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rpc")
    limits = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
    server = grpc.server(pool, options=limits)
    server.add_generic_rpc_handlers(_handlers(servicer, shutdown or threading.Event()))
    if certificate is None:
        server.add_insecure_port(f"unix://{socket}")
    else:
        credentials = grpc.ssl_server_credentials([(certificate.key_pem, certificate.pem)])
        server.add_secure_port(f"unix://{socket}", credentials)
    server.start()
    try:
        yield servicer
    finally:
        servicer.stop.set()
        server.stop(_ANSWER_GRACE_S).wait()


def _handlers(servicer: Servicer, shutdown: threading.Event) -> tuple[Any, ...]:
    import grpc

    from halab.provider.protocol import tfplugin6_pb2 as pb
    from halab.provider.protocol.servicer import METHODS

    def rpc(method: str) -> Any:
        message = getattr(pb, method)
        return grpc.unary_unary_rpc_method_handler(
            lambda request, _context: servicer.answer(method, request),
            message.Request.FromString,
            message.Response.SerializeToString,
        )

    def end(_request: bytes, _context: Any) -> bytes:
        shutdown.set()
        return b""

    return (
        grpc.method_handlers_generic_handler("tfplugin6.Provider", {method: rpc(method) for method in METHODS}),
        grpc.method_handlers_generic_handler(
            "plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(end)}
        ),
    )

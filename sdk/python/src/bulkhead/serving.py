# SPDX-License-Identifier: Apache-2.0
"""The one call in a plugin's main: ``serve``.

The host starts the script without environment, standard input, network or files other than
those granted, and speaks bulkhead.plugin.v1 over a private socket: hashicorp/go-plugin's
protocol, as far as the host uses it. Standard output belongs to the handshake; what is printed
later is a line of log.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from . import checks as _checks
from . import collectors as _collectors
from . import debugging as _debugging
from ._version import VERSION
from .diagnostics import Cancelled, Diagnostic
from .kernels import Kernel
from .logs import log, to_host
from .target import Target

#: Bounds every message in both directions, in bytes; tables are cut well below it.
MAX_MESSAGE_BYTES = 16 << 20

COOKIE = ("BULKHEAD_PLUGIN", "v1.6f3c1e")
_BY_HAND = (
    "this is a plugin of Bulkhead, which the host starts: try `bulkhead plugin describe PATH` or `bulkhead plugin test PATH`"
)
_WINDOW = 1 << 20


@dataclasses.dataclass(frozen=True)
class Info:
    """Names a plugin: lower-case letters, digits and dashes, and a semantic version.

    ``tables`` are the knowledge tables that it carries, name to version.
    """

    name: str
    version: str
    tables: Mapping[str, str] = dataclasses.field(default_factory=dict)


def serve(
    info: Info,
    *,
    collectors: Iterable[_collectors.Collector] = (),
    checks: Iterable[_checks.Check] = (),
    kernels: Iterable[type[Kernel]] = (),
) -> None:
    """Runs the plugin until the host stops it, and ends the process."""
    if _debugging.by_hand(COOKIE[0]):
        to_host()
        _debugging.serve(info.name, Plugin(info, collectors, checks, kernels).server())
        return
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit(_BY_HAND)
    if os.environ.get("PLUGIN_CLIENT_CERT"):
        sys.exit("the host asks for TLS on the private socket, which this plugin does not speak")
    out = _take_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which drains
    faulthandler.enable()  # a crash in a library tells its line of Python
    to_host()
    plugin = Plugin(info, collectors, checks, kernels)
    plugin.share()
    server = plugin.server()
    address = _listen(server)
    server.start()
    os.write(out, "1|1|{}|{}|grpc\n".format(*address).encode())
    plugin.stopped.wait()
    server.stop(grace=60).wait()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a thread that hangs in a library must not keep the process


def _listen(server: Any) -> tuple[str, str]:
    """Opens the socket in the host's directory, or on Windows a port that it allows."""
    if sys.platform != "win32":
        path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR", ""), f"plugin-{os.getpid()}")
        server.add_insecure_port("unix:" + path)
        return "unix", path
    least, most = (int(os.environ.get(f"PLUGIN_{w}_PORT") or 0) for w in ("MIN", "MAX"))
    for port in range(least, most + 1):
        try:
            server.add_insecure_port(f"127.0.0.1:{port}")
        except RuntimeError:
            continue
        return "tcp", f"127.0.0.1:{port}"
    sys.exit(f"no port between {least} and {most} is free")


def _take_stdout() -> int:
    """Keeps standard output for the handshake: what is printed from now on is a line of log."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return kept


class Gate:
    """Counts the calls in hand, and closes: then it refuses new ones."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls = 0
        self._closed = False

    def enter(self) -> bool:
        """Begins a call; False when the plugin is draining."""
        with self._changed:
            if not self._closed:
                self._calls += 1
            return not self._closed

    def leave(self) -> None:
        """Ends a call."""
        with self._changed:
            self._calls -= 1
            self._changed.notify_all()

    def drain(self, waited_for: Callable[[], bool]) -> bool:
        """Closes the gate and waits for the calls in hand, as long as somebody waits for that."""
        with self._changed:
            self._closed = True
            while self._calls and waited_for():
                self._changed.wait(0.05)
            return not self._calls


class Plugin:
    """The services of one plugin, apart from the process around it."""

    def __init__(
        self,
        info: Info,
        collectors: Iterable[_collectors.Collector] = (),
        checks: Iterable[_checks.Check] = (),
        kernels: Iterable[type[Kernel]] = (),
    ) -> None:
        from . import wire
        from .plugin.v1 import plugin_pb2

        if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", info.name):
            raise ValueError(f"plugin name {info.name!r} is not lower-case letters, digits and dashes")
        self._collectors, self._checks, kernels = tuple(collectors), tuple(checks), tuple(kernels)
        for k in kernels:
            k.check_class()
        self._gate = Gate()
        #: Set when the host ends the plugin.
        self.stopped = threading.Event()
        self._calls: Any = None
        if kernels:  # a plugin without them needs no Arrow
            from .calls import Calls

            self._calls = Calls(kernels)
        self._description = plugin_pb2.DescribeResponse(
            name=info.name, version=info.version, sdk_version=VERSION,
            collectors=[wire.describe_collector(c) for c in self._collectors],
            checks=[wire.describe_check(c) for c in self._checks], kernels=[wire.describe_kernel(k) for k in kernels],
            tables=[plugin_pb2.TableDescription(name=n, version=v) for n, v in sorted(info.tables.items())],
        )

    def share(self) -> None:
        """Says hello to a host that hands files over, before the plugin greets."""
        if self._calls is not None and self._calls.take_files():
            from . import files

            self._calls.source = files.inherited()

    def offers(self) -> dict[str, bool]:
        """The services that it has something for."""
        return {"CollectorService": bool(self._collectors), "CheckerService": bool(self._checks), "KernelService": self._calls is not None}

    def server(self) -> Any:
        """A gRPC server of all services."""
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        import grpc

        from .outbox import Threads
        from .services import handlers

        server = grpc.server(
            Threads(),
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.http2.lookahead_bytes", _WINDOW), ("grpc.http2.bdp_probe", 0), ("grpc.so_reuseport", 0),
            ],
        )
        server.add_generic_rpc_handlers(handlers(self))
        return server

    # Each method answers one call; ``context`` is gRPC's.

    def describe(self, _: Any, context: Any) -> Any:
        """Says what the plugin offers."""
        return self._description

    def drain(self, _: Any, context: Any) -> Any:
        """Refuses new calls and returns when those in hand have ended."""
        from .plugin.v1 import plugin_pb2

        self._gate.drain(context.is_active)
        return plugin_pb2.DrainResponse()

    def collect(self, request: Any, context: Any) -> Any:
        """Runs every collector on one target."""
        from . import wire
        from .plugin.v1 import doctor_pb2

        target: Target = wire.target(request.target)
        target.cancelled = lambda: not context.is_active()
        facts, failed = _collectors.observe(target, self._collectors)
        told, odd = wire.facts_out(facts)
        return doctor_pb2.CollectResponse(facts=told, diagnostics=wire.diagnostics([*failed, *odd]))

    def check(self, request: Any, context: Any) -> Any:
        """Runs the named checks on one set of facts."""
        from . import wire
        from .facts import Facts, Reads
        from .plugin.v1 import doctor_pb2

        try:
            found = wire.facts_in(request.facts)
        except Diagnostic as e:
            return doctor_pb2.CheckResponse(diagnostics=wire.diagnostics([e]))
        reads = Reads()
        chosen = [c for c in self._checks if not request.codes or c.code in request.codes]
        outcomes = _checks.run(Facts(found, reads), chosen, dict(request.config_json))
        response = doctor_pb2.CheckResponse(reads=wire.reads(reads))
        for o in outcomes:
            outcome, findings = wire.outcome(o)
            response.outcomes.append(outcome)
            response.findings.extend(findings)
        return response

    def validate(self, request: Any, context: Any) -> Any:
        """Checks settings against columns."""
        return self._calls.validate(request)

    def undo(self, request: Any, context: Any) -> Any:
        """Takes a side effect back."""
        return self._calls.undo(request)

    def fit(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """Fits a kernel."""
        return self._streamed(lambda box: self._calls.fit(_until_gone(requests), box), context)

    def transform(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """Transforms batches."""
        return self._streamed(lambda box: self._calls.transform(_until_gone(requests), box), context)

    def _streamed(self, work: Callable[[Any], None], context: Any) -> Iterator[Any]:
        import grpc

        from .outbox import Malformed, NoThread, Outbox, worked

        self.enter(context)
        box = Outbox()
        if not context.add_callback(box.cancel):
            self._gate.leave()
            return
        try:
            worked(work, box, self._gate.leave)
            yield from box
        except Malformed as e:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(e))
        except NoThread as e:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(e))

    def enter(self, context: Any) -> None:
        """Counts a call, or refuses it while draining."""
        import grpc

        if not self._gate.enter():
            context.abort(grpc.StatusCode.UNAVAILABLE, "the plugin is draining and takes no new calls")

    def counted(self, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """A method whose calls hold up a drain."""

        import grpc

        def call(request: Any, context: Any) -> Any:
            self.enter(context)
            try:
                return method(request, context)
            except Cancelled:
                context.abort(grpc.StatusCode.CANCELLED, "the call was given up")
            finally:
                self._gate.leave()

        return call


def _until_gone(requests: Iterator[Any]) -> Iterator[Any]:
    """Requests up to their end; a caller that is gone raises Cancelled."""
    import grpc

    try:
        yield from requests
    except grpc.RpcError as e:
        raise Cancelled("the call was given up") from e


__all__ = ["Info", "Plugin", "log", "serve"]

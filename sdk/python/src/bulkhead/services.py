# SPDX-License-Identifier: Apache-2.0
"""The table of gRPC methods: their names, messages, and who answers."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import empty_pb2

from .plugin.v1 import doctor_pb2, kernel_pb2, plugin_pb2

_V1 = "bulkhead.plugin.v1."
#: grpc.health.v1.HealthCheckResponse with status SERVING: field 1, a varint, 1.
_SERVING = b"\x08\x01"


def handlers(plugin: Any) -> tuple[Any, ...]:
    """All services of a plugin."""
    counted = plugin.counted
    table = {
        "PluginService": {
            "Describe": _unary(counted(plugin.describe), plugin_pb2.DescribeRequest),
            "Drain": _unary(plugin.drain, plugin_pb2.DrainRequest),
        },
        "CollectorService": {"Collect": _unary(counted(plugin.collect), doctor_pb2.CollectRequest)},
        "CheckerService": {"Check": _unary(counted(plugin.check), doctor_pb2.CheckRequest)},
        "KernelService": {
            "Validate": _unary(counted(plugin.validate), kernel_pb2.ValidateRequest),
            "Undo": _unary(counted(plugin.undo), kernel_pb2.UndoRequest),
            "Fit": _stream(plugin.fit, kernel_pb2.FitRequest),
            "Transform": _stream(plugin.transform, kernel_pb2.TransformRequest),
        },
    }
    offers = plugin.offers()
    named = [grpc.method_handlers_generic_handler(_V1 + n, methods) for n, methods in table.items() if offers.get(n, True)]
    return (*named, _health(), _controller(plugin))


def _unary(method: Any, request: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(method, request.FromString, _serialise)


def _stream(method: Any, request: Any) -> Any:
    return grpc.stream_stream_rpc_method_handler(method, request.FromString)  # its answers are bytes already


def _serialise(message: Any) -> bytes:
    return message.SerializeToString(deterministic=True)


def _health() -> Any:
    """grpc.health.v1, whose only answer is that the plugin serves."""

    def check(_: bytes, context: Any) -> bytes:
        return _SERVING

    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)})


def _controller(plugin: Any) -> Any:
    """go-plugin's service by which a host ends a plugin. Its messages are empty."""

    def shutdown(_: Any, context: Any) -> Any:
        # After the answer: what ends the server must not end this call.
        context.add_callback(plugin.stopped.set)
        return empty_pb2.Empty()

    return grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": _unary(shutdown, empty_pb2.Empty)})

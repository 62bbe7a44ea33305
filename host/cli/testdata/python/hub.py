# SPDX-License-Identifier: Apache-2.0

"""A plugin in Python with grpcio and nothing else: its messages are made by hand."""

import os
import threading
from concurrent import futures

import grpc

RAN, SKIPPED = 1, 2  # CheckOutcome.Status
WARNING = 2  # Finding.Severity


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    """A field of protobuf: a number, a text or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def describe():
    fact = field(1, "hub.models") + field(2, "models at hand") + field(3, "number")
    collector = field(1, "hub") + field(2, "What a hub has.") + field(3, fact)
    words = field(1, "There is little to choose from.") + field(2, "Counts the models.") + field(3, "A small hub.")
    words += field(4, "Use another one.") + field(5, "Ask again.")
    check = field(1, "hub.few-models") + field(2, "Few models") + field(3, "system") + field(4, "hub.models") + field(6, words)
    return field(1, "hub") + field(2, "0.1.0") + field(5, collector) + field(6, check)


def collect():
    evidence = field(4, "grpc.__version__") + field(5, grpc.__version__)
    return field(1, field(1, "hub.models") + field(2, "3") + field(4, evidence))


def check(request):
    if b"hub.models\x12\x013" not in request:
        reason = field(1, "hub.few-models") + field(2, SKIPPED) + field(3, "hub.models is not known")
        return field(2, reason)
    evidence = field(1, "hub.models") + field(4, "count") + field(5, "3")
    finding = field(1, "hub.few-models") + field(2, WARNING) + field(5, "Few models") + field(6, "The hub has 3 models.")
    return field(1, finding + field(8, evidence)) + field(2, field(1, "hub.few-models") + field(2, RAN))


draining = threading.Event()


def handler(name, answer):
    def call(request, context):
        if draining.is_set() and name != "Drain":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the plugin is draining")
        return answer(request)

    return grpc.unary_unary_rpc_method_handler(call)


def drain(request):
    draining.set()
    return b""


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    for service, methods in {
        "PluginService": {"Describe": lambda _: describe(), "Drain": drain},
        "CollectorService": {"Collect": lambda _: collect()},
        "CheckerService": {"Check": check},
    }.items():
        handlers = {name: handler(name, answer) for name, answer in methods.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bulkhead.plugin.v1." + service, handlers),))
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "hub")
    server.add_insecure_port("unix:" + path)
    server.start()
    print("1|1|unix|" + path + "|grpc", flush=True)
    threading.Event().wait()


serve()

# SPDX-License-Identifier: Apache-2.0
"""A plugin that its author starts by hand, in a debugger.

With ``BULKHEAD_PLUGIN_DEBUG=1`` it serves on a socket in a directory that nobody else
may enter, and prints one line to be put into the shell in which bulkhead runs. It
serves one host after the other, in no sandbox, until Ctrl-C, and removes the directory.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from typing import Any

__all__ = ["by_hand", "serve"]

DEBUG = "BULKHEAD_PLUGIN_DEBUG"
REATTACH = "BULKHEAD_REATTACH_PLUGINS"


def by_hand(cookie: str) -> bool:
    """Whether the plugin was started to be debugged, and by no host."""
    return os.environ.get(DEBUG) == "1" and not os.environ.get(cookie)


def line(name: str, address: str) -> str:
    """What is to be put into a shell."""
    at = {"protocol": 1, "network": "unix", "address": address, "pid": os.getpid()}
    return f"{REATTACH}={shlex.quote(json.dumps({name: at}))}"


def serve(name: str, server: Any) -> None:
    """Serves until the process is interrupted."""
    if sys.platform == "win32":
        sys.exit("a plugin is debugged on Linux or macOS: Windows has no sockets whose peer can be told")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    directory = tempfile.mkdtemp(prefix="bulkhead-debug-")
    try:
        address = os.path.join(directory, "plugin")
        server.add_insecure_port("unix:" + address)
        server.start()
        print(line(name, address), flush=True)
        stopped.wait()
        server.stop(grace=2).wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)

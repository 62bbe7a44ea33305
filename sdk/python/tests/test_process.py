# SPDX-License-Identifier: Apache-2.0
"""Plugins as processes: the handshake, the log, the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest

try:
    import grpc
except ImportError as e:
    raise unittest.SkipTest(f"{e.name} is not installed") from None

SCRIPT = """
import logging, os, sys, threading, time
from bulkhead import Info, log, serve
if len(sys.argv) > 1: raise KeyError("at the start")
def later():
    while not os.path.sameopenfile(1, 2) or not logging.getLogger().handlers:
        time.sleep(0.01)
    print("printed")
    log.warning("beware", extra={"n": 3})
threading.Thread(target=later, daemon=True).start()
serve(Info("p", "1.0.0"))
"""


@unittest.skipIf(sys.platform == "win32", "its plugins listen on ports")
class Processes(unittest.TestCase):
    def start(self, *args, **env):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        script = os.path.join(holder.name, "p.py")
        with open(script, "w", encoding="utf-8") as f:
            f.write(SCRIPT)
        path = os.path.join(os.path.dirname(__file__), "..", "src")
        env = {"PYTHONPATH": path, "PLUGIN_UNIX_SOCKET_DIR": holder.name, "PATH": os.environ.get("PATH", ""), **env}
        p = subprocess.Popen([sys.executable, script, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for end in (p.stderr.close, p.stdout.close, p.wait, p.kill):
            self.addCleanup(end)
        return p

    def test_by_hand(self):
        out, err = self.start().communicate(timeout=180)
        self.assertEqual(out, "")
        self.assertIn("bulkhead plugin describe", err)

    def test_tls(self):
        _, err = self.start(BULKHEAD_PLUGIN="v1.6f3c1e", PLUGIN_CLIENT_CERT="x").communicate(timeout=180)
        self.assertIn("TLS", err)

    def test_life(self):
        p = self.start(BULKHEAD_PLUGIN="v1.6f3c1e")
        core, protocol, network, address, kind = p.stdout.readline().strip().split("|")
        self.assertEqual((core, protocol, network, kind), ("1", "1", "unix", "grpc"))
        self.assertEqual(p.stderr.readline(), "printed\n")
        line = json.loads(p.stderr.readline())
        self.assertEqual((line["@level"], line["@message"], line["n"]), ("warn", "beware", 3))
        with grpc.insecure_channel("unix:" + address) as channel:
            channel.unary_unary("/plugin.GRPCController/Shutdown", lambda m: m, lambda m: m)(b"", timeout=120)
        self.assertEqual((p.wait(20), p.stdout.read()), (0, ""))

    def test_crash(self):
        p = self.start("x", BULKHEAD_PLUGIN="v1.6f3c1e")
        self.assertIn("KeyError: 'at the start'", p.communicate(timeout=180)[1])
        self.assertEqual(p.returncode, 1)


if __name__ == "__main__":
    unittest.main()

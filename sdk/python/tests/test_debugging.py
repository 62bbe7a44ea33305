# SPDX-License-Identifier: Apache-2.0
"""A plugin that its author starts by hand."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

try:
    import grpc
except ImportError as e:
    raise unittest.SkipTest(f"{e.name} is not installed") from None

from bulkhead import debugging

SCRIPT = "from bulkhead import Info, serve\nserve(Info('it-is', '1.0.0'))\n"


@unittest.skipIf(sys.platform == "win32", "plugins are not debugged there")
class Debugging(unittest.TestCase):
    def test_serves_until_it_is_told_to_end(self):
        path = os.path.join(os.path.dirname(__file__), "..", "src")
        with tempfile.TemporaryDirectory() as holder:
            env = {"PYTHONPATH": path, "TMPDIR": holder, "PATH": os.environ.get("PATH", ""), debugging.DEBUG: "1"}
            p = subprocess.Popen([sys.executable, "-c", SCRIPT], env=env, stdout=subprocess.PIPE, text=True)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdout.close)
            name, value = shlex.split(p.stdout.readline())[0].split("=", 1)
            at = json.loads(value)["it-is"]
            self.assertEqual((name, at["protocol"], at["network"], at["pid"]), (debugging.REATTACH, 1, "unix", p.pid))
            self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(at["address"])).st_mode), 0o700)
            for _ in range(2):
                with grpc.insecure_channel("unix:" + at["address"]) as channel:
                    grpc.channel_ready_future(channel).result(timeout=120)
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.wait(timeout=120), 0)
            self.assertEqual(os.listdir(holder), [])

    def test_a_host_is_no_debugger(self):
        for debug, cookie, want in (("1", "", True), ("1", "v1", False), ("", "", False)):
            with unittest.mock.patch.dict(os.environ, {debugging.DEBUG: debug, "COOKIE": cookie}):
                self.assertEqual(debugging.by_hand("COOKIE"), want)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Reports in a notebook, from a host that answers as the real one does, and from the real one if it is there."""
from __future__ import annotations

import json
import os
import pathlib
import stat
import sys
import tempfile
import unittest

from bulkhead.notebook import BulkheadError, doctor

# For a shell its second line runs Python on it, whose path may have spaces; for Python that is a text.
HOST = """#!/bin/sh
"exec" "{python}" "$0" "$@"
import json, sys
arguments = sys.argv[1:]
if "--wrong" in arguments:
    print("error: Wrong command line", file=sys.stderr)
    sys.exit(78)
if "html" in arguments:
    print('<p title="a">5 &lt; 6</p>')
elif "text" in arguments:
    print("Nothing wrong was found.")
else:
    print(json.dumps({{"arguments": arguments}}))
sys.exit(1)
"""


@unittest.skipIf(os.name == "nt", "a script is no executable here")
class Notebook(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.host = pathlib.Path(directory.name, "host")
        self.host.write_text(HOST.format(python=sys.executable), encoding="utf-8")
        self.host.chmod(self.host.stat().st_mode | stat.S_IXUSR)

    def test_report(self):
        report = doctor("--level", "2", executable=str(self.host), timeout=90)
        self.assertEqual(report.data["arguments"],
                         ["doctor", "--python", sys.prefix, "--timeout", "90s", "--level", "2", "--json"])
        self.assertEqual((report.code, report.healthy), (1, False))
        self.assertEqual(str(report), "Nothing wrong was found.\n")
        shown = report._repr_html_()
        self.assertIn("&lt;p title=&quot;a&quot;&gt;5 &amp;lt; 6", shown)
        self.assertNotIn("<p", shown)

    def test_another_environment(self):
        report = doctor("--python=/opt/venv", executable=str(self.host))
        self.assertNotIn(sys.prefix, report.data["arguments"])

    def test_no_report(self):
        with self.assertRaisesRegex(BulkheadError, "Wrong command line"):
            doctor("--wrong", executable=str(self.host))
        with self.assertRaisesRegex(BulkheadError, "install Bulkhead"):
            doctor(executable=str(self.host) + ".gone")


@unittest.skipUnless(os.environ.get("BULKHEAD_TEST_BIN"), "BULKHEAD_TEST_BIN names no host")
class RealHost(unittest.TestCase):
    def test_page(self):
        report = doctor(executable=os.path.join(os.environ["BULKHEAD_TEST_BIN"], "bulkhead"))
        self.assertIn("findings", report.data)
        self.assertTrue(report.html.lstrip().lower().startswith("<!doctype html>"))
        json.dumps(report.data)


if __name__ == "__main__":
    unittest.main()

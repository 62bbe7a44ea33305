# SPDX-License-Identifier: Apache-2.0
"""The README is run: what it shows works, and its tests pass."""
from __future__ import annotations

import pathlib
import re
import sys
import tempfile
import types
import unittest

try:
    import pyarrow  # noqa: F401
except ImportError:
    raise unittest.SkipTest("pyarrow is not installed, which the README's kernel needs") from None

README = pathlib.Path(__file__).parent.parent / "README.md"


class Readme(unittest.TestCase):
    def test_examples(self):
        module = types.ModuleType("readme")
        sys.modules["readme"] = module  # where dataclasses look for the names in their annotations
        self.addCleanup(sys.modules.pop, "readme")
        for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S):
            exec(compile(block, "README.md", "exec"), module.__dict__)
        module.test_few_cpus()
        module.test_clip()
        with tempfile.TemporaryDirectory() as directory:
            module.test_boot(pathlib.Path(directory))


if __name__ == "__main__":
    unittest.main()

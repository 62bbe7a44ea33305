# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
import glob
import json
import os
import random
import unittest

from bulkhead import Diagnostic, state
from bulkhead.stateformat import number

VECTORS = os.path.join(os.path.dirname(__file__), "..", "..", "state", "testdata")


def made(**header):
    w = state.Writer("shop.centre", 2, seed=7, **header)
    return w.strings("columns", ["a", "żółć"]).floats("means", [0.5, -2.0]).integers("n", [2**62]).json("options", {"b": [1, None]})


class States(unittest.TestCase):
    def test_round_trip(self):
        data = made(metrics={"r2": 0.1, "rows": 1e21}, plugin="0.1.0").array("m", memoryview(array.array("f", range(6))).cast("B").cast("f", (2, 3))).bytes()
        s = state.Reader(data, "shop.centre", 2)
        self.assertEqual((s.version, s.seed, s.header["metrics"]), (2, 7, {"r2": 0.1, "rows": 1e21}))
        self.assertEqual(s.strings("columns"), ["a", "żółć"])
        self.assertEqual((s.floats("means", 2), s.integers("n"), s.json("options")), ([0.5, -2.0], [2**62], {"b": [1, None]}))
        with self.assertRaisesRegex(state.StateError, "array m"):
            s.end()
        view = s.array("m")
        self.assertEqual((view.shape, view.tolist()), ((2, 3), [[0, 1, 2], [3, 4, 5]]))
        s.end()
        self.assertEqual(data, made(metrics={"rows": 1e21, "r2": 0.1}, plugin="0.1.0").array("m", memoryview(array.array("f", range(6))).cast("B").cast("f", (2, 3))).bytes())

    def test_another_state(self):
        data = made().bytes()
        for kernel, version, oldest in (("shop.other", 2, None), ("shop.centre", 3, None), ("shop.centre", 1, None)):
            with self.assertRaises(state.StateError):
                state.Reader(data, kernel, version, oldest)
        self.assertEqual(state.Reader(data, "shop.centre", 3, 1).version, 2)

    def test_wrong_questions(self):
        s = state.Reader(made().bytes(), "shop.centre", 2)
        for ask in (lambda: s.floats("means", 3), lambda: s.floats("columns"), lambda: s.floats("none"), lambda: s.array("columns")):
            with self.assertRaises(state.StateError):
                ask()
        with self.assertRaisesRegex(Diagnostic, "NaN or an infinity"):
            state.Writer("k", 1).floats("x", [float("nan")])
        with self.assertRaises(ValueError):
            state.Writer("k", 1).floats("x", [1.0], 2)
        with self.assertRaises(state.StateError):
            state.Writer("k", 0).bytes()

    def test_any_broken_byte_is_refused(self):
        data, chance = made().bytes(), random.Random(1)
        for _ in range(500):
            at, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
            with self.assertRaises(state.StateError):
                state.Reader(data[:at] + bytes([data[at] ^ bit]) + data[at + 1:], "shop.centre", 2)
        for n in range(len(data)):
            with self.assertRaises(state.StateError):
                state.Reader(data[:n], "shop.centre", 2)

    def test_numbers(self):
        for x, want in (
            (0.0, "0"), (-0.0, "0"), (1.0, "1"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-6, "0.000001"), (1e-7, "1e-7"),
            (-1.5e300, "-1.5e+300"), (0.1, "0.1"), (123456.789, "123456.789"), (5e-324, "5e-324"),
        ):
            self.assertEqual(number(x), want)


@unittest.skipUnless(os.path.isdir(VECTORS), "the vectors of sdk/state are not beside this package")
class Vectors(unittest.TestCase):
    """The published vectors of docs/state-format.md."""

    def read(self, name):
        with open(os.path.join(VECTORS, name), "rb") as f:
            return f.read()

    def test_linear(self):
        data = self.read("linear.state")
        want = json.loads(self.read("linear.json"))["header"]
        s = state.Reader(data, want["kernel"], want["version"])
        self.assertEqual((s.array("coef").tolist(), s.array("intercept").tolist(), s.strings("features")), ([[0.5, -2.0]], [1.25], ["x", "z"]))
        s.end()

    def test_writes_the_same_bytes(self):
        data = self.read("linear.state")
        h = json.loads(self.read("linear.json"))["header"]
        w = state.Writer(h["kernel"], h["version"], seed=int(h["seed"]))
        w._header.update({k: v for k, v in h.items() if k != "arrays"})
        for a in json.loads(self.read("linear.json"))["arrays"]:
            if a["dtype"] == "utf8":
                w.strings(a["name"], a["values"])
            else:
                values = array.array("d", state.Reader(data, h["kernel"], h["version"]).array(a["name"]).tobytes())
                w._numbers(a["name"], "float64", values, a["shape"]) if a["shape"] else w._add(a["name"], "float64", (), values.tobytes())
        self.assertEqual(w.bytes(), data)

    def test_refused(self):
        reasons = json.loads(self.read("refused.json"))
        names = glob.glob(os.path.join(VECTORS, "refused", "*.state"))
        self.assertGreaterEqual(len(names), len(reasons))
        for name in names:
            with self.subTest(os.path.basename(name)), self.assertRaises(state.StateError):
                self.whole(self.read(name))

    def whole(self, data):
        """Reads all that is in a state, as a kernel that knows it would."""
        header, _ = state._open(data)
        s = state.Reader(data, header["kernel"], header["version"])
        for a in header["arrays"]:
            {"utf8": s.strings, "json": s.json}.get(a["dtype"], s.array)(a["name"])
        s.end()


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""What does not fit into a message is told in one that does."""
from __future__ import annotations

import unittest

try:
    import pyarrow as pa
except ImportError as e:
    raise unittest.SkipTest(f"{e.name} is not installed") from None

from bulkhead import DATA, Diagnostic, Kernel, batches, error, warning, wire
from bulkhead.calls import Calls
from bulkhead.checks import Check, Status, run
from bulkhead.collectors import Collector, observe
from bulkhead.diagnostics import Cancelled
from bulkhead.facts import Facts
from bulkhead.kernels import Rejected
from bulkhead.outbox import Outbox
from bulkhead.plugin.v1 import kernel_pb2 as pb
from bulkhead.results import MAX_REPORT_BYTES, MAX_RESULTS_BYTES

MESSAGE = 16 << 20


def wordy():
    return pa.schema([pa.field("a", pa.float64()), pa.field("city", pa.float64(), metadata={"categories": "x" * (17 << 20)})])


class Loud(Kernel):
    """Says more than a message holds."""

    name, compartment = "loud", DATA

    def transform(self, rows):
        for i in range(300):
            self.setup.reject(i, "r" * 1_000_000, "c", "d")
        for _ in range(300):
            self.setup.diagnose(warning("Odd", "x" * (1 << 20)))
        raise error("Last", "It is an error.")
        yield


class Wordy(Kernel):
    """Has names and metadata of megabytes."""

    name, compartment = "wordy", DATA

    def output_schema(self):
        return wordy()

    def transform(self, rows):
        return {}


class Long(Kernel):
    """Has a report of megabytes."""

    name, compartment = "long", DATA

    def transform(self, rows):
        return {"all": "x" * MAX_REPORT_BYTES}


class Aside(BaseException):
    """No Exception, as some libraries have them."""


class Leaves(Kernel):
    """Raises what is no Exception."""

    name, compartment = "leaves", DATA
    raises: type = Aside

    def transform(self, rows):
        raise self.raises("away")
        yield


class Half(Kernel):
    """Tells rows that there are not."""

    name, compartment = "half", DATA
    row: object = 0.5

    def transform(self, rows):
        yield pa.record_batch({"x": [1.0]}), [self.row]


class Full(Kernel):
    """Says as much as one kernel may: a report of full size, and as many messages."""

    name, compartment, row_wise = "full", DATA, True

    def transform(self, rows):
        yield from rows
        for _ in range(100):
            self.setup.diagnose(warning("Odd", "x" * (64 << 10)))
        return {"all": "x" * (MAX_REPORT_BYTES - 100)}


class Fails(Full):
    """Says as much, and fails."""

    name = "fails"

    def transform(self, rows):
        yield from super().transform(rows)
        raise error("Last", "It is an error.")


class Kept(Outbox):
    """Keeps what is sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def put(self, message):
        self.sent.append(message)


class Bounds(unittest.TestCase):
    def transform(self, kernel, *then):
        schema = batches.encode_schema(pa.schema({"x": pa.float64()}))
        opened = pb.Open(kernel=kernel.name, schema=schema, then=[pb.Open(kernel=k.name) for k in then])
        box = Kept()
        requests = [pb.TransformRequest(open=opened)]
        if then:
            requests += [pb.TransformRequest(batch=p) for p, _, _ in batches.encode(pa.record_batch({"x": [1.0]}))]
        Calls({kernel, *then}).transform(iter(requests), box)
        for m in box.sent:
            self.assertLess(m.ByteSize(), MESSAGE)
        return box.sent[-1].result

    def test_schema(self):
        with self.assertRaisesRegex(Diagnostic, "column 'city' has 178.* leave it out"):
            batches.encode_schema(wordy())
        self.assertEqual(self.transform(Wordy).diagnostics[-1].summary, "Columns that cannot travel")
        response = Calls([Wordy]).validate(pb.ValidateRequest(open=pb.Open(kernel="wordy")))
        self.assertEqual((response.diagnostics[-1].summary, response.HasField("output")), ("Columns that cannot travel", False))

    def test_diagnostics(self):
        last = self.transform(Loud).diagnostics[-1]
        self.assertEqual((last.summary, last.severity), ("More diagnostics than travel", 1))

    def test_report(self):
        result = self.transform(Long)
        self.assertEqual((result.diagnostics[-1].summary, result.report_json), ("Report too large", b"{}"))

    def test_fused_kernels_that_say_much(self):
        for then in ((Full,), (Full,) * 4, (Full, Fails)):
            result = self.transform(Full, *then)
            self.assertEqual(len(result.then), len(then))
            self.assertLessEqual(result.ByteSize(), MAX_RESULTS_BYTES + 100)
            every = [result, *result.then]
            for r, kind in zip(every, (Full, *then)):
                said = [d.summary for d in r.diagnostics]
                if r.report_json == b"{}" and Fails not in then:
                    self.assertTrue("Report left out" in said or "more are left out" in r.diagnostics[-1].detail, said)
                failed = any(d.severity == 1 for d in r.diagnostics)
                self.assertEqual(failed, kind is Fails)
            self.assertTrue(any("x" * 1000 in d.detail for r in every for d in r.diagnostics))
        self.assertGreater(len(self.transform(Full).report_json), MAX_REPORT_BYTES - 200)

    def test_whatever_is_raised(self):
        for kind in (Aside, KeyboardInterrupt, GeneratorExit, SystemExit):
            Leaves.raises = kind
            said = self.transform(Leaves).diagnostics[-1]
            self.assertEqual(said.summary, "The kernel crashed")
            self.assertIn("away", said.detail)

        def leaves(*_):
            raise Aside("away")

        _, failed = observe(None, [Collector("a", "A.", leaves), Collector("b", "B.", leaves)])
        self.assertEqual(len(failed), 2)
        outcomes = run(Facts([]), [Check("a.b", "A", leaves), Check("a.c", "A", leaves)])
        self.assertEqual([o.status for o in outcomes], [Status.FAILED] * 2)

        def given_up(*_):
            raise Cancelled("gone")

        with self.assertRaises(Cancelled):
            observe(None, [Collector("a", "A.", given_up)])

    def test_rows_that_are_none(self):
        for row in (0.5, 1 << 70, float("nan")):
            Half.row = row
            said = self.transform(Half).diagnostics[-1]
            self.assertNotEqual(said.detail, "")
        Half.row = 0.5
        self.assertIn("0.5 is no number of a row", self.transform(Half).diagnostics[-1].detail)

    def test_rejected(self):
        rows = [Rejected(i, "r" * 1_000_000, "c" * 1_000_000, "d" * 1_000_000) for i in range(256)]
        self.assertLess(wire.rejected(rows).ByteSize(), MESSAGE)


if __name__ == "__main__":
    unittest.main()

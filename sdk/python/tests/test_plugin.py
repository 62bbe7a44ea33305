# SPDX-License-Identifier: Apache-2.0
"""Whole plugins: over a socket, and as processes."""
from __future__ import annotations

import sys
import tempfile
import threading
import time
import unittest
from dataclasses import dataclass
from unittest import mock

try:
    import grpc
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as e:
    raise unittest.SkipTest(f"{e.name} is not installed") from None

from bulkhead import (
    DATA,
    Description,
    Diagnostic,
    Doc,
    Estimate,
    Finding,
    Info,
    Kernel,
    batches,
    check,
    collector,
    diagnostics,
    error,
    from_file,
    outbox,
    setting,
    state,
    testing,
    warning,
)
from bulkhead.plugin.v1 import doctor_pb2, kernel_pb2, plugin_pb2
from bulkhead.serving import Plugin

from .test_doctor import broken, few, raises, system


@dataclass
class Shift:
    by: float = setting(1.0, doc="What is added.")
    fail: str = setting("", doc="How it fails.")


class Add(Kernel):
    """Adds a number.

    More words."""

    name, compartment, settings, row_wise = "add", DATA, Shift, True

    def validate(self):
        if self.config.by == 0:
            raise error("Nothing to do", "by is zero.").at("by")

    def output_schema(self):
        return self.setup.schema

    def estimate(self):
        return Estimate(seconds_per_row=1e-9, bytes=1024)

    def transform(self, rows):
        if self.config.fail == "early":
            raise KeyError("early")
        for batch in rows:
            yield batch.set_column(0, batch.schema.field(0), pc.add(batch.column(0), self.config.by))
            if self.config.fail == "late":
                sys.exit("late")
            if self.config.fail == "columns":
                yield batch.rename_columns([f"other{i}" for i in range(batch.num_columns)])
            if self.config.fail == "type":
                yield batch.to_pylist()
        self.setup.diagnose(warning("Odd", "Look at it."))
        return {"by": self.config.by, "half": pa.scalar(0.5), "bad": float("nan") if self.config.fail == "report" else 1}


class Even(Kernel):
    """Keeps rows with an even number, and puts every fifth aside."""

    name, row_wise = "even", True

    def transform(self, rows):
        for batch in rows:
            keep = []
            for i in range(batch.num_rows):
                row = rows.row + i
                if row % 5 == 4:
                    self.setup.reject(row, "fifth", "x", f"row {row} \udcff")
                elif row % 2:
                    self.setup.drop(1)
                else:
                    keep.append(i)
            yield batch.take(pa.array(keep, pa.int32())), [rows.row + i for i in keep]


class Mean(Kernel):
    """Learns a mean."""

    name, state_version = "mean", 1

    def fit(self, rows):
        self.mean = pc.mean(rows.read_all().column(0)).as_py() or 0.0
        self.setup.progress(0.5, "half")
        return {"mean": self.mean, "chance": self.setup.random().random()}

    def save(self):
        return state.Writer("t.mean", 1, seed=self.setup.seed).floats("mean", [self.mean]).array("pad", bytes(3 << 20)).bytes()

    def load(self, data):
        s = state.Reader(data, "t.mean", 1)
        self.mean = s.floats("mean", 1)[0]

    def transform(self, rows):
        for batch in rows:
            yield pa.record_batch({"m": pa.array([self.mean] * batch.num_rows)})

    def undo(self, token):
        if token != b"token":
            raise error("Another token", "It is not mine.")


def table(rows, cut=None):
    whole = pa.record_batch({"x": pa.array([float(i) for i in range(rows)])})
    return [whole.slice(i, cut or rows) for i in range(0, rows, cut or max(rows, 1))]


class OverSocket(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.plugin = Plugin(Info("t", "1.0.0", {"b": "2", "a": "1"}), [system, broken], [few, raises], [Add, Even, Mean])
        server = self.plugin.server()
        server.add_insecure_port("unix:" + holder.name + "/s")
        server.start()
        self.addCleanup(lambda: server.stop(0).wait())
        self.channel = grpc.insecure_channel("unix:" + holder.name + "/s", options=[("grpc.max_receive_message_length", -1)])
        self.addCleanup(self.channel.close)

    def call(self, method, request, answer, **options):
        return self.channel.unary_unary("/" + method, type(request).SerializeToString, answer.FromString)(request, timeout=120, **options)

    def stream(self, method, requests, answer):
        call = self.channel.stream_stream("/bulkhead.plugin.v1.KernelService/" + method, lambda m: m.SerializeToString(), answer.FromString)
        return call(iter(requests), timeout=120)

    def opened(self, kernel, schema, config=b"", then=()):
        return kernel_pb2.Open(kernel=kernel, schema=batches.encode_schema(schema), config_json=config, seed=3, then=[kernel_pb2.Open(kernel=k) for k in then])

    def transform(self, kernel, data, config=b"", then=(), states=b""):
        schema = data[0].schema if data else pa.schema({"x": pa.float64()})
        R = kernel_pb2.TransformRequest
        requests = [R(open=self.opened(kernel, schema, config, then))]
        requests += [R(state_chunk=states[i:i + 999_999]) for i in range(0, len(states), 999_999)]
        requests += [R(batch=p) for b in data for p, _, _ in batches.encode(b)]
        out = list(self.stream("Transform", requests, kernel_pb2.TransformResponse))
        told = next((batches.decode_schema(m.schema) for m in out if m.HasField("schema")), None)
        rows = [batches.decode(told, m.batch) for m in out if m.HasField("batch")]
        origins = [int.from_bytes(m.batch.origins[i:i + 8], "little") for m in out for i in range(0, len(m.batch.origins), 8)]
        rejected = [r for m in out for r in m.rejected.rows]
        self.assertTrue(out[-1].HasField("result"))
        return out[-1].result, rows, origins, rejected

    def test_describe(self):
        d = self.call("bulkhead.plugin.v1.PluginService/Describe", plugin_pb2.DescribeRequest(), plugin_pb2.DescribeResponse)
        self.assertEqual((d.name, d.version, [t.name for t in d.tables], [c.code for c in d.checks]), ("t", "1.0.0", ["a", "b"], ["hello.few", "hello.broken"]))
        add, even, mean = d.kernels
        self.assertEqual((add.summary, add.compartment, add.fits, add.transforms, add.row_wise), ("Adds a number.", "data", False, True, True))
        self.assertEqual((mean.fits, mean.transforms, mean.undoes, mean.state_version, mean.min_state_version), (True, True, True, 1, 1))

    def test_doctor(self):
        with tempfile.TemporaryDirectory() as root:
            testing.machine(root, {"/etc/os-release": "ID=x"})
            got = self.call("bulkhead.plugin.v1.CollectorService/Collect", doctor_pb2.CollectRequest(target=doctor_pb2.Target(root=root)), doctor_pb2.CollectResponse)
        self.assertEqual(([f.address for f in got.facts][1], len(got.diagnostics)), ("os.id", 1))
        facts = [doctor_pb2.Fact(address="cpu.count", value_json=b"1")]
        got = self.call("bulkhead.plugin.v1.CheckerService/Check", doctor_pb2.CheckRequest(facts=facts, config_json={"hello.few": b'{"least": 5}'}), doctor_pb2.CheckResponse)
        self.assertEqual((got.findings[0].detail, [o.status for o in got.outcomes], list(got.reads.addresses)), ("1 of 5", [1, 3], ["cpu.count", "no.such"]))
        got = self.call("bulkhead.plugin.v1.CheckerService/Check", doctor_pb2.CheckRequest(facts=[doctor_pb2.Fact(address="a")]), doctor_pb2.CheckResponse)
        self.assertIn("neither a JSON value nor a reason", got.diagnostics[0].detail)

    def test_values_of_other_types(self):
        @collector("odd", "Odd.", facts=[Description("a.b", "?", "number")])
        def odd(target, record):
            record.add("a.b", 1, from_file("/x", "three"))
            record.add("a.b", 2)

        @check("odd.finding", "Odd", area="x", doc=Doc("?"))
        def wrong(c):
            c.report(Finding(detail=3))

        @check("odd.exit", "Odd", area="x", doc=Doc("?"))
        def leaves(c):
            sys.exit(1)

        plugin, context = Plugin(Info("t", "1.0.0"), [odd], [wrong, leaves, few]), mock.Mock()
        got = plugin.collect(doctor_pb2.CollectRequest(target=doctor_pb2.Target(root="/nowhere")), context)
        self.assertEqual(([f.value_json for f in got.facts], len(got.diagnostics)), ([b"2"], 1))
        got = plugin.check(doctor_pb2.CheckRequest(), context)
        self.assertEqual(([o.status for o in got.outcomes], len(got.findings)), ([3, 3, 2], 0))
        with self.assertRaises(TypeError):
            testing.setup(Add, pa.schema([])).diagnose("words")

    def test_only_what_it_has(self):
        self.assertEqual(Plugin(Info("t", "1.0.0"), checks=[few]).offers(), {"CollectorService": False, "CheckerService": True, "KernelService": False})

    def validate(self, config):
        request = kernel_pb2.ValidateRequest(open=self.opened("add", pa.schema({"x": pa.float64()}), config))
        return self.call("bulkhead.plugin.v1.KernelService/Validate", request, kernel_pb2.ValidateResponse)

    def test_validate(self):
        got = self.validate(b"{}")
        self.assertEqual((len(got.diagnostics), got.output.columns[0].name, got.estimate.memory_bytes), (0, "x", 1024))
        got = self.validate(b'{"by": 0}')
        self.assertEqual((got.diagnostics[0].summary, list(got.diagnostics[0].path)), ("Nothing to do", ["by"]))

    def test_transform(self):
        result, rows, origins, _ = self.transform("add", table(10, 4), b'{"by": 2}')
        self.assertEqual(pa.Table.from_batches(rows)["x"].to_pylist(), [float(i + 2) for i in range(10)])
        self.assertEqual((result.rows_in, result.rows_out, origins, result.report_json), (10, 10, [], b'{"by": 2.0, "half": 0.5, "bad": 1}'))
        self.assertEqual([d.severity for d in result.diagnostics], [plugin_pb2.Diagnostic.SEVERITY_WARNING])

    def test_rows(self):
        result, rows, origins, rejected = self.transform("even", table(30, 7))
        want = [i for i in range(30) if i % 2 == 0 and i % 5 != 4]
        self.assertEqual((pa.Table.from_batches(rows)["x"].to_pylist(), origins), (want, want))
        self.assertEqual(([r.row for r in rejected], result.rows_rejected, result.rows_in), ([4, 9, 14, 19, 24, 29], 6, 30))
        self.assertEqual(result.rows_in, result.rows_out + result.rows_dropped + result.rows_rejected)
        self.assertEqual(rejected[0].detail, "row 4 \ufffd")

    def test_fused(self):
        alone = list(range(30))
        for _ in range(2):
            alone = [r for i, r in enumerate(alone) if i % 2 == 0 and i % 5 != 4]
        result, rows, origins, rejected = self.transform("even", table(30, 7), then=("add", "even"))
        self.assertEqual((pa.Table.from_batches(rows)["x"].to_pylist(), origins), ([r + 1.0 for r in alone], alone))
        self.assertEqual(([r.rows_in for r in result.then], [r.rows_rejected for r in result.then]), ([12, 12], [0, 2]))
        first = [i for i in range(30) if i % 2 == 0 and i % 5 != 4]
        self.assertEqual(sorted(r.row for r in rejected), sorted([4, 9, 14, 19, 24, 29, first[4], first[9]]))

    def test_fused_failures(self):
        result, _, _, _ = self.transform("add", table(30, 7), then=("no_such", "even"))
        self.assertEqual((len(result.diagnostics), [len(r.diagnostics) for r in result.then]), (0, [1, 0]))
        result, _, _, _ = self.transform("add", table(30, 7), b'{"fail": "late"}', then=("even",))
        self.assertEqual((result.diagnostics[0].summary, len(result.then[0].diagnostics)), ("The kernel crashed", 0))

    def test_failures(self):
        for how, want in {"early": "KeyError: 'early'", "late": "SystemExit: late", "columns": "one schema", "type": "yields list", "report": "report cannot"}.items():
            with self.subTest(how):
                result, _, _, _ = self.transform("add", table(3), f'{{"fail": "{how}"}}'.encode())
                self.assertIn(want, result.diagnostics[-1].detail)
        for kernel, data, config in (("no_such", table(3), b""), ("add", table(3), b"["), ("add", table(3), b'{"by":0}')):
            result, rows, _, _ = self.transform(kernel, data, config)
            self.assertEqual((len(result.diagnostics), rows), (1, []))

    def test_a_traceback_begins_with_the_plugin(self):
        result, _, _, _ = self.transform("add", table(3), b'{"fail": "early"}')
        first = result.diagnostics[0].detail.split("\n")[2]
        self.assertIn(__file__, first)
        memory = diagnostics.from_exception("The kernel", MemoryError())
        self.assertEqual(memory.summary, "The kernel ran out of memory")

    def fit(self, data):
        R = kernel_pb2.FitRequest
        requests = [R(open=self.opened("mean", data[0].schema)), *(R(batch=p) for b in data for p, _, _ in batches.encode(b))]
        out = list(self.stream("Fit", requests, kernel_pb2.FitResponse))
        return out, b"".join(m.state_chunk for m in out)

    def test_fit(self):
        out, learnt = self.fit(table(11, 3))
        self.assertEqual((out[0].progress.fraction, out[0].progress.message, out[-1].result.rows_in), (0.5, "half", 11))
        self.assertEqual(max(len(m.state_chunk) for m in out), 1 << 20)
        result, rows, _, _ = self.transform("mean", table(2), states=learnt)
        self.assertEqual(rows[0].to_pydict(), {"m": [5.0, 5.0]})
        self.assertEqual(self.fit(table(11, 3))[0][-1].result.report_json, out[-1].result.report_json)
        for bad in (b"", b"text", learnt[:-64]):
            result, rows, _, _ = self.transform("mean", table(2), states=bad)
            self.assertIn("Fit the kernel again", result.diagnostics[0].detail)

    def test_undo(self):
        for token, failures in ((b"token", 0), (b"x", 1)):
            request = kernel_pb2.UndoRequest(open=self.opened("mean", pa.schema([])), token=token)
            self.assertEqual(len(self.call("bulkhead.plugin.v1.KernelService/Undo", request, kernel_pb2.UndoResponse).diagnostics), failures)

    def test_disorder(self):
        for requests in ([], [kernel_pb2.TransformRequest(state_chunk=b"x")]):
            with self.assertRaises(grpc.RpcError) as caught:
                list(self.stream("Transform", requests, kernel_pb2.TransformResponse))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_no_thread(self):
        with mock.patch("threading.Thread.start", side_effect=RuntimeError("can't start new thread")), self.assertRaises(outbox.NoThread):
            outbox.worked(lambda box: None, outbox.Outbox(), lambda: None)
        pool = outbox.Threads()
        with mock.patch.object(outbox.futures.ThreadPoolExecutor, "submit", side_effect=RuntimeError("can't start new thread")):
            with mock.patch("os._exit") as gone, mock.patch("sys.stderr") as said, self.assertRaises(RuntimeError):
                pool.submit(print)
        gone.assert_called_once_with(1)
        self.assertIn("raise `processes` or `memory`", said.write.call_args[0][0])

    def test_cancelled_calls_end(self):
        let_go = threading.Event()

        def requests():
            yield kernel_pb2.TransformRequest(open=self.opened("add", pa.schema({"x": pa.float64()})))
            let_go.wait(300)

        call = self.stream("Transform", requests(), kernel_pb2.TransformResponse)
        time.sleep(0.2)  # until it waits for its first batch
        call.cancel()
        began = time.monotonic()
        self.drain()
        self.assertLess(time.monotonic() - began, 100)
        let_go.set()
        with self.assertRaises(grpc.RpcError) as caught:
            self.test_describe()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def drain(self):
        return self.call("bulkhead.plugin.v1.PluginService/Drain", plugin_pb2.DrainRequest(), plugin_pb2.DrainResponse)

    def test_a_large_message_is_refused(self):
        request = doctor_pb2.CheckRequest(codes=["x" * (17 << 20)])
        with self.assertRaises(grpc.RpcError) as caught:
            self.call("bulkhead.plugin.v1.CheckerService/Check", request, doctor_pb2.CheckResponse)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_health(self):
        raw = self.channel.unary_unary("/grpc.health.v1.Health/Check", lambda m: m, lambda m: m)(b"\x0a\x06plugin", timeout=120)
        self.assertEqual(raw, b"\x08\x01")


class Alone(unittest.TestCase):
    def test_bugs_of_the_author(self):
        class Nothing(Kernel):
            name = "nothing"

        class Forgets(Kernel):
            name = "forgets"

            def fit(self, rows):
                return None

        for kernel in (Nothing, Forgets, Kernel):
            with self.assertRaises(TypeError):
                Plugin(Info("t", "1.0.0"), kernels=[kernel])
        with self.assertRaises(ValueError):
            Plugin(Info("No Name", "1.0.0"))

    def test_without_a_plugin(self):
        out = testing.transform(Even, pa.Table.from_batches(table(10, 3)))
        self.assertEqual((out.origins, out.dropped, [r.row for r in out.rejected]), ([0, 2, 6, 8], 4, [4, 9]))
        fitted = testing.fit(Mean, table(3)[0], seed=3)
        self.assertEqual(testing.transform(Mean, table(1)[0], state=fitted.state).table["m"].to_pylist(), [1.0])
        with self.assertRaises(Diagnostic):
            testing.transform(Add, table(1)[0], {"by": 0})


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Sources and sinks: files that the host hands over."""
from __future__ import annotations

import array
import io
import os
import socket
import tempfile
import threading
import unittest
from unittest import mock

try:
    import pyarrow as pa
except ImportError as e:
    raise unittest.SkipTest(f"{e.name} is not installed") from None

from bulkhead import DATA, Diagnostic, Info, Kernel, files, testing
from bulkhead.calls import Calls
from bulkhead.diagnostics import Cancelled
from bulkhead.outbox import Outbox
from bulkhead.plugin.v1 import kernel_pb2 as pb
from bulkhead.serving import Plugin


class Lines(Kernel):
    """Reads the lines of a text."""

    name, compartment, reads_file = "read_lines", DATA, True

    def transform(self, batches):
        for _ in batches:
            pass
        yield pa.record_batch({"line": [text.decode().rstrip("\n") for text in self.setup.file("input")]})
        return {"read": True}


class Write(Kernel):
    """Writes the lines of a text."""

    name, compartment, writes_file = "write_lines", DATA, True

    def transform(self, batches):
        for batch in batches:
            for value in batch.column(0):
                self.setup.file("output").write(value.as_py().encode() + b"\n")
        return {"rows": batches.rows}


def never():
    return False


def call(kernel, *given, source=None):
    """One transform without rows: its answers."""
    calls, box = Calls([Lines, Write]), Outbox()
    calls.source = source
    answers = []
    box.put = lambda m: answers.append(m)
    calls.transform(iter([pb.TransformRequest(open=pb.Open(kernel=kernel, files=given))]), box)
    return answers


def rows(answers):
    return sum(a.batch.rows for a in answers if a.WhichOneof("message") == "batch")


class WithoutAHost(unittest.TestCase):
    def test_reads(self):
        out = testing.transform(Lines, pa.table({}), files={"input": io.BytesIO(b"a\nb\n")})
        self.assertEqual((out.table["line"].to_pylist(), out.report), (["a", "b"], {"read": True}))

    def test_writes(self):
        text = io.BytesIO()
        out = testing.transform(Write, pa.table({"line": ["a", "b"]}), files={"output": text})
        self.assertEqual((text.getvalue(), out.report, out.table.num_rows), (b"a\nb\n", {"rows": 2}, 0))

    def test_no_file(self):
        with self.assertRaisesRegex(Diagnostic, "gave this call no file 'input'"):
            testing.transform(Lines, pa.table({}))

    def test_bugs_of_the_author(self):
        both = type("Both", (Lines,), {"writes_file": True})
        fits = type("Fits", (Kernel,), {"name": "fits", "reads_file": True, "fit": print, "save": print, "load": print, "state_version": 1})
        for kind, want in ((both, "two kernels"), (fits, "does not define transform")):
            with self.assertRaisesRegex(TypeError, want):
                kind.check_class()


class ByPath(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.name = os.path.join(holder.name, "f")
        with open(self.name, "wb") as f:
            f.write(b"a\nb\n")

    def test_reads(self):
        answers = call("read_lines", pb.File(name="input", path=self.name))
        self.assertEqual((rows(answers), list(answers[-1].result.diagnostics)), (2, []))

    def test_nothing_there(self):
        answers = call("read_lines", pb.File(name="input", path=self.name + "x"))
        self.assertIn("'input' of this call: No such file", answers[-1].result.diagnostics[0].detail)

    def test_written_before_the_host_hears_of_it(self):
        calls, seen = Calls([Write]), []
        box = Outbox()

        def put(message):
            if message.WhichOneof("message") == "result":
                with open(self.name, "rb") as f:
                    seen.append(f.read())

        box.put = put
        batch = next(iter(parts(pa.record_batch({"line": ["first", "second"]}))))
        schema = pa.schema({"line": pa.string()})
        calls.transform(iter([
            pb.TransformRequest(open=pb.Open(kernel="write_lines", schema=encoded(schema), files=[pb.File(name="output", path=self.name)])),
            pb.TransformRequest(batch=batch),
        ]), box)
        self.assertEqual(seen, [b"first\nsecond\n"])

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no full device")
    def test_what_cannot_be_written_fails_the_call(self):
        full = open("/dev/full", "wb")
        full.write(b"lost")
        with self.assertRaisesRegex(Diagnostic, "'output' of this call: No space left"):
            files.flush({"output": full})
        files.close({"output": full})
        files.flush({"output": full})  # the kernel closed it itself


def encoded(schema):
    from bulkhead import batches

    return batches.encode_schema(schema)


def parts(batch):
    from bulkhead import batches

    return (part for part, _, _ in batches.encode(batch))


@unittest.skipUnless(hasattr(socket, "recv_fds") and hasattr(socket, "SOCK_SEQPACKET") and hasattr(socket, "MSG_CMSG_CLOEXEC"), "no descriptors travel here")
class ByDescriptor(unittest.TestCase):
    def setUp(self):
        self.host, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.host.close)
        self.host.settimeout(120)
        self.source = files.DataSocket(theirs.detach())
        self.addCleanup(self.source.close)
        self.hello = self.host.recv(1000)

    def send(self, kind, number, *fds, size=64):
        message = bytearray(size)
        message[0], message[16:24] = kind, number.to_bytes(8, "little")
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.host.sendmsg([message], passed)

    def text(self, data):
        f = tempfile.TemporaryFile()
        self.addCleanup(f.close)
        f.write(data)
        f.seek(0)
        return f

    def test_hello(self):
        self.assertEqual(self.hello, bytes([11]) + bytes(63))

    def test_reads(self):
        self.send(files.FILE, 5, self.text(b"a\nb\nc\n").fileno())
        answers = call("read_lines", pb.File(name="input", descriptor=5), source=self.source)
        self.assertEqual((rows(answers), list(answers[-1].result.diagnostics)), (3, []))

    def test_in_any_order_and_beside_other_messages(self):
        self.send(4, 9)  # of a lane
        self.send(2, 9, self.text(b"").fileno())
        self.send(files.FILE, 1, size=60)
        for number in (7, 8):
            self.send(files.FILE, number, self.text(str(number).encode()).fileno())
        for number in (8, 7):
            with os.fdopen(self.source.take(number, never), "rb") as f:
                self.assertEqual(f.read(), str(number).encode())

    def test_comes_later(self):
        text = self.text(b"late")
        waits = threading.Event()

        def cancelled():
            waits.set()
            return False

        sender = threading.Thread(target=lambda: (waits.wait(20), self.send(files.FILE, 3, text.fileno())))
        sender.start()
        with os.fdopen(self.source.take(3, cancelled), "rb") as f:
            self.assertEqual(f.read(), b"late")
        sender.join()

    def test_given_up(self):
        with self.assertRaises(Cancelled):
            self.source.take(3, lambda: True)

    def test_never_sent(self):
        with mock.patch.object(files, "_PATIENCE", 0.0), self.assertRaisesRegex(OSError, "names file 3 and has not sent it"):
            self.source.take(3, never)
        self.host.close()
        answers = call("read_lines", pb.File(name="input", descriptor=3), source=self.source)
        self.assertIn("closed the data socket", answers[-1].result.diagnostics[0].detail)

    def test_no_socket(self):
        answers = call("read_lines", pb.File(name="input", descriptor=3))
        self.assertIn("gave this process no data socket", answers[-1].result.diagnostics[0].detail)

    def test_files_of_calls_that_never_came(self):
        text, before = self.text(b""), count_open()
        for number in range(1, 3 * files._WAITING + 1):
            self.send(files.FILE, number, text.fileno())
            if number > 1:
                with mock.patch.object(files, "_PATIENCE", 20.0):
                    self.source._receive()
        self.assertLessEqual(count_open() - before, files._WAITING)
        self.source.close()
        self.assertLessEqual(count_open(), before)

    def test_only_a_plugin_with_files_says_hello(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        plain = type("Plain", (Kernel,), {"name": "plain", "transform": lambda self, batches: {}})
        with mock.patch.dict(os.environ, {files.ENV_FD: str(theirs.fileno())}):
            Plugin(Info("t", "1.0.0"), kernels=[plain]).share()
            ours.setblocking(False)
            with self.assertRaises(BlockingIOError):
                ours.recv(64)
            reads = Plugin(Info("t", "1.0.0"), kernels=[Lines])
            reads.share()
        self.assertEqual(ours.recv(64)[0], files.HELLO_FILES)
        theirs.detach()
        reads._calls.source.close()
        with mock.patch.dict(os.environ, {files.ENV_FD: ""}):
            self.assertIsNone(files.inherited())


def count_open():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


if __name__ == "__main__":
    unittest.main()

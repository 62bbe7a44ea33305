# SPDX-License-Identifier: Apache-2.0
"""The calls of KernelService, apart from how they travel: requests in, answers out."""

from __future__ import annotations

import array
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from . import batches, files, results, settings, wire
from .diagnostics import Cancelled, Diagnostic, error
from .kernels import Kernel, Rejected, Setup
from .outbox import Malformed, Outbox
from .plugin.v1 import kernel_pb2 as pb
from .streams import Item, Reader, Stage, lead

#: Pieces that a state is sent in, and the largest state, in bytes.
STATE_CHUNK = 1 << 20
MAX_STATE_BYTES = 1 << 30
_REJECT_AHEAD = 256


class Calls:
    """Answers the host for a set of kernels."""

    def __init__(self, kernels: Iterable[type[Kernel]]) -> None:
        self._kernels = {k.name: k for k in kernels}
        #: Where files of calls come from that the host does not name by their paths.
        self.source: files.DataSocket | None = None

    def take_files(self) -> bool:
        """Whether any kernel reads or writes files."""
        return any(k.reads_file or k.writes_file for k in self._kernels.values())

    def validate(self, request: pb.ValidateRequest) -> pb.ValidateResponse:
        """Checks settings against columns before any data moves."""
        response, stage = pb.ValidateResponse(), Stage(request.open.kernel)
        guarded(stage, lambda: self._examine(stage, request.open, response))
        response.diagnostics.extend(wire.diagnostics(results.messages(stage)))
        return response

    def _examine(self, stage: Stage, opened: pb.Open, response: pb.ValidateResponse) -> None:
        self._open(stage, opened, batches.decode_schema(opened.schema))
        assert stage.kernel is not None
        output = stage.kernel.output_schema()
        if output is not None:
            response.output.CopyFrom(batches.encode_schema(output))
        e = stage.kernel.estimate()
        if e is not None:
            response.estimate.CopyFrom(pb.Estimate(
                seconds_per_row=e.seconds_per_row, seconds=e.seconds, memory_bytes_per_row=e.bytes_per_row, memory_bytes=e.bytes,
            ))

    def undo(self, request: pb.UndoRequest) -> pb.UndoResponse:
        """Takes back what a transform did."""
        stage = Stage(request.open.kernel)

        def work() -> None:
            self._open(stage, request.open, batches.decode_schema(request.open.schema), check=False)
            if stage.kernel is None or not stage.kernel.defines("undo"):
                raise error("Kernel without undo", f"Kernel {stage.name!r} does nothing that can be taken back.")
            stage.kernel.undo(request.token)

        guarded(stage, work)
        return pb.UndoResponse(diagnostics=wire.diagnostics(results.messages(stage)))

    def fit(self, requests: Iterator[pb.FitRequest], box: Outbox) -> None:
        """Learns from a stream of batches: progress, pieces of the state, one result."""
        opened = _opened(requests)
        stage, send = Stage(opened.kernel), box.put

        def work() -> None:
            schema = batches.decode_schema(opened.schema)
            self._open(stage, opened, schema, box)
            k, setup = stage.kernel, stage.setup
            assert k is not None and setup is not None
            if not k.defines("fit"):
                raise error("Kernel without fit", f"Kernel {stage.name!r} only transforms.")
            setup.on_progress = lambda f, m: send(pb.FitResponse(progress=pb.Progress(fraction=f, message=wire.short(m))))
            stage.reader = Reader(schema, _arrays(schema, map(_batch, requests)))
            stage.report = k.fit(stage.reader)
            for chunk in _chunks(k.save()):
                send(pb.FitResponse(state_chunk=chunk))

        try:
            guarded(stage, work)
            send(pb.FitResponse(result=results.of([stage])))
        finally:
            _close(stage)

    def transform(self, requests: Iterator[pb.TransformRequest], box: Outbox) -> None:
        """Turns batches into batches: columns, batches, rejected rows, one result."""
        opened = _opened(requests)
        stages = [Stage(o.kernel) for o in (opened, *opened.then)]
        first, call = stages[0], _Transform(box)
        try:
            guarded(first, lambda: self._transformer(first, opened, batches.decode_schema(opened.schema), box))
            if first.failure is None:
                states, rest = _head(requests, len(stages))
                guarded(first, lambda: _ready(first, states[0]))
            if first.failure is None:
                assert first.setup is not None
                schema = first.setup.schema
                self._run(stages, opened, states, _arrays(schema, rest), call)
            if first.failure is None:
                guarded(first, lambda: _flush(first))
            box.put(pb.TransformResponse(result=results.of(stages)))
        finally:
            _close(first)

    def _run(
        self, stages: Sequence[Stage], opened: pb.Open, states: Sequence[bytes], source: Iterable[pa.RecordBatch], call: _Transform
    ) -> None:
        def follow(stage: Stage, schema: pa.Schema) -> None:
            at = stages.index(stage)
            self._transformer(stage, opened.then[at - 1], schema, call.box)
            _ready(stage, states[at])

        def work() -> None:
            call.send(lead(stages, follow, source, call.reject), stages[-1])

        # Whoever failed has noted it; what nobody noted is the first one's.
        guarded(stages[0], work, noted=lambda: any(s.failure for s in stages))

    def _transformer(self, stage: Stage, opened: pb.Open, schema: pa.Schema, box: Outbox) -> None:
        self._open(stage, opened, schema, box)
        assert stage.kernel is not None
        if not stage.kernel.defines("transform"):
            raise error("Kernel without transform", f"Kernel {stage.name!r} only fits.")

    def _open(self, stage: Stage, opened: pb.Open, schema: pa.Schema, box: Outbox | None = None, check: bool = True) -> None:
        """Makes the instance of a call, and lets it look at its settings and columns."""
        stage.setup = Setup(schema)
        kind = self._kernels.get(opened.kernel)
        if kind is None:
            raise error("Unknown kernel", f"The plugin has no kernel {opened.kernel!r}.")
        stage.setup = Setup(schema, settings.decode(kind.settings, opened.config_json), opened.seed, opened.budget_ns / 1e9)
        if box is not None:
            stage.setup.is_cancelled = lambda: box.cancelled
            stage.setup.files = files.opened(opened.files, self.source, stage.setup.is_cancelled)
        stage.kernel = kind(stage.setup)
        if check:
            stage.kernel.validate()


class _Transform:
    """What a transform sends."""

    def __init__(self, box: Outbox) -> None:
        self.box = box
        self._waiting: list[Rejected] = []

    def reject(self, row: Rejected) -> None:
        """Rejected rows travel together."""
        self._waiting.append(row)
        if len(self._waiting) >= _REJECT_AHEAD:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self.box.put(pb.TransformResponse(rejected=wire.rejected(self._waiting)))
            self._waiting = []

    def send(self, items: Iterator[Item], last: Stage) -> None:
        """Sends the columns before the first batch, then the batches."""
        declared = self._declare(last, False)
        try:
            for batch, rows in items:
                declared = self._declare(last, declared)
                for part, at, n in batches.encode(batch):
                    if rows is not None:
                        part.origins = _numbers(rows[at:at + n])
                    self.box.put(pb.TransformResponse(batch=part))
                    del part
                del batch, rows
            self._declare(last, declared)
        finally:
            self._flush()

    def _declare(self, last: Stage, declared: bool) -> bool:
        if declared or last.schema is None:
            return declared
        self.box.put(pb.TransformResponse(schema=batches.encode_schema(last.schema)))
        return True


def guarded(stage: Stage, work: Callable[[], None], noted: Callable[[], bool] = lambda: False) -> None:
    """Notes what a kernel raises, whatever it is; only a caller that is gone ends the call at once."""
    try:
        work()
    except (Malformed, Cancelled):
        raise
    except BaseException as e:
        if not noted():
            stage.failure = e


def _opened(requests: Iterator[Any]) -> pb.Open:
    first = next(requests, None)
    if first is None or first.WhichOneof("message") != "open":
        raise Malformed("a call begins with open")
    return first.open


def _ready(stage: Stage, state: bytes) -> None:
    """Loads the state and asks for the columns of the output."""
    k = stage.kernel
    assert k is not None
    if k.defines("fit"):
        try:
            k.load(state)
        except Exception as e:
            why = e.detail if isinstance(e, Diagnostic) else f"{type(e).__name__}: {e}."
            raise error("State that cannot be loaded", f"{why} Fit the kernel again.") from e
    output = k.output_schema()
    if output is not None:
        stage.declare(output)


def _head(requests: Iterator[pb.TransformRequest], stages: int) -> tuple[list[bytes], Iterator[pb.Batch]]:
    """Reads states up to the first batch, or to the end."""
    states, total = [bytearray() for _ in range(stages)], 0
    for r in requests:
        kind = r.WhichOneof("message")
        if kind == "batch":
            return [bytes(s) for s in states], _rest(r.batch, requests)
        at, chunk = (r.then_state.index + 1, r.then_state.chunk) if kind == "then_state" else (0, r.state_chunk)
        total += len(chunk)
        if at >= stages or total > MAX_STATE_BYTES:
            raise Malformed(f"a state of fused kernel {at} of {stages - 1}, {total} bytes in all")
        states[at] += chunk
    return [bytes(s) for s in states], iter(())


def _rest(first: pb.Batch, requests: Iterator[pb.TransformRequest]) -> Iterator[pb.Batch]:
    yield first
    del first
    yield from map(_batch, requests)


def _arrays(schema: pa.Schema, source: Iterator[pb.Batch]) -> Iterator[pa.RecordBatch]:
    """Reads batches, and keeps none: many kernels share the memory of a process."""
    for message in source:
        batch = batches.decode(schema, message)
        del message
        yield batch
        del batch


def _batch(request: Any) -> pb.Batch:
    if request.WhichOneof("message") != "batch":
        raise Malformed("a message without a batch")
    return request.batch


def _chunks(state: bytes) -> Iterator[bytes]:
    if not isinstance(state, (bytes, bytearray, memoryview)):
        raise error("State that is no bytes", f"save returned {type(state).__name__}; return bytes, such as those of bulkhead.state.")
    state = bytes(state)
    if len(state) > MAX_STATE_BYTES:
        raise error("State too large", f"The fitted state has {len(state)} bytes, and at most {MAX_STATE_BYTES} travel.")
    for at in range(0, len(state), STATE_CHUNK):
        yield state[at:at + STATE_CHUNK]


def _flush(stage: Stage) -> None:
    if stage.setup is not None:
        files.flush(stage.setup.files)


def _close(stage: Stage) -> None:
    if stage.setup is not None:
        files.close(stage.setup.files)


def _numbers(rows: Sequence[int]) -> bytes:
    """Rows on the wire: one number for consecutive ones, or one for each, little-endian."""
    if len(rows) and list(rows) == list(range(rows[0], rows[0] + len(rows))):
        rows = [rows[0]]
    out = array.array("q", rows)
    if sys.byteorder == "big":
        out.byteswap()
    return out.tobytes()

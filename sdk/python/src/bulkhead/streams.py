# SPDX-License-Identifier: Apache-2.0
"""How batches pass through kernels, alone or fused: a chain of generators.

What one kernel writes the next one reads, in step. Rows are numbered over the whole call, also
in kernels that come later: an Ancestry maps the rows that they read to those of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from .batches import encode_schema
from .diagnostics import error
from .kernels import Kernel, Rejected, Report, Setup

#: The rows of the call that rows of a batch come from; None when the kernel does not tell.
Lineage = Sequence[int]
Item = tuple[pa.RecordBatch, "Lineage | None"]


class Reader:
    """Gives the batches of a call one by one."""

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        #: Schema of every batch.
        self.schema = schema
        #: Number of rows read so far.
        self.rows = 0
        #: Number of the first row of the batch last read, from 0 over the whole call.
        self.row = 0
        self._batches = iter(batches)

    def __iter__(self) -> Reader:
        return self

    def __next__(self) -> pa.RecordBatch:
        batch = next(self._batches)
        self.row = self.rows
        self.rows += batch.num_rows
        return batch

    def read_all(self) -> pa.Table:
        """Every batch that is left, as one table in memory."""
        return pa.Table.from_batches(list(self), schema=self.schema)


class Ancestry:
    """Maps the rows that a kernel reads to those of the call.

    It remembers the last two batches: a row-wise kernel writes the rows of a batch before it
    reads the next one.
    """

    def __init__(self) -> None:
        self._generations: list[tuple[int, Lineage]] = []

    def read(self, row: int, lineage: Lineage) -> None:
        """Adds a batch whose first row has a number."""
        self._generations = [*self._generations[-1:], (row, lineage)]

    def of(self, row: int) -> int:
        """The row of the call that a row comes from."""
        for first, lineage in self._generations:
            if 0 <= row - first < len(lineage):
                return lineage[row - first]
        raise error("Rows of another batch", f"Row {row} is not of the batch that was read last.")


class Stage:
    """One kernel of a call: its instance, what went in and out, and what became of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kernel: Kernel | None = None
        self.setup: Setup | None = None
        self.reader: Reader | None = None
        self.report: Report | None = None
        self.failure: BaseException | None = None
        self.rows_out = 0
        self.schema: pa.Schema | None = None
        self._told: bool | None = None
        self._wire: Any = None

    def declare(self, schema: pa.Schema) -> None:
        """Holds the output to one schema. Whether a field may be null does not count."""
        if self.schema is not None and schema.equals(self.schema, check_metadata=True):
            return
        now = encode_schema(schema)
        if self.schema is None:
            self.schema, self._wire = schema, now
        elif now != self._wire:
            both = f"it was {self.schema.to_string()}, and is {schema.to_string()}"
            raise error("Output that changes its columns", f"A kernel writes batches of one schema: {both}.")

    def run(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[Item]:
        """Transforms. What it yields has one schema and tells its rows always or never."""
        assert self.kernel is not None
        self.reader = Reader(schema, batches)
        answer = self.kernel.transform(self.reader)
        if answer is None or isinstance(answer, Mapping):
            self.report = answer
            return
        steps = iter(answer)
        while True:
            try:
                item = next(steps)
            except StopIteration as end:
                self.report = end.value
                return
            made = self._output(item)
            del item
            yield made
            del made

    def _output(self, item: Any) -> Item:
        batch, rows = item if isinstance(item, tuple) else (item, None)
        if not isinstance(batch, pa.RecordBatch):
            kind = type(batch).__name__
            raise error("Output that is no batch", f"The kernel yields {kind}; a pyarrow.RecordBatch, or a batch and its rows, travel.")
        if rows is not None:
            rows = [_whole(r) for r in rows]
            if len(rows) != batch.num_rows:
                raise error("Rows that do not fit", f"{len(rows)} numbers of rows for a batch of {batch.num_rows} rows.")
        if self._told not in (None, rows is not None):
            raise error("Rows without their origins", "Yield the numbers of the rows with all batches or with none.")
        self._told = rows is not None
        self.declare(batch.schema)
        self.rows_out += batch.num_rows
        return batch, rows


def _whole(row: Any) -> int:
    number = int(row)
    if isinstance(row, float) and row != number or not -(1 << 63) <= number < 1 << 63:
        raise error("Rows that do not fit", f"{row!r} is no number of a row.")
    return number


#: Makes the kernel of a later stage.
Follow = Callable[[Stage, pa.Schema], None]
#: Takes a row that is put aside.
Reject = Callable[[Rejected], None]


def lead(stages: Sequence[Stage], follow: Follow, batches: Iterable[pa.RecordBatch], reject: Reject) -> Iterator[Item]:
    """Runs a chain. ``follow`` makes the kernel of a later stage, whose columns are known then."""
    first = stages[0]
    assert first.setup is not None
    if len(stages) == 1:
        first.setup.on_reject = reject
        return _watched(first, first.run(batches, first.setup.schema))
    ancestry = Ancestry()
    first.setup.on_reject = _traced(ancestry, reject)
    items = _watched(first, _origins(first, ancestry, first.run(_numbered(batches, ancestry), first.setup.schema)))
    for before, stage in zip(stages, stages[1:]):
        items = _join(before, stage, follow, items, reject)
    return _last(items)


def _watched(stage: Stage, items: Iterator[Item]) -> Iterator[Item]:
    """Notes which stage failed: the others have only stopped."""
    try:
        yield from items
    except BaseException as e:
        if not isinstance(e, GeneratorExit):
            _note(stage, e)
        raise


def _note(stage: Stage, e: Any) -> None:
    if not getattr(e, "bulkhead_noted", False):
        stage.failure = e
        e.bulkhead_noted = True


def _numbered(batches: Iterable[pa.RecordBatch], ancestry: Ancestry) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in batches:
        ancestry.read(row, range(row, row + batch.num_rows))
        row += batch.num_rows
        yield batch


def _traced(ancestry: Ancestry, reject: Reject) -> Reject:
    return lambda r: reject(Rejected(ancestry.of(r.row), r.rule, r.column, r.detail))


def _origins(stage: Stage, ancestry: Ancestry, items: Iterator[Item]) -> Iterator[Item]:
    """Turns what a stage says of its rows into rows of the call."""
    written = 0
    for batch, rows in items:
        assert stage.setup is not None
        if rows is None and stage.setup.dropped + stage.setup.rejected > 0:
            raise error(
                "Rows without origins",
                f"Kernel {stage.name!r} leaves rows out and does not say which ones it writes; "
                "a row-wise kernel that leaves rows out yields (batch, rows).",
            )
        own = range(written, written + batch.num_rows) if rows is None else rows
        written += batch.num_rows
        yield batch, [ancestry.of(r) for r in own]


def _join(before: Stage, stage: Stage, follow: Follow, items: Iterator[Item], reject: Reject) -> Iterator[Item]:
    """Begins a stage when the one before it has told its columns."""
    head = next(items, None)
    if before.schema is None:
        return
    try:
        follow(stage, before.schema)
    except BaseException as e:
        _note(stage, e)
        raise
    ancestry = Ancestry()
    assert stage.setup is not None
    stage.setup.on_reject = _traced(ancestry, reject)
    source = _handed(head, items, ancestry)
    yield from _watched(stage, _origins(stage, ancestry, stage.run(source, before.schema)))


def _handed(head: Item | None, items: Iterator[Item], ancestry: Ancestry) -> Iterator[pa.RecordBatch]:
    row = 0
    while head is not None:
        batch, rows = head
        ancestry.read(row, rows or ())
        row += batch.num_rows
        yield batch
        head = next(items, None)


def _last(items: Iterator[Item]) -> Iterator[Item]:
    """As long as the rows are simply all of them, nothing is told."""
    written, told = 0, False
    for batch, rows in items:
        told = told or (rows is not None and list(rows) != list(range(written, written + batch.num_rows)))
        written += batch.num_rows
        yield batch, rows if told else None

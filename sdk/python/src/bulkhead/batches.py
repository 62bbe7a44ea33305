# SPDX-License-Identifier: Apache-2.0
"""The form in which rows travel: the buffers of Arrow's columnar layout in messages.

The specification is the comment of the Go package sdk/table. A column is nullable and of one
of these types; all others are refused by name:

- int8 to int64, uint8 to uint64, float32, float64, bool;
- utf8 (``pa.string()``), and binary;
- date32, and timestamp in any unit, with a time zone or without one;
- dictionary<int32, utf8>, without nulls in the dictionary;
- list<T> and fixed_size_list<T>, T a number, bool or utf8.

What comes in is checked in full before an array is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from .diagnostics import error
from .plugin.v1 import kernel_pb2 as wire

#: Bounds of one batch on the wire; larger ones are cut.
MAX_ROWS = 64 << 10
MAX_BYTES = 8 << 20
#: Bounds the names and the metadata of all columns together, in bytes on the wire.
MAX_SCHEMA_BYTES = 8 << 20

_C = wire.TableColumn
_PLAIN: dict[Any, pa.DataType] = {
    _C.TYPE_INT8: pa.int8(), _C.TYPE_INT16: pa.int16(), _C.TYPE_INT32: pa.int32(), _C.TYPE_INT64: pa.int64(),
    _C.TYPE_UINT8: pa.uint8(), _C.TYPE_UINT16: pa.uint16(), _C.TYPE_UINT32: pa.uint32(), _C.TYPE_UINT64: pa.uint64(),
    _C.TYPE_FLOAT32: pa.float32(), _C.TYPE_FLOAT64: pa.float64(), _C.TYPE_BOOL: pa.bool_(),
    _C.TYPE_STRING: pa.string(), _C.TYPE_BINARY: pa.binary(), _C.TYPE_DATE32: pa.date32(),
    _C.TYPE_DICTIONARY: pa.dictionary(pa.int32(), pa.string()),
}
_WIRE = {t: n for n, t in _PLAIN.items()}
_ITEMS = {t for n, t in _PLAIN.items() if n not in (_C.TYPE_BINARY, _C.TYPE_DATE32, _C.TYPE_DICTIONARY)}
_UNITS = ("s", "ms", "us", "ns")
_UNIT: dict[str, Any] = {u: n for n, u in enumerate(_UNITS)}


def _bad(what: str) -> Exception:
    return error("Batch that cannot be read", f"{what}.")


# -- schemas -------------------------------------------------------------------------------


def encode_schema(schema: pa.Schema) -> wire.TableSchema:
    """Writes a schema for the wire."""
    out = wire.TableSchema(metadata=_texts(schema.metadata))
    seen: set[str] = set()
    for field in schema:
        if field.name in seen:
            raise error("Columns that cannot travel", f"Column {field.name!r} stands twice.")
        seen.add(field.name)
        column = _encode_type(field.name, field.type)
        column.name = field.name
        column.metadata.update(_texts(field.metadata))
        out.columns.append(column)
    if out.ByteSize() > MAX_SCHEMA_BYTES:
        raise _wordy(out)
    return out


def _wordy(schema: wire.TableSchema) -> Exception:
    """Names the column that has most of what is too much."""
    widest = max(schema.columns, key=lambda c: c.ByteSize(), default=_C())
    return error(
        "Columns that cannot travel",
        f"The names and metadata of {len(schema.columns)} columns have {schema.ByteSize()} bytes, and at most {MAX_SCHEMA_BYTES} "
        f"travel; column {widest.name[:100]!r} has {widest.ByteSize()} of them: shorten what stands in its name or metadata, such "
        "as categories, or leave it out.",
    )


def _texts(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    return {k.decode(): v.decode() for k, v in (metadata or {}).items()}


def _encode_type(name: str, kind: pa.DataType) -> wire.TableColumn:
    if pa.types.is_timestamp(kind):
        return _C(type=_C.TYPE_TIMESTAMP, unit=_UNIT[kind.unit], zone=kind.tz or "")
    if pa.types.is_fixed_size_list(kind) and kind.value_type in _ITEMS:
        return _C(type=_C.TYPE_FIXED_SIZE_LIST, list_size=kind.list_size, child=_C(type=_WIRE[kind.value_type]))
    if pa.types.is_list(kind) and kind.value_type in _ITEMS:
        return _C(type=_C.TYPE_LIST, child=_C(type=_WIRE[kind.value_type]))
    if kind in _WIRE:
        return _C(type=_WIRE[kind])
    raise error(
        "Columns that cannot travel",
        f"Column {name!r} has type {kind}; tables hold numbers, bool, utf8, binary, date32, timestamp, "
        "dictionary<int32, utf8>, and lists of numbers, bool or utf8. Cast it before it is written.",
    )


def decode_schema(schema: wire.TableSchema) -> pa.Schema:
    """Reads a schema from the wire. All columns, and all values of lists, are nullable."""
    fields = [pa.field(c.name, _decode_type(c), metadata=dict(c.metadata) or None) for c in schema.columns]
    if len({f.name for f in fields}) < len(fields):
        raise _bad("A column stands twice")
    return pa.schema(fields, metadata=dict(schema.metadata) or None)


def _decode_type(c: wire.TableColumn) -> pa.DataType:
    if c.type == _C.TYPE_TIMESTAMP and 0 <= c.unit < len(_UNITS):
        return pa.timestamp(_UNITS[c.unit], tz=c.zone or None)
    item = _PLAIN.get(c.child.type)
    if c.type == _C.TYPE_LIST and item in _ITEMS:
        return pa.list_(item)
    if c.type == _C.TYPE_FIXED_SIZE_LIST and item in _ITEMS and 1 <= c.list_size <= MAX_ROWS:
        return pa.list_(item, c.list_size)
    if c.type not in _PLAIN:
        raise _bad(f"Column {c.name!r} has a type that this version does not have")
    return _PLAIN[c.type]


# -- writing -------------------------------------------------------------------------------


def encode(batch: pa.RecordBatch) -> Iterator[tuple[wire.Batch, int, int]]:
    """Writes a batch without its schema, cut to the bounds: parts, with their first row and rows."""
    yield from _parts(batch, 0)


def _parts(batch: pa.RecordBatch, at: int) -> Iterator[tuple[wire.Batch, int, int]]:
    rows = batch.num_rows
    if rows <= MAX_ROWS:
        out, size = _encode(batch)
        if size <= MAX_BYTES:
            yield out, at, rows
            return
    if rows <= 1:
        raise error("Row that is too large", f"One row is larger than a batch may be ({MAX_BYTES >> 20} MiB).")
    half = rows // 2
    yield from _parts(_smaller(batch.slice(0, half)), at)
    yield from _parts(_smaller(batch.slice(half)), at + half)


def _smaller(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Replaces dictionaries that are larger than the batch by what it uses of them."""
    for i, column in enumerate(batch.columns):
        if pa.types.is_dictionary(column.type) and len(column.dictionary) > batch.num_rows:
            batch = batch.set_column(i, batch.schema.field(i), column.cast(pa.string()).dictionary_encode())
    return batch


def _encode(batch: pa.RecordBatch) -> tuple[wire.Batch, int]:
    out, size = wire.Batch(rows=batch.num_rows), 0
    for column in batch.columns:
        buffers = _column(column)
        out.columns.append(buffers)
        size += _size(buffers, batch.num_rows)
    return out, size


def _size(c: wire.ColumnBuffers, rows: int) -> int:
    own = (rows + 7) // 8 + len(c.values) + len(c.offsets)
    return own + (_size(c.child, c.child_rows) if c.HasField("child") else 0)


def _column(a: pa.Array) -> wire.ColumnBuffers:
    kind = a.type
    if pa.types.is_dictionary(kind):
        if a.dictionary.null_count:
            raise error("Columns that cannot travel", "There is a null in a dictionary; make the keys null instead.")
        return _nested(wire.ColumnBuffers(validity=_validity(a), values=_fixed(a, 4)), a.dictionary)
    if pa.types.is_fixed_size_list(kind):
        values = a.values.slice(a.offset * kind.list_size, len(a) * kind.list_size)
        return _nested(wire.ColumnBuffers(validity=_validity(a)), values)
    if pa.types.is_list(kind):
        offsets, first, last = _offsets(a)
        return _nested(wire.ColumnBuffers(validity=_validity(a), offsets=offsets), a.values.slice(first, last - first))
    return _leaf(a)


def _nested(out: wire.ColumnBuffers, child: pa.Array) -> wire.ColumnBuffers:
    out.child.CopyFrom(_leaf(child))
    out.child_rows = len(child)
    return out


def _leaf(a: pa.Array) -> wire.ColumnBuffers:
    out = wire.ColumnBuffers(validity=_validity(a))
    if pa.types.is_boolean(a.type):
        out.values = _bits(a.buffers()[1], a.offset, len(a))
    elif pa.types.is_string(a.type) or pa.types.is_binary(a.type):
        out.offsets, first, last = _offsets(a)
        out.values = _bytes(a.buffers()[2], first, last - first)
    else:
        out.values = _fixed(a, a.type.bit_width // 8)
    return out


def _validity(a: pa.Array) -> bytes:
    return _bits(a.buffers()[0], a.offset, len(a)) if a.null_count else b""


def _fixed(a: pa.Array, width: int) -> bytes:
    return _bytes(a.buffers()[1], a.offset * width, len(a) * width)


def _bytes(buffer: pa.Buffer | None, at: int, n: int) -> bytes:
    return buffer.slice(at, n).to_pybytes() if buffer is not None and n else b""


def _bits(buffer: pa.Buffer, at: int, n: int) -> bytes:
    """Copies n bits to the start of a byte; those after the last are zero."""
    raw = int.from_bytes(_bytes(buffer, at // 8, (at % 8 + n + 7) // 8), "little")
    return ((raw >> at % 8) & ((1 << n) - 1)).to_bytes((n + 7) // 8, "little")


def _offsets(a: pa.Array) -> tuple[bytes, int, int]:
    """Offsets from 0, and where they began and ended."""
    if not len(a):
        return b"", 0, 0
    raw = pa.Array.from_buffers(pa.int32(), len(a) + 1, [None, a.buffers()[1]], offset=a.offset)
    first, last = raw[0].as_py(), raw[-1].as_py()
    moved = pc.subtract(raw, pa.scalar(first, pa.int32())) if first else raw
    return _fixed(moved, 4), first, last


# -- reading -------------------------------------------------------------------------------


def decode(schema: pa.Schema, batch: wire.Batch) -> pa.RecordBatch:
    """Reads a batch of a schema that was told before, and checks all of it."""
    if not 0 <= batch.rows <= MAX_ROWS:
        raise _bad(f"It has {batch.rows} rows; 0 to {MAX_ROWS} travel")
    if len(batch.columns) != len(schema):
        raise _bad(f"It has {len(batch.columns)} columns under a schema of {len(schema)}")
    if batch.HasField("schema") and not decode_schema(batch.schema).equals(schema, check_metadata=True):
        raise _bad("Its schema is not the one that was told")
    columns = []
    for field, buffers in zip(schema, batch.columns):
        try:
            columns.append(_array(field.type, batch.rows, buffers))
        except (pa.ArrowException, ValueError) as e:
            raise _bad(f"Column {field.name!r}: {e}") from None
    return pa.RecordBatch.from_arrays(columns, schema=schema) if columns else _rows_only(schema, batch.rows)


def _rows_only(schema: pa.Schema, rows: int) -> pa.RecordBatch:
    """A batch without columns; Arrow knows the rows of a struct."""
    struct = pa.Array.from_buffers(pa.struct([]), rows, [None])
    return pa.RecordBatch.from_struct_array(struct).replace_schema_metadata(schema.metadata)


def _array(kind: pa.DataType, rows: int, c: wire.ColumnBuffers) -> pa.Array:
    validity = _exactly(c.validity, (rows + 7) // 8) if c.validity else None
    if not _is_nested(kind):
        if c.HasField("child") or c.child_rows:
            raise ValueError("values of a list, which it is not")
        made = pa.Array.from_buffers(kind, rows, [validity, *_values(kind, rows, c)])
    else:
        made = _nested_array(kind, rows, c, validity)
    made.validate(full=True)
    return made


def _is_nested(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)


def _nested_array(kind: pa.DataType, rows: int, c: wire.ColumnBuffers, validity: Any) -> pa.Array:
    if not 0 <= c.child_rows <= 8 * MAX_BYTES:
        raise ValueError(f"{c.child_rows} values in a batch")
    child = _array(kind.value_type, c.child_rows, c.child)
    if pa.types.is_dictionary(kind):
        if child.null_count:
            raise ValueError("a null in the dictionary")
        keys = pa.Array.from_buffers(pa.int32(), rows, [validity, _exactly(c.values, 4 * rows)])
        return pa.DictionaryArray.from_arrays(keys, child, safe=True)
    if pa.types.is_fixed_size_list(kind):
        if c.child_rows != rows * kind.list_size:
            raise ValueError(f"{c.child_rows} values for {rows} rows of {kind.list_size}")
        return pa.Array.from_buffers(kind, rows, [validity], children=[child])
    return pa.Array.from_buffers(kind, rows, [validity, _ends(c, rows, c.child_rows)], children=[child])


def _values(kind: pa.DataType, rows: int, c: wire.ColumnBuffers) -> list[Any]:
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return [_ends(c, rows, len(c.values)), pa.py_buffer(c.values)]
    if c.offsets:
        raise ValueError("offsets, which its type has not")
    return [_exactly(c.values, (rows * kind.bit_width + 7) // 8)]


def _ends(c: wire.ColumnBuffers, rows: int, total: int) -> pa.Buffer:
    """Offsets that run from 0 to the last value. That they rise, validation finds out."""
    data = c.offsets or bytes(4) if rows == 0 else c.offsets
    raw = _exactly(data, 4 * (rows + 1))
    first, last = int.from_bytes(data[:4], "little"), int.from_bytes(data[-4:], "little")
    if first != 0 or last != total:
        raise ValueError(f"offsets from {first} to {last} for {total} values")
    return raw


def _exactly(data: bytes, n: int) -> pa.Buffer:
    if len(data) != n:
        raise ValueError(f"a buffer of {len(data)} bytes instead of {n}")
    return pa.py_buffer(data)


# -- roles ---------------------------------------------------------------------------------

_ROLE = b"bulkhead.role"
#: Roles of columns. A column without one is a feature.
FEATURE, TARGET, ID, WEIGHT, PREDICTION = "", "target", "id", "weight", "prediction"


def role(field: pa.Field) -> str:
    """The role of a column."""
    return (field.metadata or {}).get(_ROLE, b"").decode()


def with_role(field: pa.Field, name: str) -> pa.Field:
    """A field with a role, its other metadata kept."""
    return field.with_metadata({**(field.metadata or {}), _ROLE: name.encode()})


def target_index(schema: pa.Schema) -> int:
    """The index of the target column, or -1."""
    return next((i for i, f in enumerate(schema) if role(f) == TARGET), -1)


def features(schema: pa.Schema) -> list[int]:
    """The indices of the columns without a role, in order."""
    return [i for i, f in enumerate(schema) if role(f) == FEATURE]

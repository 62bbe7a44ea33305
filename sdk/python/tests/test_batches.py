# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
import random
import unittest

try:
    import pyarrow as pa
except ImportError:
    raise unittest.SkipTest("pyarrow is not installed, which kernels need") from None

from bulkhead import Diagnostic, batches
from bulkhead.plugin.v1 import kernel_pb2 as wire

TYPES = [
    *(getattr(pa, f"{u}int{b}")() for u in ("", "u") for b in (8, 16, 32, 64)), pa.float32(), pa.float64(), pa.bool_(), pa.string(),
    pa.binary(), pa.date32(), *(pa.timestamp(u, z) for u in ("s", "ms", "us", "ns") for z in (None, "Europe/Warsaw")),
    pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.string()), pa.list_(pa.int16()), pa.list_(pa.bool_(), 3), pa.list_(pa.float32(), 2),
]


def value(kind, chance):
    if chance.random() < 0.2:
        return None
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return chance.choice(["", "a", "żółć", "long " * 9])
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        n = kind.list_size if pa.types.is_fixed_size_list(kind) else chance.randrange(4)
        return [value(kind.value_type, chance) for _ in range(n)]
    if pa.types.is_binary(kind):
        return chance.randbytes(chance.randrange(5))
    if pa.types.is_boolean(kind):
        return chance.random() < 0.5
    if pa.types.is_floating(kind):
        return chance.choice([0.0, -1.5, float("inf")])
    if pa.types.is_timestamp(kind):
        return datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc if kind.tz else None)
    return datetime.date(2020, 1, 1) if pa.types.is_date(kind) else chance.randrange(100)


def every_type(rows, seed=1):
    chance = random.Random(seed)
    fields = [pa.field(f"c{i}", t, metadata={"bulkhead.role": "id"} if i == 0 else None) for i, t in enumerate(TYPES)]
    columns = [pa.array([value(t, chance) for _ in range(rows)], t) for t in TYPES]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, metadata={"k": "v"}))


class RoundTrip(unittest.TestCase):
    def same(self, batch):
        schema = batches.decode_schema(wire.TableSchema.FromString(batches.encode_schema(batch.schema).SerializeToString()))
        self.assertTrue(schema.equals(batch.schema, check_metadata=True))
        (part, at, n), = batches.encode(batch)
        self.assertEqual((at, n), (0, batch.num_rows))
        got = batches.decode(schema, wire.Batch.FromString(part.SerializeToString()))
        self.assertTrue(got.equals(batch, check_metadata=True), batch.schema)
        return part

    def test_every_type(self):
        for rows in (0, 1, 7, 8, 9, 100):
            self.same(every_type(rows, rows))

    def test_parts_of_batches(self):
        whole = every_type(100)
        for at, n in ((1, 5), (8, 16), (9, 90), (50, 0), (93, 7)):
            part = self.same(whole.slice(at, n))
            fresh = pa.RecordBatch.from_pylist(whole.slice(at, n).to_pylist(), schema=whole.schema)
            self.assertEqual(len(part.columns[10].values), len(next(batches.encode(fresh))[0].columns[10].values))

    def test_no_columns(self):
        got = batches.decode(pa.schema([]), wire.Batch(rows=3))
        self.assertEqual((got.num_rows, got.num_columns), (3, 0))

    def test_no_nulls_no_bitmap(self):
        part, _, _ = next(batches.encode(pa.record_batch({"x": pa.array([1, None, 2]).slice(2)})))
        self.assertEqual(part.columns[0].validity, b"")


class Bounds(unittest.TestCase):
    def test_rows(self):
        parts = list(batches.encode(pa.record_batch({"x": pa.array([1] * 200_000, pa.int8())})))
        self.assertEqual(sum(n for _, _, n in parts), 200_000)
        self.assertTrue(all(n <= batches.MAX_ROWS for _, _, n in parts))
        self.assertEqual([at for _, at, _ in parts], [sum(n for _, _, n in parts[:i]) for i in range(len(parts))])

    def test_bytes(self):
        parts = list(batches.encode(pa.record_batch({"x": ["y" * (1 << 20)] * 20})))
        self.assertTrue(all(len(p.columns[0].values) <= batches.MAX_BYTES for p, _, _ in parts))
        with self.assertRaisesRegex(Diagnostic, "One row"):
            list(batches.encode(pa.record_batch({"x": ["y" * (9 << 20)]})))

    def test_dictionaries_shrink(self):
        texts = [f"{i:0200d}" for i in range(60_000)]
        parts = list(batches.encode(pa.record_batch({"x": pa.array(texts).dictionary_encode()})))
        got = [v for p, _, _ in parts for v in batches.decode(pa.schema({"x": batches._PLAIN[16]}), p).column(0).to_pylist()]
        self.assertEqual(got, texts)


class Refused(unittest.TestCase):
    def test_types(self):
        for kind in (pa.large_string(), pa.decimal128(3), pa.list_(pa.list_(pa.int8())), pa.dictionary(pa.int8(), pa.string()), pa.list_(pa.date32()), pa.null()):
            with self.assertRaisesRegex(Diagnostic, "Column 'x' has type"):
                batches.encode_schema(pa.schema({"x": kind}))
        with self.assertRaisesRegex(Diagnostic, "twice"):
            batches.encode_schema(pa.schema([pa.field("x", pa.int8()), pa.field("x", pa.int8())]))
        with self.assertRaises(Diagnostic):
            next(batches.encode(pa.record_batch({"x": pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([None], pa.string()))})))

    def test_wire_schemas(self):
        C = wire.TableColumn
        for c in (C(type=99), C(), C(type=C.TYPE_LIST), C(type=C.TYPE_LIST, child=C(type=C.TYPE_LIST)), C(type=C.TYPE_FIXED_SIZE_LIST, child=C(type=1)), C(type=C.TYPE_TIMESTAMP, unit=9)):
            with self.assertRaises(Diagnostic):
                batches.decode_schema(wire.TableSchema(columns=[c]))

    def test_buffers(self):
        B = wire.ColumnBuffers
        for kind, rows, c in (
            (pa.int64(), 2, B(values=b"1234567")), (pa.int64(), 1, B(values=bytes(8), validity=b"12")), (pa.int64(), 1, B(values=bytes(8), offsets=bytes(8))),
            (pa.int64(), 1, B(values=bytes(8), child_rows=1)), (pa.string(), 1, B(values=b"\xff", offsets=b"\0\0\0\0\1\0\0\0")),
            (pa.string(), 1, B(values=b"ab", offsets=b"\0\0\0\0\1\0\0\0")), (pa.string(), 2, B(values=b"ab", offsets=b"\0\0\0\0\3\0\0\0\2\0\0\0")),
            (pa.string(), 1, B(values=b"ab")), (pa.list_(pa.int8()), 1, B(offsets=b"\0\0\0\0\2\0\0\0", child=B(values=b"a"), child_rows=1)),
            (pa.list_(pa.int8(), 2), 1, B(child=B(values=b"a"), child_rows=1)), (batches._PLAIN[16], 1, B(values=b"\1\0\0\0", child=B(), child_rows=0)),
            (batches._PLAIN[16], 1, B(values=b"\xff\xff\xff\xff", child=B(values=b"a", offsets=b"\0\0\0\0\1\0\0\0"), child_rows=1)),
            (pa.list_(pa.int8()), 1, B(offsets=bytes(8), child_rows=-1)), (pa.bool_(), 9, B(values=b"a")),
        ):
            with self.subTest(f"{kind} {c}"), self.assertRaises(Diagnostic):
                batches.decode(pa.schema({"x": kind}), wire.Batch(rows=rows, columns=[c]))

    def test_envelopes(self):
        schema = pa.schema({"x": pa.int8()})
        good = next(batches.encode(pa.record_batch({"x": pa.array([1], pa.int8())})))[0]
        for change in ({"rows": -1}, {"rows": batches.MAX_ROWS + 1}, {"schema": batches.encode_schema(pa.schema({"y": pa.int8()}))}, {"columns": [wire.ColumnBuffers()]}):
            other = wire.Batch()
            other.CopyFrom(good)
            other.MergeFrom(wire.Batch(**change))
            with self.assertRaises(Diagnostic):
                batches.decode(schema, other)

    def test_garbage(self):
        chance, schema = random.Random(2), every_type(0).schema
        good = next(batches.encode(every_type(20)))[0].SerializeToString()
        for _ in range(400):
            data = bytearray(good)
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                batch = wire.Batch.FromString(bytes(data))
                batches.decode(schema, batch).to_pylist()
            except (Diagnostic, OverflowError, ValueError, pa.ArrowException):
                continue  # of dates that Python cannot print
            except Exception as e:
                self.assertEqual(type(e).__name__, "DecodeError")


class Roles(unittest.TestCase):
    def test_roles(self):
        y = batches.with_role(pa.field("y", pa.int8(), metadata={"a": "b"}), batches.TARGET)
        schema = pa.schema([pa.field("x", pa.int8()), y])
        self.assertEqual((batches.role(y), batches.features(schema), batches.target_index(schema), y.metadata[b"a"]), ("target", [0], 1, b"b"))
        self.assertEqual(batches.target_index(pa.schema([])), -1)


if __name__ == "__main__":
    unittest.main()

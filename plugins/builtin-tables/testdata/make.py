# SPDX-License-Identifier: Apache-2.0
"""Writes the files of this directory with pyarrow and SQLite (Python's sqlite3).

Run it where pyarrow is installed: python make.py
"""
import datetime as dt
import decimal
import os
import sqlite3

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

UTC = dt.timezone.utc
day = dt.date(2026, 11, 22)
moment = dt.datetime(2026, 11, 22, 8, 50, 3, 250000)

table = pa.table({
    "i": pa.array([1, None, -3], pa.int64()),
    "u": pa.array([0, None, 255], pa.uint8()),
    "f": pa.array([0.1, None, float("nan")], pa.float64()),
    "h": pa.array([1.5, None, -2.0], pa.float32()),
    "b": pa.array([True, None, False]),
    "s": pa.array(["größe", None, ""], pa.string()),
    "ls": pa.array(["large", None, "x"], pa.large_string()),
    "bin": pa.array([b"\x00\xff", None, b""], pa.binary()),
    "fsb": pa.array([b"ab", None, b"cd"], pa.binary(2)),
    "d": pa.array([day, None, dt.date(1969, 12, 31)], pa.date32()),
    "ms": pa.array([moment, None, moment], pa.timestamp("ms")),
    "tz": pa.array([moment, None, moment], pa.timestamp("us", "Europe/Warsaw")),
    "cat": pa.array(["x", None, "x"], pa.string()).dictionary_encode(),
    "l": pa.array([["a", None], None, []], pa.list_(pa.string())),
    "ll": pa.array([[1], None, [2, 3]], pa.large_list(pa.int32())),
    "v": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
    "n": pa.nulls(3),
})

pq.write_table(table, "types.parquet", compression="snappy")
pq.write_table(table, "v1.parquet", version="1.0", data_page_version="1.0", compression="gzip", use_dictionary=False)
pq.write_table(pa.table({"x": list(range(1000)), "g": [i // 100 for i in range(1000)]}), "groups.parquet", row_group_size=100, compression="zstd")
feather.write_feather(table, "types.arrow", compression="lz4")
with pa.OSFile("stream.arrows", "wb") as f, pa.ipc.new_stream(f, table.schema) as w:
    w.write_table(table)
    w.write_table(table)

for name, column in {
    "decimal": pa.array([decimal.Decimal("1.10")], pa.decimal128(10, 2)),
    "struct": pa.array([{"a": 1}]),
    "time": pa.array([dt.time(8)], pa.time64("us")),
    "duration": pa.array([dt.timedelta(1)], pa.duration("us")),
    "lists": pa.array([[[1]]]),
    "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "dictionary": pa.array([1, 1], pa.int64()).dictionary_encode(),
}.items():
    t = pa.table({"ok": pa.array([0] * len(column)), "odd": column})
    feather.write_feather(t, f"refused-{name}.arrow", compression="uncompressed")

for path in ("types.sqlite", "wal.sqlite"):
    if os.path.exists(path):
        os.remove(path)
    db = sqlite3.connect(path)
    if path == "wal.sqlite":
        db.execute("PRAGMA journal_mode=WAL")
    db.execute("""CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, weight REAL, photo BLOB, active BOOLEAN,
        born DATE, seen TIMESTAMP, anything, amount NUMERIC(10,2), code VARCHAR(8))""")
    db.executemany("INSERT INTO people VALUES (?,?,?,?,?,?,?,?,?,?)", [
        (1, "Ada", 55.5, b"\x00\xff", 1, "1815-12-10", "2026-11-22 08:50:03.25", 7, 1.25, "a"),
        (2, None, None, None, None, None, None, None, None, None),
        (3, "größe", 70, b"", 0, "2026-11-22", "2026-11-22 00:00:00", 8, 3, "b"),
    ])
    db.execute("CREATE VIEW adults AS SELECT id, name FROM people WHERE id < 3")
    db.commit()
    db.close()

db = sqlite3.connect("mixed.sqlite")
db.execute("DROP TABLE IF EXISTS t")
db.execute("CREATE TABLE t (n INTEGER, s TEXT)")
db.executemany("INSERT INTO t VALUES (?,?)", [(1, "a"), ("many", "b")])
db.commit()
db.execute("VACUUM")
db.close()

# SPDX-License-Identifier: Apache-2.0
"""The digest of rows of package dataplane, for people without Bulkhead.

Reads a table as JSON from standard input and prints its digest:

    {"metadata": {}, "columns": [
        {"name": "x", "type": "float64", "metadata": {}, "values": [1.5, null]}]}

The numbers of a float column may also be the strings NaN, inf and -inf. Values
of a binary column are hexadecimal digits, those of a dictionary its texts, those
of date32 days and of a timestamp ticks. A timestamp has a "unit" (s, ms, us or
ns) and a "zone", a list a "child" with a "type", a fixed_size_list also a "size".
"""

import hashlib
import json
import struct
import sys

# The numbers of TableColumn.Type, and how a value is packed.
TYPES = {
    "int64": (1, "<q"), "float64": (2, "<d"), "bool": (3, "<?"), "string": (4, None),
    "int8": (5, "<b"), "int16": (6, "<h"), "int32": (7, "<i"),
    "uint8": (8, "<B"), "uint16": (9, "<H"), "uint32": (10, "<I"), "uint64": (11, "<Q"),
    "float32": (12, "<f"), "binary": (13, None), "date32": (14, "<i"), "timestamp": (15, "<q"),
    "dictionary": (16, None), "list": (17, None), "fixed_size_list": (18, None),
}
UNITS = ["s", "ms", "us", "ns"]


def uint64(n):
    return struct.pack("<Q", n)


def text(s):
    data = s.encode()
    return uint64(len(data)) + data


def pairs(metadata):
    keys = sorted(metadata, key=str.encode)
    return uint64(len(keys)) + b"".join(text(k) + text(metadata[k]) for k in keys)


def sha256(data):
    return hashlib.sha256(data).digest()


def type_of(column):
    kind = column["type"]
    out = uint64(TYPES[kind][0])
    if kind == "timestamp":
        out += uint64(UNITS.index(column["unit"])) + text(column.get("zone", ""))
    if kind == "fixed_size_list":
        out += uint64(column["size"])
    if kind in ("list", "fixed_size_list"):
        out += type_of(column["child"])
    return out


def packed(kind, value):
    """The bytes that a value that is not null is hashed as."""
    if kind == "string":
        return value.encode()
    if kind == "binary":
        return bytes.fromhex(value)
    if kind == "dictionary":
        return sha256(value.encode())
    return struct.pack(TYPES[kind][1], float(value) if kind.startswith("float") else value)


def nothing(kind):
    """The bytes that a null is hashed as."""
    if kind in ("string", "binary"):
        return b""
    return bytes(32 if kind == "dictionary" else struct.calcsize(TYPES[kind][1]))


def hashes(column, values):
    kind = column["type"]
    out = sha256(b"".join(uint64(row) for row, value in enumerate(values) if value is None))
    if kind in ("string", "binary"):
        lengths = (0 if value is None else len(packed(kind, value)) for value in values)
        out += sha256(b"".join(struct.pack("<I", n) for n in lengths))
    if kind == "list":
        out += sha256(b"".join(struct.pack("<I", len(value or [])) for value in values))
    if kind in ("list", "fixed_size_list"):
        return out + hashes(column["child"], [item for value in values for item in value or []])
    return out + sha256(b"".join(nothing(kind) if value is None else packed(kind, value) for value in values))


def digest(table):
    columns = table["columns"]
    rows = len(columns[0]["values"]) if columns else 0
    out = b"bulkhead rows 1\n" + uint64(rows) + pairs(table.get("metadata", {})) + uint64(len(columns))
    for c in columns:
        out += text(c["name"]) + type_of(c) + pairs(c.get("metadata", {})) + hashes(c, c["values"])
    return "sha256:" + hashlib.sha256(out).hexdigest()


if __name__ == "__main__":
    print(digest(json.load(sys.stdin)))

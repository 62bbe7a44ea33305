# SPDX-License-Identifier: Apache-2.0
"""The digest of rows of package dataplane, for people without Bulkhead.

Reads a table as JSON from standard input and prints its digest:

    {"metadata": {}, "columns": [
        {"name": "x", "type": "float64", "metadata": {}, "values": [1.5, null]}]}

The numbers of a float64 column may also be the strings NaN, inf and -inf.
"""

import hashlib
import json
import struct
import sys

TYPES = {"int64": (1, "<q"), "float64": (2, "<d"), "bool": (3, "<?"), "string": (4, None)}


def uint64(n):
    return struct.pack("<Q", n)


def text(s):
    data = s.encode()
    return uint64(len(data)) + data


def pairs(metadata):
    keys = sorted(metadata, key=str.encode)
    return uint64(len(keys)) + b"".join(text(k) + text(metadata[k]) for k in keys)


def column(kind, values):
    nulls, lengths, data = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for row, value in enumerate(values):
        if value is None:
            nulls.update(uint64(row))
        if kind == "string":
            raw = (value or "").encode()
            lengths.update(struct.pack("<I", len(raw)))
            data.update(raw)
        else:
            number = 0 if value is None else value
            data.update(struct.pack(TYPES[kind][1], float(number) if kind == "float64" else number))
    hashes = [nulls, lengths, data] if kind == "string" else [nulls, data]
    return b"".join(h.digest() for h in hashes)


def digest(table):
    columns = table["columns"]
    rows = len(columns[0]["values"]) if columns else 0
    out = b"bulkhead rows 1\n" + uint64(rows) + pairs(table.get("metadata", {})) + uint64(len(columns))
    for c in columns:
        out += text(c["name"]) + uint64(TYPES[c["type"]][0]) + pairs(c.get("metadata", {}))
        out += column(c["type"], c["values"])
    return "sha256:" + hashlib.sha256(out).hexdigest()


if __name__ == "__main__":
    print(digest(json.load(sys.stdin)))

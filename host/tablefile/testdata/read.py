# SPDX-License-Identifier: Apache-2.0
"""Reads a table file by its description, for people without Bulkhead.

python3 read.py FILE checks every checksum and the digest of the rows, and prints
the summary as JSON with the first values of each column.
"""

import hashlib
import json
import struct
import sys

WIDTHS = {1: 8, 2: 8, 5: 1, 6: 2, 7: 4, 8: 1, 9: 2, 10: 4, 11: 8, 12: 4, 14: 4, 15: 8}
FORMATS = {1: "q", 2: "d", 5: "b", 6: "h", 7: "i", 8: "B", 9: "H", 10: "I", 11: "Q", 12: "f", 14: "i", 15: "q"}
BOOL, STRING, BINARY, DICTIONARY, LIST, ARRAY = 3, 4, 13, 16, 17, 18

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc = crc >> 8 ^ TABLE[(crc ^ b) & 0xFF]
    return crc ^ 0xFFFFFFFF


def uint(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


def padded(n):
    return (n + 63) // 64 * 64


def message(data):
    """The fields of a message of protocol buffers, as pairs."""

    def varint():
        nonlocal at
        n = shift = 0
        while True:
            b = data[at]
            at, n, shift = at + 1, n | (b & 0x7F) << shift, shift + 7
            if b < 128:
                return n

    at = 0
    while at < len(data):
        key = varint()
        value = varint()
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        yield key >> 3, value


def column(data):
    fields = dict(message(data))
    kind, child = fields.get(2, 0), fields.get(7)
    texts = {"type": STRING, "size": 0, "child": None}  # of a dictionary
    return {
        "name": fields.get(1, b"").decode(),
        "type": kind,
        "size": fields.get(6, 0),
        "child": texts if kind == DICTIONARY else column(child) if child else None,
    }


class Digest:
    """The three hashes of a column or of the values of a list."""

    def __init__(self, col):
        self.type, self.size, self.rows = col["type"], col["size"], 0
        self.child = col["child"] and self.type != DICTIONARY and Digest(col["child"])
        self.nulls, self.lengths, self.values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def add(self, value):
        if value is None:
            self.nulls.update(struct.pack("<Q", self.rows))
        self.rows += 1
        if self.type in WIDTHS:
            self.values.update(value or bytes(WIDTHS[self.type]))
        elif self.type == BOOL:
            self.values.update(bytes([bool(value)]))
        elif self.type != ARRAY:
            self.lengths.update(struct.pack("<I", len(value or "")))
        if self.child:
            for item in value or []:
                self.child.add(item)
        elif self.type in (STRING, BINARY, DICTIONARY):
            self.values.update(value or b"")

    def sums(self):
        out = self.nulls.digest() + self.lengths.digest() + self.values.digest()
        return out + (struct.pack("<Q", self.child.rows) + self.child.sums() if self.child else b"")


def nodes(col):
    return 2 if col["child"] else 1


def values(batch, at, col):
    """The values of a column whose first entry is at a byte: bytes, bools, lists."""
    rows = uint(batch, at + 8, 8)
    spans = [(uint(batch, at + i, 8), uint(batch, at + i + 8, 8)) for i in (16, 32, 48)]
    validity, data, offsets = (batch[start : start + length] for start, length in spans)
    starts = struct.unpack("<%di" % (len(offsets) // 4), offsets)
    child = list(values(batch, at + 64, col["child"])) if col["child"] else []
    kind, size, width = col["type"], col["size"], WIDTHS.get(col["type"])
    for row in range(rows):
        if validity and not validity[row // 8] >> row % 8 & 1:
            yield None
        elif width:
            yield data[width * row : width * (row + 1)]
        elif kind == BOOL:
            yield bool(data[row // 8] >> row % 8 & 1)
        elif kind == DICTIONARY:
            yield child[uint(data, 4 * row, 4)]
        elif kind == LIST:
            yield child[starts[row] : starts[row + 1]]
        elif kind == ARRAY:
            yield child[size * row : size * (row + 1)]
        else:
            yield data[starts[row] : starts[row + 1]]


def shown(value, col):
    if isinstance(value, list):
        return [shown(v, col["child"]) for v in value]
    if isinstance(value, bytes):
        if col["type"] in FORMATS:
            return struct.unpack("<" + FORMATS[col["type"]], value)[0]
        return value.hex() if col["type"] == BINARY else value.decode()
    return value


def main(name):
    data = open(name, "rb").read()
    head, tail = data[:64], data[-128:]
    assert head[:8] == b"\x89BHT\r\n\x1a\n" and tail[:8] == b"\x89BHE\r\n\x1a\n", "no table file"
    assert uint(head, 8, 4) == 1, "another version"
    assert crc32c(head[:60]) == uint(head, 60, 4) == uint(tail, 44, 4), "header"
    assert crc32c(tail[:124]) == uint(tail, 124, 4), "trailer"
    assert not any(head[20:60]) and not any(tail[80:124]), "reserved bytes"
    count, rows, index, size = (uint(tail, 8 + 8 * i, 8) for i in range(4))
    assert size == len(data) and index + 16 * count + 128 == size, "sizes"
    assert crc32c(data[index:-128]) == uint(tail, 40, 4), "index"
    length = uint(head, 12, 4)
    at = 64 + padded(length)
    assert crc32c(data[64:at]) == uint(head, 16, 4), "schema"
    schema = data[64 : 64 + length]
    columns = [column(value) for field, value in message(schema) if field == 1]
    digests, first, seen = [Digest(c) for c in columns], [[] for _ in columns], 0
    for i in range(count):
        size, n, crc, zero = struct.unpack_from("<IIII", data, index + 16 * i)
        batch = data[at : at + padded(size)]
        assert crc32c(batch) == crc and zero == 0, "batch %d" % i
        entry = 0
        for c, digest, some in zip(columns, digests, first):
            for value in values(batch, entry, c):
                digest.add(value)
                if len(some) < 3:
                    some.append(shown(value, c))
            entry += 64 * nodes(c)
        at, seen = at + padded(size), seen + n
    assert at == index and seen == rows, "batches"
    text = b"bulkhead table rows 1\n" + struct.pack("<QQ", rows, length) + schema + b"".join(d.sums() for d in digests)
    digest = hashlib.sha256(text).digest()
    assert digest == tail[48:80], "digest"
    print(json.dumps({"rows": rows, "batches": count, "digest": "sha256:" + digest.hex(), "columns": {c["name"]: f for c, f in zip(columns, first)}}))


main(sys.argv[1])

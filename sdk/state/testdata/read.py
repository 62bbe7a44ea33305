#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read a Bulkhead state: read.py FILE prints what is in it as JSON.

Ends with 0, or with 2 and a reason when the file is not a valid state. It needs
nothing but Python 3.8 and follows docs/state-format.md alone.
"""
import hashlib, json, re, struct, sys
from decimal import Decimal

WIDTH = {"float64": 8, "int64": 8, "uint64": 8, "float32": 4, "int32": 4, "uint8": 1, "bool": 1}
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def align(n):
    return (n + 63) // 64 * 64


def named(s):
    return isinstance(s, str) and NAME.fullmatch(s) and len(s.encode()) <= 256


def number(x):
    """ECMAScript's form of a float: the shortest digits that read back."""
    if x == 0:
        return "0"
    sign, digits, exp = Decimal(repr(float(x))).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    n = len(digits) + exp  # the decimal point stands behind this digit
    if 0 < n <= 21:
        text = text.ljust(n, "0") if len(text) <= n else text[:n] + "." + text[n:]
    elif -6 < n <= 0:
        text = "0." + "0" * -n + text
    else:
        text = text[0] + ("." + text[1:] if len(text) > 1 else "") + "e" + ("+" if n > 0 else "-") + str(abs(n - 1))
    return "-" * sign + text


def canonical(v):
    if isinstance(v, dict):
        return "{" + ",".join(json.dumps(k) + ":" + canonical(v[k]) for k in sorted(v, key=str.encode)) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    return number(v) if isinstance(v, float) else json.dumps(v)


def fields(what, v, need, may):
    assert isinstance(v, dict) and need <= set(v) <= need | may, what + " has other keys"
    assert all(v[k] not in ([], {}, "", False) for k in may & set(v)), what + " has an empty value"


def check_header(h):
    fields("the header", h, {"arrays", "kernel", "seed", "version"}, {"config_digest", "input", "metrics", "parent", "plugin"})
    assert named(h["kernel"]) and ("plugin" not in h or named(h["plugin"])), "a name is not valid"
    assert type(h["version"]) is int and 0 < h["version"] < 2**31, "the version is not valid"
    assert re.fullmatch(r"0|[1-9][0-9]{0,19}", h["seed"]) and int(h["seed"]) < 2**64, "the seed is not valid"
    assert all(DIGEST.fullmatch(h[k]) for k in ("config_digest", "parent") if k in h), "a digest is not valid"
    for c in h.get("input", []):
        fields("a column", c, {"name", "type"}, {"nullable", "role"})
        assert c["type"] and c.get("nullable") in (None, True), "a column is not valid"
    for name, v in h.get("metrics", {}).items():
        assert named(name) and type(v) in (int, float), "a metric is not valid"
    assert len(h["arrays"]) <= 65536, "too many arrays"


def elements(dtype, n, b):
    if dtype in WIDTH:
        assert len(b) == n * WIDTH[dtype], "the bytes do not fit the shape"
        return [b[i * WIDTH[dtype]:(i + 1) * WIDTH[dtype]] for i in range(n)]
    if dtype == "json":
        json.loads(b.decode(), parse_constant=lambda c: 1 / 0)
        return [b]
    assert dtype == "utf8", "unknown type " + dtype
    assert n < len(b) // 8, "the ends of the texts are missing"
    ends, text = struct.unpack_from("<%dQ" % (n + 1), b), b[8 * (n + 1):]
    assert ends[0] == 0 and ends[-1] == len(text) and all(x <= y for x, y in zip(ends, ends[1:])), "the ends of the texts are not valid"
    return [text[x:y] for x, y in zip(ends, ends[1:])]


def shown(dtype, e):
    if dtype in ("utf8", "json"):
        return e.decode()
    if dtype == "bool":
        assert e in (b"\0", b"\1"), "a bool is neither 0 nor 1"
        return bool(e[0])
    v = int.from_bytes(e, "little", signed=dtype in ("int64", "int32"))
    return "0x%0*x" % (2 * len(e), v) if dtype.startswith("float") else str(v)


def array(a, b):
    n = 1
    for d in a["shape"]:
        assert type(d) is int and 0 <= d <= 2**53, "a dimension is not valid"
        n *= d
    assert len(a["shape"]) <= 8, "too many dimensions"
    assert a["dtype"] != "json" or a["shape"] == [] and "nulls" not in a, "a json value has a shape or nulls"
    out = {k: a[k] for k in ("name", "dtype", "shape", "bytes")}
    valid = [True] * n
    if "nulls" in a:
        size = align((n + 7) // 8)
        assert size <= len(b), "there is no room for the nulls"
        bits = [b[i // 8] >> i % 8 & 1 for i in range(8 * size)]
        assert not any(bits[n:]) and not all(bits[:n]), "the nulls are not valid"
        valid, b = [bool(x) for x in bits[:n]], b[size:]
        out["valid"] = valid
    found = elements(a["dtype"], n, b)
    assert all(v or not any(e) and not (a["dtype"] == "utf8" and e) for v, e in zip(valid, found)), "a missing element is not zero"
    out["values"] = [shown(a["dtype"], e) for e in found]
    return out


def read(data):
    assert data[:8] == b"\x89BHS\r\n\x1a\n" and len(data) >= 64, "the magic is missing"
    version, length, size, zero = struct.unpack_from("<IIQQ", data, 8)
    assert version == 1 and zero == 0 and size == len(data) and size % 64 == 0, "the preamble is not valid"
    assert hashlib.sha256(data[:32] + data[64:]).digest() == data[32:64], "the digest does not match"
    assert length <= 4 << 20 and 64 + length <= size, "the header does not fit"
    text = data[64:64 + length].decode("ascii")
    h = json.loads(text)
    check_header(h)
    metrics = {k: float(v) for k, v in h.get("metrics", {}).items()}
    assert canonical(dict(h, metrics=metrics) if metrics else h) == text, "the header is not canonical"
    start = at = align(64 + length)
    padding, names, arrays = data[64 + length:start], set(), []
    for a in h["arrays"]:
        fields("an array", a, {"bytes", "dtype", "name", "offset", "shape"}, {"nulls"})
        assert named(a["name"]) and a["name"] not in names and a.get("nulls") in (None, True), "a name stands twice or is not valid"
        assert a["offset"] == at - start and 0 <= a["bytes"] <= size - at, "an array is not in its place"
        names.add(a["name"])
        arrays.append(dict(array(a, data[at:at + a["bytes"]]), begins=at))
        end, at = at + a["bytes"], align(at + a["bytes"])
        padding += data[end:at]
    assert at == size and not any(padding), "bytes stand between or behind the arrays"
    del h["arrays"]
    return {"sha256": hashlib.sha256(data).hexdigest(), "header_bytes": length, "header": h, "arrays": arrays}


if __name__ == "__main__":
    try:
        print(json.dumps(read(open(sys.argv[1], "rb").read()), indent=2, sort_keys=True))
    except (AssertionError, ValueError, KeyError, TypeError, ZeroDivisionError, struct.error, RecursionError) as e:
        print("refused:", e)
        sys.exit(2)

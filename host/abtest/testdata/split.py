# SPDX-License-Identifier: Apache-2.0
"""Assigns rows to arms as the package doc of host/abtest says; writes split.json."""
import hashlib, json, math, struct


def line(value):
    if value is None:
        return b"null\n"
    if isinstance(value, bool):
        return b"bool true\n" if value else b"bool false\n"
    if isinstance(value, int):
        return b"int %d\n" % value
    if isinstance(value, float):
        if math.isnan(value):
            return b"float 7ff8000000000000\n"
        return b"float " + struct.pack(">d", value + 0.0 if value else 0.0).hex().encode() + b"\n"
    data = value.encode()
    return b"text %d " % len(data) + data + b"\n"


def arm(name, seed, share, row=None, keys=()):
    text = b"bulkhead ab 1\nname " + name.encode() + b"\nseed %d\n" % seed
    text += b"row %d\n" % row if row is not None else b"".join(line(k) for k in keys)
    h = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
    return "b" if share >= 1 or h < int(share * 2**64) else "a"


cases = []
for name, seed, share in [("scaler", 0, 0.5), ("scaler", 7, 0.1), ("m.scaler.x", 2**64 - 1, 0.9), ("all", 1, 1.0), ("none", 1, 0.0)]:
    rows = list(range(12)) + [10**6, 2**40]
    cases.append({"name": name, "seed": str(seed), "share": share,
                  "rows": [{"row": r, "arm": arm(name, seed, share, row=r)} for r in rows]})
keys = [[None], [True], [False], [0], [-42], [2**63], [0.0], [-0.0], [1.5], [-1e300], [float("nan")],
        [""], ["id-1"], ["Grüße"], ["a\nint 1"], ["a", 1], ["a", None], [1, "a"]]
cases.append({"name": "keyed", "seed": "3", "share": 0.5, "keys": [
    {"values": ["NaN" if isinstance(v, float) and math.isnan(v) else v for v in k],
     "types": [type(v).__name__ for v in k], "arm": arm("keyed", 3, 0.5, keys=k)} for k in keys]})
json.dump(cases, open("split.json", "w"), indent=1, ensure_ascii=False)
open("split.json", "a").write("\n")

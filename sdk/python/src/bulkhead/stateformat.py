# SPDX-License-Identifier: Apache-2.0
"""Parts of docs/state-format.md that readers and writers share: names, numbers, the header."""

from __future__ import annotations

import json
import math
import re
import struct
from decimal import Decimal
from typing import Any

MAGIC = b"\x89BHS\r\n\x1a\n"
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SEED = re.compile(r"0|[1-9][0-9]{0,19}")
_DTYPES = {"float64", "float32", "int64", "int32", "uint64", "uint8", "bool", "utf8", "json"}
_MAY = {"config_digest", "input", "metrics", "parent", "plugin"}


class StateError(ValueError):
    """Bytes that are no valid state, or one of something else."""


def align(n: int) -> int:
    """The next multiple of 64."""
    return -(-n // 64) * 64


def named(s: Any) -> bool:
    """Whether s is a name: 1 to 256 bytes of UTF-8 without control characters."""
    return isinstance(s, str) and _NAME.fullmatch(s) is not None and len(s.encode("utf-8", "replace")) <= 256


def number(x: float) -> str:
    """ECMAScript's form of a number: the shortest digits that read back."""
    if x == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(float(x))).as_tuple()
    n = len(digits) + int(exponent)  # the decimal point stands behind this digit
    text = "".join(map(str, digits)).rstrip("0")
    if 0 < n <= 21:
        text = text.ljust(n, "0") if len(text) <= n else f"{text[:n]}.{text[n:]}"
    elif -6 < n <= 0:
        text = "0." + "0" * -n + text
    else:
        tail = f".{text[1:]}" if len(text) > 1 else ""
        text = f"{text[0]}{tail}e{'+' if n > 0 else '-'}{abs(n - 1)}"
    return "-" * sign + text


def canonical(v: Any) -> str:
    """The one form of a header."""
    if isinstance(v, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{canonical(v[k])}" for k in sorted(v, key=str.encode)) + "}"
    if isinstance(v, (list, tuple)):
        return "[" + ",".join(map(canonical, v)) + "]"
    if isinstance(v, float):
        return number(v)
    return json.dumps(v)


def _need(ok: Any, what: str) -> None:
    if not ok:
        raise StateError(what)


def _fields(what: str, v: Any, need: set[str], may: set[str]) -> None:
    _need(isinstance(v, dict) and need <= set(v) <= need | may, f"{what} has other keys")
    _need(all(v[k] not in ([], {}, "", False) for k in may & set(v)), f"{what} has an empty value")


def check_header(h: Any) -> None:
    """Refuses a header that is not as the format says. Metrics become floats."""
    _fields("the header", h, {"arrays", "kernel", "seed", "version"}, _MAY)
    _need(named(h["kernel"]) and ("plugin" not in h or named(h["plugin"])), "a name is not valid")
    _need(type(h["version"]) is int and 0 < h["version"] < 2**31, "the version is not valid")
    _need(_SEED.fullmatch(h["seed"]) and int(h["seed"]) < 2**64, "the seed is not valid")
    _need(all(_DIGEST.fullmatch(h[k]) for k in ("config_digest", "parent") if k in h), "a digest is not valid")
    for c in h.get("input", []):
        _fields("a column", c, {"name", "type"}, {"nullable", "role"})
        _need(c["type"] and c.get("nullable") in (None, True), "a column is not valid")
    for name, v in h.get("metrics", {}).items():
        _need(named(name) and type(v) in (int, float) and math.isfinite(v), "a metric is not valid")
        h["metrics"][name] = float(v)
    _need(isinstance(h["arrays"], list) and len(h["arrays"]) <= 65_536, "too many arrays")
    _check_arrays(h["arrays"])


def _check_arrays(arrays: list[Any]) -> None:
    seen: set[str] = set()
    for a in arrays:
        _fields("an array", a, {"bytes", "dtype", "name", "offset", "shape"}, {"nulls"})
        _need(named(a["name"]) and a["name"] not in seen, "a name stands twice or is not valid")
        seen.add(a["name"])
        _need(a["dtype"] in _DTYPES and a.get("nulls") in (None, True), f"array {a['name']} has an unknown type")
        _need(type(a["bytes"]) is int and a["bytes"] >= 0 and type(a["offset"]) is int, f"array {a['name']} has no place")
        shape = a["shape"]
        lengths = isinstance(shape, list) and len(shape) <= 8 and all(type(d) is int and 0 <= d <= 2**53 for d in shape)
        _need(lengths, f"array {a['name']} has no valid shape")
        _need(a["dtype"] != "json" or shape == [] and "nulls" not in a, "a json value has a shape or nulls")


def text_ends(data: bytes, n: int) -> tuple[int, ...]:
    """The ends of n texts, which stand before them."""
    _need(len(data) // 8 > n, "the ends of the texts are missing")
    ends = struct.unpack_from(f"<{n + 1}Q", data)
    _need(ends[0] == 0 and ends[-1] == len(data) - 8 * (n + 1), "the ends of the texts are not valid")
    _need(all(a <= b for a, b in zip(ends, ends[1:])), "the ends of the texts fall")
    return ends

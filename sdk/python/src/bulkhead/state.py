# SPDX-License-Identifier: Apache-2.0
"""What a kernel learnt: a header and named arrays, data and never code.

    def save(self):
        return (state.Writer("shop.centre", 2, seed=self.setup.seed)
                .strings("columns", self.columns).floats("means", self.means).bytes())

    def load(self, data):
        s = state.Reader(data, "shop.centre", 2)
        self.columns = s.strings("columns")
        self.means = s.floats("means", len(self.columns))
        s.end()

The form is that of docs/state-format.md, so `bulkhead state show` and `diff` understand it. A
reader refuses everything that is not in it with StateError. Elements that are missing (nulls)
are not supported here: what a kernel learnt has none.
"""

from __future__ import annotations

import array as _array
import hashlib
import json
import math
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .diagnostics import error
from .stateformat import MAGIC, StateError, align, canonical, check_header, named, text_ends

_CODES = {"float64": "d", "float32": "f", "int64": "q", "int32": "i", "uint64": "Q", "uint8": "B", "bool": "?"}
_DTYPES = {"d": "float64", "f": "float32", "q": "int64", "i": "int32", "Q": "uint64", "B": "uint8", "?": "bool"}
_DTYPES |= {"l": "int64", "L": "uint64"} if _array.array("l").itemsize == 8 else {"l": "int32"}


class Writer:
    """Makes a state. ``kernel`` is who made it, ``version`` that of the kernel's state, from 1."""

    def __init__(self, kernel: str, version: int, *, seed: int = 0, plugin: str = "", metrics: Mapping[str, float] | None = None) -> None:
        self._header: dict[str, Any] = {"kernel": kernel, "seed": str(seed), "version": version}
        if plugin:
            self._header["plugin"] = plugin
        if metrics:
            self._header["metrics"] = {k: float(v) for k, v in metrics.items()}
        self._arrays: list[dict[str, Any]] = []
        self._data = bytearray()

    def floats(self, name: str, values: Iterable[float], *shape: int) -> Writer:
        """An array of finite float64; without a shape it has one dimension. ``array`` keeps any."""
        kept = _array.array("d", values)
        if not all(map(math.isfinite, kept)):
            why = f"Array {name!r} of what was learnt holds NaN or an infinity. Take such values out of the input first."
            raise error("Fit that is not finite", why)
        return self._numbers(name, "float64", kept, shape)

    def integers(self, name: str, values: Iterable[int], *shape: int) -> Writer:
        """An array of int64."""
        return self._numbers(name, "int64", _array.array("q", values), shape)

    def array(self, name: str, values: Any) -> Writer:
        """An array of anything with a buffer, such as a NumPy array, in its own type and shape."""
        view = memoryview(values)
        if view.format not in _DTYPES:
            raise TypeError(f"state array {name}: elements of format {view.format!r}; these are kept: {', '.join(_CODES)}")
        raw = _array.array("B", view.tobytes())
        return self._add(name, _DTYPES[view.format], view.shape or (), _little(raw.tobytes(), view.itemsize))

    def strings(self, name: str, values: Iterable[str]) -> Writer:
        """An array of texts."""
        texts = [v.encode() for v in values]
        ends, at = [0], 0
        for t in texts:
            at += len(t)
            ends.append(at)
        return self._add(name, "utf8", (len(texts),), struct.pack(f"<{len(ends)}Q", *ends) + b"".join(texts))

    def json(self, name: str, value: Any) -> Writer:
        """One JSON value, such as settings."""
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return self._add(name, "json", (), text.encode())

    def _numbers(self, name: str, dtype: str, values: _array.array[Any], shape: Sequence[int]) -> Writer:
        shape = tuple(shape) or (len(values),)
        if math.prod(shape) != len(values):
            raise ValueError(f"state array {name}: {len(values)} values for the shape {shape}")
        return self._add(name, dtype, shape, _little(values.tobytes(), values.itemsize))

    def _add(self, name: str, dtype: str, shape: Sequence[int], data: bytes) -> Writer:
        if not named(name) or any(a["name"] == name for a in self._arrays):
            raise ValueError(f"state array {name!r} stands twice, or is no name")
        self._data.extend(bytes(align(len(self._data)) - len(self._data)))
        self._arrays.append({"bytes": len(data), "dtype": dtype, "name": name, "offset": len(self._data), "shape": list(shape)})
        self._data.extend(data)
        return self

    def bytes(self) -> bytes:
        """The state."""
        check_header({**self._header, "arrays": self._arrays})
        header = canonical({**self._header, "arrays": self._arrays}).encode("ascii")
        body = header + bytes(align(len(header)) - len(header)) + bytes(self._data)
        body += bytes(align(len(body)) - len(body))
        front = MAGIC + struct.pack("<IIQQ", 1, len(header), 64 + len(body), 0)
        return front + hashlib.sha256(front + body).digest() + body


class Reader:
    """Reads a state that a kernel made in this version or, with ``oldest``, in one before.

    StateError says what is wrong. ``version`` is then that of the state, for its reader to bring
    up.
    """

    def __init__(self, data: bytes, kernel: str, version: int, oldest: int | None = None) -> None:
        self.header, self._begins = _open(data)
        self._data, self._left = data, {a["name"]: a for a in self.header["arrays"]}
        #: Version of the state.
        self.version: int = self.header["version"]
        #: Seed of the fit.
        self.seed = int(self.header["seed"])
        if self.header["kernel"] != kernel:
            raise StateError(f"it is a state of {self.header['kernel']}, not of {kernel}")
        if not (oldest or version) <= self.version <= version:
            raise StateError(f"it has version {self.version} of {kernel}, and version {version} is read here")

    def floats(self, name: str, *shape: int) -> list[float]:
        """Finite float64 of a shape, flat; without a shape any."""
        values = _array.array("d", _little(self._take(name, "float64", shape), 8)).tolist()
        if not all(map(math.isfinite, values)):
            raise StateError(f"array {name} holds a number that is not finite")
        return values

    def integers(self, name: str, *shape: int) -> list[int]:
        """Values of int64, flat."""
        return _array.array("q", _little(self._take(name, "int64", shape), 8)).tolist()

    def array(self, name: str) -> memoryview:
        """The elements in their own type and shape: ``numpy.asarray(s.array("coef"))``."""
        a = self._find(name)
        if a["dtype"] not in _CODES:
            raise StateError(f"array {name} has type {a['dtype']}")
        data = _little(self._take(name, a["dtype"], ()), struct.calcsize("=" + _CODES[a["dtype"]]))
        if a["dtype"] == "bool" and any(b > 1 for b in data):
            raise StateError(f"array {name}: a bool is neither 0 nor 1")
        view: Any = memoryview(data)
        return view.cast(_CODES[a["dtype"]], a["shape"]) if a["shape"] and data else view.cast(_CODES[a["dtype"]])

    def strings(self, name: str, *shape: int) -> list[str]:
        """The texts."""
        data, n = self._take(name, "utf8", shape), math.prod(self._taken["shape"])
        ends = text_ends(data, n)
        text = data[8 * (n + 1):]
        try:
            return [text[a:b].decode() for a, b in zip(ends, ends[1:])]
        except UnicodeDecodeError:
            raise StateError(f"array {name} holds text that is not UTF-8") from None

    def json(self, name: str) -> Any:
        """The JSON value."""
        try:
            return json.loads(self._take(name, "json", ()).decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise StateError(f"array {name} holds no JSON") from None

    def end(self) -> None:
        """Refuses arrays that nobody read."""
        if self._left:
            raise StateError(f"array {min(self._left)} is of no meaning to this version")

    def _find(self, name: str) -> dict[str, Any]:
        if name not in self._left:
            raise StateError(f"there is no array {name}")
        return self._left[name]

    def _take(self, name: str, dtype: str, shape: Sequence[int]) -> bytes:
        a = self._find(name)
        if a["dtype"] != dtype or "nulls" in a or (shape and list(shape) != a["shape"]):
            want = f"{dtype} of {list(shape) or 'any shape'}"
            raise StateError(f"array {name} is {a['dtype']} of shape {a['shape']}, and {want} is read here")
        self._taken = self._left.pop(name)
        at = self._begins + a["offset"]
        data = self._data[at:at + a["bytes"]]
        if dtype in _CODES and len(data) != math.prod(a["shape"]) * struct.calcsize("=" + _CODES[dtype]):
            raise StateError(f"array {name}: the bytes do not fit the shape")
        return data


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _little(data: bytes, width: int) -> bytes:
    """Numbers of this machine in little-endian, or the other way round."""
    if sys.byteorder == "little" or width == 1:
        return data
    swapped = _array.array({2: "H", 4: "I", 8: "Q"}[width], data)
    swapped.byteswap()
    return swapped.tobytes()


def _open(data: bytes) -> tuple[dict[str, Any], int]:
    """Checks everything but the arrays' elements: the header, and where the arrays begin."""
    if data[:8] != MAGIC or len(data) < 64:
        raise StateError("it is no state: the magic is missing")
    version, length, size, zero = struct.unpack_from("<IIQQ", data, 8)
    if version != 1 or zero or size != len(data) or size % 64:
        raise StateError("its preamble is not valid, or it was cut")
    if hashlib.sha256(data[:32] + data[64:]).digest() != data[32:64]:
        raise StateError("its digest does not match")
    if length > 4 << 20 or 64 + length > size:
        raise StateError("its header does not fit")
    return _header(data, length), align(64 + length)


def _header(data: bytes, length: int) -> dict[str, Any]:
    try:
        text = data[64:64 + length].decode("ascii")
        header = json.loads(text)
        check_header(header)
        if canonical(header) != text:
            raise StateError("its header is not canonical")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as e:
        raise StateError(f"its header is not valid: {e}") from None
    _places(header["arrays"], data, length)
    return header


def _places(arrays: Sequence[Mapping[str, Any]], data: bytes, length: int) -> None:
    """Arrays follow each other without gaps, and between them stands nothing but zeros."""
    start = at = align(64 + length)
    gaps = data[64 + length:start]
    for a in arrays:
        if a["offset"] != at - start or a["bytes"] > len(data) - at:
            raise StateError(f"array {a['name']} is not in its place")
        end, at = at + a["bytes"], align(at + a["bytes"])
        gaps += data[end:at]
    if at != len(data) or any(gaps):
        raise StateError("bytes stand between or behind its arrays")


__all__ = ["Reader", "StateError", "Writer"]

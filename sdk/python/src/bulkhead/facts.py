# SPDX-License-Identifier: Apache-2.0
"""Facts: typed, addressed observations with their evidence.

An address is dotted words, with an instance key in brackets where there are several of a
kind: ``gpu.driver.version``, ``python.env[/opt/venv].version``. A value is one JSON value;
sizes are in bytes and durations in seconds.

There are three states: a fact that is there, a fact that is there but unknown (with the
reason), and no fact at all. A collector never guesses and never judges.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")

#: Longest text that evidence quotes, in characters.
MAX_EVIDENCE = 200


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Says where an observation comes from.

    ``path`` is a file of the examined machine and ``line`` counts from 1 (0: the whole file);
    ``call`` names a system or library call; ``value`` is what was seen, on one line; ``fact``
    is the address, set where evidence stands in a finding.
    """

    fact: str = ""
    path: str = ""
    line: int = 0
    call: str = ""
    value: str = ""


def from_file(path: str, line: int = 0, value: str = "") -> Evidence:
    """Evidence from a file; line 0 means the whole of it."""
    return Evidence(path=path, line=line, value=quoted(value))


def from_call(call: str, value: str = "") -> Evidence:
    """Evidence from a system or library call."""
    return Evidence(call=call, value=quoted(value))


def quoted(text: str) -> str:
    """Text on one line, shortened to what evidence quotes."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_EVIDENCE else line[:MAX_EVIDENCE] + "..."


def at(group: str, key: str, field: str = "") -> str:
    """Builds the address of a fact about one instance.

    ``at("python.env", "/opt/venv", "version")`` is ``python.env[/opt/venv].version``.
    """
    address = f"{group}[{key.replace('%', '%25').replace(']', '%5D')}]"
    return f"{address}.{field}" if field else address


@dataclasses.dataclass(frozen=True)
class Fact:
    """One observation: a JSON value as text, or the reason why it is unknown."""

    address: str
    value_json: str = ""
    unknown: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def value(self) -> Any:
        """The decoded value; None when it is unknown."""
        return None if self.unknown else json.loads(self.value_json)


@dataclasses.dataclass(frozen=True)
class Description:
    """Documents a fact that a collector may record.

    ``address`` has no instance keys, ``type`` is string, number, bool, list or object, and
    ``unit`` that of a number: "bytes", "seconds", or empty.
    """

    address: str
    summary: str
    type: str
    unit: str = ""


class Recorder:
    """Gathers what a collector sees. It is safe for use by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts: list[Fact] = []

    def add(self, address: str, value: Any, *evidence: Evidence) -> None:
        """Records a value. One that JSON cannot hold is recorded as unknown."""
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as e:
            self.unknown(address, f"encoding a fact: {e}", *evidence)
            return
        self._append(Fact(address, text, "", evidence))

    def unknown(self, address: str, reason: str, *evidence: Evidence) -> None:
        """Records that a value is there but could not be read, and why."""
        self._append(Fact(address, "", reason or "no reason is known", evidence))

    def _append(self, fact: Fact) -> None:
        with self._lock:
            self._facts.append(fact)

    def facts(self) -> list[Fact]:
        """What was recorded, in address order."""
        with self._lock:
            return sorted(self._facts, key=lambda f: f.address)


class Reads:
    """The questions that were put to facts: with the same answers a check says the same."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()
        self.groups: set[str] = set()
        self.all = False


class Facts:
    """The facts of one machine; it does not change. Of two with one address the later stands."""

    def __init__(self, facts: Iterable[Fact] = (), reads: Reads | None = None) -> None:
        self._by_address = {f.address: f for f in facts}
        self._reads = reads or Reads()

    def lookup(self, address: str) -> Fact | None:
        """The fact at an address, known or unknown; None when there is none."""
        self._reads.addresses.add(address)
        return self._by_address.get(address)

    def known(self, address: str) -> bool:
        """Whether the fact is there with a value."""
        fact = self.lookup(address)
        return fact is not None and not fact.unknown

    def get(self, address: str, kind: type[T]) -> T | None:
        """The value at an address; None when it is absent, unknown, or of another type.

        A whole number is also a ``float``; a bool is no number.
        """
        fact = self.lookup(address)
        if fact is None or fact.unknown:
            return None
        value = fact.value
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(value, bool) and kind is not bool:
            return None
        return value if isinstance(value, kind) else None

    def string(self, address: str) -> str:
        """A string, or ""."""
        return self.get(address, str) or ""

    def integer(self, address: str) -> int | None:
        """A whole number; None when it is absent, unknown or not one."""
        return self.get(address, int)

    def boolean(self, address: str) -> bool:
        """A boolean, or False."""
        return self.get(address, bool) or False

    def instances(self, group: str) -> list[str]:
        """The keys K for which facts ``group[K]...`` are there, sorted."""
        self._reads.groups.add(group)
        rests = [a[len(group) + 1:] for a in self._by_address if a.startswith(group + "[")]
        keys = {r.partition("]")[0] for r in rests if "]" in r}
        return sorted(k.replace("%5D", "]").replace("%25", "%") for k in keys)

    def all(self) -> list[Fact]:
        """Every fact in address order."""
        self._reads.all = True
        return [self._by_address[a] for a in sorted(self._by_address)]

    def evidence(self, *addresses: str) -> tuple[Evidence, ...]:
        """The evidence of facts, each marked with its address, for a finding.

        A fact without evidence of its own gives its value.
        """
        out: list[Evidence] = []
        for address in addresses:
            fact = self.lookup(address)
            if fact is None:
                continue
            own = fact.evidence or (Evidence(value=quoted(fact.value_json + fact.unknown)),)
            out += [dataclasses.replace(e, fact=address) for e in own]
        return tuple(out)

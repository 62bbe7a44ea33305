# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import unittest
from dataclasses import dataclass, field
from typing import Optional

from bulkhead import Diagnostic, setting
from bulkhead.settings import decode, schema_of


@dataclass
class Inner:
    depth: int = setting(2, doc="How deep.")


@dataclass
class Everything:
    name: str
    low: float = setting(0.5, min=0, max=1, doc="Smallest.")
    count: int = setting(3, doc="How many.", deprecated="use low")
    on_error: str = setting("stop", one_of=("stop", "warn"), doc="What to do.")
    secret: str = setting("", sensitive=True, doc="Hidden.")
    flag: bool = setting(False, doc="Yes or no.")
    words: list[str] = setting([], doc="Words.")
    weights: dict[str, float] = setting({"a": 1.0}, doc="Weights.")
    limit: Optional[int] = setting(None, doc="Most.")
    once: Optional[Inner] = setting(None, doc="One block.")
    many: list[Inner] = field(default_factory=list)


@dataclass
class Tree:
    name: str = setting("", doc="Of this one.")
    children: list[Tree] = field(default_factory=list)


@dataclass
class Branch:
    twig: Optional[Twig] = setting(None, doc="One block.")


@dataclass
class Twig:
    back: Optional[Branch] = setting(None, doc="The one that it is in.")


@dataclass
class Twice:
    one: Optional[Inner] = setting(None, doc="A block.")
    other: Optional[Inner] = setting(None, doc="Another of the same kind.")


class Schemas(unittest.TestCase):
    def test_settings_without_an_end(self):
        for bad, want in ((Tree, r"field Tree.children .* \(Tree in Tree\)"), (Branch, r"field Twig.back .* \(Branch in Twig in Branch\)")):
            with self.assertRaisesRegex(TypeError, want):
                schema_of(bad)
        self.assertEqual([b.schema for b in schema_of(Twice).blocks], [schema_of(Inner)] * 2)

    def test_attributes(self):
        got = {a.name: a for a in schema_of(Everything).attributes}
        self.assertEqual(
            {n: (a.type, a.required, a.default_json) for n, a in got.items()},
            {
                "name": ('"string"', True, ""), "low": ('"number"', False, "0.5"), "count": ('"number"', False, "3"),
                "on_error": ('"string"', False, '"stop"'), "secret": ('"string"', False, '""'), "flag": ('"bool"', False, "false"),
                "words": ('["list","string"]', False, "[]"), "weights": ('["map","number"]', False, '{"a": 1.0}'),
                "limit": ('"number"', False, ""),
            },
        )
        self.assertEqual((got["low"].minimum, got["low"].maximum, got["low"].description), (0, 1, "Smallest."))
        self.assertEqual((got["on_error"].one_of, got["count"].deprecated, got["secret"].sensitive), (("stop", "warn"), "use low", True))

    def test_blocks(self):
        self.assertEqual([(b.name, b.many, b.required) for b in schema_of(Everything).blocks], [("once", False, False), ("many", True, False)])

    def test_bugs_of_the_author(self):
        @dataclass
        class Wrong:
            x: complex = 1j

        @dataclass
        class Default:
            x: int = setting("three", doc="?")

        for bad in (Wrong, Default, int, Everything(name="x")):
            with self.assertRaises(TypeError):
                schema_of(bad)

    def test_no_settings(self):
        self.assertEqual(schema_of(None).attributes, ())
        self.assertIsNone(decode(None, b"{}"))
        with self.assertRaises(Diagnostic):
            decode(None, b'{"a": 1}')


class Decoding(unittest.TestCase):
    def test_whole(self):
        got = decode(Everything, json.dumps({
            "name": "n", "low": 1, "count": 4.0, "weights": {"b": 2}, "limit": None, "words": ["w"],
            "once": {"depth": 5}, "many": [{}, {"depth": 7}],
        }).encode())
        self.assertEqual(got, Everything("n", 1.0, 4, weights={"b": 2}, words=["w"], once=Inner(5), many=[Inner(), Inner(7)]))
        self.assertIsInstance(got.low, float)

    def test_defaults_are_not_shared(self):
        a, b = decode(Everything, b'{"name":"a"}'), decode(Everything, b'{"name":"b"}')
        a.words.append("x")
        self.assertEqual(b.words, [])

    def test_refused(self):
        for data, path in {
            b"{": (), b"[]": (), b'"x"': (), b"": (), b'{"name": NaN}': (), b"\xff": (), b'{"name": null}': ("name",),
            b'{"name": "n", "no_such": 1}': ("no_such",), b'{"name": 3}': ("name",), b'{"name": "n", "count": 1.5}': ("count",),
            b'{"name": "n", "flag": 1}': ("flag",), b'{"name": "n", "low": true}': ("low",),
            b'{"name": "n", "once": {"depth": "x"}}': ("once", "depth"), b'{"name": "n", "many": [{}, {"y": 1}]}': ("many", "1", "y"),
            b'{"name": "n", "words": ["a", 1]}': ("words",), b"[" * 100_000: (),
            b'{"name": "n", "low": 1e400}': ("low",), b'{"name": "n", "low": ' + b"9" * 400 + b"}": ("low",),
            b'{"name": "n", "weights": {"a": -1e999}}': ("weights",),
        }.items():
            with self.subTest(data[:40]), self.assertRaises(Diagnostic) as caught:
                decode(Everything, data)
            self.assertEqual(caught.exception.path, path, data[:40])

    def test_says_of_what(self):
        with self.assertRaisesRegex(Diagnostic, r"should be a list\[str\]"):
            decode(Everything, b'{"name": "n", "words": [1]}')

    def test_checks_itself(self):
        @dataclass
        class Checked:
            low: int = setting(1)

            def __post_init__(self):
                if self.low > 5:
                    raise ValueError("low is above 5")

        with self.assertRaisesRegex(Diagnostic, "low is above 5"):
            decode(Checked, b'{"low": 6}')

    def test_infinite_default(self):
        for value in (float("nan"), float("inf")):
            @dataclass
            class Odd:
                low: float = setting(value)

            with self.assertRaisesRegex(TypeError, "Odd.low"):
                schema_of(Odd)


if __name__ == "__main__":
    unittest.main()

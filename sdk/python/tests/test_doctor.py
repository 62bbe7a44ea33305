# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from bulkhead import (
    Cancelled,
    Description,
    Doc,
    Facts,
    FileTooLarge,
    Finding,
    Severity,
    at,
    check,
    collector,
    from_file,
    setting,
    target,
    testing,
)
from bulkhead import checks as checks_module
from bulkhead.collectors import observe
from bulkhead.facts import Fact, Reads, Recorder


class Machines(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.base = Path(holder.name)
        (self.base / "secret").write_text("outside")
        self.root = self.base / "root"
        self.machine = testing.machine(self.root, {
            "/etc/os-release": "ID=debian\n", "/usr/lib/a.conf": "a", "/usr/lib/b.conf": "b", "/usr/lib/.hidden": "h",
            "/lib": "-> usr/lib", "/absolute": "-> /etc/os-release", "/escape": "-> ../../../../secret",
            "/usr/up": "-> ../../../etc/os-release", "/loop": "-> loop", "/dangling": "-> nothing",
        })

    def test_links_stay_inside(self):
        self.assertEqual(self.machine.read_text("/absolute"), "ID=debian")
        self.assertEqual(self.machine.read_text("/usr/up"), "ID=debian")
        self.assertEqual(self.machine.read_text("/lib/a.conf"), "a")
        self.assertEqual(self.machine.resolve("/lib/../lib/a.conf"), "/usr/lib/a.conf")
        for name in ("/escape", "/../secret", "../secret", "/etc/../../secret"):
            self.assertFalse(self.machine.exists(name), name)
            self.assertEqual(self.machine.read_text(name), "")

    def test_failures_name_the_machines_own_path(self):
        for name, kind in {"/dangling": FileNotFoundError, "/loop": OSError, "/etc": OSError, "/etc/os-release/x": NotADirectoryError}.items():
            with self.assertRaises(kind) as caught:
                self.machine.read_file(name)
            self.assertEqual(caught.exception.filename, name)

    def test_bounds(self):
        with open(self.root / "big", "wb") as f:
            f.truncate(target.MAX_FILE_BYTES + 1)
        with self.assertRaises(FileTooLarge):
            self.machine.read_file("/big")
        self.assertEqual(self.machine.list_dir("/usr/lib", 2)[1], True)
        self.assertEqual(self.machine.list_dir("/lib"), ([".hidden", "a.conf", "b.conf"], False))

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no pipes with names here")
    def test_a_pipe_is_not_read(self):
        os.mkfifo(self.root / "pipe")
        with self.assertRaises(OSError):
            self.machine.read_file("/pipe")

    def test_glob_and_looks(self):
        self.assertEqual(self.machine.glob("/lib/*.conf"), ["/lib/a.conf", "/lib/b.conf"])
        self.assertEqual(self.machine.glob("/etc/os-*"), ["/etc/os-release"])
        self.assertEqual(self.machine.glob("/nothing/*"), [])
        self.assertEqual(self.machine.readlink("/lib"), "usr/lib")
        self.assertEqual(self.machine.stat("/lib/a.conf").st_size, 1)
        self.assertIsNone(self.machine.statfs("/"))

    def test_a_traced_run_names_paths_to_their_ends(self):
        def named(look):
            seen = []
            with mock.patch.object(target.os, "lstat", side_effect=lambda p: seen.append(p) or os.stat(p, follow_symlinks=False)):
                try:
                    look()
                except OSError:
                    pass
            return [p.removeprefix(str(self.root)) for p in seen]

        looks = {
            "/proc/driver/nvidia/version": lambda: self.machine.read_file("/proc/driver/nvidia/version"),
            "/usr/lib/x/y": lambda: self.machine.stat("/lib/x/y"),
            "/proc/x/link": lambda: self.machine.readlink("/proc/x/link"),
            "/proc/*/limits": lambda: self.machine.glob("/proc/*/limits"),
        }
        for want, look in looks.items():
            self.assertNotIn(want, named(look))
            with mock.patch.dict(os.environ, {target.ENV_TRACED: "1"}):
                self.assertIn(want, named(look))
        listed = []
        with mock.patch.dict(os.environ, {target.ENV_TRACED: "1"}), mock.patch.object(target.os, "scandir", side_effect=lambda p: listed.append(p) or mock.Mock()):
            with self.assertRaises(FileNotFoundError):
                self.machine.list_dir("/proc/driver")
        self.assertEqual(listed, [os.path.join(self.root, "proc/driver")])

    def test_cancelled(self):
        self.machine.cancelled = lambda: True
        with self.assertRaises(Cancelled):
            self.machine.read_text("/etc/os-release")


@collector("os", "What runs.", facts=[Description("os.id", "name", "string"), Description("os.file.size", "size", "number", "bytes")])
def system(machine, record):
    record.add("os.id", machine.read_file("/etc/os-release").decode().strip(), from_file("/etc/os-release", 1, "x\n y"))
    record.add(at("os.file", "/a]b%", "size"), 3)
    record.add("os.id", float("nan"))


@collector("broken", "Fails.", facts=[])
def broken(machine, record):
    raise KeyError("gpu")


class Collecting(unittest.TestCase):
    def test_facts(self):
        with tempfile.TemporaryDirectory() as root:
            machine = testing.machine(root, {"/etc/os-release": "ID=x"})
            facts, failed = observe(machine, [system])
            self.assertEqual([f.address for f in facts], ["os.file[/a%5Db%25].size", "os.id", "os.id"])
            self.assertEqual(facts[1].evidence[0].value, "x y")
            self.assertIn("encoding a fact", facts[2].unknown)
            self.assertEqual(failed, [])
            self.assertEqual(Facts(facts).instances("os.file"), ["/a]b%"])

    def test_what_goes_wrong(self):
        with tempfile.TemporaryDirectory() as root:
            _, failed = observe(testing.machine(root, {}), [system, broken])
        self.assertNotIn("panic", failed[0].detail)  # the machine has no such file
        self.assertIn("panic: KeyError: 'gpu'", failed[1].detail)
        self.assertIn("Traceback", failed[1].detail)

    def test_undescribed(self):
        @collector("liar", "Lies.", facts=[])
        def liar(machine, record):
            record.add("os.other", 1)

        with tempfile.TemporaryDirectory() as root, self.assertRaises(AssertionError):
            testing.observe([liar], testing.machine(root, {}))


@dataclass
class Limits:
    least: int = setting(2, doc="Fewest.")


@check("hello.few", "Too few", area="system", needs=["cpu.count"], doc=Doc("?"), settings=Limits)
def few(c):
    n = c.facts.integer("cpu.count")
    if n is not None and n < c.config.least:
        c.report(Finding(Severity.WARNING, f"{n} of {c.config.least}", evidence=c.evidence("cpu.count", "no.such")))


@check("hello.broken", "Broken", area="system", doc=Doc("?"))
def raises(c):
    raise IndexError("boom")


class Checking(unittest.TestCase):
    def test_findings(self):
        found = testing.diagnose([few], {"cpu.count": 1})["hello.few"][0]
        self.assertEqual((found.code, found.title, found.severity, found.detail), ("hello.few", "Too few", Severity.WARNING, "1 of 2"))
        self.assertEqual([(e.fact, e.value) for e in found.evidence], [("cpu.count", "1")])
        self.assertEqual(testing.diagnose([few], {"cpu.count": 2}), {})
        self.assertTrue(testing.diagnose([few], {"cpu.count": 2}, {"hello.few": {"least": 3}}))

    def test_outcomes(self):
        facts = Facts([Fact("cpu.count", unknown="denied")])
        got = checks_module.run(facts, [few, raises])
        self.assertEqual((got[0].status, got[0].reason), (checks_module.Status.SKIPPED, "fact cpu.count is unknown: denied"))
        self.assertEqual(got[1].status, checks_module.Status.FAILED)
        self.assertIn("panic: IndexError: boom", got[1].reason)
        self.assertIn("was not observed", checks_module.run(Facts(), [few])[0].reason)
        with self.assertRaises(AssertionError):
            testing.diagnose([raises], {})

    def test_wrong_types(self):
        for value in (None, True, -1.5, 1e308, "", [], {}, "7"):
            self.assertEqual(testing.diagnose([few], {"cpu.count": value}), {}, value)

    def test_needs_are_met_by_any_instance(self):
        record = Recorder()
        record.add(at("python.env", "/v", "version"), "3.11")
        needing = check("a.b", "t", area="x", needs=["python.env.version"], doc=Doc("?"))(lambda c: None)
        self.assertEqual(checks_module.run(Facts(record.facts()), [needing])[0].status, checks_module.Status.RAN)

    def test_reads(self):
        reads = Reads()
        facts = Facts([Fact("cpu.count", "1")], reads)
        checks_module.run(facts, [few])
        self.assertEqual((reads.addresses, reads.groups, reads.all), ({"cpu.count", "no.such"}, set(), False))
        facts.all()
        self.assertTrue(reads.all)

    def test_getters(self):
        facts = Facts([Fact("a", "3"), Fact("b", "true"), Fact("c", '"s"'), Fact("d", "3.5"), Fact("u", unknown="why")])
        self.assertEqual((facts.integer("a"), facts.get("a", float), facts.boolean("b"), facts.string("c")), (3, 3.0, True, "s"))
        self.assertEqual((facts.integer("b"), facts.integer("d"), facts.string("u"), facts.known("u")), (None, None, "", False))


if __name__ == "__main__":
    unittest.main()

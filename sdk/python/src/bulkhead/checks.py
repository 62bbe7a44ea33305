# SPDX-License-Identifier: Apache-2.0
"""Checks judge facts and never look at the machine.

A check is a pure function from facts to findings: the same facts give the same findings on
any machine. It keeps quiet unless its facts prove the fault; what its tables do not reach is
reported as UNKNOWN, never as good or bad.

    @check("hello.few-cpus", "Too few CPUs", area="system", needs=["cpu.count"],
           doc=Doc(meaning="Data loading and training share one CPU."))
    def few_cpus(c: Context) -> None:
        if (c.facts.integer("cpu.count") or 2) < 2:
            c.report(Finding(Severity.WARNING, "A data loader needs a CPU of its own.",
                             evidence=c.evidence("cpu.count")))
"""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import settings as _settings
from .diagnostics import crash
from .facts import Evidence, Facts


class Severity(enum.IntEnum):
    """An error stops ML work or makes it wrong; a warning costs speed, memory or a later failure."""

    INFO = 1
    WARNING = 2
    ERROR = 3
    #: Beyond what the tables know: neither good nor bad.
    UNKNOWN = 4


class Risk(enum.IntEnum):
    """LOW is undone by a command; MEDIUM changes what other work uses; HIGH may lose data."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclasses.dataclass(frozen=True)
class Doc:
    """Explains a finding to the person who has it, in full sentences: ``bulkhead explain CODE``."""

    meaning: str
    detection: str = ""
    cause: str = ""
    fix: str = ""
    verify: str = ""
    references: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A declarative repair. Its preview is shown to the user; the plugin runs nothing of it.

    ``kind`` is one of advice, system-command, install-packages, uninstall-packages, write-file,
    set-env and docker-daemon-config.
    """

    id: str
    summary: str
    kind: str = "advice"
    risk: Risk = Risk.LOW
    preview: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """One fault of one subject.

    ``detail`` says what is wrong here, with the numbers, ``cause`` why. ``subject`` is what is
    affected (a device, an environment, a file; empty: the machine), ``confidence`` 0 to 1.
    ``explains`` lists codes (or "group.*") that this finding causes, ``verify`` commands that
    show that it is gone. ``code`` and ``title`` are the check's own when empty.
    """

    severity: Severity = Severity.ERROR
    detail: str = ""
    cause: str = ""
    subject: str = ""
    evidence: Sequence[Evidence] = ()
    remedies: Sequence[Remedy] = ()
    explains: Sequence[str] = ()
    verify: Sequence[str] = ()
    confidence: float = 1.0
    title: str = ""
    code: str = ""


class Context:
    """What a running check sees: the facts, and its settings."""

    def __init__(self, check: Check, facts: Facts, config: Any) -> None:
        #: Facts of the machine.
        self.facts = facts
        #: The user's settings, with defaults filled in; None when the check has none.
        self.config = config
        self._check = check
        self.findings: list[Finding] = []

    def report(self, finding: Finding) -> None:
        """Records a finding."""
        code, title = finding.code or self._check.code, finding.title or self._check.title
        self.findings.append(dataclasses.replace(finding, code=code, title=title))

    def evidence(self, *addresses: str) -> tuple[Evidence, ...]:
        """Gathers the evidence of facts."""
        return self.facts.evidence(*addresses)


@dataclasses.dataclass(frozen=True)
class Check:
    """Judges one kind of fault. ``needs`` lists facts without which it is skipped.

    An address with an instance ("python.env.version") is satisfied by any instance.
    """

    code: str
    title: str
    run: Callable[[Context], None]
    area: str = ""
    needs: Sequence[str] = ()
    doc: Doc = Doc("")
    settings: type | None = None

    def __call__(self, context: Context) -> None:
        """Runs the check, as the function that it was made of."""
        self.run(context)


def check(
    code: str,
    title: str,
    *,
    area: str,
    needs: Iterable[str] = (),
    doc: Doc,
    settings: type | None = None,
) -> Callable[[Callable[[Context], None]], Check]:
    """Makes a check of a function."""

    def make(run: Callable[[Context], None]) -> Check:
        return Check(code, title, run, area, tuple(needs), doc, settings)

    return make


class Status(enum.IntEnum):
    """What became of a check."""

    RAN = 1
    SKIPPED = 2
    FAILED = 3


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one check; ``duration`` is in seconds."""

    code: str
    status: Status
    reason: str = ""
    duration: float = 0.0
    findings: tuple[Finding, ...] = ()


def run(facts: Facts, checks: Iterable[Check], config: Mapping[str, bytes] | None = None) -> list[Outcome]:
    """Runs checks over one set of facts, in order. A check that raises has failed, alone."""
    return [_run_one(c, facts, (config or {}).get(c.code, b"")) for c in checks]


def _run_one(c: Check, facts: Facts, config: bytes) -> Outcome:
    began = time.perf_counter()
    reason = _missing(facts, c.needs)
    if reason:
        return Outcome(c.code, Status.SKIPPED, reason)
    try:
        context = Context(c, facts, _settings.decode(c.settings, config))
        c.run(context)
    except BaseException as e:  # whatever it is, the other checks go on
        return Outcome(c.code, Status.FAILED, crash(e), time.perf_counter() - began)
    return Outcome(c.code, Status.RAN, "", time.perf_counter() - began, tuple(context.findings))


def _missing(facts: Facts, needs: Iterable[str]) -> str:
    """Names the first need that no fact satisfies."""
    for need in needs:
        fact = facts.lookup(need)
        if fact is not None and fact.unknown:
            return f"fact {need} is unknown: {fact.unknown}"
        if fact is None and not _any_instance(facts, need):
            return f"fact {need} was not observed"
    return ""


def _any_instance(facts: Facts, need: str) -> bool:
    """Whether "python.env.version" is known under some key: "python.env[/opt/venv].version"."""
    from .facts import at

    words = need.split(".")
    for i in range(1, len(words) + 1):
        group, field = ".".join(words[:i]), ".".join(words[i:])
        if any(facts.known(at(group, key, field)) for key in facts.instances(group)):
            return True
    return False

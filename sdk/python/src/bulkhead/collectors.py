# SPDX-License-Identifier: Apache-2.0
"""Collectors observe one side of a machine, through a Target alone, and never judge.

    @collector("boot", "How the machine was started.",
               facts=[Description("boot.command_line", "command line of the kernel", "string")])
    def boot(target: Target, record: Recorder) -> None:
        name = "/proc/cmdline"
        try:
            line = target.read_file(name).decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return                                        # no such thing here, so no fact
        except OSError as e:
            record.unknown("boot.command_line", str(e), from_file(name))
        else:
            record.add("boot.command_line", line, from_file(name, 1, line))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from .diagnostics import Cancelled, Diagnostic, crash, one_line, warning
from .facts import Description, Fact, Recorder
from .target import Target


@dataclasses.dataclass(frozen=True)
class Collector:
    """Observes a machine. ``facts`` lists what it may record, without instance keys.

    An exception costs the facts not yet recorded and becomes a warning of the report.
    """

    name: str
    summary: str
    collect: Callable[[Target, Recorder], None]
    facts: Sequence[Description] = ()

    def __call__(self, target: Target, record: Recorder) -> None:
        """Collects, as the function that it was made of."""
        self.collect(target, record)


def collector(
    name: str, summary: str, *, facts: Iterable[Description]
) -> Callable[[Callable[[Target, Recorder], None]], Collector]:
    """Makes a collector of a function."""

    def make(collect: Callable[[Target, Recorder], None]) -> Collector:
        return Collector(name, summary, collect, tuple(facts))

    return make


def observe(target: Target, collectors: Iterable[Collector]) -> tuple[list[Fact], list[Diagnostic]]:
    """Runs collectors on a target: the facts in address order, and what went wrong."""
    record, failed = Recorder(), []
    for c in collectors:
        try:
            c.collect(target, record)
        except Cancelled:
            raise
        except BaseException as e:  # whatever it is, the other collectors go on
            # A file that cannot be read is the machine's fault, anything else the collector's.
            why = one_line(e) if isinstance(e, (OSError, Diagnostic)) else crash(e)
            failed.append(warning(f"Collector {c.name} failed", f"Its facts are incomplete, and checks that need them are skipped: {why}."))
    return record.facts(), failed

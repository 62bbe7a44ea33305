# SPDX-License-Identifier: Apache-2.0
"""The message that a plugin gives to the person who runs it.

A Diagnostic says what happened in ``summary``, a noun phrase without a full stop, and why
and what to do next in ``detail``, in full sentences. ``path`` points into the plugin's own
settings, so that the host can underline the user's line. A Diagnostic is an exception:
raise it from anything that the SDK calls.

    raise error("Empty range", "low is above high.").at("low")
"""

from __future__ import annotations

import enum
import os
import traceback
from collections.abc import Iterable
from types import TracebackType

#: Largest traceback that travels, in characters; the end of it, which says most.
MAX_TRACEBACK = 16_384


class Severity(enum.IntEnum):
    """An error stops the call that it belongs to; a warning and a note do not."""

    ERROR = 1
    WARNING = 2
    INFO = 3


class Diagnostic(Exception):
    """One message for the user of a plugin."""

    def __init__(self, severity: Severity, summary: str, detail: str = "", path: Iterable[str] = ()) -> None:
        self.severity = Severity(severity)
        self.summary = str(summary)
        self.detail = str(detail)
        self.path = tuple(str(p) for p in path)
        super().__init__(f"{self.summary}: {self.detail}" if self.detail else self.summary)

    def at(self, *path: str) -> Diagnostic:
        """Points at a setting: attribute names, block types and list indices, outermost first."""
        self.path = tuple(str(p) for p in path)
        return self


def error(summary: str, detail: str = "") -> Diagnostic:
    """Makes an error, to be raised."""
    return Diagnostic(Severity.ERROR, summary, detail)


def warning(summary: str, detail: str = "") -> Diagnostic:
    """Makes a warning, for ``Setup.diagnose``."""
    return Diagnostic(Severity.WARNING, summary, detail)


def note(summary: str, detail: str = "") -> Diagnostic:
    """Makes a note, for ``Setup.diagnose``."""
    return Diagnostic(Severity.INFO, summary, detail)


class Cancelled(BaseException):
    """The caller wants no answer any more.

    Iterating over batches and looking at a target raise it; let it pass. It is no Exception, so
    that ``except Exception`` does.
    """


def crash(e: BaseException) -> str:
    """The text of an exception that nobody foresaw, with its traceback from the plugin's code on."""
    trace = "".join(traceback.format_exception(type(e), e, _of_plugin(e.__traceback__)))
    return f"panic: {one_line(e)}\n{trace[-MAX_TRACEBACK:]}"


def _of_plugin(trace: TracebackType | None) -> TracebackType | None:
    """Leaves out how the SDK came to call the plugin, unless the fault is the SDK's own."""
    at = trace
    while at is not None and os.path.dirname(at.tb_frame.f_code.co_filename) == os.path.dirname(__file__):
        at = at.tb_next
    return at or trace


def one_line(e: BaseException) -> str:
    """An exception in a line: its type and its words."""
    return f"{type(e).__name__}: {e}" if str(e) else type(e).__name__


def from_exception(what: str, e: BaseException) -> Diagnostic:
    """Turns whatever was raised into a message: "The kernel", KeyError('x')."""
    if isinstance(e, Diagnostic):
        return e
    if isinstance(e, MemoryError):
        why = "It needs more than its sandbox gives: raise `memory` in `sandbox { limits { ... } }` of the plugin, or give it less."
        return error(f"{what} ran out of memory", f"{why}\n{crash(e)}")
    return error(f"{what} crashed", crash(e))

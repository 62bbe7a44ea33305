# SPDX-License-Identifier: Apache-2.0
"""The end of a call: what became of its kernels, in one message that travels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from . import wire
from .diagnostics import Diagnostic, error, from_exception, warning
from .kernels import MAX_UNDO_TOKEN
from .plugin.v1 import kernel_pb2 as pb
from .streams import Stage

#: Largest report, in bytes of JSON.
MAX_REPORT_BYTES = 4 << 20
#: Bound of the results of kernels that run as one call, together: they travel in one message.
MAX_RESULTS_BYTES = 12 << 20
#: Up to this size a report is never left out, in bytes.
_SMALL_REPORT = 1 << 10


def of(stages: Sequence[Stage]) -> pb.Result:
    """Ends a call of one kernel, or of several fused ones."""
    made = [_result(s) for s in stages]
    _together(made)
    made[0].then.extend(made[1:])
    return made[0]


def _together(results: Sequence[pb.Result]) -> None:
    """Leaves out what does not travel in one message, the largest first: reports, then messages.

    Each kernel says what of its own was left out, and one that failed still says so: no kernel
    chose to run with the others.
    """
    whole = total = sum(r.ByteSize() for r in results)
    while total > MAX_RESULTS_BYTES:
        r = max(results, key=lambda r: len(r.report_json))
        if len(r.report_json) > _SMALL_REPORT:
            total -= r.ByteSize()
            _cut_report(r, f"{len(results)} kernels ran as one call, and their results have {whole} bytes together, "
                           f"of which {MAX_RESULTS_BYTES} travel.")
        else:
            r = max(results, key=_said)
            if len(r.diagnostics) < 2 and _said(r) <= wire.MAX_SHORT * 4:
                return
            total -= r.ByteSize()
            _cut_diagnostics(r)
        total += r.ByteSize()


def _said(r: pb.Result) -> int:
    return sum(d.ByteSize() for d in r.diagnostics)


def _cut_report(r: pb.Result, why: str) -> None:
    left_out = f"The report of this one, {len(r.report_json)} bytes of JSON, is among what was left out. Report sums and examples."
    r.report_json = b"{}"
    r.diagnostics.extend(wire.diagnostics([warning("Report left out", f"{why} {left_out}")]))


def _cut_diagnostics(r: pb.Result) -> None:
    """Leaves the gravest one, with the number of the others."""
    worst, others = min(r.diagnostics, key=lambda d: d.severity), len(r.diagnostics) - 1
    detail = wire.short(worst.detail)
    if others:
        detail += f"\n{others} more are left out: kernels that run as one call said more than travels."
    kept = type(worst)(severity=worst.severity, summary=wire.short(worst.summary), detail=detail)
    del r.diagnostics[:]
    r.diagnostics.append(kept)


def messages(stage: Stage) -> list[Diagnostic]:
    """What was diagnosed in a call, and what went wrong."""
    found = list(stage.setup.diagnostics) if stage.setup else []
    return found if stage.failure is None else [*found, from_exception("The kernel", stage.failure)]


def _result(stage: Stage) -> pb.Result:
    """What became of one kernel."""
    r, said = pb.Result(rows_out=stage.rows_out), messages(stage)
    try:
        r.report_json = json.dumps(dict(stage.report or {}), allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as e:
        said.append(error("Report that is no JSON", f"The report cannot be written as JSON: {e}."))
        r.report_json = b"{}"
    if len(r.report_json) > MAX_REPORT_BYTES:
        said.append(error("Report too large", f"The report has {len(r.report_json)} bytes of JSON, and at most {MAX_REPORT_BYTES} "
                                              "travel. Report sums and examples, and write what is long as columns."))
        r.report_json = b"{}"
    if stage.reader is not None:
        r.rows_in = stage.reader.rows
    if stage.setup is not None:
        r.rows_dropped, r.rows_rejected = stage.setup.dropped, stage.setup.rejected
        if len(stage.setup.token) > MAX_UNDO_TOKEN:
            said.append(error("Undo token too large", f"It has {len(stage.setup.token)} bytes, and at most {MAX_UNDO_TOKEN} are kept."))
        else:
            r.undo_token = stage.setup.token
    r.diagnostics.extend(wire.diagnostics(said))
    return r


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy and Arrow as Python's own."""
    for method in ("tolist", "as_py"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} is no value of JSON")

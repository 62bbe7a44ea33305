# SPDX-License-Identifier: Apache-2.0
"""The doctor in a notebook.

    from bulkhead.notebook import doctor
    doctor()                      # the report, as the last value of a cell
    doctor("--level", "2").data   # what it says, as Python values

The ``bulkhead`` executable does the work; it must be on the path, or be named by ``executable=`` or the
variable ``BULKHEAD``. Nothing is sent anywhere. The environment that is examined is that of the notebook's
kernel, unless ``--python`` names another.
"""
from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

OK, WARNINGS, ERRORS, TIMEOUT, MISUSE = 0, 1, 2, 3, 78
"""Exit codes of the host."""


class BulkheadError(RuntimeError):
    """The host did not get as far as a report: it is not there, or the arguments are wrong."""


@dataclass(frozen=True)
class Report:
    """A report of the doctor. A notebook shows it as a page."""

    data: dict[str, Any]
    """What ``bulkhead doctor --json`` printed; see docs/schema/doctor.schema.json."""
    code: int
    """The exit code: 0 healthy, 1 warnings, 2 errors, 3 when the time ran out."""
    _command: list[str] = field(repr=False, default_factory=list)

    @property
    def healthy(self) -> bool:
        return self.code == OK

    @cached_property
    def html(self) -> str:
        """The report as a whole page. The host is asked once more, which its cache makes quick."""
        return _run([*self._command, "--format", "html"]).stdout

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" sandbox style="width:100%;height:30em;border:0" title="bulkhead doctor"></iframe>'

    def __str__(self) -> str:
        return _run([*self._command, "--format", "text"]).stdout


def doctor(*arguments: str, executable: str | None = None, timeout: float | None = None) -> Report:
    """Run ``bulkhead doctor`` with these arguments and return its report.

    timeout is in seconds. Raises BulkheadError where there is no report.
    """
    command = [_executable(executable), "doctor"]
    if not any(a == "--python" or a.startswith("--python=") for a in arguments):
        command += ["--python", sys.prefix]
    if timeout is not None:
        command += ["--timeout", f"{timeout:g}s"]
    command += arguments
    done = _run([*command, "--json"])
    return Report(json.loads(done.stdout), done.returncode, command)


def _executable(name: str | None) -> str:
    wanted = name or os.environ.get("BULKHEAD") or "bulkhead"
    found = shutil.which(wanted)
    if found is None:
        raise BulkheadError(f"there is no {wanted}; install Bulkhead, or name its executable with executable= or the variable BULKHEAD")
    return found


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL, check=False)
    if done.returncode not in (OK, WARNINGS, ERRORS, TIMEOUT) or not done.stdout:
        raise BulkheadError(done.stderr.strip() or done.stdout.strip() or f"bulkhead ended with code {done.returncode} and said nothing")
    return done

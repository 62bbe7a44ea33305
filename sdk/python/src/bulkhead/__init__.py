# SPDX-License-Identifier: Apache-2.0
"""Plugins for Bulkhead in Python: collectors observe, checks judge, kernels transform tables.

    from bulkhead import Context, Doc, Finding, Info, Severity, check, serve

    @check("hello.few-cpus", "Too few CPUs", area="system", needs=["cpu.count"],
           doc=Doc(meaning="Data loading and training share one CPU."))
    def few_cpus(c: Context) -> None:
        if (c.facts.integer("cpu.count") or 2) < 2:
            c.report(Finding(Severity.WARNING, "A data loader needs a CPU of its own.",
                             evidence=c.evidence("cpu.count")))

    if __name__ == "__main__":
        serve(Info("hello-python-check", "0.1.0"), checks=[few_cpus])

Modules: ``checks``, ``collectors``, ``facts``, ``target``, ``kernels``, ``batches`` (columns and their
roles; needs pyarrow), ``state`` (what a kernel learnt), ``settings``, ``diagnostics``, ``testing``.
"""

from ._version import VERSION as __version__
from .checks import Check, Context, Doc, Finding, Remedy, Risk, Severity, check
from .collectors import Collector, collector
from .diagnostics import Cancelled, Diagnostic, error, note, warning
from .facts import Description, Evidence, Fact, Facts, Recorder, at, from_call, from_file
from .kernels import ALGORITHMS, DATA, INFRASTRUCTURE, MLOPS, Estimate, Kernel, Rejected, Setup
from .logs import log
from .serving import Info, serve
from .settings import setting
from .target import FileTooLarge, Target, Usage

__all__ = [
    "ALGORITHMS", "DATA", "INFRASTRUCTURE", "MLOPS", "Cancelled", "Check", "Collector", "Context", "Description",
    "Diagnostic", "Doc", "Estimate", "Evidence", "Fact", "Facts", "FileTooLarge", "Finding", "Info", "Kernel",
    "Recorder", "Rejected", "Remedy", "Risk", "Setup", "Severity", "Target", "Usage", "__version__", "at", "check",
    "collector", "error", "from_call", "from_file", "log", "note", "serve", "setting", "warning",
]

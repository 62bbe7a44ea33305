# SPDX-License-Identifier: Apache-2.0
"""Hello-python-check is a complete check plugin: it wants a machine with two CPUs."""

from bulkhead import Context, Doc, Finding, Info, Severity, check, serve


@check("hello.few-cpus", "Too few CPUs", area="system", needs=["cpu.count"],
       doc=Doc(meaning="Data loading and training share one CPU."))
def few_cpus(c: Context) -> None:
    cpus = c.facts.integer("cpu.count")
    if cpus is not None and cpus < 2:
        c.report(Finding(Severity.WARNING, "A data loader needs a CPU of its own.",
                         evidence=c.evidence("cpu.count")))


if __name__ == "__main__":
    serve(Info("hello-python-check", "0.1.0"), checks=[few_cpus])

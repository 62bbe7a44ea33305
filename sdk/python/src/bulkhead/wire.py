# SPDX-License-Identifier: Apache-2.0
"""Between the values of the SDK and the messages of bulkhead.plugin.v1.

Text on the wire is UTF-8, and nothing else: names from foreign disks are made so here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from . import checks, collectors, kernels, settings
from .diagnostics import Diagnostic, crash, error, warning
from .facts import Evidence, Fact, Reads
from .plugin.v1 import doctor_pb2, kernel_pb2, plugin_pb2, schema_pb2
from .target import Target, Usage


def text(s: str) -> str:
    """Makes text fit for the wire: what is not UTF-8 becomes U+FFFD."""
    try:
        s.encode("utf-8")
    except UnicodeEncodeError:
        return s.encode("utf-8", "surrogateescape" if _escaped(s) else "replace").decode("utf-8", "replace")
    return s


def _escaped(s: str) -> bool:
    """Whether all lone surrogates are bytes of a file's name."""
    return all(not 0xD800 <= ord(c) <= 0xDFFF or 0xDC80 <= ord(c) <= 0xDCFF for c in s)


def texts(list_: Iterable[str]) -> list[str]:
    """Makes each text fit for the wire."""
    return [text(s) for s in list_]


def _enum(value: int) -> Any:
    """A value of an enumeration, by its number."""
    return int(value)


#: Bounds in characters: of one text of a diagnostic, of one of a rejected row or of progress.
_MAX_TEXT, MAX_SHORT = 64 << 10, 8 << 10
#: Bound of all diagnostics of an answer, in bytes.
_MAX_DIAGNOSTICS = 4 << 20


def short(s: str, most: int = MAX_SHORT) -> str:
    """Makes text fit for the wire, and cuts what quotes too much."""
    return text(s if len(s) <= most else s[:most] + "...")


def diagnostics(ds: Iterable[Diagnostic]) -> list[plugin_pb2.Diagnostic]:
    """Messages for the user, as many as travel."""
    out: list[plugin_pb2.Diagnostic] = []
    total, all_ = 0, list(ds)
    for at, d in enumerate(all_):
        made = plugin_pb2.Diagnostic(
            severity=_enum(d.severity), summary=short(d.summary, _MAX_TEXT), detail=short(d.detail, _MAX_TEXT),
            path=[short(p, _MAX_TEXT) for p in d.path],
        )
        total += made.ByteSize()
        if total > _MAX_DIAGNOSTICS:
            worst = min(d.severity for d in all_[at:])  # an error is the least number
            made = plugin_pb2.Diagnostic(severity=_enum(worst), summary="More diagnostics than travel",
                                         detail=f"{len(all_) - at} more are left out.")
            return [*out, made]
        out.append(made)
    return out


def schema(s: settings.Schema) -> schema_pb2.Schema:
    """The schema of a config block."""
    out = schema_pb2.Schema()
    for a in s.attributes:
        out.attributes.append(schema_pb2.Attribute(
            name=a.name, type=a.type, required=a.required, default_json=a.default_json, description=text(a.description),
            deprecated=text(a.deprecated), sensitive=a.sensitive, examples=texts(a.examples), one_of=texts(a.one_of),
            minimum=a.minimum, maximum=a.maximum,
        ))
    for b in s.blocks:
        nesting = schema_pb2.Block.NESTING_LIST if b.many else schema_pb2.Block.NESTING_SINGLE
        out.blocks.append(schema_pb2.Block(
            type=b.name, nesting=nesting, required=b.required and not b.many, description=text(b.description), schema=schema(b.schema),
        ))
    return out


def describe_collector(c: collectors.Collector) -> plugin_pb2.CollectorDescription:
    """A collector's part of the description."""
    facts = [plugin_pb2.FactDescription(address=f.address, summary=f.summary, type=f.type, unit=f.unit) for f in c.facts]
    return plugin_pb2.CollectorDescription(name=c.name, summary=c.summary, facts=facts)


def describe_check(c: checks.Check) -> plugin_pb2.CheckDescription:
    """A check's part of the description."""
    d = c.doc
    return plugin_pb2.CheckDescription(
        code=c.code, title=c.title, area=c.area, needs=list(c.needs), config=schema(settings.schema_of(c.settings)),
        documentation=plugin_pb2.Documentation(
            meaning=d.meaning, detection=d.detection, cause=d.cause, fix=d.fix, verify=d.verify, references=list(d.references),
        ),
    )


def describe_kernel(k: type[kernels.Kernel]) -> plugin_pb2.KernelDescription:
    """A kernel's part of the description."""
    return plugin_pb2.KernelDescription(
        name=k.name, summary=k.summary or ((k.__doc__ or "").strip().splitlines() or [""])[0], compartment=k.compartment,
        config=schema(settings.schema_of(k.settings)), fits=k.defines("fit"), transforms=k.defines("transform"),
        row_wise=k.row_wise, reads_file=k.reads_file, writes_file=k.writes_file, undoes=k.defines("undo"),
        state_version=k.state_version, min_state_version=k.min_state_version or k.state_version,
    )


def target(t: doctor_pb2.Target) -> Target:
    """The machine to observe."""
    return Target(
        root=t.root, live=t.live, process_dir=t.process_dir, env=dict(t.env), pythons=list(t.pythons), project_dir=t.project_dir,
        home=t.home, filesystems={n: Usage(u.total_bytes, u.free_bytes) for n, u in t.filesystems.items()}, os_name=t.os,
        arch=t.arch, kernel_log=t.kernel_log, kernel_log_unknown=t.kernel_log_unknown, open_files=t.open_files,
    )


def evidence(es: Sequence[Evidence]) -> list[doctor_pb2.Evidence]:
    """Where observations come from."""
    return [
        doctor_pb2.Evidence(fact=text(e.fact), path=text(e.path), line=e.line, call=text(e.call), value=text(e.value)) for e in es
    ]


def facts_out(facts: Iterable[Fact]) -> tuple[list[doctor_pb2.Fact], list[Diagnostic]]:
    """Facts for the host, and those that a collector put together of other types."""
    out, odd = [], []
    for f in facts:
        try:
            out.append(doctor_pb2.Fact(
                address=text(f.address), value_json=text(f.value_json).encode(), unknown=text(f.unknown), evidence=evidence(f.evidence),
            ))
        except (TypeError, ValueError, AttributeError) as e:
            odd.append(warning("Fact that cannot travel", f"Fact {f.address!r} is left out: {crash(e)}"))
    return out, odd


def facts_in(facts: Iterable[doctor_pb2.Fact]) -> list[Fact]:
    """Facts from the host. One without an address, or without a value and a reason, is an error."""
    return [_fact(f) for f in facts]


def _fact(f: doctor_pb2.Fact) -> Fact:
    if not f.address:
        raise error("Facts that cannot be read", "A fact has no address.")
    if not f.unknown:
        try:
            json.loads(f.value_json)
        except (ValueError, RecursionError):
            raise error("Facts that cannot be read", f"Fact {f.address} has neither a JSON value nor a reason.") from None
    own = tuple(Evidence(e.fact, e.path, e.line, e.call, e.value) for e in f.evidence)
    return Fact(f.address, f.value_json.decode("utf-8", "replace"), f.unknown, own)


def finding(f: checks.Finding) -> doctor_pb2.Finding:
    """A finding of a check."""
    remedies = [
        doctor_pb2.Remedy(id=text(r.id), summary=text(r.summary), kind=text(r.kind), risk=_enum(r.risk), preview=texts(r.preview))
        for r in f.remedies
    ]
    return doctor_pb2.Finding(
        code=text(f.code), severity=_enum(f.severity), confidence=f.confidence, subject=text(f.subject), title=text(f.title),
        detail=text(f.detail), cause=text(f.cause), evidence=evidence(f.evidence), explains=texts(f.explains), remedies=remedies,
        verify=texts(f.verify),
    )


def outcome(o: checks.Outcome) -> tuple[doctor_pb2.CheckOutcome, list[doctor_pb2.Finding]]:
    """What became of a check. One whose findings have other types has failed."""
    status, reason, findings = o.status, o.reason, []
    try:
        findings = [finding(f) for f in o.findings]
    except (TypeError, ValueError, AttributeError) as e:
        status, reason = checks.Status.FAILED, crash(e)
    out = doctor_pb2.CheckOutcome(code=o.code, status=_enum(status), reason=text(reason), duration_ns=int(o.duration * 1e9))
    return out, findings


def reads(r: Reads) -> doctor_pb2.FactReads:
    """The facts that checks looked at."""
    if r.all:
        return doctor_pb2.FactReads(all=True)
    return doctor_pb2.FactReads(addresses=sorted(texts(r.addresses)), groups=sorted(texts(r.groups)))


def rejected(rows: Iterable[kernels.Rejected]) -> kernel_pb2.Rejected:
    """Rows that were put aside."""
    return kernel_pb2.Rejected(rows=[
        kernel_pb2.RejectedRow(row=r.row, rule=short(r.rule), column=short(r.column), detail=short(r.detail)) for r in rows
    ])

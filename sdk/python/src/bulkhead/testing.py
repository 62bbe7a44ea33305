# SPDX-License-Identifier: Apache-2.0
"""Runs collectors, checks and kernels without a host, for a plugin's own tests.

The contract that every plugin keeps is ``bulkhead plugin test``; this is for what only its
author knows: a machine that has the fault and one that nearly has it, published numbers.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from . import checks as _checks
from . import collectors as _collectors
from .diagnostics import Diagnostic
from .facts import Facts, Recorder
from .settings import decode
from .target import Target

if TYPE_CHECKING:
    import pyarrow as pa

    from .kernels import Kernel, Rejected, Setup


def machine(root: os.PathLike[str] | str, files: Mapping[str, str]) -> Target:
    """Writes a fake machine of plain files below a directory.

    The keys are the machine's own paths. A content "-> TEXT" makes a link.
    """
    for name, content in files.items():
        host = os.path.join(root, name.lstrip("/"))
        os.makedirs(os.path.dirname(host), exist_ok=True)
        if content.startswith("-> "):
            os.symlink(content[3:], host)
            continue
        with open(host, "w", encoding="utf-8") as f:
            f.write(content)
    return Target(os.fspath(root), process_dir="/proc/self", home="/home/ada", project_dir="/home/ada/train")


def observe(collectors: Iterable[_collectors.Collector], target: Target) -> dict[str, Any]:
    """Runs collectors: values by address, None for what is unknown. A diagnostic is raised."""
    collectors = list(collectors)
    facts, failed = _collectors.observe(target, collectors)
    for d in failed:
        raise d
    described = {f.address for c in collectors for f in c.facts}
    for f in facts:
        before, _, rest = f.address.partition("[")
        address = before + rest.rpartition("]")[2]
        if address not in described:
            raise AssertionError(f"fact {f.address} is recorded, and no collector describes {address}")
    return {f.address: f.value for f in facts}


def diagnose(
    checks: Iterable[_checks.Check], facts: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, list[_checks.Finding]]:
    """Runs checks over made-up facts: findings by code. A check that raises ends the test."""
    record = Recorder()
    for address, value in facts.items():
        record.add(address, value)
    config = {code: json.dumps(s).encode() for code, s in (settings or {}).items()}
    out: dict[str, list[_checks.Finding]] = {}
    for o in _checks.run(Facts(record.facts()), checks, config):
        if o.status == _checks.Status.FAILED:
            raise AssertionError(f"{o.code}: {o.reason}")
        for f in o.findings:
            out.setdefault(f.code, []).append(f)
    return out


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a fit gave."""

    state: bytes
    report: Mapping[str, Any]
    diagnostics: list[Diagnostic]


@dataclasses.dataclass(frozen=True)
class Transformed:
    """What a transform gave. ``origins`` are the input rows of its rows, None when they are not told."""

    table: pa.Table
    report: Mapping[str, Any]
    origins: list[int] | None
    dropped: int
    rejected: list[Rejected]
    diagnostics: list[Diagnostic]
    token: bytes


def setup(
    kernel: type[Kernel], schema: pa.Schema, settings: Mapping[str, Any] | None = None, seed: int = 0, files: Mapping[str, BinaryIO] | None = None
) -> Setup:
    """The setup of an instance; settings that are left out are defaults."""
    from .kernels import Setup

    return Setup(schema, decode(kernel.settings, json.dumps(settings or {}).encode()), seed, files=dict(files or {}))


def fit(kernel: type[Kernel], data: pa.Table | pa.RecordBatch, settings: Mapping[str, Any] | None = None, seed: int = 0) -> Fitted:
    """Fits a kernel on a table. What it refuses is raised."""
    from .streams import Reader

    k = _made(kernel, setup(kernel, data.schema, settings, seed))
    report = k.fit(Reader(data.schema, _batches(data)))
    return Fitted(k.save(), report or {}, k.setup.diagnostics)


def transform(
    kernel: type[Kernel],
    data: pa.Table | pa.RecordBatch,
    settings: Mapping[str, Any] | None = None,
    state: bytes = b"",
    seed: int = 0,
    files: Mapping[str, BinaryIO] | None = None,
) -> Transformed:
    """Transforms a table, with what a fit learnt. What the kernel refuses is raised.

    ``files`` are the open files of a source (its ``data`` is ``pa.table({})``) or a sink: "input", "output".
    """
    import pyarrow as pa

    from .streams import Stage

    stage = Stage(kernel.name)
    k = stage.kernel = _made(kernel, setup(kernel, data.schema, settings, seed, files))
    if k.defines("fit"):
        k.load(state)
    told = k.output_schema()
    if told is not None:
        stage.declare(told)
    items = list(stage.run(_batches(data), data.schema))
    table = pa.Table.from_batches([b for b, _ in items], schema=stage.schema or pa.schema([]))
    origins = None if any(rows is None for _, rows in items) else [r for _, rows in items for r in rows or ()]
    s = k.setup
    return Transformed(table, stage.report or {}, origins, s.dropped, s.rejections, s.diagnostics, s.token)


def _made(kernel: type[Kernel], made: Setup) -> Kernel:
    kernel.check_class()
    k = kernel(made)
    k.validate()
    return k


def _batches(data: pa.Table | pa.RecordBatch) -> list[pa.RecordBatch]:
    return data.to_batches() if hasattr(data, "to_batches") else [data]

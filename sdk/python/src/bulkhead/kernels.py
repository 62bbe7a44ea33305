# SPDX-License-Identifier: Apache-2.0
"""Kernels transform tables and fit models.

A kernel is a class. An instance is made for one call, and nothing is remembered between
calls: a fitted kernel is the state bytes that ``save`` returned, which the host keeps and
hands back through ``load``. State is data, never code; ``load`` gets bytes from anywhere and
must check them: see ``bulkhead.state``.

    class Centre(Kernel):
        "Subtracts the mean of each feature."
        name, compartment, settings = "centre", DATA, Settings
        row_wise, state_version, min_state_version = True, 1, 1

        def fit(self, batches): ...          # for batch in batches: learn; return a report
        def save(self): ...                  # bytes
        def load(self, state): ...
        def transform(self, batches): ...    # for batch in batches: yield batch; return a report

# Rows

Every row is accounted for. A kernel that leaves rows out counts them with ``setup.drop``, or
puts them aside one by one with ``setup.reject`` and says which rule they break. Rows of the
input are numbered from 0 over the whole call; ``batches.row`` is the number of the first row
of the batch last read. A kernel whose output rows are input rows says which ones: it yields
``(batch, rows)``, for all batches or for none. One that is row-wise and leaves rows out must.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Union

from .diagnostics import Diagnostic, error

if TYPE_CHECKING:
    import pyarrow as pa

    from .streams import Reader

#: The four families of kernels.
DATA, INFRASTRUCTURE, ALGORITHMS, MLOPS = "data", "infrastructure", "algorithms", "mlops"

#: Largest token that ``Setup.undo_token`` keeps, in bytes.
MAX_UNDO_TOKEN = 64 << 10

#: What a call tells its user, under documented keys; JSON, without NaN and infinities.
Report = Mapping[str, Any]
#: What ``transform`` yields: a batch, or a batch and the numbers of the input rows of its rows.
Output = Union["pa.RecordBatch", "tuple[pa.RecordBatch, Sequence[int]]"]


@dataclasses.dataclass(frozen=True)
class Rejected:
    """An input row that is put aside because it breaks a rule.

    ``row`` is its number over the whole call, ``rule`` a word such as "range"; ``column`` and
    ``detail`` tell people what is wrong.
    """

    row: int
    rule: str
    column: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a transform takes: time in seconds, private memory in bytes, a row and once."""

    seconds_per_row: float = 0.0
    seconds: float = 0.0
    bytes_per_row: float = 0.0
    bytes: float = 0.0


@dataclasses.dataclass
class Setup:
    """What an instance is made from, and how it talks to the host.

    ``schema`` is that of the input, ``config`` the settings dataclass with the user's values
    (None when the kernel has none), ``seed`` that of every random choice, ``budget`` the seconds
    that the call may use (0: there is no budget).
    """

    schema: pa.Schema
    config: Any = None
    seed: int = 0
    budget: float = 0.0
    files: dict[str, BinaryIO] = dataclasses.field(default_factory=dict)
    diagnostics: list[Diagnostic] = dataclasses.field(default_factory=list)
    dropped: int = 0
    rejected: int = 0
    rejections: list[Rejected] = dataclasses.field(default_factory=list)
    token: bytes = b""
    on_progress: Callable[[float, str], None] | None = None
    on_reject: Callable[[Rejected], None] | None = None
    is_cancelled: Callable[[], bool] = lambda: False

    def diagnose(self, d: Diagnostic) -> None:
        """Adds a message for the user: ``error``, ``warning`` or ``note``."""
        if not isinstance(d, Diagnostic):
            raise TypeError(f"a message for the user is a Diagnostic, not {type(d).__name__}")
        self.diagnostics.append(d)

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far a fit is: 0 to 1, or a negative number when it cannot be told."""
        if self.on_progress is not None:
            self.on_progress(float(fraction), str(message))

    def drop(self, rows: int) -> None:
        """Counts rows that were read and are left out on purpose."""
        self.dropped += rows

    def reject(self, row: int, rule: str, column: str = "", detail: str = "") -> None:
        """Puts an input row aside that breaks a rule. It is not written, and not dropped either."""
        self.rejected += 1
        found = Rejected(int(row), str(rule), str(column), str(detail))
        if self.on_reject is not None:
            self.on_reject(found)
        else:
            self.rejections.append(found)

    def undo_token(self, token: bytes) -> None:
        """Keeps what ``undo`` needs. Keep it before acting: it counts even when the call fails."""
        self.token = bytes(token)

    def file(self, name: str) -> BinaryIO:
        """A file that the host opened for this call: "input" to read, "output" to write."""
        if name not in self.files:
            raise error("File that was not given", f"The host gave this call no file {name!r}.")
        return self.files[name]

    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more: ask it in long loops without batches."""
        return self.is_cancelled()

    def random(self) -> random.Random:
        """A generator of the call's seed. The order of a ``set`` of texts is another every time."""
        return random.Random(self.seed)


class Kernel:
    """The base of kernels: what a subclass defines is what it can do.

    ``name`` is lower-case letters, digits and underscores; ``summary`` is the first line of the
    class's documentation when it is empty. ``row_wise`` promises that each written row depends on
    one row that was read, besides settings and state, and that rows come out in their order,
    those of a batch before the next is read. ``reads_file`` makes it a source, ``writes_file`` a sink.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    compartment: ClassVar[str] = DATA
    settings: ClassVar[type | None] = None
    row_wise: ClassVar[bool] = False
    reads_file: ClassVar[bool] = False
    writes_file: ClassVar[bool] = False
    state_version: ClassVar[int] = 0
    min_state_version: ClassVar[int] = 0

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        #: The user's settings.
        self.config: Any = setup.config

    def validate(self) -> None:
        """Checks settings and columns, before any data moves and before every call. Raise ``error``."""

    def output_schema(self) -> pa.Schema | None:
        """The columns that ``transform`` writes; None while they are not known."""
        return None

    def estimate(self) -> Estimate | None:
        """What a transform will take, as far as it can be told."""
        return None

    def fit(self, batches: Reader) -> Report | None:
        """Learns from all batches. At the end of the budget it keeps the best, and says so."""
        raise NotImplementedError

    def save(self) -> bytes:
        """What ``fit`` learnt."""
        raise NotImplementedError

    def load(self, state: bytes) -> None:
        """Puts it back, before ``transform``; raises when the state is not one of this kernel."""
        raise NotImplementedError

    def transform(self, batches: Reader) -> Iterator[Output] | Report | None:
        """Reads all batches and yields those of the output; a generator returns its report."""
        raise NotImplementedError

    def undo(self, token: bytes) -> None:
        """Takes back what a transform did. It succeeds also when there is nothing to take back."""
        raise NotImplementedError

    @classmethod
    def defines(cls, method: str) -> bool:
        """Whether a subclass has a method of its own."""
        return getattr(cls, method) is not getattr(Kernel, method)

    @classmethod
    def check_class(cls) -> None:
        """Refuses a class that does not keep the rules, by name: a bug of its author."""
        if not cls.name:
            raise TypeError(f"kernel {cls.__name__} has no name")
        if not cls.defines("fit") and not cls.defines("transform"):
            raise TypeError(f"kernel {cls.name} neither fits nor transforms")
        if (cls.reads_file or cls.writes_file) and not cls.defines("transform"):
            raise TypeError(f"kernel {cls.name} reads or writes a file and does not define transform")
        if cls.reads_file and cls.writes_file:
            raise TypeError(f"kernel {cls.name} both reads and writes a file; a source and a sink are two kernels")
        if cls.defines("fit") and not (cls.defines("save") and cls.defines("load")):
            raise TypeError(f"kernel {cls.name} fits and does not define both save and load")
        if cls.defines("fit") and cls.state_version < 1:
            raise TypeError(f"kernel {cls.name} fits and has no state_version, a number from 1")

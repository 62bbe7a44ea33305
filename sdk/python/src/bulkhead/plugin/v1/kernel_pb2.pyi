from bulkhead.plugin.v1 import plugin_pb2 as _plugin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Open(_message.Message):
    __slots__ = ("kernel", "config_json", "schema", "seed", "budget_ns", "files", "lane", "then")
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_NS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    kernel: str
    config_json: bytes
    schema: TableSchema
    seed: int
    budget_ns: int
    files: _containers.RepeatedCompositeFieldContainer[File]
    lane: int
    then: _containers.RepeatedCompositeFieldContainer[Open]
    def __init__(self, kernel: _Optional[str] = ..., config_json: _Optional[bytes] = ..., schema: _Optional[_Union[TableSchema, _Mapping]] = ..., seed: _Optional[int] = ..., budget_ns: _Optional[int] = ..., files: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., lane: _Optional[int] = ..., then: _Optional[_Iterable[_Union[Open, _Mapping]]] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("name", "descriptor", "path", "bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    descriptor: int
    path: str
    bytes: int
    def __init__(self, name: _Optional[str] = ..., descriptor: _Optional[int] = ..., path: _Optional[str] = ..., bytes: _Optional[int] = ...) -> None: ...

class ValidateRequest(_message.Message):
    __slots__ = ("open",)
    OPEN_FIELD_NUMBER: _ClassVar[int]
    open: Open
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("diagnostics", "output", "estimate")
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    diagnostics: _containers.RepeatedCompositeFieldContainer[_plugin_pb2.Diagnostic]
    output: TableSchema
    estimate: Estimate
    def __init__(self, diagnostics: _Optional[_Iterable[_Union[_plugin_pb2.Diagnostic, _Mapping]]] = ..., output: _Optional[_Union[TableSchema, _Mapping]] = ..., estimate: _Optional[_Union[Estimate, _Mapping]] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("seconds_per_row", "seconds", "memory_bytes_per_row", "memory_bytes")
    SECONDS_PER_ROW_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_PER_ROW_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    seconds_per_row: float
    seconds: float
    memory_bytes_per_row: float
    memory_bytes: float
    def __init__(self, seconds_per_row: _Optional[float] = ..., seconds: _Optional[float] = ..., memory_bytes_per_row: _Optional[float] = ..., memory_bytes: _Optional[float] = ...) -> None: ...

class UndoRequest(_message.Message):
    __slots__ = ("open", "token")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    open: Open
    token: bytes
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., token: _Optional[bytes] = ...) -> None: ...

class UndoResponse(_message.Message):
    __slots__ = ("diagnostics",)
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    diagnostics: _containers.RepeatedCompositeFieldContainer[_plugin_pb2.Diagnostic]
    def __init__(self, diagnostics: _Optional[_Iterable[_Union[_plugin_pb2.Diagnostic, _Mapping]]] = ...) -> None: ...

class TableSchema(_message.Message):
    __slots__ = ("columns", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[TableColumn]
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, columns: _Optional[_Iterable[_Union[TableColumn, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TableColumn(_message.Message):
    __slots__ = ("name", "type", "metadata", "unit", "zone", "list_size", "child")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TYPE_UNSPECIFIED: _ClassVar[TableColumn.Type]
        TYPE_INT64: _ClassVar[TableColumn.Type]
        TYPE_FLOAT64: _ClassVar[TableColumn.Type]
        TYPE_BOOL: _ClassVar[TableColumn.Type]
        TYPE_STRING: _ClassVar[TableColumn.Type]
        TYPE_INT8: _ClassVar[TableColumn.Type]
        TYPE_INT16: _ClassVar[TableColumn.Type]
        TYPE_INT32: _ClassVar[TableColumn.Type]
        TYPE_UINT8: _ClassVar[TableColumn.Type]
        TYPE_UINT16: _ClassVar[TableColumn.Type]
        TYPE_UINT32: _ClassVar[TableColumn.Type]
        TYPE_UINT64: _ClassVar[TableColumn.Type]
        TYPE_FLOAT32: _ClassVar[TableColumn.Type]
        TYPE_BINARY: _ClassVar[TableColumn.Type]
        TYPE_DATE32: _ClassVar[TableColumn.Type]
        TYPE_TIMESTAMP: _ClassVar[TableColumn.Type]
        TYPE_DICTIONARY: _ClassVar[TableColumn.Type]
        TYPE_LIST: _ClassVar[TableColumn.Type]
        TYPE_FIXED_SIZE_LIST: _ClassVar[TableColumn.Type]
    TYPE_UNSPECIFIED: TableColumn.Type
    TYPE_INT64: TableColumn.Type
    TYPE_FLOAT64: TableColumn.Type
    TYPE_BOOL: TableColumn.Type
    TYPE_STRING: TableColumn.Type
    TYPE_INT8: TableColumn.Type
    TYPE_INT16: TableColumn.Type
    TYPE_INT32: TableColumn.Type
    TYPE_UINT8: TableColumn.Type
    TYPE_UINT16: TableColumn.Type
    TYPE_UINT32: TableColumn.Type
    TYPE_UINT64: TableColumn.Type
    TYPE_FLOAT32: TableColumn.Type
    TYPE_BINARY: TableColumn.Type
    TYPE_DATE32: TableColumn.Type
    TYPE_TIMESTAMP: TableColumn.Type
    TYPE_DICTIONARY: TableColumn.Type
    TYPE_LIST: TableColumn.Type
    TYPE_FIXED_SIZE_LIST: TableColumn.Type
    class Unit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNIT_SECOND: _ClassVar[TableColumn.Unit]
        UNIT_MILLISECOND: _ClassVar[TableColumn.Unit]
        UNIT_MICROSECOND: _ClassVar[TableColumn.Unit]
        UNIT_NANOSECOND: _ClassVar[TableColumn.Unit]
    UNIT_SECOND: TableColumn.Unit
    UNIT_MILLISECOND: TableColumn.Unit
    UNIT_MICROSECOND: TableColumn.Unit
    UNIT_NANOSECOND: TableColumn.Unit
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    LIST_SIZE_FIELD_NUMBER: _ClassVar[int]
    CHILD_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: TableColumn.Type
    metadata: _containers.ScalarMap[str, str]
    unit: TableColumn.Unit
    zone: str
    list_size: int
    child: TableColumn
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[TableColumn.Type, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., unit: _Optional[_Union[TableColumn.Unit, str]] = ..., zone: _Optional[str] = ..., list_size: _Optional[int] = ..., child: _Optional[_Union[TableColumn, _Mapping]] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("schema", "rows", "columns", "origins")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    schema: TableSchema
    rows: int
    columns: _containers.RepeatedCompositeFieldContainer[ColumnBuffers]
    origins: bytes
    def __init__(self, schema: _Optional[_Union[TableSchema, _Mapping]] = ..., rows: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[ColumnBuffers, _Mapping]]] = ..., origins: _Optional[bytes] = ...) -> None: ...

class ColumnBuffers(_message.Message):
    __slots__ = ("validity", "values", "offsets", "child", "child_rows")
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    CHILD_FIELD_NUMBER: _ClassVar[int]
    CHILD_ROWS_FIELD_NUMBER: _ClassVar[int]
    validity: bytes
    values: bytes
    offsets: bytes
    child: ColumnBuffers
    child_rows: int
    def __init__(self, validity: _Optional[bytes] = ..., values: _Optional[bytes] = ..., offsets: _Optional[bytes] = ..., child: _Optional[_Union[ColumnBuffers, _Mapping]] = ..., child_rows: _Optional[int] = ...) -> None: ...

class FitRequest(_message.Message):
    __slots__ = ("open", "batch")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    open: Open
    batch: Batch
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ...) -> None: ...

class FitResponse(_message.Message):
    __slots__ = ("progress", "state_chunk", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_CHUNK_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    state_chunk: bytes
    result: Result
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., state_chunk: _Optional[bytes] = ..., result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class TransformRequest(_message.Message):
    __slots__ = ("open", "state_chunk", "batch", "then_state")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    STATE_CHUNK_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    THEN_STATE_FIELD_NUMBER: _ClassVar[int]
    open: Open
    state_chunk: bytes
    batch: Batch
    then_state: ThenState
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., state_chunk: _Optional[bytes] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., then_state: _Optional[_Union[ThenState, _Mapping]] = ...) -> None: ...

class ThenState(_message.Message):
    __slots__ = ("index", "chunk")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    index: int
    chunk: bytes
    def __init__(self, index: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class TransformResponse(_message.Message):
    __slots__ = ("batch", "result", "schema", "rejected")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    batch: Batch
    result: Result
    schema: TableSchema
    rejected: Rejected
    def __init__(self, batch: _Optional[_Union[Batch, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., schema: _Optional[_Union[TableSchema, _Mapping]] = ..., rejected: _Optional[_Union[Rejected, _Mapping]] = ...) -> None: ...

class Rejected(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[RejectedRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[RejectedRow, _Mapping]]] = ...) -> None: ...

class RejectedRow(_message.Message):
    __slots__ = ("row", "rule", "column", "detail")
    ROW_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    row: int
    rule: str
    column: str
    detail: str
    def __init__(self, row: _Optional[int] = ..., rule: _Optional[str] = ..., column: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("fraction", "message")
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    message: str
    def __init__(self, fraction: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("report_json", "rows_in", "rows_out", "rows_dropped", "diagnostics", "rows_rejected", "undo_token", "then")
    REPORT_JSON_FIELD_NUMBER: _ClassVar[int]
    ROWS_IN_FIELD_NUMBER: _ClassVar[int]
    ROWS_OUT_FIELD_NUMBER: _ClassVar[int]
    ROWS_DROPPED_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    ROWS_REJECTED_FIELD_NUMBER: _ClassVar[int]
    UNDO_TOKEN_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    report_json: bytes
    rows_in: int
    rows_out: int
    rows_dropped: int
    diagnostics: _containers.RepeatedCompositeFieldContainer[_plugin_pb2.Diagnostic]
    rows_rejected: int
    undo_token: bytes
    then: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, report_json: _Optional[bytes] = ..., rows_in: _Optional[int] = ..., rows_out: _Optional[int] = ..., rows_dropped: _Optional[int] = ..., diagnostics: _Optional[_Iterable[_Union[_plugin_pb2.Diagnostic, _Mapping]]] = ..., rows_rejected: _Optional[int] = ..., undo_token: _Optional[bytes] = ..., then: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

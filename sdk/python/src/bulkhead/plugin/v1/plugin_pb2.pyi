from bulkhead.plugin.v1 import schema_pb2 as _schema_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("name", "version", "sdk_version", "capabilities", "collectors", "checks", "kernels", "tables")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SDK_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    COLLECTORS_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    KERNELS_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    sdk_version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    collectors: _containers.RepeatedCompositeFieldContainer[CollectorDescription]
    checks: _containers.RepeatedCompositeFieldContainer[CheckDescription]
    kernels: _containers.RepeatedCompositeFieldContainer[KernelDescription]
    tables: _containers.RepeatedCompositeFieldContainer[TableDescription]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., sdk_version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., collectors: _Optional[_Iterable[_Union[CollectorDescription, _Mapping]]] = ..., checks: _Optional[_Iterable[_Union[CheckDescription, _Mapping]]] = ..., kernels: _Optional[_Iterable[_Union[KernelDescription, _Mapping]]] = ..., tables: _Optional[_Iterable[_Union[TableDescription, _Mapping]]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CollectorDescription(_message.Message):
    __slots__ = ("name", "summary", "facts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    summary: str
    facts: _containers.RepeatedCompositeFieldContainer[FactDescription]
    def __init__(self, name: _Optional[str] = ..., summary: _Optional[str] = ..., facts: _Optional[_Iterable[_Union[FactDescription, _Mapping]]] = ...) -> None: ...

class FactDescription(_message.Message):
    __slots__ = ("address", "summary", "type", "unit")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    address: str
    summary: str
    type: str
    unit: str
    def __init__(self, address: _Optional[str] = ..., summary: _Optional[str] = ..., type: _Optional[str] = ..., unit: _Optional[str] = ...) -> None: ...

class CheckDescription(_message.Message):
    __slots__ = ("code", "title", "area", "needs", "config", "documentation")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    AREA_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTATION_FIELD_NUMBER: _ClassVar[int]
    code: str
    title: str
    area: str
    needs: _containers.RepeatedScalarFieldContainer[str]
    config: _schema_pb2.Schema
    documentation: Documentation
    def __init__(self, code: _Optional[str] = ..., title: _Optional[str] = ..., area: _Optional[str] = ..., needs: _Optional[_Iterable[str]] = ..., config: _Optional[_Union[_schema_pb2.Schema, _Mapping]] = ..., documentation: _Optional[_Union[Documentation, _Mapping]] = ...) -> None: ...

class Documentation(_message.Message):
    __slots__ = ("meaning", "detection", "cause", "fix", "verify", "references")
    MEANING_FIELD_NUMBER: _ClassVar[int]
    DETECTION_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    meaning: str
    detection: str
    cause: str
    fix: str
    verify: str
    references: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, meaning: _Optional[str] = ..., detection: _Optional[str] = ..., cause: _Optional[str] = ..., fix: _Optional[str] = ..., verify: _Optional[str] = ..., references: _Optional[_Iterable[str]] = ...) -> None: ...

class KernelDescription(_message.Message):
    __slots__ = ("name", "summary", "compartment", "config", "fits", "transforms", "row_wise", "reads_file", "writes_file", "undoes", "state_version", "min_state_version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    COMPARTMENT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMS_FIELD_NUMBER: _ClassVar[int]
    ROW_WISE_FIELD_NUMBER: _ClassVar[int]
    READS_FILE_FIELD_NUMBER: _ClassVar[int]
    WRITES_FILE_FIELD_NUMBER: _ClassVar[int]
    UNDOES_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    MIN_STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    summary: str
    compartment: str
    config: _schema_pb2.Schema
    fits: bool
    transforms: bool
    row_wise: bool
    reads_file: bool
    writes_file: bool
    undoes: bool
    state_version: int
    min_state_version: int
    def __init__(self, name: _Optional[str] = ..., summary: _Optional[str] = ..., compartment: _Optional[str] = ..., config: _Optional[_Union[_schema_pb2.Schema, _Mapping]] = ..., fits: bool = ..., transforms: bool = ..., row_wise: bool = ..., reads_file: bool = ..., writes_file: bool = ..., undoes: bool = ..., state_version: _Optional[int] = ..., min_state_version: _Optional[int] = ...) -> None: ...

class TableDescription(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class Diagnostic(_message.Message):
    __slots__ = ("severity", "summary", "detail", "path")
    class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SEVERITY_UNSPECIFIED: _ClassVar[Diagnostic.Severity]
        SEVERITY_ERROR: _ClassVar[Diagnostic.Severity]
        SEVERITY_WARNING: _ClassVar[Diagnostic.Severity]
        SEVERITY_INFO: _ClassVar[Diagnostic.Severity]
    SEVERITY_UNSPECIFIED: Diagnostic.Severity
    SEVERITY_ERROR: Diagnostic.Severity
    SEVERITY_WARNING: Diagnostic.Severity
    SEVERITY_INFO: Diagnostic.Severity
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    severity: Diagnostic.Severity
    summary: str
    detail: str
    path: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, severity: _Optional[_Union[Diagnostic.Severity, str]] = ..., summary: _Optional[str] = ..., detail: _Optional[str] = ..., path: _Optional[_Iterable[str]] = ...) -> None: ...

from bulkhead.plugin.v1 import plugin_pb2 as _plugin_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Target(_message.Message):
    __slots__ = ("root", "live", "process_dir", "env", "pythons", "project_dir", "home", "filesystems", "os", "arch", "kernel_log", "kernel_log_unknown", "open_files")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class FilesystemsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: FilesystemUsage
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[FilesystemUsage, _Mapping]] = ...) -> None: ...
    ROOT_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    PROCESS_DIR_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    PYTHONS_FIELD_NUMBER: _ClassVar[int]
    PROJECT_DIR_FIELD_NUMBER: _ClassVar[int]
    HOME_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEMS_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    ARCH_FIELD_NUMBER: _ClassVar[int]
    KERNEL_LOG_FIELD_NUMBER: _ClassVar[int]
    KERNEL_LOG_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    OPEN_FILES_FIELD_NUMBER: _ClassVar[int]
    root: str
    live: bool
    process_dir: str
    env: _containers.ScalarMap[str, str]
    pythons: _containers.RepeatedScalarFieldContainer[str]
    project_dir: str
    home: str
    filesystems: _containers.MessageMap[str, FilesystemUsage]
    os: str
    arch: str
    kernel_log: str
    kernel_log_unknown: str
    open_files: int
    def __init__(self, root: _Optional[str] = ..., live: bool = ..., process_dir: _Optional[str] = ..., env: _Optional[_Mapping[str, str]] = ..., pythons: _Optional[_Iterable[str]] = ..., project_dir: _Optional[str] = ..., home: _Optional[str] = ..., filesystems: _Optional[_Mapping[str, FilesystemUsage]] = ..., os: _Optional[str] = ..., arch: _Optional[str] = ..., kernel_log: _Optional[str] = ..., kernel_log_unknown: _Optional[str] = ..., open_files: _Optional[int] = ...) -> None: ...

class FilesystemUsage(_message.Message):
    __slots__ = ("total_bytes", "free_bytes")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    free_bytes: int
    def __init__(self, total_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class CollectRequest(_message.Message):
    __slots__ = ("target", "want_inputs")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WANT_INPUTS_FIELD_NUMBER: _ClassVar[int]
    target: Target
    want_inputs: bool
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., want_inputs: bool = ...) -> None: ...

class CollectResponse(_message.Message):
    __slots__ = ("facts", "diagnostics", "inputs", "keep_ns")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    KEEP_NS_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[Fact]
    diagnostics: _containers.RepeatedCompositeFieldContainer[_plugin_pb2.Diagnostic]
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    keep_ns: int
    def __init__(self, facts: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., diagnostics: _Optional[_Iterable[_Union[_plugin_pb2.Diagnostic, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., keep_ns: _Optional[int] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("path", "kind", "mode", "device", "inode", "size", "mtime_ns", "ctime_ns", "digest", "total_bytes", "free_bytes")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Input.Kind]
        KIND_ABSENT: _ClassVar[Input.Kind]
        KIND_TYPE: _ClassVar[Input.Kind]
        KIND_CONTENT: _ClassVar[Input.Kind]
        KIND_LINK: _ClassVar[Input.Kind]
        KIND_DIGEST: _ClassVar[Input.Kind]
        KIND_SPACE: _ClassVar[Input.Kind]
        KIND_DENIED: _ClassVar[Input.Kind]
    KIND_UNSPECIFIED: Input.Kind
    KIND_ABSENT: Input.Kind
    KIND_TYPE: Input.Kind
    KIND_CONTENT: Input.Kind
    KIND_LINK: Input.Kind
    KIND_DIGEST: Input.Kind
    KIND_SPACE: Input.Kind
    KIND_DENIED: Input.Kind
    PATH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MTIME_NS_FIELD_NUMBER: _ClassVar[int]
    CTIME_NS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    kind: Input.Kind
    mode: int
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    digest: bytes
    total_bytes: int
    free_bytes: int
    def __init__(self, path: _Optional[str] = ..., kind: _Optional[_Union[Input.Kind, str]] = ..., mode: _Optional[int] = ..., device: _Optional[int] = ..., inode: _Optional[int] = ..., size: _Optional[int] = ..., mtime_ns: _Optional[int] = ..., ctime_ns: _Optional[int] = ..., digest: _Optional[bytes] = ..., total_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("address", "value_json", "unknown", "evidence")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    address: str
    value_json: bytes
    unknown: str
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    def __init__(self, address: _Optional[str] = ..., value_json: _Optional[bytes] = ..., unknown: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("fact", "path", "line", "call", "value")
    FACT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    fact: str
    path: str
    line: int
    call: str
    value: str
    def __init__(self, fact: _Optional[str] = ..., path: _Optional[str] = ..., line: _Optional[int] = ..., call: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("facts", "codes", "config_json")
    class ConfigJsonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    FACTS_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[Fact]
    codes: _containers.RepeatedScalarFieldContainer[str]
    config_json: _containers.ScalarMap[str, bytes]
    def __init__(self, facts: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., codes: _Optional[_Iterable[str]] = ..., config_json: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("findings", "outcomes", "diagnostics", "reads")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    outcomes: _containers.RepeatedCompositeFieldContainer[CheckOutcome]
    diagnostics: _containers.RepeatedCompositeFieldContainer[_plugin_pb2.Diagnostic]
    reads: FactReads
    def __init__(self, findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., outcomes: _Optional[_Iterable[_Union[CheckOutcome, _Mapping]]] = ..., diagnostics: _Optional[_Iterable[_Union[_plugin_pb2.Diagnostic, _Mapping]]] = ..., reads: _Optional[_Union[FactReads, _Mapping]] = ...) -> None: ...

class FactReads(_message.Message):
    __slots__ = ("addresses", "groups", "all")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    groups: _containers.RepeatedScalarFieldContainer[str]
    all: bool
    def __init__(self, addresses: _Optional[_Iterable[str]] = ..., groups: _Optional[_Iterable[str]] = ..., all: bool = ...) -> None: ...

class CheckOutcome(_message.Message):
    __slots__ = ("code", "status", "reason", "duration_ns")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[CheckOutcome.Status]
        STATUS_RAN: _ClassVar[CheckOutcome.Status]
        STATUS_SKIPPED: _ClassVar[CheckOutcome.Status]
        STATUS_FAILED: _ClassVar[CheckOutcome.Status]
    STATUS_UNSPECIFIED: CheckOutcome.Status
    STATUS_RAN: CheckOutcome.Status
    STATUS_SKIPPED: CheckOutcome.Status
    STATUS_FAILED: CheckOutcome.Status
    CODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    code: str
    status: CheckOutcome.Status
    reason: str
    duration_ns: int
    def __init__(self, code: _Optional[str] = ..., status: _Optional[_Union[CheckOutcome.Status, str]] = ..., reason: _Optional[str] = ..., duration_ns: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("code", "severity", "confidence", "subject", "title", "detail", "cause", "evidence", "explains", "remedies", "verify")
    class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SEVERITY_UNSPECIFIED: _ClassVar[Finding.Severity]
        SEVERITY_INFO: _ClassVar[Finding.Severity]
        SEVERITY_WARNING: _ClassVar[Finding.Severity]
        SEVERITY_ERROR: _ClassVar[Finding.Severity]
        SEVERITY_UNKNOWN: _ClassVar[Finding.Severity]
    SEVERITY_UNSPECIFIED: Finding.Severity
    SEVERITY_INFO: Finding.Severity
    SEVERITY_WARNING: Finding.Severity
    SEVERITY_ERROR: Finding.Severity
    SEVERITY_UNKNOWN: Finding.Severity
    CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    EXPLAINS_FIELD_NUMBER: _ClassVar[int]
    REMEDIES_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    code: str
    severity: Finding.Severity
    confidence: float
    subject: str
    title: str
    detail: str
    cause: str
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    explains: _containers.RepeatedScalarFieldContainer[str]
    remedies: _containers.RepeatedCompositeFieldContainer[Remedy]
    verify: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, code: _Optional[str] = ..., severity: _Optional[_Union[Finding.Severity, str]] = ..., confidence: _Optional[float] = ..., subject: _Optional[str] = ..., title: _Optional[str] = ..., detail: _Optional[str] = ..., cause: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., explains: _Optional[_Iterable[str]] = ..., remedies: _Optional[_Iterable[_Union[Remedy, _Mapping]]] = ..., verify: _Optional[_Iterable[str]] = ...) -> None: ...

class Remedy(_message.Message):
    __slots__ = ("id", "summary", "kind", "risk", "preview")
    class Risk(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RISK_UNSPECIFIED: _ClassVar[Remedy.Risk]
        RISK_LOW: _ClassVar[Remedy.Risk]
        RISK_MEDIUM: _ClassVar[Remedy.Risk]
        RISK_HIGH: _ClassVar[Remedy.Risk]
    RISK_UNSPECIFIED: Remedy.Risk
    RISK_LOW: Remedy.Risk
    RISK_MEDIUM: Remedy.Risk
    RISK_HIGH: Remedy.Risk
    ID_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    id: str
    summary: str
    kind: str
    risk: Remedy.Risk
    preview: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., summary: _Optional[str] = ..., kind: _Optional[str] = ..., risk: _Optional[_Union[Remedy.Risk, str]] = ..., preview: _Optional[_Iterable[str]] = ...) -> None: ...

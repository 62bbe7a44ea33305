# SPDX-License-Identifier: Apache-2.0
"""A dataclass becomes the schema of a ``config {}`` block.

    @dataclass
    class Limits:
        least: float = setting(0.5, min=0, max=1, doc="Share of rows that must be whole.")
        on_error: str = setting("stop", one_of=("stop", "warn"), doc="What to do below it.")

Types of fields: ``str``, ``bool``, ``int``, ``float``, ``list`` of those, ``dict`` from ``str``
to those, and ``Optional`` of any. A field that is a dataclass is a block that may stand once
(give it ``Optional`` and the default ``None``), a list of a dataclass a block that may stand any number of times. A
field without a default must be given by the user.

The host checks the user's settings against the schema, fills in the defaults and sends one
JSON object, which ``decode`` reads into the same dataclass.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any

from .diagnostics import Diagnostic, error

_KEY = "bulkhead"
_MISSING = dataclasses.MISSING
_SCALARS = {str: "string", bool: "bool", int: "number", float: "number"}


def setting(
    default: Any = _MISSING,
    *,
    doc: str = "",
    one_of: Sequence[str] = (),
    min: float | None = None,
    max: float | None = None,
    deprecated: str = "",
    sensitive: bool = False,
    examples: Sequence[str] = (),
) -> Any:
    """Describes a field of a settings dataclass.

    ``doc`` is one sentence for help and generated pages, ``one_of`` the allowed values of a
    string, ``min`` and ``max`` the bounds of a number (both included), ``deprecated`` what to
    use instead. What is ``sensitive`` is never shown in plans, reports and logs.
    """
    about = {
        "description": doc, "one_of": tuple(one_of), "minimum": min, "maximum": max,
        "deprecated": deprecated, "sensitive": sensitive, "examples": tuple(examples),
    }
    if isinstance(default, (list, dict)):
        value = default
        return dataclasses.field(default_factory=lambda: type(value)(value), metadata={_KEY: about})
    return dataclasses.field(default=default, metadata={_KEY: about})


@dataclasses.dataclass(frozen=True)
class Attribute:
    """One setting. ``type`` is in cty's JSON notation; ``default_json`` is empty without a default."""

    name: str
    type: str
    required: bool
    default_json: str
    description: str = ""
    one_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    deprecated: str = ""
    sensitive: bool = False
    examples: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Block:
    """A nested block; ``many`` when it may stand any number of times."""

    name: str
    many: bool
    required: bool
    description: str
    schema: Schema


@dataclasses.dataclass(frozen=True)
class Schema:
    """What a ``config {}`` block may hold."""

    attributes: tuple[Attribute, ...] = ()
    blocks: tuple[Block, ...] = ()


def schema_of(settings: type[Any] | None) -> Schema:
    """Derives the schema of a dataclass; None gives an empty one.

    A class that breaks the rules above is a bug of the plugin's author: TypeError names the
    field. So is one that holds itself, at whatever depth: a schema ends.
    """
    return Schema() if settings is None else _schema(settings, ())


def _schema(settings: type[Any], within: tuple[type[Any], ...]) -> Schema:
    if not (isinstance(settings, type) and dataclasses.is_dataclass(settings)):
        raise TypeError(f"settings are a dataclass, not {settings!r}")
    within = (*within, settings)
    attributes, blocks = [], []
    for field, kind in _fields(settings):
        block = _block(within, field, kind)
        if block is not None:
            blocks.append(block)
        else:
            attributes.append(_attribute(settings, field, kind))
    return Schema(tuple(attributes), tuple(blocks))


def _fields(settings: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(settings)
    return [(f, hints[f.name]) for f in dataclasses.fields(settings) if f.init]


def _bare(kind: Any) -> Any:
    """A type without Optional."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(kind) if a is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return kind


def _block(within: tuple[type[Any], ...], field: dataclasses.Field[Any], kind: Any) -> Block | None:
    kind = _bare(kind)
    args = typing.get_args(kind)
    many = typing.get_origin(kind) is list and bool(args) and dataclasses.is_dataclass(args[0])
    inner: Any = args[0] if many else kind
    if not dataclasses.is_dataclass(inner):
        return None
    if inner in within:
        chain = " in ".join(c.__name__ for c in (inner, *reversed(within[within.index(inner):])))
        raise TypeError(f"field {within[-1].__name__}.{field.name} makes settings without an end ({chain}); use blocks that do not hold themselves")
    about, schema = field.metadata.get(_KEY, {}), _schema(typing.cast("type[Any]", inner), within)
    return Block(field.name, many, not _has_default(field), about.get("description", ""), schema)


def _attribute(owner: type, field: dataclasses.Field[Any], kind: Any) -> Attribute:
    cty = _cty(_bare(kind))
    if cty is None:
        raise TypeError(f"field {owner.__name__}.{field.name} has type {kind}, which settings cannot have")
    value = _default(field)
    text = ""
    if value is not _MISSING and value is not None:
        if not _fits(value, _bare(kind)):
            raise TypeError(f"the default of {owner.__name__}.{field.name} is {value!r}, which is no {kind}")
        text = json.dumps(value, allow_nan=False)
    return Attribute(field.name, json.dumps(cty, separators=(",", ":")), value is _MISSING, text, **field.metadata.get(_KEY, {}))


def _cty(kind: Any) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin is list and args:
        inner = _cty(args[0])
        return inner and ["list", inner]
    if origin is dict and args and args[0] is str:
        inner = _cty(args[1])
        return inner and ["map", inner]
    return None


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return _default(field) is not _MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not _MISSING:
        return field.default
    if field.default_factory is not _MISSING:
        return field.default_factory()
    return _MISSING


def _fits(value: Any, kind: Any) -> bool:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return isinstance(value, list) and all(_fits(v, args[0]) for v in value)
    if origin is dict:
        return isinstance(value, dict) and all(isinstance(k, str) and _fits(v, args[1]) for k, v in value.items())
    if kind is float:
        # One that is too large for a float is read as infinite, or not at all.
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def decode(settings: type | None, data: bytes) -> Any:
    """Reads settings from the host into the dataclass; empty data gives its defaults.

    Unknown names, other types and missing values raise a Diagnostic that points at the setting.
    """
    try:
        value = json.loads(data, parse_constant=_refuse) if data else {}
    except (ValueError, RecursionError) as e:
        raise error("Settings that cannot be read", f"They are no JSON: {e}.") from None
    if settings is None:
        if value != {}:
            raise error("Settings that cannot be read", "There are no settings here. Leave the config block out.")
        return None
    return _decode(settings, value, ())


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _decode(settings: Any, value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        raise _wrong(path, "an object with settings", value)
    given = {}
    for field, kind in _fields(settings):
        if field.name not in value and not _has_default(field):
            raise error("Missing setting", f"{'.'.join((*path, field.name))} has no default. Give it a value.").at(*path)
        if field.name in value:
            found = _value(_bare(kind), value[field.name], (*path, field.name), field, kind)
            if found is not _MISSING:
                given[field.name] = found
    unknown = sorted(set(value) - {f.name for f, _ in _fields(settings)})
    if unknown:
        raise error("Unknown setting", f"There is no setting {unknown[0]!r}.").at(*path, unknown[0])
    try:
        return settings(**given)
    except ValueError as e:  # of __post_init__, where a dataclass checks itself
        raise error("Settings that are refused", f"{e}.").at(*path) from e


def _value(kind: Any, value: Any, path: tuple[str, ...], field: dataclasses.Field[Any], whole: Any) -> Any:
    """One value; _MISSING leaves the default, which null means."""
    if value is None:
        if _has_default(field):
            return _MISSING
        if whole is not kind:
            return None
        raise error("Missing setting", f"{'.'.join(path)} has no default. Give it a value.").at(*path)
    if dataclasses.is_dataclass(kind):
        return _decode(kind, value, path)
    args = typing.get_args(kind)
    if typing.get_origin(kind) is list and dataclasses.is_dataclass(args[0]) and isinstance(value, list):
        return [_decode(args[0], v, (*path, str(i))) for i, v in enumerate(value)]
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not _fits(value, kind):
        raise _wrong(path, f"a {kind if args else getattr(kind, '__name__', kind)}", value)
    return float(value) if kind is float else value


def _wrong(path: tuple[str, ...], want: str, value: Any) -> Diagnostic:
    where = ".".join(path) or "The config block"
    return error("Setting of the wrong type", f"{where} is {json.dumps(value)[:100]}, and should be {want}.").at(*path)

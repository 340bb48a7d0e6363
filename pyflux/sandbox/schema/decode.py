"""Reads a JSON object into the form a built-in type prints: what the real server's decoding leaves behind.

Unknown fields are dropped and reported, zero values are dropped or printed as the type says, times and
quantities take their canonical form. A value of the wrong JSON type is a `DecodeError`.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from pyflux.sandbox.schema import scalars
from pyflux.sandbox.schema.builtin import zero
from pyflux.sandbox.schema.model import Field, Schema

_MICRO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)\Z")
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_GO = {"int32": "int32", "int64": "int64", "double": "float64", "bool": "bool", "string": "string"}


class DecodeError(ValueError):
    """A value that does not fit its type; the text is the one the API server gives."""


def json_type(value: Any) -> str:
    """The JSON type of a value as the server's messages name it."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


class Decoder:
    """One pass over one object; `unknown` collects the paths of fields that the type does not have."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def object(self, schema: Schema, value: dict[str, Any]) -> dict[str, Any]:
        """The object in its canonical form."""
        return self._struct(schema, value, "", (_short(schema), ""))

    def _struct(self, schema: Schema, value: dict[str, Any], path: str, go: Go) -> dict[str, Any]:
        out: dict[str, Any] = {}
        fields = schema.fields
        for key, item in value.items():
            found = fields.get(key)
            if found is None:
                self.unknown.append(f"{path}.{key}" if path else key)
            elif item is not None:
                where = f"{go[1]}.{key}" if go[1] else key
                self._field(out, found, item, f"{path}.{key}" if path else key, (_short(schema), where))
        for name, found in fields.items():
            if found.always and name not in out and not found.pointer:
                out[name] = zero(found.schema)
        return out

    def _field(self, out: dict[str, Any], found: Field, item: Any, path: str, go: Go) -> None:
        made = self._value(found.schema, item, path, go)
        if (
            found.pointer
            or found.always
            or found.schema.kind == "any"
            or (made not in ("", 0, False, [], {}) and made is not None)
        ):
            out[found.name] = made

    def _value(self, schema: Schema, value: Any, path: str, go: Go) -> Any:
        kind = schema.kind
        if kind == "struct":
            if not isinstance(value, dict):
                raise _mismatch(value, go, _go_type(schema))
            return self._struct(schema, value, path, go)
        if kind == "scalar":
            return self._scalar(schema.scalar, value, go)
        if kind == "list":
            return self._list(schema, value, path, go)
        if kind == "map":
            return self._map(schema, value, path, go)
        return value

    def _list(self, schema: Schema, value: Any, path: str, go: Go) -> list[Any]:
        elem = schema.elem
        assert elem is not None
        if not isinstance(value, list):
            raise _mismatch(value, go, f"[]{_go_type(elem)}")
        out = []
        for i, item in enumerate(value):
            if item is None:
                out.append(zero(elem) if elem.kind in ("scalar", "struct") else None)
            else:
                out.append(self._value(elem, item, f"{path}[{i}]", go))
        return out

    def _map(self, schema: Schema, value: Any, path: str, go: Go) -> dict[str, Any]:
        elem = schema.elem
        assert elem is not None
        if not isinstance(value, dict):
            raise _mismatch(value, go, f"map[string]{_go_type(elem)}")
        if elem.scalar == "quantity":
            return {k: _resource(zero(elem) if v is None else v) for k, v in value.items()}
        return {k: zero(elem) if v is None else self._value(elem, v, f"{path}.{k}", go) for k, v in value.items()}

    def _scalar(self, kind: str, value: Any, go: Go) -> Any:
        if kind == "string":
            if isinstance(value, str):
                return value
        elif kind in ("int32", "int64"):
            if isinstance(value, int) and not isinstance(value, bool):
                if not _RANGES[kind][0] <= value <= _RANGES[kind][1]:
                    where = f"Go struct field {go[0]}.{go[1]}"
                    raise DecodeError(f"json: cannot unmarshal number {value} into {where} of type {kind}")
                return value
            if isinstance(value, float) and value.is_integer():
                return int(value)
            if isinstance(value, float):
                raise DecodeError(
                    f"json: cannot unmarshal number {value} into Go struct field {go[0]}.{go[1]} of type {kind}"
                )
        elif kind == "bool":
            if isinstance(value, bool):
                return value
        elif kind == "double":
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return value
        else:
            return self._special(kind, value, go)
        raise _mismatch(value, go, _GO[kind])

    def _special(self, kind: str, value: Any, go: Go) -> Any:
        if kind == "intstr":
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                return value
            raise _mismatch(value, go, "int32")
        if kind == "quantity":
            # Whatever is no text is read as the text that it is in JSON.
            try:
                return scalars.quantity(str(value).strip())
            except ValueError as error:
                raise DecodeError(str(error)) from None
        if kind in ("time", "microtime"):
            if not isinstance(value, str):
                raise DecodeError(f"json: cannot unmarshal {json_type(value)} into Go value of type string")
            if kind == "microtime" and not _MICRO.match(value):
                layout = "2006-01-02T15:04:05.000000Z07:00"
                rest = value[19:] if len(value) >= 19 else value
                raise DecodeError(f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as ".000000"')
            try:
                return scalars.time_text(value, kind == "microtime")
            except ValueError:
                shown = f'parsing time "\\"{value}\\"" as "\\"2006-01-02T15:04:05Z07:00\\""'
                raise DecodeError(f'{shown}: cannot parse "{value}" as "2006"'.replace('\\"', "")) from None
        return self._bytes(value, go)

    def _bytes(self, value: Any, go: Go) -> str:
        if isinstance(value, list) and all(type(i or 0) is int and 0 <= (i or 0) < 256 for i in value):
            return base64.b64encode(bytes(i or 0 for i in value)).decode()
        if not isinstance(value, str):
            raise _mismatch(value, go, "[]uint8")
        clean = value.replace("\n", "").replace("\r", "")
        try:
            return base64.b64encode(base64.b64decode(clean, validate=True)).decode()
        except (binascii.Error, ValueError):
            at = next((i for i, c in enumerate(clean) if not (c.isalnum() or c in "+/=")), len(clean) // 4 * 4)
            raise DecodeError(f"illegal base64 data at input byte {at}") from None


def _resource(value: Any) -> str:
    try:
        return scalars.resource_quantity(str(value).strip())
    except ValueError as error:
        raise DecodeError(str(error)) from None


Go = tuple[str, str]
"""How Go names a field: the struct that it is in, and its path without indexes and map keys."""


def _mismatch(value: Any, go: Go, go_type: str) -> DecodeError:
    where = f"Go struct field {go[0]}.{go[1]}"
    return DecodeError(f"json: cannot unmarshal {json_type(value)} into {where} of type {go_type}")


def _short(schema: Schema) -> str:
    return schema.name.rsplit(".", 1)[-1]


def _go_type(schema: Schema) -> str:
    if schema.kind == "scalar":
        return _GO.get(schema.scalar, schema.scalar)
    if schema.kind == "struct":
        parts = schema.name.split(".")
        return ".".join(parts[-2:])
    if schema.kind == "list" and schema.elem is not None:
        return "[]" + _go_type(schema.elem)
    if schema.kind == "map" and schema.elem is not None:
        return "map[string]" + _go_type(schema.elem)
    return "interface {}"

"""Requests and responses between the ASGI server and the handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

from pyflux.sandbox.status import ApiError, Obj

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@dataclass(frozen=True)
class User:
    """Who asks: name, groups, uid and extra fields."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass
class Request:
    """One HTTP request, its body read."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    user: User
    warnings: list[str] = field(default_factory=list)
    watch_path: bool = False
    """Whether the path asks for a watch (`/api/v1/watch/...`), which one of a single object has to."""

    def one(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def flag(self, name: str) -> bool:
        """Whether a boolean query parameter is set."""
        return self.one(name).lower() in ("1", "true", "t")

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return self.headers.get("content-type", JSON).split(";")[0].strip()


@dataclass
class Response:
    """An answer: bytes, or a stream of chunks."""

    body: bytes = b""
    code: int = 200
    content_type: str = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)
    stream: AsyncIterator[bytes] | None = None


def parse_query(raw: bytes) -> dict[str, list[str]]:
    """Query parameters, blank values kept."""
    return parse_qs(raw.decode("latin-1"), keep_blank_values=True) if raw else {}


def json_response(obj: Any, code: int = 200, content_type: str = JSON) -> Response:
    """An object as JSON."""
    return Response(orjson.dumps(obj) + b"\n", code, content_type)


def error_response(error: ApiError, accept: str = "") -> Response:
    """The Status of a failure, in YAML for a client that wants nothing else first."""
    if error.code == 404 and not error.reason:
        return Response(error.message.encode() + b"\n", 404, "text/plain; charset=utf-8")
    if accept.startswith("application/yaml"):
        return Response(to_yaml(error.status()), error.code, "application/yaml")
    made = json_response(error.status(), error.code)
    if error.code == 429:
        made.headers.append(("retry-after", "1"))
    return made


@dataclass(frozen=True)
class Accepted:
    """One entry of an Accept header: media type and the `as`, `g`, `v` parameters."""

    media: str
    transform: str = ""
    group: str = ""
    version: str = ""

    @property
    def api_version(self) -> str:
        """The apiVersion of a table or of metadata in this form."""
        return f"meta.k8s.io/{self.version or 'v1'}"


def accepted(header: str) -> list[Accepted]:
    """The entries of an Accept header in the client's order."""
    out = []
    for part in header.split(","):
        media, *parameters = [p.strip() for p in part.split(";")]
        named = dict(p.split("=", 1) for p in parameters if "=" in p)
        out.append(Accepted(media, named.get("as", ""), named.get("g", ""), named.get("v", "")))
    return out


def load_json(body: bytes, strict: bool, kind: str = "") -> Obj:
    """A JSON object; duplicate keys are listed under the key `" duplicates"` when strict."""
    try:
        made = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(body, go_error(body, error), kind) from None
    if not isinstance(made, dict):
        name = "array" if isinstance(made, list) else "string" if isinstance(made, str) else "number"
        tag = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        raise _unreadable(body, f"json: cannot unmarshal {name} into Go value of type {tag}", kind)
    # Duplicate keys shrink the text when it is written again; only then is it parsed slowly.
    if strict and len(orjson.dumps(made)) < len(body.strip()):
        _find_duplicates(body, made)
    return made


def _unreadable(body: bytes, why: str, kind: str) -> ApiError:
    text = f"couldn't get version/kind; json parse error: {why}"
    if kind:
        text = f"the object provided is unrecognized (must be of type {kind}): {text} ({summary(body)})"
    return ApiError(400, text)


def summary(body: bytes) -> str:
    """The start of a body as error messages show it."""
    if not body:
        return "<empty>"
    short = body[:30]
    text = short.decode(errors="replace") if body[:1] == b"{" else short.hex()
    return text + " ..." if len(body) > 30 else text


def go_error(body: bytes, error: orjson.JSONDecodeError) -> str:
    """Why a body is no JSON, as Go says it."""
    text = body.decode(errors="replace")
    if error.pos >= len(text.rstrip()):
        return "unexpected end of JSON input"
    return f"invalid character '{text[error.pos]}' looking for beginning of value"


class _Marked(dict[str, Any]):
    twice: tuple[str, ...] = ()


def _find_duplicates(body: bytes, made: Obj) -> None:
    import json

    def pairs(items: list[tuple[str, Any]]) -> _Marked:
        out = _Marked(items)
        if len(out) < len(items):
            seen: set[str] = set()
            out.twice = tuple(k for k, _ in items if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        return out

    found: list[str] = []
    _collect(json.loads(body, object_pairs_hook=pairs), "", found)
    if found:
        made[" duplicates"] = found


def _collect(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Marked):
        prefix = f"{path}." if path else ""
        found += [f'duplicate field "{prefix}{k}"' for k in value.twice]
        for key, item in value.items():
            _collect(item, prefix + key, found)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _collect(item, f"{path}[{i}]", found)


def load_yaml(body: bytes) -> Any:
    """The first YAML document of a body; ApiError 400 when it is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        reader = YAML(typ="safe", pure=False)
        reader.allow_duplicate_keys = True
        return reader.load(body.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise ApiError(400, f"error decoding YAML: {first}") from None


def to_yaml(obj: Obj) -> bytes:
    """An object as YAML, keys in order."""
    import io

    from ruamel.yaml import YAML

    out = io.BytesIO()
    dumper = YAML(typ="safe", pure=True)
    dumper.default_flow_style = False
    dumper.width = 1 << 20
    dumper.dump(obj, out)
    return out.getvalue()

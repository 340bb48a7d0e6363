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


def error_response(error: ApiError) -> Response:
    """The Status of a failure."""
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


def accepted(header: str) -> list[Accepted]:
    """The entries of an Accept header in the client's order."""
    out = []
    for part in header.split(","):
        media, *parameters = [p.strip() for p in part.split(";")]
        named = dict(p.split("=", 1) for p in parameters if "=" in p)
        out.append(Accepted(media, named.get("as", ""), named.get("g", ""), named.get("v", "")))
    return out


def load_json(body: bytes, strict: bool) -> Obj:
    """A JSON or YAML object; duplicate keys are listed under the key `" duplicates"` when strict."""
    if not strict or b'"' not in body:
        try:
            made = orjson.loads(body)
        except orjson.JSONDecodeError:
            made = None
    else:
        made = _strict_json(body)
    if made is None:
        made = load_yaml(body)
    if not isinstance(made, dict):
        raise ApiError(400, "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value")
    return made


def _strict_json(body: bytes) -> Any:
    """Parses fast, and a second time slowly only when a key may stand twice."""
    try:
        made = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    # Duplicate keys shrink the text when it is written again.
    if len(orjson.dumps(made)) >= len(body.strip()) - body.count(b"\n") or not isinstance(made, dict):
        return made
    import json

    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> Obj:
        out: Obj = {}
        for key, value in items:
            if key in out:
                found.append(f'duplicate field "{key}"')
            out[key] = value
        return out

    made = json.loads(body, object_pairs_hook=pairs)
    if found:
        made[" duplicates"] = found
    return made


def load_yaml(body: bytes) -> Any:
    """The first YAML document of a body; ApiError 400 when it is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=False).load(body.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise ApiError(400, f"error decoding YAML: {first}") from None

"""API errors: the Status objects that a Kubernetes API server answers with.

Each function makes one kind of failure; `ApiError.status()` is the JSON body, `ApiError.code` the HTTP code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    504: "Timeout",
}


class ApiError(Exception):
    """A request that ends in a Status of `Failure`.

    `details` has the shape of metav1.StatusDetails; `reason` defaults to the one of the HTTP code.
    """

    def __init__(self, code: int, message: str, reason: str | None = None, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = REASONS.get(code, "") if reason is None else reason
        self.details = details

    def status(self) -> Obj:
        """The body of the answer (a metav1.Status)."""
        out: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            out["reason"] = self.reason
        if self.details is not None:
            out["details"] = self.details
        out["code"] = self.code
        return out


@dataclass(frozen=True)
class Qualified:
    """A group and its resource (or kind), printed as the API server does: `deployments.apps`."""

    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


def _details(resource: Qualified, name: str = "", causes: list[Obj] | None = None) -> Obj:
    out: Obj = {}
    if name:
        out["name"] = name
    if resource.group:
        out["group"] = resource.group
    if resource.name:
        out["kind"] = resource.name
    if causes:
        out["causes"] = causes
    return out


def not_found(resource: Qualified, name: str) -> ApiError:
    """404 for an object that does not exist."""
    return ApiError(404, f'{resource} "{name}" not found', details=_details(resource, name))


def page_not_found() -> ApiError:
    """404 for a path that no resource serves."""
    return ApiError(404, "the server could not find the requested resource", details={})


def path_not_found() -> ApiError:
    """404 for a path of no API group, which the server answers with plain text."""
    return ApiError(404, "404 page not found", "")


def already_exists(resource: Qualified, name: str) -> ApiError:
    """409 for a create of a name that is taken."""
    message = f'{resource} "{name}" already exists'
    return ApiError(409, message, "AlreadyExists", _details(resource, name))


def conflict(resource: Qualified, name: str, why: str) -> ApiError:
    """409 for an operation that lost a race or breaks a precondition."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return ApiError(409, message, details=_details(resource, name))


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, message)


def forbidden(resource: Qualified, name: str, why: str) -> ApiError:
    """403 for an admission or authorization refusal."""
    head = f'{resource} "{name}" is forbidden: ' if name else f"{resource} is forbidden: "
    return ApiError(403, head + why, details=_details(resource, name))


def expired(message: str) -> ApiError:
    """410 for a resourceVersion or continue token that is too old."""
    return ApiError(410, message)


@dataclass(frozen=True)
class Cause:
    """One field error; `kind` is the CauseType of the API, `text` its message without the field."""

    field: str
    text: str
    kind: str


def show(value: Any) -> str:
    """A value as it is quoted in a message."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def required(field: str, text: str = "") -> Cause:
    """A required value is missing."""
    return Cause(field, "Required value" + (f": {text}" if text else ""), "FieldValueRequired")


def invalid_value(field: str, value: Any, text: str) -> Cause:
    """A value is malformed."""
    return Cause(field, f"Invalid value: {show(value)}: {text}", "FieldValueInvalid")


def not_supported(field: str, value: Any, allowed: list[str]) -> Cause:
    """A value is not one of the allowed ones."""
    text = f"Unsupported value: {show(value)}"
    if allowed:
        text += ": supported values: " + ", ".join(f'"{a}"' for a in allowed)
    return Cause(field, text, "FieldValueNotSupported")


def duplicate(field: str, value: Any) -> Cause:
    """A value repeats one that must be unique."""
    return Cause(field, f"Duplicate value: {show(value)}", "FieldValueDuplicate")


def forbidden_field(field: str, text: str) -> Cause:
    """A field that may not be set or changed."""
    return Cause(field, f"Forbidden: {text}", "FieldValueForbidden")


def type_invalid(field: str, value: Any, text: str) -> Cause:
    """A value of the wrong JSON type."""
    return Cause(field, f"Invalid value: {show(value)}: {text}", "FieldValueTypeInvalid")


def too_long(field: str, text: str) -> Cause:
    """A value that is longer than allowed."""
    return Cause(field, f"Too long: {text}", "FieldValueTooLong")


def invalid(kind: Qualified, name: str, causes: list[Cause]) -> ApiError:
    """422 with its causes, in the API server's words."""
    texts = [f"{c.field}: {c.text}" for c in causes]
    seen = list(dict.fromkeys(texts))
    joined = seen[0] if len(seen) == 1 else "[" + ", ".join(seen) + "]"
    body = [{"reason": c.kind, "message": c.text, "field": c.field} for c in causes]
    message = f'{kind} "{name}" is invalid: {joined}'
    return ApiError(422, message, details=_details(kind, name, body))

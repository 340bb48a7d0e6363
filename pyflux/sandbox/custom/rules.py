"""CEL rules (`x-kubernetes-validations`) of custom resources.

Expressions run in Google's CEL runtime, with the string, list, network and quantity functions that
Kubernetes adds declared here. A rule that does not compile is reported when the CRD is made.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pyflux.sandbox.status import Cause, Obj, show

_RESERVED = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
]
_REASONS = {
    "FieldValueRequired": "Required value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueInvalid": "Invalid value",
    "FieldValueDuplicate": "Duplicate value",
}


class Rule:
    """One compiled rule."""

    def __init__(self, raw: Obj) -> None:
        self.raw = raw
        self.text = raw["rule"]
        self.uses_old = re.search(r"\boldSelf\b", self.text) is not None
        self.escaped = "__" in self.text
        self.program = compile_rule(self.text)
        expression = raw.get("messageExpression")
        self.message_program = compile_rule(expression) if expression else None

    def check(self, value: Any, old: Any, path: str) -> Cause | None:
        """The error of a value that breaks the rule, or None."""
        shown = "" if isinstance(value, (dict, list)) else show(value) + ": "
        if self.escaped:
            value, old = _escape(value), _escape(old)
        data = {"self": value}
        if self.uses_old:
            data["oldSelf"] = old
        try:
            outcome = self.program.eval(data=data)
            result = outcome.value()
        except (RuntimeError, TypeError, ValueError) as error:
            return self._error(path, shown, f"rule evaluation error: {self.text} evaluation error: {error}")
        if result is True:
            return None
        if result is False:
            return self._failed(data, path, shown)
        return self._error(path, shown, f"rule evaluation error: {result}")

    def _failed(self, data: Obj, path: str, shown: str) -> Cause:
        text = self.raw.get("message") or f"failed rule: {self.text.strip()}"
        if self.message_program is not None:
            try:
                made = self.message_program.eval(data=data).value()
                if isinstance(made, str) and made.strip():
                    text = made.strip()
            except (RuntimeError, TypeError, ValueError):
                pass
        if self.raw.get("fieldPath"):
            path += self.raw["fieldPath"]
        return self._error(path, shown, text)

    def _error(self, path: str, shown: str, text: str) -> Cause:
        reason = self.raw.get("reason") or "FieldValueInvalid"
        where = path or "<nil>"
        head = _REASONS.get(reason, "Invalid value")
        if reason in ("FieldValueRequired", "FieldValueForbidden"):
            return Cause(where, f"{head}: {text}", reason)
        return Cause(where, f"{head}: {shown}{text}", reason)


def _escape(value: Any) -> Any:
    """Property names as CEL sees them: `__namespace__`, `a__dot__b`."""
    if isinstance(value, list):
        return [_escape(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        name = (
            f"__{key}__"
            if key in _RESERVED
            else (
                key.replace("__", "__underscores__")
                .replace(".", "__dot__")
                .replace("-", "__dash__")
                .replace("/", "__slash__")
            )
        )
        out[name] = _escape(item)
        out.setdefault(key, out[name])
    return out


@lru_cache(maxsize=1)
def _environment() -> Any:
    from cel_expr_python import cel

    dyn, text, number, flag = cel.Type.DYN, cel.Type.STRING, cel.Type.INT, cel.Type.BOOL
    texts = cel.Type.List(text)

    def declare(name: str, *overloads: tuple[list[Any], Any, Any, bool]) -> Any:
        made = [
            cel.Overload(f"{name}_{i}", result, parameters, member, impl)
            for i, (parameters, result, impl, member) in enumerate(overloads)
        ]
        return cel.FunctionDecl(name, made)

    functions = [
        declare("lowerAscii", ([text], text, str.lower, True)),
        declare("upperAscii", ([text], text, str.upper, True)),
        declare("trim", ([text], text, str.strip, True)),
        declare("charAt", ([text, number], text, lambda s, i: s[i], True)),
        declare("indexOf", ([text, text], number, lambda s, t: s.find(t), True)),
        declare("lastIndexOf", ([text, text], number, lambda s, t: s.rfind(t), True)),
        declare(
            "replace",
            ([text, text, text], text, lambda s, a, b: s.replace(a, b), True),
            ([text, text, text, number], text, lambda s, a, b, n: s.replace(a, b, n), True),
        ),
        declare(
            "split",
            ([text, text], texts, lambda s, t: s.split(t), True),
            ([text, text, number], texts, lambda s, t, n: s.split(t, n - 1) if n > 0 else s.split(t), True),
        ),
        declare(
            "substring",
            ([text, number], text, lambda s, a: s[a:], True),
            ([text, number, number], text, lambda s, a, b: s[a:b], True),
        ),
        declare("join", ([texts], text, "".join, True), ([texts, text], text, lambda xs, t: t.join(xs), True)),
        declare("find", ([text, text], text, _find, True)),
        declare("findAll", ([text, text], texts, lambda s, p: [m.group() for m in re.finditer(p, s)], True)),
        declare("isURL", ([text], flag, _is_url, False)),
        declare("isIP", ([text], flag, _is_ip, False)),
        declare("isCIDR", ([text], flag, _is_cidr, False)),
        declare("isQuantity", ([text], flag, _is_quantity, False)),
        declare("isSorted", ([cel.Type.List(dyn)], flag, lambda xs: list(xs) == sorted(xs), True)),
    ]
    variables = {"self": dyn, "oldSelf": dyn}
    return cel.NewEnv(variables=variables, extensions=[cel.CelExtension("kubernetes", functions)])


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group() if found else ""


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _is_quantity(text: str) -> bool:
    from pyflux.sandbox.schema.scalars import quantity

    try:
        quantity(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=2048)
def compile_rule(text: str) -> Any:
    """The compiled expression; ValueError when it does not compile."""
    try:
        return _environment().compile(text)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


class Tree:
    """The rules of a schema, kept only where there are some below."""

    def __init__(self, schema: Obj) -> None:
        self.kind = schema.get("type", "object")
        self.rules = [Rule(r) for r in schema.get("x-kubernetes-validations") or []]
        self.fields = {k: t for k, v in (schema.get("properties") or {}).items() if (t := Tree(v)).useful()}
        extra, items = schema.get("additionalProperties"), schema.get("items")
        self.extra = t if isinstance(extra, dict) and (t := Tree(extra)).useful() else None
        self.items = t if isinstance(items, dict) and (t := Tree(items)).useful() else None
        keys = schema.get("x-kubernetes-list-map-keys")
        self.keys = tuple(keys) if keys else ()

    def useful(self) -> bool:
        """Whether there is any rule here or below."""
        return bool(self.rules or self.fields or self.extra or self.items)

    def check(self, value: Any, old: Any, path: str = "") -> list[Cause]:
        """The errors of a value; `old` is None on create."""
        out: list[Cause] = []
        self._check(value, old, path, out)
        return out

    def _check(self, value: Any, old: Any, path: str, out: list[Cause]) -> None:
        for rule in self.rules:
            if rule.uses_old and old is None:
                continue
            found = rule.check(value, old, path)
            if found is not None:
                out.append(found)
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for key, item in value.items():
                below = self.fields.get(key) or (self.extra if key not in self.fields else None)
                if below is not None:
                    below._check(item, before.get(key), f"{path}.{key}" if path else key, out)
        elif isinstance(value, list) and self.items is not None:
            for i, item in enumerate(value):
                self.items._check(item, self._old_item(item, old), f"{path}[{i}]", out)

    def _old_item(self, item: Any, old: Any) -> Any:
        if not self.keys or not isinstance(old, list) or not isinstance(item, dict):
            return None
        for before in old:
            if isinstance(before, dict) and all(before.get(k) == item.get(k) for k in self.keys):
                return before
        return None

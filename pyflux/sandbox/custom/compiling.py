"""Whether the CEL rules of a definition can be compiled: their syntax, and the fields that they name."""

from __future__ import annotations

import re
from typing import Any

from pyflux.sandbox.status import Cause, Obj, invalid_value

_CHAIN = re.compile(r"\b(?:self|oldSelf)((?:\.\w+)+)(\()?")
_IDENTITY = ("apiVersion", "kind", "metadata")
_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


def compile_errors(schema: Any, path: str, root: Any = None) -> list[Cause]:
    """The errors of all rules of a schema; none where there is no CEL runtime. `root` is the whole object's schema."""
    out: list[Cause] = []
    if not isinstance(schema, dict):
        return out
    root = schema if root is None else root
    for i, rule in enumerate(schema.get("x-kubernetes-validations") or []):
        text = _error(schema, rule.get("rule", ""), root)
        if text:
            where = f"{path}.x-kubernetes-validations[{i}].rule"
            out.append(invalid_value(where, _shown(rule), f"compilation failed: {text}"))
    for name, child in (schema.get("properties") or {}).items():
        out += compile_errors(child, f"{path}.properties[{name}]", root)
    for key in ("items", "additionalProperties"):
        out += compile_errors(schema.get(key), f"{path}.{key}", root)
    return out


def _shown(rule: Obj) -> Obj:
    """A rule as Go prints it."""
    return {
        "Rule": rule.get("rule", ""),
        "Message": rule.get("message", ""),
        "MessageExpression": rule.get("messageExpression", ""),
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }


def _error(schema: Obj, rule: str, root: Obj) -> str:
    from pyflux.sandbox.custom.rules import compile_rule

    try:
        compile_rule(rule)
    except ValueError as error:
        # Functions that this runtime lacks are no mistake of the definition.
        return "" if "undeclared reference" in str(error) else str(error)
    except ImportError:
        return ""
    return _unknown_field(schema, rule, root)


def _unknown_field(schema: Obj, rule: str, root: Obj) -> str:
    """The first field that a rule reads and that its schema does not have."""
    bare = _TEXT.sub(lambda m: " " * len(m.group()), rule)
    for found in _CHAIN.finditer(bare):
        names = found.group(1)[1:].split(".")
        if found.group(2):
            names.pop()
        node: Any = schema
        position = found.start(1)
        for name in names:
            if not _closed(node):
                break
            below = (node.get("properties") or {}).get(_plain(name))
            if node is root and name in _IDENTITY:
                break
            if below is None:
                before = rule[:position]
                line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1)
                source = rule.split("\n")[line - 1]
                head = f"ERROR: <input>:{line}:{column + 1}: undefined field '{name}'"
                return f"{head}\n | {source}\n | {'.' * column}^"
            node, position = below, position + len(name) + 1
    return ""


def _closed(node: Any) -> bool:
    """Whether a schema names all the fields that an object can have."""
    if not isinstance(node, dict) or node.get("type") != "object":
        return False
    free = ("additionalProperties", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource")
    return not any(node.get(key) for key in free)


def _plain(name: str) -> str:
    """The property that an escaped name stands for."""
    for escaped, text in (("__dot__", "."), ("__dash__", "-"), ("__slash__", "/"), ("__underscores__", "__")):
        name = name.replace(escaped, text)
    return name[2:-2] if name.startswith("__") and name.endswith("__") and len(name) > 4 else name

"""What all `create` commands share: names, labels, parts of manifests, printing."""

from __future__ import annotations

import re

from pyflux.catalog.duration import format_duration
from pyflux.catalog.labels import parse_labels
from pyflux.errors import PyfluxError, UsageError
from pyflux.ui.yamlout import dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]\Z")


def object_name(call: Call) -> str:
    """The name given on the command line. Raises UsageError where there is none, or a bad one."""
    if not call.args:
        raise UsageError("name is required")
    name = call.args[0]
    if not _NAME.match(name):
        raise UsageError(
            f"name '{name}' is invalid, it should adhere to standard defined in RFC 1123, "
            "the name can only contain alphanumeric characters or '-'"
        )
    return name


def labels(call: Call) -> dict[str, str]:
    """The labels of `--label`. Raises UsageError for bad ones."""
    try:
        return parse_labels(call.strings("label"))
    except ValueError as why:
        raise UsageError(str(why)) from None


def filled(**fields: Any) -> Obj:
    """The fields that have a value; empty text, lists and dicts, False and None are left out."""
    return {name: value for name, value in fields.items() if value not in ("", None, False, [], {})}


def local_ref(name: str) -> Obj | None:
    """A reference to an object of the same namespace; None for no name."""
    return {"name": name} if name else None


def positive_duration(nanoseconds: int) -> str | None:
    """A duration as the API writes it; None where it is not above zero."""
    return format_duration(nanoseconds) if nanoseconds > 0 else None


def depends_on(entries: list[str]) -> list[Obj]:
    """References from "name" or "namespace/name" texts; what follows an @ is not for this API."""
    found = []
    for entry in entries:
        reference = entry.partition("@")[0]
        first, slash, rest = reference.partition("/")
        found.append({"name": rest, **filled(namespace=first)} if slash else {"name": reference})
    return found


def kubeconfig_ref(secret: str) -> Obj | None:
    """The kubeconfig in a secret, for objects that are applied to another cluster."""
    return {"secretRef": {"name": secret}} if secret else None


def metadata(env: Env, name: str, labelled: dict[str, str]) -> Obj:
    return {"name": name, **filled(namespace=env.kube.namespace, labels=labelled)}


def manifest(kind: Kind, meta: Obj, spec: Obj) -> Obj:
    """A manifest of one of Flux's kinds."""
    return {"apiVersion": kind.resource.api_version, "kind": kind.name, "metadata": meta, "spec": spec}


def print_manifest(env: Env, obj: Obj) -> None:
    """One document on stdout."""
    env.write(f"---\n{dump(obj).strip()}\n")


def read_file(path: str, failing: str) -> bytes:
    """The content of a file. Raises PyfluxError, beginning with `failing`."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        doing = "read" if isinstance(error, IsADirectoryError) else "open"
        reason = (error.strerror or str(error)).lower()
        raise PyfluxError(f"{failing}: {doing} {path}: {reason}") from None
    except ValueError:
        raise PyfluxError(f"{failing}: open {path}: invalid argument") from None


def read_text(path: str, failing: str) -> str:
    """The content of a file as text; bytes that are not UTF-8 are replaced."""
    return read_file(path, failing).decode("utf-8", "replace")

"""How `pyflux get` chooses and shows objects: its flags, and the cells of its tables."""

from __future__ import annotations

from pyflux.catalog import columns
from pyflux.errors import NotFound, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pyflux.catalog.columns import Column
    from pyflux.catalog.kinds import Kind
    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FORMATS = ("", "wide", "name", "json", "yaml")


class View:
    """How objects are chosen and shown: the flags of one `get`."""

    def __init__(self, env: Env, call: Call) -> None:
        self.everywhere = call.bool("all-namespaces")
        self.namespace = "" if self.everywhere else env.kube.namespace
        self.labels = call.str("label-selector")
        self.header = not call.bool("no-header")
        self.output = call.str("output")
        self.show_source = bool(call.values.get("show-source"))
        self.selector = call.str("status-selector")
        self.suspended = call.bool("suspended")
        self.keep = self._filter()
        if self.output not in _FORMATS:
            raise UsageError(
                f'unable to match a printer suitable for the output format "{self.output}", '
                "allowed formats are: json,yaml,name,wide"
            )

    @property
    def where(self) -> str:
        """The namespace as messages name it."""
        return "any" if self.everywhere else f'"{self.namespace}"'

    def _filter(self) -> Callable[[Kind, Obj], bool]:
        """Reads `--status-selector` when it is first needed, since flux complains of it only then."""
        if not self.selector:
            return lambda _kind, _obj: True
        wanted = "!=" not in self.selector
        name, separator, status = self.selector.partition("=" if wanted else "!=")
        name, status = name.lower(), status.lower()

        def keep(kind: Kind, obj: Obj) -> bool:
            if not separator:
                raise UsageError(
                    f"expected status selector in type=status or type!=status format, but found: {self.selector}"
                )
            return _has_status(kind, obj, name, status) is wanted

        return keep

    def slim(self, obj: Obj) -> None:
        """Takes out what is not shown and may be large."""
        # bookkeeping of the API server that nobody reads
        obj["metadata"].pop("managedFields", None)
        if self.output not in ("json", "yaml"):
            obj["metadata"].get("annotations", {}).pop(_LAST_APPLIED, None)
            (obj.get("status") or {}).pop("inventory", None)

    def columns(self, kind: Kind) -> tuple[Column, ...]:
        shown = kind.columns
        if self.show_source and kind.shows_source:
            shown = (columns.SOURCE, *shown)
        return shown

    def headers(self, kind: Kind) -> list[str]:
        names = ["Name", *(name for name, _ in self.columns(kind))]
        return ["Namespace", *names] if self.everywhere else names

    def choose(self, kind: Kind, objects: Sequence[Obj]) -> list[Obj]:
        return [obj for obj in objects if (not self.suspended or columns.is_suspended(obj)) and self.keep(kind, obj)]

    def named(self, kind: Kind, objects: list[Obj], names: Sequence[str]) -> tuple[list[Obj], list[NotFound]]:
        """The objects that have one of the names, in the order of those, and an error for each name that none has.

        Without names: all objects.
        """
        if not names:
            return objects, []
        by_name: dict[str, list[Obj]] = {name: [] for name in names}
        for obj in objects:
            by_name.get(columns.name(obj), []).append(obj)
        missing = [name for name, found in by_name.items() if not found]
        errors = [NotFound(f"{kind.name} object '{name}' not found in {self.where} namespace") for name in missing]
        return [obj for found in by_name.values() for obj in found], errors

    def rows(self, kind: Kind, objects: Sequence[Obj], *, with_kind: bool = False) -> list[list[str]]:
        """The cells of each object; `with_kind` puts the kind before the name, for mixed lists."""
        cells = [function for _, function in self.columns(kind)]
        prefix = kind.name.lower() + "/" if with_kind else ""
        found = []
        for obj in objects:
            row = [prefix + columns.name(obj), *(cell(obj) for cell in cells)]
            if self.everywhere:
                row.insert(0, columns.namespace(obj))
            found.append(row)
        return found


def _has_status(kind: Kind, obj: Obj, name: str, status: str) -> bool:
    if kind.static:
        return name == "ready" and status == "true"
    found = None
    for condition in columns.conditions(obj):
        if str(condition.get("type", "")).lower() == name:
            found = str(condition.get("status", "")).lower()
    return found == status

"""`pyflux tree`: what an object manages, and what those objects manage in turn, from the inventories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyflux.catalog import kinds
from pyflux.errors import KubeError, NotFound, PyfluxError
from pyflux.kube import connect
from pyflux.verbs import targets

if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]

_FLUX = "toolkit.fluxcd.io"


class Node:
    """One object of the tree and what it manages."""

    __slots__ = ("children", "group", "kind", "name", "namespace")

    def __init__(self, kind: str, group: str, namespace: str, name: str) -> None:
        self.kind = kind
        self.group = group
        self.namespace = namespace
        self.name = name
        self.children: list[Node] = []

    @property
    def text(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    def document(self) -> Obj:
        found: Obj = {
            "resource": {
                "Namespace": self.namespace,
                "Name": self.name,
                "GroupKind": {"Group": self.group, "Kind": self.kind},
            }
        }
        if self.children:
            found["resources"] = [child.document() for child in self.children]
        return found

    def lines(self, indent: str = "") -> list[str]:
        """The lines of everything below this object."""
        found = []
        for number, child in enumerate(self.children, 1):
            last = number == len(self.children)
            found.append(f"{indent}{'└── ' if last else '├── '}{child.text}")
            found += child.lines(indent + ("    " if last else "│   "))
        return found


def parse_id(text: str) -> Node:
    """Reads an inventory entry: NAMESPACE_NAME_GROUP_KIND. Raises PyfluxError."""
    namespace, separator, rest = text.partition("_")
    rest, second, kind = rest.rpartition("_")
    name, third, group = rest.rpartition("_")
    if not (separator and second and third):
        raise PyfluxError(f"unable to parse stored object metadata: {text}")
    # names of RBAC objects may hold colons, which the inventory writes as two underscores
    return Node(kind, group, namespace, name.replace("__", ":"))


def run_kustomization(env: Env, call: Call) -> None:
    """`tree kustomization name`."""
    if not call.args:
        raise PyfluxError("kustomization name is required")
    client = connect(env)
    obj = targets.fetch(client, kinds.KUSTOMIZATION, call.args[0], env.kube.namespace)
    meta = obj["metadata"]
    root = Node(kinds.KUSTOMIZATION.name, kinds.KUSTOMIZATION.group, meta.get("namespace", ""), meta["name"])
    _fill(client, root, obj, compact=call.bool("compact"), above=frozenset())
    _write(env, root, call.str("output"))


def run_generator(env: Env, call: Call) -> None:
    """`tree artifact generator name`."""
    obj = targets.fetch(connect(env), kinds.ARTIFACT_GENERATOR, call.args[0], env.kube.namespace)
    meta = obj["metadata"]
    root = Node(kinds.ARTIFACT_GENERATOR.name, kinds.ARTIFACT_GENERATOR.group, meta.get("namespace", ""), meta["name"])
    made = kinds.EXTERNAL_ARTIFACT
    root.children = [
        Node(made.name, made.group, str(entry.get("namespace", "")), str(entry.get("name", "")))
        for entry in (obj.get("status") or {}).get("inventory") or []
    ]
    _write(env, root, call.str("output"))


def _write(env: Env, root: Node, output: str) -> None:
    if output == "json":
        env.write(json.dumps(root.document(), indent=2, ensure_ascii=False) + "\n")
    elif output == "yaml":
        from pyflux.ui.yamlout import dump

        env.write(dump(root.document()) + "\n")
    else:
        env.write("\n".join([root.text, *root.lines(), "", ""]))


def _fill(client: Client, node: Node, obj: Obj, *, compact: bool, above: frozenset[tuple[str, str]]) -> None:
    """Puts the Kustomization's inventory below `node`. `above` holds the Kustomizations on the way here."""
    me = (node.namespace, node.name)
    for entry in ((obj.get("status") or {}).get("inventory") or {}).get("entries") or []:
        child = parse_id(str(entry.get("id", "")))
        if compact and _FLUX not in child.group:
            continue
        is_kustomization = child.group == kinds.KUSTOMIZATION.group and child.kind == "Kustomization"
        if is_kustomization and (child.namespace, child.name) == me:
            continue
        node.children.append(child)
        if child.group == kinds.HELM_RELEASE.group and child.kind == "HelmRelease":
            from pyflux.verbs.tree_helm import inventory

            child.children = [each for each in inventory(client, child) if not compact or _FLUX in each.group]
        # one that applies to another cluster has its objects there
        if is_kustomization and not (obj.get("spec") or {}).get("kubeConfig"):
            if (child.namespace, child.name) in above:
                continue
            try:
                found = client.get(kinds.KUSTOMIZATION.resource, child.name, child.namespace)
            except NotFound as error:
                raise PyfluxError(f"failed to find object: {error.message}") from None
            except KubeError as error:
                raise PyfluxError(f"failed to find object: {error.message}", hint=error.hint) from None
            _fill(client, child, found, compact=compact, above=above | {me})

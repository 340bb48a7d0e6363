"""A test's own corner of a cluster: a namespace, a repository, a source, and what a user does with them."""

from __future__ import annotations

import json
from typing import Any

from pyflux.catalog.kinds import kind
from pyflux.errors import NotFound
from tests.e2e.pairs import Pair, Result, condition, ready, show, wait_until

Obj = dict[str, Any]

SOURCE = "fleet"


class World:
    """Everything lives in one namespace, which is also the repository's name."""

    def __init__(self, pair: Pair, namespace: str) -> None:
        self.pair = pair
        self.namespace = namespace
        self.repository = pair.git.create(namespace)

    # -- set-up

    def create(self) -> None:
        self.pair.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def remove(self) -> None:
        """Deletes the test's Flux objects, so that the controllers have no more work with them."""
        client = self.pair.client
        for name in ("Kustomization", "HelmRelease", "GitRepository", "HelmRepository", "OCIRepository", "Bucket"):
            where = kind(name).resource
            for obj in client.list(where, self.namespace).items:
                try:
                    client.delete(where, obj["metadata"]["name"], self.namespace)
                except NotFound:
                    # one that the test deleted came to its end meanwhile
                    continue
        for name in ("Kustomization", "HelmRelease"):
            wait_until(
                f"the {name}s of {self.namespace} are gone",
                lambda name=name: not client.list(kind(name).resource, self.namespace).items,  # type: ignore[misc]
            )

    def commit(self, files: dict[str, str | None], message: str = "Change") -> str:
        """Commits to main; the revision as Flux writes it."""
        return f"main@sha1:{self.repository.commit(files, message)}"

    def add_source(self, **spec: Any) -> None:
        """The GitRepository `fleet`, with an interval that never comes round in a test."""
        self.pair.apply(
            {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository",
                "metadata": {"name": SOURCE, "namespace": self.namespace},
                "spec": {
                    "interval": "1h",
                    "url": self.pair.git.url_of(self.namespace),
                    "ref": {"branch": "main"},
                    **spec,
                },
            }
        )

    def add(self, name: str, path: str = "./", **spec: Any) -> None:
        """A Kustomization of the source."""
        self.pair.apply(
            {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {
                    "interval": "1h",
                    "retryInterval": "1h",
                    "timeout": "1m",
                    "path": path,
                    "prune": True,
                    "sourceRef": {"kind": "GitRepository", "name": SOURCE},
                    **spec,
                },
            }
        )

    # -- what a user does and sees

    def flux(self, *words: str, check: bool = True) -> Result:
        return self.pair.flux(*words, "-n", self.namespace, check=check)

    def reconcile(self, name: str, *, check: bool = True) -> Result:
        # an object that failed and will be tried again counts as in progress: the command waits for it
        limit = () if check else ("--timeout", "5s")
        return self.flux("reconcile", "kustomization", name, "--with-source", *limit, check=check)

    def kustomization(self, name: str) -> Obj:
        return self.pair.kustomization(name, self.namespace)

    def ready(self, name: str, revision: str = "", timeout: float = 60.0) -> Obj:
        """The Kustomization once it is ready (at `revision`)."""
        last: list[Obj] = [{}]

        def test() -> bool:
            last[0] = self.kustomization(name)
            applied = (last[0].get("status") or {}).get("lastAppliedRevision")
            return ready(last[0]) and (not revision or applied == revision)

        try:
            wait_until(f"Kustomization {name} ready at {revision or 'any revision'}", test, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{show(last[0])}") from None
        return last[0]

    def failed(self, name: str, text: str, timeout: float = 60.0) -> Obj:
        """The Kustomization once its Ready condition is false and says `text`."""
        last: list[Obj] = [{}]

        def test() -> bool:
            last[0] = self.kustomization(name)
            found = condition(last[0], "Ready")
            return found.get("status") == "False" and text in found["message"]

        try:
            wait_until(f"Kustomization {name} failed with {text!r}", test, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{show(last[0])}") from None
        return last[0]

    def config_map(self, name: str, namespace: str = "") -> dict[str, str] | None:
        """The data of a ConfigMap; None where there is none."""
        obj = self.pair.get("v1", "ConfigMap", name, namespace or self.namespace)
        return None if obj is None else obj.get("data") or {}


def config_map(name: str, namespace: str, **data: str) -> str:
    """A ConfigMap's manifest."""
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata:", f"  name: {name}"]
    if namespace:
        lines.append(f"  namespace: {namespace}")
    lines.append("data:")
    lines += [f"  {key}: {json.dumps(value)}" for key, value in data.items()]
    return "\n".join(lines) + "\n"


def deployment(name: str, namespace: str, image: str = "nginx:1", annotations: str = "") -> str:
    """A Deployment's manifest with one container; `annotations` is YAML for its pods."""
    pods = f"      annotations: {annotations}\n" if annotations else ""
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  replicas: 1
  progressDeadlineSeconds: 5
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
{pods}    spec:
      containers:
      - name: main
        image: {image}
"""

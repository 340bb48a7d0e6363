"""Builds a Kustomization from local files and the cluster: for `build kustomization` and `diff kustomization`."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from pyflux.catalog.kinds import KUSTOMIZATION
from pyflux.errors import KubeError, NotFound, PyfluxError
from pyflux.render.build import build, is_kustomization, name_of, read_kustomization, source_key
from pyflux.render.overlay import BuildError
from pyflux.render.shape import ShapeError, with_texts
from pyflux.render.sops import Sops

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyflux.env import Call, Env
    from pyflux.kube.client import Client

    Obj = dict[str, Any]


class Settings:
    """What holds for a whole run: flags of the command, and its cluster. Without `client` it is a dry run."""

    def __init__(self, env: Env, call: Call, client: Client | None) -> None:
        self.client = client
        self.timeout = env.kube.timeout or 80.0
        self.strict = call.bool("strict-substitute")
        self.recursive = call.bool("recursive")
        self.ignore_lines: Sequence[str] = call.strings("ignore-paths")
        self.local_sources: Mapping[str, str] = call.mapping("local-sources")
        self.warn = env.log.plain
        self.sops = Sops(env.environ, timeout=self.timeout) if call.bool("decrypt") else None


class Builder:
    """One Kustomization: `namespace` and `name`, and the folder with its manifests."""

    def __init__(
        self,
        settings: Settings,
        namespace: str,
        name: str,
        path: str,
        *,
        file: str = "",
        given: Obj | None = None,
        ignore_not_found: bool = False,
        above: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.settings = settings
        self._namespace = namespace
        self._name = name
        self._path = path
        self._file = file
        self._given = given
        self._ignore_not_found = ignore_not_found
        self._above = above
        self.kustomization: Obj = {}
        """The Kustomization that was built, after `objects`."""

    def objects(self, *, nested: bool = False) -> list[Obj]:
        """The objects of the Kustomization; with `nested` those of the Kustomizations among them too.

        Raises BuildError, KubeError.
        """
        self.kustomization = self._find()
        settings = self.settings
        found = build(
            self.kustomization,
            self._path,
            variables=functools.cache(self._variables),
            strict=settings.strict,
            ignore_lines=settings.ignore_lines,
            sops=settings.sops,
            warn=settings.warn,
            timeout=settings.timeout,
        )
        if nested:
            builders = [self.child(child, given=child) for child in self.children(found)]
            for more in _side_by_side(builders) if settings.client is None else map(_with_nested, builders):
                found += more
        return found

    def children(self, objects: list[Obj]) -> Iterator[Obj]:
        """The Kustomizations among its objects, but for itself."""
        own = name_of(self.kustomization)
        return (obj for obj in objects if is_kustomization(obj) and name_of(obj) != own)

    def child(self, kustomization: Obj, *, given: Obj | None = None) -> Builder:
        """A builder for a Kustomization that this one applies; `given` stands in for one that the cluster lacks.

        Raises BuildError for a source without a folder, and where it applies one of those above it.
        """
        namespace, name = name_of(kustomization)
        try:
            kustomization = with_texts({**kustomization, "spec": kustomization.get("spec") or {}})
        except ShapeError as why:
            raise BuildError(f"failed to convert to kustomization: {name}: {why.message}") from None
        given = kustomization if given is not None else None
        key = source_key(kustomization)
        chain = (*self._above, name_of(self.kustomization))
        if (namespace, name) in chain:
            circle = " → ".join(one for _, one in (*chain, (namespace, name)))
            raise BuildError(f"Kustomizations apply each other in a circle: {circle}")
        local = self.settings.local_sources.get(key)
        if local is None:
            raise BuildError(
                f"cannot get local path for {key} of kustomization {name}",
                hint=f"Name the folder with --local-sources {key}=./path",
            )
        path = os.path.join(local, str(kustomization["spec"].get("path") or "").lstrip("/"))
        return Builder(self.settings, namespace, name, os.path.normpath(path), given=given, above=chain)

    def _find(self) -> Obj:
        live = self._given if self.settings.client is None else self._live(self.settings.client)
        if not self._file:
            if live is None:
                raise BuildError(f"failed to get kustomization object: no file holds {self._name}")
            return live
        try:
            found = read_kustomization(self._file, self._name, self._namespace)
        except BuildError as why:
            raise BuildError(f"failed to get kustomization object: {why.message}") from None
        inventory = ((live or {}).get("status") or {}).get("inventory")
        if self.settings.client is not None and inventory and live is not None:
            found["status"] = live["status"]
        return found

    def _live(self, client: Client) -> Obj | None:
        try:
            return client.get(KUSTOMIZATION.resource, self._name, self._namespace)
        except NotFound as why:
            if self._given is None and not self._ignore_not_found:
                raise PyfluxError(f"failed to get kustomization object: {why.message}", hint=why.hint) from why
            return self._given
        except KubeError as why:
            raise PyfluxError(f"failed to get kustomization object: {why.message}", hint=why.hint) from why

    def _variables(self) -> dict[str, str] | None:
        """Variables of `spec.postBuild`, None where nothing is to be substituted. Raises BuildError."""
        post_build = self.kustomization["spec"].get("postBuild")
        if not isinstance(post_build, dict):
            return None
        found: dict[str, str] = {}
        if self.settings.client is not None:
            from pyflux.controllers.kustomize.variables import load

            namespace = name_of(self.kustomization)[0] or self._namespace
            spec = {**self.kustomization["spec"], "postBuild": {**post_build, "substitute": {}}}
            found = load(self.settings.client, {"metadata": {"namespace": namespace}, "spec": spec}) or {}
        for key, value in (post_build.get("substitute") or {}).items():
            found[key] = str(value).replace("\n", "")
        return found if found or post_build.get("substituteStrategy") == "Always" else None


def _with_nested(builder: Builder) -> list[Obj]:
    return builder.objects(nested=True)


def _side_by_side(builders: list[Builder]) -> list[list[Obj]]:
    """The objects of several builders that ask no cluster, in order."""
    from concurrent.futures import ThreadPoolExecutor

    if len(builders) < 2:
        return [_with_nested(builder) for builder in builders]
    with ThreadPoolExecutor(max_workers=min(len(builders), (os.cpu_count() or 1) + 1)) as pool:
        return list(pool.map(_with_nested, builders))

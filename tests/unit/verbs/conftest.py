"""Runs whole command lines in this process against the fake API server."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyflux.cli import main
from pyflux.env import Env


def _load() -> Any:
    """The module beside this file: tests are no package."""
    if "fakeapi" not in sys.modules:
        spec = importlib.util.spec_from_file_location("fakeapi", Path(__file__).with_name("fakeapi.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["fakeapi"] = module
        spec.loader.exec_module(module)
    return sys.modules["fakeapi"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


class Clock:
    """Time that passes only in sleeps."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@pytest.fixture
def api() -> Iterator[Any]:
    with _load().FakeApi() as server:
        yield server


@pytest.fixture
def run(api: Any, tmp_path: Path) -> Run:
    """`run("get", "ks")` as a user would, with a clock that only sleeps move."""
    kubeconfig = api.kubeconfig(tmp_path / "kubeconfig")

    def call(*argv: str, stdin: str = "", environ: dict[str, str] | None = None) -> Result:
        out, err, clock = io.StringIO(), io.StringIO(), Clock()
        env = Env(
            stdout=out,
            stderr=err,
            stdin=io.StringIO(stdin),
            environ={"KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path), **(environ or {})},
            sleep=clock.sleep,
            now=clock.now,
            monotonic=clock.now,
        )
        code = main.run(list(argv), env)
        return Result(code, out.getvalue(), err.getvalue())

    return call


def condition(status: str, message: str, kind: str = "Ready", **more: Any) -> dict[str, Any]:
    stamp = "2026-03-04T05:06:07Z"
    return {"type": kind, "status": status, "message": message, "reason": "Why", "lastTransitionTime": stamp, **more}


def thing(
    kind: str,
    name: str,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    namespace: str = "flux-system",
    **meta: Any,
) -> dict[str, Any]:
    """An object of a Flux kind."""
    from pyflux.catalog import kinds

    found = kinds.kind(kind)
    obj: dict[str, Any] = {
        "apiVersion": found.resource.api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **meta},
        "spec": spec or {},
    }
    if status is not None:
        obj["status"] = status
    return obj


@pytest.fixture
def make() -> Callable[..., dict[str, Any]]:
    return thing


@pytest.fixture
def cond() -> Callable[..., dict[str, Any]]:
    return condition

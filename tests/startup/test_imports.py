"""Hot commands stay light: what they must not import, seen in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FAKE = Path(__file__).parents[1] / "unit" / "verbs" / "fakeapi.py"
HEAVY = {"kubernetes", "dulwich", "rich", "pydantic", "ruamel", "cryptography", "requests", "urllib3", "yaml"}
LIGHTEST = HEAVY | {
    "typer",
    "click",
    "http.client",
    "urllib.request",
    "dataclasses",
    "datetime",
    "pathlib",
    "subprocess",
    "asyncio",
    "inspect",
    "concurrent",
    "orjson",
}
_PROBE = """
import json, sys
from pyflux.cli.main import run
code = run(sys.argv[1:])
sys.stdout.flush()
sys.stderr.write("\\n@@" + json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("fakeapi", _FAKE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fakeapi"] = module
    spec.loader.exec_module(module)
    with module.FakeApi() as server:
        for kind, name in (("Kustomization", "app"), ("Kustomization", "doomed"), ("GitRepository", "fleet")):
            found = module.kinds.kind(kind)
            server.add(
                {
                    "apiVersion": found.resource.api_version,
                    "kind": kind,
                    "metadata": {"name": name, "namespace": "flux-system"},
                    "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
                }
            )
        server.on_patch = _controller
        yield server


def _controller(obj: dict[str, Any]) -> None:
    asked = (obj["metadata"].get("annotations") or {}).get("reconcile.fluxcd.io/requestedAt", "")
    ready = {"type": "Ready", "status": "True", "message": "fine", "lastTransitionTime": "2026-01-02T03:04:05Z"}
    obj["status"] = {
        "observedGeneration": obj["metadata"]["generation"],
        "lastHandledReconcileAt": asked,
        "conditions": [ready],
    }


def probe(argv: list[str], tmp_path: Path, api: Any) -> tuple[int, str, set[str]]:
    """(exit code, stdout, modules) of a command line."""
    environ = {
        **{key: value for key, value in os.environ.items() if key not in ("COVERAGE_PROCESS_START", "PYTHONPATH")},
        "HOME": str(tmp_path),
        "KUBECONFIG": str(api.kubeconfig(tmp_path / "kubeconfig")),
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *argv], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    report = json.loads(done.stderr.rpartition("@@")[2])
    return report["code"], done.stdout, set(report["modules"])


@pytest.mark.parametrize(
    "argv",
    [
        ["get", "kustomizations", "-A"],
        ["get", "all", "-A"],
        ["get", "ks/app"],
        ["get", "sources", "git", "-o", "json"],
        ["suspend", "kustomization", "app"],
        ["suspend", "ks/app", "gitrepo/fleet"],
        ["resume", "kustomization", "app"],
        ["reconcile", "source", "git", "fleet"],
        ["reconcile", "kustomization", "app", "--with-source"],
        ["export", "kustomization", "app"],
        ["export", "source", "git", "--all", "--with-credentials"],
        ["events"],
        ["stats", "-A"],
        ["tree", "kustomization", "app"],
        ["trace", "kustomization", "app"],
        ["debug", "kustomization", "app", "--show-status"],
        ["delete", "ks/doomed", "--silent"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_hot_commands_import_none_of_the_heavy_parts(argv: list[str], tmp_path: Path, api: Any) -> None:
    if argv[0] == "reconcile":
        probe(["resume", "ks/app", "gitrepo/fleet"], tmp_path, api)
    code, out, modules = probe(argv, tmp_path, api)
    assert code == 0, out
    assert _named(modules, LIGHTEST) == set()


HELP = ["--help", "", "help", "help create source git", "get", "get --help", "get ks -h", "create source git --help"]


@pytest.mark.parametrize("line", [*HELP, "completion bash", "completion zsh --help"])
def test_help_and_completion_import_none_of_them_either(line: str, tmp_path: Path, api: Any) -> None:
    code, out, modules = probe(line.split(), tmp_path, api)
    assert code == 0
    assert "Usage:" in out or "completion" in out
    assert _named(modules, LIGHTEST) == set()


def test_the_ban_can_fail(tmp_path: Path, api: Any) -> None:
    assert _named({"rich.table", "json"}, HEAVY) == {"rich.table"}


def _named(modules: set[str], banned: set[str]) -> set[str]:
    """The modules that are banned or below a banned one."""
    return {name for name in modules if any(name == each or name.startswith(each + ".") for each in banned)}

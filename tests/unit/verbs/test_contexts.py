"""`--contexts a,b`: several clusters at once."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from pyflux.env import Call, Env
from pyflux.verbs.contexts import each


@pytest.fixture
def fleet(api: Any, tmp_path: Path, run: Any) -> dict[str, str]:
    """A kubeconfig whose contexts a and b are the server, and down is none."""
    path = tmp_path / "fleet"
    clusters = [
        {"name": "up", "cluster": {"server": api.url}},
        {"name": "down", "cluster": {"server": "http://127.0.0.1:9"}},
    ]
    contexts = [
        {"name": name, "context": {"cluster": cluster, "user": "u"}}
        for name, cluster in (("a", "up"), ("b", "up"), ("down", "down"))
    ]
    path.write_text(json.dumps({"clusters": clusters, "contexts": contexts, "users": [{"name": "u", "user": {}}]}))
    return {"KUBECONFIG": str(path)}


def test_get_has_a_context_column(api: Any, run: Any, make: Any, fleet: dict[str, str]) -> None:
    api.add(make("Kustomization", "k"))
    found = run("get", "ks", "--contexts", "a,b", environ=fleet)
    rows = [row.split("\t") for row in found.out.splitlines()]
    assert [row[0].strip() for row in rows] == ["CONTEXT", "a", "b"]
    assert [row[1].strip() for row in rows] == ["NAME", "k", "k"]
    assert "a      \tkustomization/k" in run("get", "all", "--contexts", "a,b", environ=fleet).out
    assert "Cause" not in found.out
    both = run("get", "ks,hr", "--contexts", "a,b", "--no-header", environ=fleet).out
    assert [row.split("\t")[:2] for row in both.splitlines() if row] == [
        [name, "kustomization/k"] for name in ("a", "b")
    ]
    assert run("get", "ks/k", "--contexts", "a,b", environ=fleet).out == found.out
    assert "CAUSE" in run("get", "ks", "--contexts", "a", "-o", "wide", environ=fleet).out
    listed = json.loads(run("get", "ks", "--contexts", "a,b", "-o", "json", environ=fleet).out)
    assert sorted(listed["contexts"]) == ["a", "b"]


def test_a_cluster_that_is_down_does_not_hide_the_others(api: Any, run: Any, make: Any, fleet: dict[str, str]) -> None:
    api.add(make("Kustomization", "k"))
    found = run("get", "ks", "--contexts", "a,down,nope", environ=fleet)
    assert found.code == 1
    assert found.out.splitlines()[1].startswith("a ")
    assert "✗ [down] cannot reach the Kubernetes API server" in found.err
    assert "✗ [nope]" in found.err
    stats = run("stats", "--contexts", "a,down", environ=fleet)
    assert stats.code == 1
    assert "a      \tKustomization" in stats.out


def test_actions_name_the_context(api: Any, run: Any, make: Any, fleet: dict[str, str]) -> None:
    api.add(make("Kustomization", "k"))
    found = run("suspend", "ks", "k", "--contexts", "a,b", environ=fleet)
    assert found.code == 0
    assert sorted(line for line in found.err.splitlines() if "suspending" in line) == [
        "[a] ► suspending kustomization k in flux-system namespace",
        "[b] ► suspending kustomization k in flux-system namespace",
    ]
    assert api.find("Kustomization", "k")["spec"]["suspend"] is True
    gone = run("reconcile", "ks/nope", "--contexts", "a,down", environ=fleet)
    assert gone.code == 1
    assert '✗ [a] kustomizations.kustomize.toolkit.fluxcd.io "nope" not found' in gone.err


def test_names_that_are_none(api: Any, run: Any, make: Any, fleet: dict[str, str]) -> None:
    api.add(make("Kustomization", "k"))
    found = run("suspend", "ks", "k", "--contexts", ",", environ=fleet)
    assert (found.code, found.err) == (1, "✗ --contexts names no context\n")
    assert run("get", "ks", "--contexts", " a, b,", environ=fleet).code == 0


def test_a_reader_that_goes_away_ends_all(fleet: dict[str, str]) -> None:
    class Away(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    call = Call(("export",), [], {"contexts": ["a", "b"]})
    with pytest.raises(BrokenPipeError):
        each(Env(stdout=Away(), environ=fleet), call, lambda env, call: env.write("x\n"))

"""create … --export, applied to a real API server, then export: the same object for every kind."""

from __future__ import annotations

import io
import shlex
from typing import Any

import pytest

from pyflux.cli.main import run
from pyflux.env import Env
from pyflux.ui import yamlin
from tests.real.cluster import RealCluster

NAMESPACE = "create-roundtrip"

KINDS = {
    "kustomization": "kustomization web --source=OCIRepository/web.sources --path=./prod --prune --wait "
    "--depends-on=infra,team-a/db --decryption-provider=sops --decryption-secret=age --retry-interval=30s",
    "helmrelease": "helmrelease web --source=HelmRepository/charts --chart=web --chart-version=1.x --crds=Create "
    "--target-namespace=prod --create-target-namespace --values-from=Secret/values",
    "source git": "source git web --url=https://example.com/r --tag-semver='>=1.0.0' --ignore-paths=docs,'*.md' "
    "--sparse-checkout-paths=apps --recurse-submodules --fetch-timeout=30s --secret-ref=s",
    "source oci": "source oci web --url=oci://example.com/web --tag=1 --verify-provider=cosign --verify-issuer=i "
    "--verify-subject=s --layer-selector=application/x:copy --insecure",
    "source helm": "source helm web --url=https://example.com/charts --secret-ref=s --pass-credentials",
    "source bucket": "source bucket web --bucket-name=data --endpoint=s3.example.com --provider=aws --region=eu-west-1",
    "source chart": "source chart web --source=GitRepository/web --chart=./charts/web --reconcile-strategy=Revision",
    "alert-provider": "alert-provider web --type=slack --channel=general --address=https://example.com --secret-ref=s",
    "alert": "alert web --provider-ref=web --event-severity=error --event-source='Kustomization/*,HelmRelease/a.b'",
    "receiver": "receiver web --type=github --event=ping,push --secret-ref=s --resource=GitRepository/web",
    "image repository": "image repository web --image=ghcr.io/example/web --scan-timeout=10s --secret-ref=s",
    "image policy": "image policy web --image-ref=web --select-numeric=asc --filter-regex='(?P<ts>.*)' "
    "--filter-extract='$ts' --reflect-digest=Always --interval=10m",
    "image update": "image update web --git-repo-ref=web --checkout-branch=main --push-branch=auto --author-name=bot "
    "--author-email=bot@example.com --git-repo-path=./prod --commit-template='line {{.}}: yes' --signing-key-secret=k",
}


def pyflux(line: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    code = run(shlex.split(line), Env(stdout=out, stderr=err, stdin=io.StringIO(), environ={}))
    assert code == 0, f"{line}: {err.getvalue()}"
    return out.getvalue()


@pytest.fixture(scope="module")
def cluster(light_cluster: RealCluster) -> RealCluster:
    manifests = pyflux("install --export --components-extra=image-reflector-controller,image-automation-controller")
    for obj in yamlin.load_all(manifests):
        if obj and obj["kind"] == "CustomResourceDefinition":
            light_cluster.apply(obj)
    light_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return light_cluster


def contained(wanted: Any, found: Any) -> bool:
    """Whether `found` has all of `wanted`; maps may have more, which the API server's defaults add."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and contained(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(contained, wanted, found))
    return bool(wanted == found)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(cluster: RealCluster, kind: str) -> None:
    made = yamlin.load(pyflux(f"create {KINDS[kind]} --label=team=a,on=yes -n {NAMESPACE} --export"))
    cluster.apply(made)
    text = pyflux(f"export {kind} web -n {NAMESPACE} --kubeconfig={cluster.kubeconfig}")
    found = yamlin.load(text)
    assert found["metadata"] == made["metadata"]
    assert (found["apiVersion"], found["kind"]) == (made["apiVersion"], made["kind"])
    assert contained(made["spec"], found["spec"]), f"{made['spec']}\n{found['spec']}"
    assert "status" not in found
    # what was exported can be applied as it is, and is then still the same
    cluster.apply(found)
    assert pyflux(f"export {kind} web -n {NAMESPACE} --kubeconfig={cluster.kubeconfig}") == text

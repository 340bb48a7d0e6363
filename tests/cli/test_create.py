"""`create … --export`: command lines in, manifests out. What is expected was observed at the reference CLI."""

from __future__ import annotations

import base64
import io
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyflux.cli.main import run
from pyflux.env import Env
from pyflux.ui import yamlin


class Result(NamedTuple):
    code: int
    out: str
    err: str


def create(line: str, **environ: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    env = Env(stdout=out, stderr=err, stdin=io.StringIO(), environ={"KUBECONFIG": "/nonexistent", **environ})
    code = run(["create", *shlex.split(line)], env)
    return Result(code, out.getvalue(), err.getvalue())


def exported(line: str) -> dict[str, Any]:
    result = create(f"{line} --export")
    assert result.code == 0, result.err
    assert result.out.startswith("---\n")
    found: dict[str, Any] = yamlin.load(result.out)
    return found


SPECS: dict[str, dict[str, Any]] = {
    # Kustomization
    "ks web --source=web": {
        "interval": "1m0s",
        "path": "./",
        "prune": False,
        "sourceRef": {"kind": "GitRepository", "name": "web"},
    },
    "kustomization web --source=ocirepository/web.sources --path=deploy/../prod --prune --interval=90s "
    "--depends-on=infra,team-a/db --target-namespace=apps --service-account=deployer --retry-interval=30s "
    "--kubeconfig-secret-ref=remote --decryption-provider=sops --decryption-secret=age": {
        "interval": "1m30s",
        "path": "./prod",
        "prune": True,
        "sourceRef": {"kind": "OCIRepository", "name": "web", "namespace": "sources"},
        "dependsOn": [{"name": "infra"}, {"name": "db", "namespace": "team-a"}],
        "targetNamespace": "apps",
        "serviceAccountName": "deployer",
        "retryInterval": "30s",
        "kubeConfig": {"secretRef": {"name": "remote"}},
        "decryption": {"provider": "sops", "secretRef": {"name": "age"}},
    },
    "ks web --source=Bucket/web --path=../../etc --health-check=Deployment/a.b --health-check=HelmRelease/c.d "
    "--health-check-timeout=3m": {
        "interval": "1m0s",
        "path": "./etc",
        "prune": False,
        "sourceRef": {"kind": "Bucket", "name": "web"},
        "timeout": "3m0s",
        "healthChecks": [
            {"kind": "Deployment", "name": "a", "namespace": "b"},
            {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "name": "c", "namespace": "d"},
        ],
    },
    "ks web --source=web --wait --health-check=Deployment/a.b": {
        "interval": "1m0s",
        "path": "./",
        "prune": False,
        "sourceRef": {"kind": "GitRepository", "name": "web"},
        "timeout": "2m0s",
        "wait": True,
    },
    # HelmRelease
    "hr web --source=helmrepository/charts.sources --chart=web --chart-version='>4.0.0' --chart-interval=1h "
    "--target-namespace=prod --create-target-namespace --crds=CreateReplace --release-name=rel "
    "--reconcile-strategy=Revision --values-from=secret/a,ConfigMap/b": {
        "interval": "1m0s",
        "chart": {
            "spec": {
                "chart": "web",
                "version": ">4.0.0",
                "interval": "1h0m0s",
                "reconcileStrategy": "Revision",
                "sourceRef": {"kind": "HelmRepository", "name": "charts", "namespace": "sources"},
            }
        },
        "targetNamespace": "prod",
        "storageNamespace": "prod",
        "releaseName": "rel",
        "install": {"createNamespace": True, "crds": "Create"},
        "upgrade": {"crds": "CreateReplace"},
        "valuesFrom": [{"kind": "Secret", "name": "a"}, {"kind": "ConfigMap", "name": "b"}],
    },
    "helmrelease web --chart-ref=OCIRepository/web.sources": {
        "interval": "1m0s",
        "chartRef": {"kind": "OCIRepository", "name": "web", "namespace": "sources"},
    },
    # sources
    "source git web --url=https://example.com/r --branch=main --tag=v1": {
        "interval": "1m0s",
        "ref": {"tag": "v1"},
        "url": "https://example.com/r",
    },
    "source git web --url=ssh://git@example.com/r --branch=main --commit=abc --recurse-submodules --provider=github "
    "--secret-ref=s --proxy-secret-ref=p --ignore-paths='a,\"b,c\"' --sparse-checkout-paths=x,y --fetch-timeout=30s": {
        "interval": "1m0s",
        "ref": {"branch": "main", "commit": "abc"},
        "url": "ssh://git@example.com/r",
        "recurseSubmodules": True,
        "provider": "github",
        "secretRef": {"name": "s"},
        "proxySecretRef": {"name": "p"},
        "ignore": "a\nb,c",
        "sparseCheckout": ["x", "y"],
        "timeout": "30s",
    },
    "source helm charts --url=oci://example.com/charts --oci-provider=aws --secret-ref=s --pass-credentials": {
        "interval": "1m0s",
        "url": "oci://example.com/charts",
        "type": "oci",
        "provider": "aws",
        "secretRef": {"name": "s"},
        "passCredentials": True,
    },
    "source helm charts --url=https://example.com --oci-provider=aws --pass-credentials": {
        "interval": "1m0s",
        "url": "https://example.com",
    },
    "source oci web --url=oci://example.com/web --tag=1 --tag-semver=1.x --digest=sha256:0 --insecure "
    "--layer-selector=application/x:copy --verify-provider=cosign --verify-secret-ref=k --verify-issuer=i "
    "--cert-ref=c --service-account=sa": {
        "interval": "1m0s",
        "url": "oci://example.com/web",
        "provider": "generic",
        "ref": {"digest": "sha256:0", "semver": "1.x", "tag": "1"},
        "insecure": True,
        "layerSelector": {"mediaType": "application/x", "operation": "copy"},
        "verify": {
            "provider": "cosign",
            "secretRef": {"name": "k"},
            "matchOIDCIdentity": [{"issuer": "i", "subject": ""}],
        },
        "certSecretRef": {"name": "c"},
        "serviceAccountName": "sa",
    },
    "source bucket data --bucket-name=data --endpoint=s3.example.com --provider=aws --region=eu-west-1 --interval=0": {
        "bucketName": "data",
        "endpoint": "s3.example.com",
        "interval": "0s",
        "provider": "aws",
        "region": "eu-west-1",
    },
    "source chart web --source=gitrepository/web --chart=./charts/web --verify-subject=s": {
        "chart": "./charts/web",
        "interval": "1m0s",
        "reconcileStrategy": "ChartVersion",
        "sourceRef": {"kind": "GitRepository", "name": "web"},
    },
    # notification
    "alert failures --provider-ref=slack --event-severity=error --event-source='Kustomization/*' "
    "--event-source=HelmRelease/web.apps": {
        "providerRef": {"name": "slack"},
        "eventSeverity": "error",
        "eventSources": [
            {"kind": "Kustomization", "name": "*"},
            {"kind": "HelmRelease", "name": "web", "namespace": "apps"},
        ],
    },
    "alert-provider slack --type=slack --channel=general --username=bot --address=https://x --secret-ref=s": {
        "type": "slack",
        "channel": "general",
        "username": "bot",
        "address": "https://x",
        "secretRef": {"name": "s"},
    },
    "receiver web --type=github --event=ping,push --secret-ref=t --resource=GitRepository/a.b": {
        "type": "github",
        "events": ["ping", "push"],
        "secretRef": {"name": "t"},
        "resources": [{"kind": "GitRepository", "name": "a.b"}],
    },
    # image automation
    "image repository web --image=ghcr.io/example/web --scan-timeout=10s --secret-ref=s --cert-ref=c": {
        "image": "ghcr.io/example/web",
        "interval": "1m0s",
        "timeout": "10s",
        "secretRef": {"name": "s"},
        "certSecretRef": {"name": "c"},
    },
    "image policy web --image-ref=web --select-numeric=asc --filter-regex='^main-(?P<ts>[0-9]+)' "
    "--filter-extract='$ts' --reflect-digest=Always --interval=10m": {
        "imageRepositoryRef": {"name": "web"},
        "policy": {"numerical": {"order": "asc"}},
        "filterTags": {"pattern": "^main-(?P<ts>[0-9]+)", "extract": "$ts"},
        "digestReflectionPolicy": "Always",
        "interval": "10m0s",
    },
    "image policy web --image-ref=web --select-semver=1.x --select-alpha=asc": {
        "imageRepositoryRef": {"name": "web"},
        "policy": {},
    },
    "image update fleet --git-repo-ref=fleet --git-repo-namespace=ns --git-repo-path=./prod --checkout-branch=main "
    "--push-branch=auto --author-name=bot --author-email=b@x --commit-template='a {{.}}' --signing-key-secret=k": {
        "sourceRef": {"kind": "GitRepository", "name": "fleet", "namespace": "ns"},
        "git": {
            "checkout": {"ref": {"branch": "main"}},
            "commit": {
                "author": {"name": "bot", "email": "b@x"},
                "messageTemplate": "a {{.}}",
                "signingKey": {"secretRef": {"name": "k"}},
            },
            "push": {"branch": "auto"},
        },
        "interval": "1m0s",
        "update": {"path": "./prod", "strategy": "Setters"},
    },
}


@pytest.mark.parametrize("line", SPECS)
def test_spec(line: str) -> None:
    assert exported(line)["spec"] == SPECS[line]


API = {
    "ks web --source=web": ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    "hr web --chart-ref=HelmChart/web": ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    "source git web --url=http://x/r --branch=m": ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    "source oci web --url=oci://x/r --tag=1": ("source.toolkit.fluxcd.io/v1", "OCIRepository"),
    "source helm web --url=http://x": ("source.toolkit.fluxcd.io/v1", "HelmRepository"),
    "source bucket web --bucket-name=b --endpoint=e": ("source.toolkit.fluxcd.io/v1", "Bucket"),
    "source chart web --source=Bucket/b --chart=c": ("source.toolkit.fluxcd.io/v1", "HelmChart"),
    "alert web --provider-ref=p --event-source=Bucket/b": ("notification.toolkit.fluxcd.io/v1beta3", "Alert"),
    "alert-provider web --type=t": ("notification.toolkit.fluxcd.io/v1beta3", "Provider"),
    "receiver web --type=gcr --secret-ref=s --resource=Bucket/b": ("notification.toolkit.fluxcd.io/v1", "Receiver"),
    "image repository web --image=alpine": ("image.toolkit.fluxcd.io/v1", "ImageRepository"),
    "image policy web --image-ref=r --select-semver=1": ("image.toolkit.fluxcd.io/v1", "ImagePolicy"),
    "image update web --git-repo-ref=r --checkout-branch=m --author-name=a --author-email=b": (
        "image.toolkit.fluxcd.io/v1",
        "ImageUpdateAutomation",
    ),
}


@pytest.mark.parametrize("line", API)
def test_kind_name_namespace_and_labels(line: str) -> None:
    found = exported(f"{line} --label=b=2,a=yes --namespace=apps")
    assert (found["apiVersion"], found["kind"]) == API[line]
    assert found["metadata"] == {"name": "web", "namespace": "apps", "labels": {"a": "yes", "b": "2"}}


def test_output_is_flux_text() -> None:
    result = create("ks web --source=web --label=on=yes --export")
    assert result.out == (
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n"
        '  labels:\n    "on": "yes"\n  name: web\n  namespace: flux-system\n'
        "spec:\n  interval: 1m0s\n  path: ./\n  prune: false\n  sourceRef:\n    kind: GitRepository\n    name: web\n"
    )
    assert result.err == ""


def test_the_namespace_of_the_environment_counts() -> None:
    result = create("ks web --source=web --export", FLUX_SYSTEM_NAMESPACE="gitops")
    assert yamlin.load(result.out)["metadata"]["namespace"] == "gitops"


FAULTS = {
    "ks": "name is required",
    "ks Web": "name 'Web' is invalid, it should adhere to standard defined in RFC 1123",
    "ks w": "name 'w' is invalid",
    "ks web": "source is required",
    "ks web --source=Foo/x": "source kind 'Foo' is not supported, must be one of: OCIRepository, GitRepository, Bucket",
    "ks web --source=OCIRepository": "no kind specified for source 'OCIRepository'",
    "ks web --source=Bucket/": "no name given for source of kind 'Bucket'",
    "ks web --source=web --interval=10": 'time: missing unit in duration "10"',
    "ks web --source=web --health-check=a": "invalid health check 'a' must be in the format 'kind/name.namespace' [a]",
    "ks web --source=web --health-check=Pod/a.b": "invalid health check kind 'Pod' can be HelmRelease, Deployment",
    "ks web --source=web --health-check=Deployment/a": "invalid health check 'Deployment/a' must be in the format",
    "ks web --source=web --decryption-provider=age": "unsupported decryption provider 'age', must be one of: sops",
    "ks web --source=web --label=a": "invalid label format 'a', must be key=value",
    "ks web --source=web --label='a b=c'": "invalid label 'a b': [name part must consist of",
    "ks web --source=web --label='a=b c'": "invalid label value 'b c': [a valid label must be an empty string",
    "hr web": "chart or chart-ref is required",
    "hr web --chart=a --chart-ref=b": "cannot use --chart in combination with --chart-ref",
    "hr web --chart-ref=Git/x": "chart reference kind 'Git' is not supported, must be one of: OCIRepository, HelmChart",
    "hr web --chart=a --reconcile-strategy=x": "'x' is an invalid reconcile strategy(valid: Revision, ChartVersion)",
    "hr web --chart=a --values=/nonexistent/v.yaml": "reading values from /nonexistent/v.yaml failed: open",
    "hr web --chart=a --values-from=Pod/x": "reference kind 'Pod' is not supported, must be one of: Secret, ConfigMap",
    "hr web --chart=a --values-from=x": "invalid Kubernetes object reference 'x', must be in format <kind>/<name>",
    "hr web --chart=a --crds=create": "unsupported upgrade CRDs policy 'create', must be one of: Skip, Create",
    "source git web": "url is required",
    "source git web --url=ftp://x/y": "git URL scheme 'ftp' not supported, can be: ssh, http and https",
    "source git web --url=git@x:y": 'git URL parse failed: parse "git@x:y": first path segment in URL cannot',
    "source git web --url=https://x/y": "a Git ref is required, use one of the following: --branch, --tag, --commit",
    "source git web --url=ssh://x/y --branch=m --ca-file=c": "specifying a CA file is not supported for Git over SSH",
    "source git web --ssh-rsa-bits=1000": "RSA key bit size must be at least 1024",
    "source git web --ssh-rsa-bits=1025": "RSA key bit size must be a multiples of 8",
    "source git web --ssh-ecdsa-curve=p1": "unsupported curve 'p1', must be one of: p256, p384, p521",
    "source git web --provider=x": "source Git provider 'x' is not supported, must be one of: generic|github|aws|azure",
    "source git web --ignore-paths='a\"b'": 'parse error on line 1, column 2: bare " in non-quoted-field',
    "source helm web --url=bad": "url scheme '' not supported, can be: http, https and oci",
    "source helm web --url=https:///x": "url host is required",
    "source oci web --url=oci://x": "--tag, --tag-semver or --digest is required",
    "source oci web --url=x --tag=1 --layer-selector=a:b": 'operation must be "extract" or "copy"',
    "source oci web --url=x --tag=1 --verify-secret-ref=k": "a verification provider must be specified when a secret",
    "source oci web --url=x --tag=1 --verify-subject=k": "a verification provider must be specified when OIDC",
    "source oci web --provider=x": "source OCI provider 'x' is not supported, must be one of: generic, aws, azure, gcp",
    "source bucket web --endpoint=e": "bucket-name is required",
    "source bucket web --provider=x": "source bucket provider 'x' is not supported",
    "source chart web": "chart source is required",
    "source chart web --source=OCIRepository/x": "must be one of: HelmRepository, GitRepository, Bucket",
    "source chart web --source=Bucket/b": "chart name or path is required",
    "source chart web --source=Bucket/b --chart=c --verify-issuer=i": "a verification provider must be specified",
    "alert web": "provider ref is required",
    "alert web --provider-ref=p": "at least one event source is required",
    "alert web --provider-ref=p --event-source=x": "invalid event source 'x', must be in format <kind>/<name>",
    "alert-provider web": "Provider type is required",
    "receiver web --secret-ref=s": "Receiver type is required",
    "receiver web --type=x": "receiver type 'x' is not supported, must be one of: generic, generic-hmac, github",
    "receiver web --type=github": "secret ref is required",
    "receiver web --type=github --secret-ref=s": "atleast one resource is required",
    "image repository web": "an image repository (--image) is required",
    "image repository web --image=UP": "unable to parse image value: repository can only contain the characters",
    "image policy web": "the name of an ImageRepository in the namespace is required (--image-ref)",
    "image policy web --image-ref=r": "a policy must be provided with either --select-semver or --select-alpha",
    "image policy web --image-ref=r --select-alpha=asc --select-numeric=asc": "only one of --select-semver",
    "image policy web --image-ref=r --select-alpha=up": '--select-alpha must be one of ["asc", "desc"]',
    "image policy web --image-ref=r --select-semver=1 --filter-regex='('": "--filter-regex is an invalid regex pattern",
    "image policy web --image-ref=r --select-semver=1 --filter-extract=x": "cannot specify --filter-extract without",
    "image policy web --image-ref=r --select-semver=1 --filter-regex=a --filter-extract='$x'": (
        "capture group $x used in --filter-extract not found in --filter-regex"
    ),
    "image policy web --image-ref=r --select-semver=1 --reflect-digest=x": "invalid value for --reflect-digest",
    "image policy web --image-ref=r --select-semver=1 --interval=1m": "the --interval flag can only be used with",
    "image update web": "a reference to a GitRepository is required (--git-repo-ref)",
    "image update web --git-repo-ref=r --checkout-branch=b --author-name=a --author-email=e --signing-key-type=ssh": (
        "--signing-key-type requires --signing-key-secret"
    ),
    "secret git web": "url is required",
    "secret git web --url=https://x/y": "for Git over HTTP/S the username and password, or a bearer token is required",
    "secret git web --url=https://x/y -u=u -p=p --bearer-token=t": "user credentials and bearer token cannot be used",
    "secret git web --url=x": "git URL scheme '' not supported, can be: ssh, http and https",
    "secret githubapp web": "unable to read private key file: open : no such file or directory",
    "secret helm web -u=u": "password is required",
    "secret notation web": "--ca-cert-file is required",
    "secret notation web --ca-cert-file=a.crt": "--trust-policy-file is required",
    "secret oci web": "--url is required",
    "secret oci web --url=UP -u=u -p=p": "error parsing url: 'could not parse reference: UP'",
    "secret proxy web": "address is required",
    "secret receiver web": "--type is required",
    "secret receiver web --type=gcr --hostname=h": "--email-claim is required for gcr receiver type",
    "secret tls web": "no CA certificate or client certificate pair found",
    "tenant dev": "with-namespace is required",
    "tenant dev --with-namespace=a --cluster-role=": "cluster-role is required",
    "tenant dev --with-namespace='a b'": "invalid namespace 'a b': [name part must consist of",
}


@pytest.mark.parametrize("line", FAULTS)
def test_fault(line: str) -> None:
    result = create(f"{line} --export")
    assert result.code == 1
    assert result.out == ""
    assert result.err.splitlines()[-1].startswith("✗ ")
    assert FAULTS[line] in result.err


def test_values_are_read_and_merged(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("image: {tag: 1.0, pull: yes}\nlist: [1, 2]\nkeep: 0x10\n")
    (tmp_path / "b.yaml").write_text("image: {tag: v2}\nlist: [3]\n")
    spec = exported(f"hr web --chart=c --source=Bucket/b --values={tmp_path}/a.yaml,{tmp_path}/b.yaml")["spec"]
    assert spec["values"] == {"image": {"tag": "v2", "pull": True}, "list": [3], "keep": 16}


def test_values_that_are_no_map_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- 1\n")
    assert "cannot unmarshal array into Go value" in create(f"hr web --chart=c --values={tmp_path}/a.yaml --export").err
    (tmp_path / "a.yaml").write_text("a: b: c\n")
    assert "converting values to JSON from" in create(f"hr web --chart=c --values={tmp_path}/a.yaml --export").err


def secret(line: str) -> dict[str, Any]:
    found = exported(f"secret {line}")
    assert (found["apiVersion"], found["kind"]) == ("v1", "Secret")
    return found


def test_git_secrets() -> None:
    found = secret("git web --url=https://x/y -u u -p p")
    assert found["stringData"] == {"username": "u", "password": "p"}
    assert "type" not in found
    assert secret("git web --url=http://x/y --bearer-token=t")["stringData"] == {"bearerToken": "t"}


def test_helm_secrets(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("CA\n")
    found = secret(f"helm web -u=u -p=p --ca-crt-file={tmp_path}/ca")
    assert found["stringData"] == {"username": "u", "password": "p", "ca.crt": "CA\n"}
    assert found["type"] == "kubernetes.io/basic-auth"
    assert "stringData" not in secret("helm web")


def test_oci_secret_is_a_docker_configuration() -> None:
    found = secret("oci web --url=ghcr.io -u=u -p='p&<é'")
    assert found["type"] == "kubernetes.io/dockerconfigjson"
    text = found["stringData"][".dockerconfigjson"]
    assert "\\u0026\\u003cé" in text
    login = json.loads(text)["auths"]["ghcr.io"]
    assert base64.b64decode(login["auth"]).decode() == "u:p&<é"


def test_receiver_secrets() -> None:
    found = secret("receiver web --type=github --token=t --hostname=flux.example.com")
    path = "/hook/db4f8e998e3f94ca73084130fd54655de0e2fc17f901aae81bc556ca8e0573f7"
    annotation = found["metadata"]["annotations"]["notification.toolkit.fluxcd.io/webhook"]
    assert annotation == f"https://flux.example.com{path}"
    assert found["stringData"] == {"token": "t"}
    google = secret("receiver web --type=gcr --token=t --hostname=flux.example.com --email-claim=e")
    assert google["stringData"] == {"token": "t", "email": "e", "audience": annotation}
    one, two = (secret("receiver web --type=github --hostname=h")["stringData"]["token"] for _ in range(2))
    assert len(one) == 64
    assert one != two


def test_the_token_of_a_receiver_is_not_the_one_to_log_in_with() -> None:
    result = create(
        "secret receiver web --type=github --token=for-the-webhook --hostname=h --server=https://127.0.0.1:1"
    )
    assert "for-the-webhook" not in result.err
    assert "127.0.0.1:1" in result.err


def test_tls_secret_is_printed_without_an_empty_line(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("CA\n")
    result = create(f"secret tls web --ca-crt-file={tmp_path}/ca --export")
    assert result.out.endswith("stringData:\n  ca.crt: |\n    CA\ntype: Opaque\n")
    assert create("secret proxy web --address=x --export").out.endswith("type: Opaque\n\n")


def test_tenant() -> None:
    result = create("tenant dev --with-namespace=front,back --cluster-role=edit --label=a=b --export")
    objects = yamlin.load_all(result.out)
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in objects] == [
        *(("Namespace", "front"), ("ServiceAccount", "dev"), ("RoleBinding", "dev-reconciler")),
        *(("Namespace", "back"), ("ServiceAccount", "dev"), ("RoleBinding", "dev-reconciler")),
    ]
    assert all(obj["metadata"]["labels"] == {"a": "b", "toolkit.fluxcd.io/tenant": "dev"} for obj in objects)
    binding = objects[2]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    assert [subject["name"] for subject in binding["subjects"]] == ["gotk:front:reconciler", "dev"]
    kinds = [
        obj["kind"] for obj in yamlin.load_all(create("tenant dev --with-namespace=a --skip-namespace --export").out)
    ]
    assert kinds == ["ServiceAccount", "RoleBinding"]


def test_create_starts_light() -> None:
    probe = (
        "import sys; from pyflux.cli.main import run\n"
        "code = run(['create', 'ks', 'web', '--source=web', '--export'])\n"
        "heavy = {'typer', 'click', 'rich', 'ruamel', 'cryptography', 'orjson', 'dulwich', 'asyncssh', 'kubernetes'}\n"
        "sys.exit(code or sorted(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")

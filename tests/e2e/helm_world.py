"""A chart of the tests' own, and HelmReleases of it, in a test's corner of a cluster."""

from __future__ import annotations

from typing import Any

from pyflux.catalog.kinds import kind
from tests.e2e.pairs import condition, ready, show, wait_until
from tests.e2e.world import SOURCE, World

Obj = dict[str, Any]

_BUSY = "client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline"


def waited_for(message: str, listed: str) -> bool:
    """Whether a failed wait names `listed`.

    The official controller, when it is busy, may run out of time before it can look, and then names nothing.
    """
    return listed in message or message.endswith(_BUSY)


CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  color: {{ .Values.color | quote }}
  nested: {{ .Values.nested.value | quote }}
  braces: {{ "{{ left alone }}" | quote }}
"""
DEPLOYMENT = """{{- if .Values.deploy }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
      {{- with .Values.fail }}
      annotations:
        sandbox.pyflux.dev/fail: {{ . | quote }}
      {{- end }}
    spec:
      containers:
      - name: main
        image: {{ .Values.fail | ternary "broken.invalid/app:1" "nginx:1" }}
{{- end }}
"""
TEST = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-test
  annotations:
    helm.sh/hook: test
data:
  tested: "true"
"""
VALUES = """color: blue
nested:
  value: default
deploy: false
replicas: 1
fail: ""
"""
FILES: dict[str, str | None] = {
    "charts/app/values.yaml": VALUES,
    "charts/app/values-green.yaml": "color: green\n",
    "charts/app/templates/config-map.yaml": CONFIG_MAP,
    "charts/app/templates/deployment.yaml": DEPLOYMENT.replace(
        ".Values.fail | ternary", ".Values.fail | empty | not | ternary"
    ),
    "charts/app/templates/test.yaml": TEST,
    "charts/app/templates/NOTES.txt": "Hello {{ .Release.Name }}\n",
}


def chart_file(version: str) -> str:
    return f"apiVersion: v2\nname: app\nversion: {version}\nappVersion: '3.1'\n"


class HelmWorld:
    """Releases of the chart `app` in a Git repository."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pair = world.pair
        self.namespace = world.namespace

    def start(self, version: str = "1.0.0", more: dict[str, str | None] | None = None) -> None:
        """Commits the chart, with `more` files, and adds its source.

        A chart is packed once for a version: what is committed later counts with the next version only.
        """
        self.world.commit({**FILES, "charts/app/Chart.yaml": chart_file(version), **(more or {})})
        self.world.add_source()

    def release(self, name: str, **spec: Any) -> None:
        """Applies a HelmRelease of the chart."""
        chart = {"chart": "./charts/app", "sourceRef": {"kind": "GitRepository", "name": SOURCE}}
        own = spec.pop("chart_spec", {})
        body: Obj = {"interval": "1h", "timeout": "1m", **spec}
        if "chartRef" not in spec:
            body["chart"] = {"spec": {**chart, **own}}
        self.pair.apply(
            {
                "apiVersion": "helm.toolkit.fluxcd.io/v2",
                "kind": "HelmRelease",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": body,
            }
        )

    def get(self, name: str) -> Obj:
        return self.pair.client.get(kind("HelmRelease").resource, name, self.namespace)

    def until(self, name: str, what: str, test: Any, timeout: float = 60.0) -> Obj:
        """The HelmRelease once `test(it)` holds."""
        last: list[Obj] = [{}]

        def holds() -> bool:
            last[0] = self.get(name)
            return bool(test(last[0]))

        try:
            wait_until(f"HelmRelease {name} {what}", holds, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{show(last[0])}") from None
        return last[0]

    def ready(self, name: str, revision: int = 0) -> Obj:
        """The HelmRelease once it is ready (at Helm's `revision`)."""
        return self.until(
            name, "ready", lambda obj: ready(obj) and (not revision or newest(obj)["version"] == revision)
        )

    def data(self, name: str, namespace: str = "") -> dict[str, str] | None:
        return self.world.config_map(name, namespace)

    def secrets(self, namespace: str = "") -> list[str]:
        """The names of the Secrets in which Helm keeps releases."""
        client = self.pair.client
        found = client.list(client.resource_for("v1", "Secret"), namespace or self.namespace, labels="owner=helm").items
        return sorted(secret["metadata"]["name"] for secret in found)


def newest(obj: Obj) -> Obj:
    """The first snapshot of the history, empty where there is none."""
    history = (obj.get("status") or {}).get("history") or [{}]
    return dict(history[0])


def said(obj: Obj, kind_name: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition."""
    found = condition(obj, kind_name)
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")

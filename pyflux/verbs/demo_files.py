"""The files of the demo's repository: the usual shape of a fleet, small enough to read in a minute."""

from __future__ import annotations

from pyflux.verbs import demo_chart

README = """\
# A fleet to play with

`kustomization.yaml` lists what the cluster runs: `*-sync.yaml` are Flux Kustomizations, `git-repository.yaml` is the
source they build from, `app/` holds plain manifests with variables, `charts/` a Helm chart that `monitoring/` releases,
`flux-system/` was written by `bootstrap`.

Change something, commit, push, and watch:

    pyflux reconcile kustomization app-sync --with-source
    pyflux get kustomizations
"""

KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - flux-system
  - git-repository.yaml
  - config-sync.yaml
  - app-sync.yaml
"""

GIT_REPOSITORY = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: fleet
  namespace: flux-system
spec:
  interval: 1m0s
  url: {url}
  ref:
    branch: main
"""

CONFIG_SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: config-sync
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./config
  prune: true
  sourceRef:
    kind: GitRepository
    name: fleet
"""

APP_SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: app-sync
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./app
  prune: true
  wait: true
  timeout: 1m0s
  dependsOn:
    - name: config-sync
  sourceRef:
    kind: GitRepository
    name: fleet
  postBuild:
    substitute:
      app_replicas: "2"
      app_greeting: hello
    substituteFrom:
      - kind: ConfigMap
        name: cluster-settings
"""

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: cluster-settings
  namespace: flux-system
data:
  cluster_name: demo
"""

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: web
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: web
spec:
  replicas: ${app_replicas}
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1.0.0
          envFrom:
            - configMapRef:
                name: web
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: web
spec:
  selector:
    app: web
  ports:
    - port: 80
      targetPort: 8080
"""

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
  namespace: web
data:
  GREETING: ${app_greeting} from ${cluster_name:=nowhere}
"""


def files(url: str, *, helm: bool) -> dict[str, str]:
    """Path to text of every file that the demo adds to the bootstrapped repository at `url`.

    `helm` adds a chart and its HelmRelease.
    """
    return {
        "README.md": README,
        "kustomization.yaml": KUSTOMIZATION + ("  - helm-sync.yaml\n" if helm else ""),
        **(demo_chart.FILES if helm else {}),
        "git-repository.yaml": GIT_REPOSITORY.format(url=url),
        "config-sync.yaml": CONFIG_SYNC,
        "app-sync.yaml": APP_SYNC,
        "config/settings.yaml": CONFIG,
        "app/namespace.yaml": NAMESPACE,
        "app/deployment.yaml": DEPLOYMENT,
        "app/service.yaml": SERVICE,
        "app/config-map.yaml": CONFIG_MAP,
    }

"""The chart of the demo's repository, and the HelmRelease that releases it."""

from __future__ import annotations

CHART = """\
apiVersion: v2
name: prometheus
description: A small stand-in for the chart that everybody has
version: 1.0.0
appVersion: "3.0"
"""

VALUES = """\
replicas: 1
retention: 15d
simulateFailure: ""
"""

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  prometheus.yml: |
    storage:
      retention: {{ .Values.retention }}
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      app: {{ .Release.Name }}
  template:
    metadata:
      labels:
        app: {{ .Release.Name }}
      annotations:
        retention: {{ .Values.retention | quote }}
        {{- with .Values.simulateFailure }}
        sandbox.pyflux.dev/fail: {{ . | quote }}
        {{- end }}
    spec:
      containers:
        - name: prometheus
          image: registry.example.com/prometheus:{{ .Chart.AppVersion }}
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector:
    app: {{ .Release.Name }}
  ports:
    - port: 9090
"""

HELM_SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: helm-sync
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./monitoring
  prune: true
  sourceRef:
    kind: GitRepository
    name: fleet
"""

RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: prometheus
  namespace: flux-system
spec:
  interval: 10m0s
  releaseName: prometheus
  targetNamespace: monitoring
  chart:
    spec:
      chart: ./charts/prometheus
      sourceRef:
        kind: GitRepository
        name: fleet
  install:
    createNamespace: true
  upgrade:
    timeout: 3s
    remediation:
      remediateLastFailure: true
  values:
    replicas: 1
    retention: 15d
    simulateFailure: ""
"""

FILES = {
    "charts/prometheus/Chart.yaml": CHART,
    "charts/prometheus/values.yaml": VALUES,
    "charts/prometheus/templates/config-map.yaml": CONFIG_MAP,
    "charts/prometheus/templates/deployment.yaml": DEPLOYMENT,
    "charts/prometheus/templates/service.yaml": SERVICE,
    "helm-sync.yaml": HELM_SYNC,
    "monitoring/release.yaml": RELEASE,
}

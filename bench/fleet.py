"""Makes the repositories that are measured: so many Kustomizations of so many objects, the same each time."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = "flux-system"


def write(folder: Path, kustomizations: int, objects: int) -> None:
    """`clusters/main` lists the Kustomizations, `apps/N` holds the objects of each."""
    clusters = folder / "clusters" / "main"
    clusters.mkdir(parents=True)
    names = [f"app-{number}" for number in range(kustomizations)]
    for name in names:
        (clusters / f"{name}-sync.yaml").write_text(sync(name))
        write_app(folder / "apps" / name, name, objects)
    (clusters / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
        + "".join(f"- {name}-sync.yaml\n" for name in names)
    )
    (folder / "root.yaml").write_text(sync("root", "./clusters/main"))
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Start"]):
        subprocess.run([*git, *words], check=True)


def sync(name: str, path: str = "") -> str:
    """A Flux Kustomization."""
    return f"""apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: {name}
  namespace: flux-system
spec:
  interval: 10m
  path: {path or f"./apps/{name}"}
  prune: true
  sourceRef:
    kind: GitRepository
    name: {SOURCE}
"""


def write_app(folder: Path, name: str, objects: int) -> None:
    """A kustomization.yaml and a file for each object: a third each Deployments, Services and ConfigMaps."""
    folder.mkdir(parents=True)
    makers = (deployment, service, config_map)
    files = {f"object-{number}.yaml": makers[number % 3](f"{name}-{number}") for number in range(objects)}
    for file, text in files.items():
        (folder / file).write_text(text)
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: default\nresources:\n"
        + "".join(f"- {file}\n" for file in files)
    )


def config_map(name: str, value: str = "one") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n  other: text\n"


def service(name: str) -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n"
        f"spec:\n  selector:\n    app: {name}\n  ports:\n  - name: http\n    port: 80\n    targetPort: http\n"
    )


def deployment(name: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app: {name}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
      - name: main
        image: example.com/{name}:1.0.0
        ports:
        - name: http
          containerPort: 8080
        resources:
          requests:
            cpu: 100m
            memory: 64Mi
"""

"""Kubeconfig files: read, merged, the context in use.

The texts of errors are those of Kubernetes' `clientcmd`, which users of kubectl and flux know.
"""

from __future__ import annotations

import os

from pyflux.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Env

_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
FOLDER, FILE = "__folder__", "__file__"
"""Where an entry of a kubeconfig was read from."""


def parse_kubeconfig(text: str) -> Any:
    """The value of a kubeconfig's text (YAML or JSON). Raises ValueError."""
    if text.lstrip().startswith("{"):
        import json

        try:
            return json.loads(text)
        except ValueError:
            pass
    from pyflux.kube.simpleyaml import parse

    value = parse(text)
    if value is not None or not text.strip():
        return value
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        raise ValueError(f"yaml: {_place(error)}{error.problem}") from None
    except YAMLError as error:
        raise ValueError("yaml: " + " ".join(str(error).split())) from None


def _place(error: Any) -> str:
    """ "line N: ", counted as the YAML library of Kubernetes does."""
    mark = next((mark for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line), None)
    if mark is None:
        return ""
    return f"line {mark.line + (type(error).__name__ == 'ScannerError')}: "


def bad_file(path: str, reason: str) -> ConfigError:
    return ConfigError(f'error loading config file "{path}": {reason}')


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise ConfigError(f"stat {path}: no such file or directory") from None
    except IsADirectoryError:
        raise bad_file(path, f"read {path}: is a directory") from None
    except OSError as error:
        raise bad_file(path, f"open {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise bad_file(path, "it is not UTF-8 text") from None
    try:
        value = parse_kubeconfig(text)
    except ValueError as error:
        raise bad_file(path, str(error)) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_file(path, "it is not a kubeconfig")
    return value


def _entries(config: dict[str, Any], section: str, key: str, path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    listed = config.get(section) or []
    if not isinstance(listed, list):
        raise bad_file(path, f"{section} is not a list")
    folder = os.path.dirname(os.path.abspath(path))
    for entry in listed:
        if not isinstance(entry, dict) or "name" not in entry:
            continue
        value = entry.get(key) or {}
        if not isinstance(value, dict):
            raise bad_file(path, f"{key} of {entry['name']} is not a map")
        value = {**value, FOLDER: folder, FILE: path}
        for name in _FILE_KEYS:
            if value.get(name) and not os.path.isabs(str(value[name])):
                value[name] = os.path.join(folder, str(value[name]))
        found.setdefault(str(entry["name"]), value)
    return found


class Kubeconfig:
    """All kubeconfig files merged: contexts, clusters and users by name."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.current = ""
        self.contexts: dict[str, dict[str, Any]] = {}
        self.clusters: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}

    def merge(self, path: str) -> None:
        config = _read(path)
        self.files.append(path)
        self.current = self.current or str(config.get("current-context") or "")
        for mine, section, key in (
            (self.contexts, "contexts", "context"),
            (self.clusters, "clusters", "cluster"),
            (self.users, "users", "user"),
        ):
            for name, value in _entries(config, section, key, path).items():
                mine.setdefault(name, value)


def kubeconfig(env: Env) -> Kubeconfig:
    """The merged kubeconfig: `--kubeconfig`, else KUBECONFIG's files, else ~/.kube/config. Raises ConfigError."""
    merged = Kubeconfig()
    if env.kube.kubeconfig:
        merged.merge(env.kube.kubeconfig)
        return merged
    listed = env.environ.get("KUBECONFIG", "")
    home = env.environ.get("HOME") or os.path.expanduser("~")
    paths = [p for p in listed.split(os.pathsep) if p] if listed else [os.path.join(home, ".kube", "config")]
    for path in paths:
        if os.path.exists(path):
            merged.merge(path)
    return merged


def context_namespace(env: Env) -> str:
    """The namespace of the context in use; empty where there is none or the kubeconfig cannot be read."""
    try:
        config = kubeconfig(env)
    except ConfigError:
        return ""
    context = config.contexts.get(env.kube.context or config.current)
    return str(context.get("namespace") or "") if context else ""

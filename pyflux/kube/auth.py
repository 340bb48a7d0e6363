"""Credentials that have to be fetched: exec plugins (EKS, GKE, AKS, OIDC logins) and legacy auth providers.

Exec plugins are one JSON exchange, done here since importing `kubernetes` for it would cost every command of
their users 0.3 s; the legacy providers, with their refresh flows, come from the `kubernetes` package.
"""

from __future__ import annotations

import json
import os
import subprocess

from pyflux.errors import ConfigError
from pyflux.kube.config import Target
from pyflux.kube.kubeconfig import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def resolve(target: Target) -> None:
    """Fetches the credentials that `target` only names. Raises ConfigError."""
    if target.exec_plugin is not None:
        _apply(target, run_plugin(target.exec_plugin, target))
    elif target.auth_provider is not None:
        target.token = _legacy(target.auth_provider)
    target.fetched = True


def _apply(target: Target, status: dict[str, Any]) -> None:
    if status.get("token"):
        target.token = str(status["token"])
    if status.get("clientCertificateData"):
        target.cert = str(status["clientCertificateData"]).encode()
        target.key = str(status["clientKeyData"]).encode()


def run_plugin(plugin: dict[str, Any], target: Target) -> dict[str, Any]:
    """Runs an exec credential plugin; the `status` of the ExecCredential it prints. Raises ConfigError."""
    name = str(plugin.get("command") or "")
    version = str(plugin.get("apiVersion") or "client.authentication.k8s.io/v1")
    program = name
    if os.sep in name and not os.path.isabs(name):
        program = os.path.join(str(plugin.get(FOLDER) or ""), name)
    spec: dict[str, Any] = {"interactive": os.isatty(0)}
    if plugin.get("provideClusterInfo"):
        from base64 import b64encode

        spec["cluster"] = {"server": target.server, "insecure-skip-tls-verify": target.insecure}
        if target.ca:
            spec["cluster"]["certificate-authority-data"] = b64encode(target.ca).decode()
        if target.server_name:
            spec["cluster"]["tls-server-name"] = target.server_name
    environ = {
        **os.environ,
        "KUBERNETES_EXEC_INFO": json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec}),
    }
    for pair in plugin.get("env") or []:
        environ[str(pair.get("name"))] = str(pair.get("value") or "")
    never = plugin.get("interactiveMode") == "Never"
    try:
        done = subprocess.run(
            [program, *(str(arg) for arg in plugin.get("args") or [])],
            env=environ,
            stdin=subprocess.DEVNULL if never else None,
            stdout=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigError(
            f"getting credentials: exec: executable {name} not found",
            hint=" ".join(str(plugin.get("installHint") or "").split()),
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else "no answer in 120 s"
        raise ConfigError(f"getting credentials: exec: {name}: {why}") from None
    if done.returncode:
        raise ConfigError(f"getting credentials: exec: executable {name} failed with exit code {done.returncode}")
    return _status(done.stdout, name, version)


def _status(printed: bytes, name: str, version: str) -> dict[str, Any]:
    """The `status` of the ExecCredential that the plugin `name` printed, in the API version it was asked for."""
    try:
        credential = json.loads(printed)
        status, given = credential["status"], credential["apiVersion"]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"getting credentials: exec: {name} printed no ExecCredential") from None
    if given != version:
        asked = f"exec plugin is configured to use API version {version}"
        raise ConfigError(f"getting credentials: {asked}, plugin returned version {given}")
    if not isinstance(status, dict) or not any(
        status.get(key) for key in ("token", "clientCertificateData", "clientKeyData")
    ):
        raise ConfigError("getting credentials: exec plugin didn't return a token or cert/key pair")
    if bool(status.get("clientCertificateData")) != bool(status.get("clientKeyData")):
        raise ConfigError("getting credentials: exec plugin returned only certificate or key, not both")
    return status


def _legacy(provider: dict[str, Any]) -> str:
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.kube_config import KubeConfigLoader

    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://localhost"}}],
        "users": [{"name": "x", "user": {"auth-provider": provider}}],
    }
    try:
        loader: Any = KubeConfigLoader(config_dict=config)  # type: ignore[no-untyped-call]
        loader._load_authentication()
        token = str(getattr(loader, "token", ""))
    except (ConfigException, ValueError, KeyError) as error:
        raise ConfigError(f"auth provider {provider.get('name')}: {error}") from None
    if not token:
        raise ConfigError(f"auth provider {provider.get('name')} gave no token; use an exec plugin instead")
    return token.removeprefix("Bearer ")

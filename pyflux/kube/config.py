"""Which API server to talk to and as whom: kubeconfig files, flags and in-cluster credentials, as kubectl reads them.

Source of the rules: Kubernetes' `clientcmd` (files of KUBECONFIG merged, the first to name a thing wins; paths in a
file are relative to it; `tokenFile` before `token`; flags before files).
"""

from __future__ import annotations

import os

from pyflux.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pyflux.env import Env

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class Target:
    """One API server and one identity. PEM texts are bytes; empty where not used."""

    __slots__ = (
        "auth_provider",
        "ca",
        "cert",
        "compression",
        "context",
        "exec_plugin",
        "impersonate",
        "insecure",
        "key",
        "password",
        "proxy",
        "server",
        "server_name",
        "token",
        "token_file",
        "username",
    )

    def __init__(self, server: str) -> None:
        self.server = server
        self.context = ""
        self.ca = b""
        self.cert = b""
        self.key = b""
        self.insecure = False
        self.server_name = ""
        self.proxy = ""
        self.token = ""
        self.token_file = ""
        self.username = ""
        self.password = ""
        self.exec_plugin: dict[str, Any] | None = None
        self.auth_provider: dict[str, Any] | None = None
        self.impersonate: list[tuple[str, str]] = []
        """Headers of the identity to act as."""
        self.compression = True

    def copy(self) -> Target:
        other = Target(self.server)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        return other


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
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise ConfigError(f"kubernetes configuration load failed: stat {path}: no such file or directory") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"kubernetes configuration load failed: cannot read {path}: {reason}") from None
    try:
        value = parse_kubeconfig(text)
    except ValueError as error:
        raise ConfigError(
            f'kubernetes configuration load failed: error loading config file "{path}": {error}'
        ) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f'kubernetes configuration load failed: "{path}" is not a kubeconfig')
    return value


def _entries(config: dict[str, Any], section: str, key: str, folder: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in config.get(section) or []:
        if not isinstance(entry, dict) or "name" not in entry:
            continue
        value = dict(entry.get(key) or {})
        for name in _FILE_KEYS:
            if value.get(name) and not os.path.isabs(str(value[name])):
                value[name] = os.path.join(folder, str(value[name]))
        value["__folder__"] = folder
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
        folder = os.path.dirname(os.path.abspath(path))
        self.files.append(path)
        self.current = self.current or str(config.get("current-context") or "")
        for mine, section, key in (
            (self.contexts, "contexts", "context"),
            (self.clusters, "clusters", "cluster"),
            (self.users, "users", "user"),
        ):
            for name, value in _entries(config, section, key, folder).items():
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


def load(env: Env) -> Target:
    """The API server and identity to use. Raises ConfigError with what is missing."""
    options = env.kube
    config = kubeconfig(env)
    name = options.context or config.current
    context = config.contexts.get(name)
    if name and context is None:
        raise ConfigError(
            f'kubernetes configuration load failed: context "{name}" does not exist',
            hint=f"contexts there are: {', '.join(sorted(config.contexts)) or 'none'}",
        )
    context = context or {}
    cluster = _named(config.clusters, "cluster", options.cluster or str(context.get("cluster") or ""))
    user = _named(config.users, "auth info", options.user or str(context.get("user") or ""))
    server = options.server or str(cluster.get("server") or "")
    if not server:
        target = _in_cluster(env)
        if target is None:
            target = _nowhere(env, config)
    else:
        target = Target(server if "://" in server else "http://" + server)
        _cluster(target, cluster)
        _user(target, user)
    target.context = name
    _flags(target, env)
    return target


def _named(entries: dict[str, dict[str, Any]], what: str, name: str) -> dict[str, Any]:
    if not name:
        return {}
    found = entries.get(name)
    if found is None:
        raise ConfigError(f'kubernetes configuration load failed: {what} "{name}" does not exist')
    return found


def _nowhere(env: Env, config: Kubeconfig) -> Target:
    master = env.environ.get("KUBERNETES_MASTER")
    if master:
        return Target(master)
    looked = ", ".join(config.files) or env.kube.kubeconfig or env.environ.get("KUBECONFIG") or "~/.kube/config"
    raise ConfigError(
        f"kubernetes configuration load failed: no cluster in {looked}",
        hint="name a kubeconfig with --kubeconfig or KUBECONFIG, or start a cluster of your own: pyflux sandbox start",
    )


def _in_cluster(env: Env) -> Target | None:
    host, port = env.environ.get("KUBERNETES_SERVICE_HOST"), env.environ.get("KUBERNETES_SERVICE_PORT")
    token_file = os.path.join(_SERVICE_ACCOUNT, "token")
    if not host or not port or not os.path.exists(token_file):
        return None
    target = Target(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
    target.ca = _file(os.path.join(_SERVICE_ACCOUNT, "ca.crt"))
    target.token_file = token_file
    return target


def _file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"kubernetes configuration load failed: unable to read {path}: {error.strerror}") from None


def _pem(entry: Mapping[str, Any], key: str) -> bytes:
    data = entry.get(key + "-data")
    if data:
        from binascii import Error, a2b_base64

        try:
            return a2b_base64(str(data))
        except (Error, ValueError):
            raise ConfigError(f"kubernetes configuration load failed: {key}-data is not base64") from None
    path = entry.get(key)
    return _file(str(path)) if path else b""


def _cluster(target: Target, cluster: Mapping[str, Any]) -> None:
    target.ca = _pem(cluster, "certificate-authority")
    target.insecure = bool(cluster.get("insecure-skip-tls-verify"))
    target.server_name = str(cluster.get("tls-server-name") or "")
    target.proxy = str(cluster.get("proxy-url") or "")
    target.compression = not cluster.get("disable-compression")


def _user(target: Target, user: Mapping[str, Any]) -> None:
    target.cert = _pem(user, "client-certificate")
    target.key = _pem(user, "client-key")
    target.token = str(user.get("token") or "")
    target.token_file = str(user.get("tokenFile") or "")
    target.username = str(user.get("username") or "")
    target.password = str(user.get("password") or "")
    plugin, provider = user.get("exec"), user.get("auth-provider")
    if isinstance(plugin, dict):
        target.exec_plugin = {**plugin, "__folder__": user.get("__folder__", "")}
    if isinstance(provider, dict):
        target.auth_provider = dict(provider)
    if user.get("as"):
        target.impersonate.append(("Impersonate-User", str(user["as"])))
    if user.get("as-uid"):
        target.impersonate.append(("Impersonate-Uid", str(user["as-uid"])))
    target.impersonate += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or []]
    for key, values in (user.get("as-user-extra") or {}).items():
        target.impersonate += [(f"Impersonate-Extra-{key}", str(value)) for value in values]


def _flags(target: Target, env: Env) -> None:
    options = env.kube
    if options.certificate_authority:
        target.ca = _file(options.certificate_authority)
    if options.client_certificate:
        target.cert = _file(options.client_certificate)
    if options.client_key:
        target.key = _file(options.client_key)
    if options.token:
        target.token, target.token_file = options.token, ""
        target.exec_plugin = target.auth_provider = None
    if options.insecure_skip_tls_verify:
        target.insecure, target.ca = True, b""
    if options.tls_server_name:
        target.server_name = options.tls_server_name
    if options.disable_compression:
        target.compression = False
    acting = [("Impersonate-User", options.as_user)] if options.as_user else []
    acting += [("Impersonate-Uid", options.as_uid)] if options.as_uid else []
    acting += [("Impersonate-Group", group) for group in options.as_groups]
    for pair in options.as_user_extra:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--as-user-extra wants key=value, not {pair!r}")
        acting.append((f"Impersonate-Extra-{key}", value))
    if acting:
        target.impersonate = acting
    if target.impersonate and not any(name == "Impersonate-User" for name, _ in target.impersonate):
        raise ConfigError("requesting uid, groups or user-extra without impersonating a user (use --as)")
    if not target.proxy:
        target.proxy = _environment_proxy(target.server, env.environ)


def _environment_proxy(server: str, environ: Mapping[str, str]) -> str:
    scheme, _, rest = server.partition("://")
    name = "HTTPS_PROXY" if scheme == "https" else "HTTP_PROXY"
    proxy = environ.get(name) or environ.get(name.lower()) or ""
    if not proxy:
        return ""
    host = rest.split("/")[0].rsplit(":", 1)[0].strip("[]").lower()
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    for pattern in (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(","):
        entry = pattern.strip().lower()
        if entry == "*" or (entry and (host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".")))):
            return ""
        if "/" in entry and _in_network(host, entry):
            return ""
    return proxy if "://" in proxy else "http://" + proxy


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False

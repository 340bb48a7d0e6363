"""Which API server to talk to and as whom: kubeconfig files, flags and in-cluster credentials, as kubectl reads them.

Source of the rules: Kubernetes' `clientcmd` (files of KUBECONFIG merged, the first to name a thing wins; paths in a
file are relative to it; `tokenFile` before `token`; flags before files).
"""

from __future__ import annotations

import os

from pyflux.errors import ConfigError
from pyflux.kube.kubeconfig import FILE, FOLDER, Kubeconfig, bad_file, kubeconfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pyflux.env import Env

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n")
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Target:
    """One API server and one identity. PEM texts are bytes; empty where not used."""

    __slots__ = (
        "accepted",
        "auth_provider",
        "ca",
        "cert",
        "compression",
        "context",
        "exec_plugin",
        "fetched",
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
        self.fetched = False
        """Whether the credentials of `exec_plugin` or `auth_provider` are here by now."""
        self.accepted = False
        """Whether the API server has taken this login once."""

    def copy(self) -> Target:
        other = Target(self.server)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        return other


def load(env: Env) -> Target:
    """The API server and identity to use. Raises ConfigError with what is missing."""
    options = env.kube
    config = kubeconfig(env)
    name = options.context or config.current
    context = _context(config, options.context)
    cluster = _cluster_of(config, options.cluster, context, name)
    user_name = options.user or str(context.get("user") or "")
    user = config.users.get(user_name)
    if user is None and options.user:
        raise ConfigError(f'auth info "{user_name}" does not exist')
    server = options.server or str(cluster.get("server") or "")
    if not server:
        target = _in_cluster(env)
        if target is None:
            target = _nowhere(env, config)
    else:
        target = Target(server if "://" in server else "http://" + server)
        cluster = _with_flags(cluster, {"certificate-authority": options.certificate_authority})
        # a context may name a user that is not there: the cluster then takes everybody
        flags = {"client-certificate": options.client_certificate, "client-key": options.client_key}
        user = _with_flags(user or {}, flags)
        _confirm(env, cluster, options.cluster or str(context.get("cluster") or ""), user, user_name)
        _cluster(target, cluster)
        _user(target, user)
    target.context = name
    _flags(target, env)
    return target


def _context(config: Kubeconfig, wanted: str) -> dict[str, Any]:
    """The context in use; empty where none is named."""
    name = wanted or config.current
    context = config.contexts.get(name)
    if name and context is None:
        hint = f"contexts there are: {', '.join(sorted(config.contexts)) or 'none'}"
        if wanted:
            raise ConfigError(f'context "{name}" does not exist', hint=hint)
        raise ConfigError(f"invalid configuration: context was not found for specified context: {name}", hint=hint)
    return context or {}


def _cluster_of(config: Kubeconfig, wanted: str, context: dict[str, Any], context_name: str) -> dict[str, Any]:
    name = wanted or str(context.get("cluster") or "")
    found = config.clusters.get(name)
    if name and found is None:
        where = "" if wanted else f' of context "{context_name}"'
        raise ConfigError(f'cluster "{name}"{where} does not exist')
    return found or {}


def _with_flags(entry: dict[str, Any], flags: dict[str, str]) -> dict[str, Any]:
    """The entry with the files of the flags that were given in the place of its own."""
    given = {key: path for key, path in flags.items() if path}
    return {**{key: value for key, value in entry.items() if key.removesuffix("-data") not in given}, **given}


def _confirm(env: Env, cluster: dict[str, Any], cluster_name: str, user: dict[str, Any], user_name: str) -> None:
    """Raises ConfigError, in clientcmd's words, for what cannot be used as it is."""
    faults = _unreadable(cluster, ("certificate-authority", "certificate-authority"), cluster_name)
    if user.get("client-certificate") or user.get("client-certificate-data"):
        if not user.get("client-key") and not user.get("client-key-data"):
            how = "to use the clientCert authentication method."
            faults.append(f"client-key-data or client-key must be specified for {user_name} {how}")
        faults += _unreadable(user, ("client-certificate", "client-cert"), user_name)
        faults += _unreadable(user, ("client-key", "client-key"), user_name)
    options = env.kube
    flags = (options.as_uid, options.as_groups, options.as_user_extra)
    acts = any(flags) or any(user.get(key) for key in ("as-uid", "as-groups", "as-user-extra"))
    if acts and not options.as_user and not user.get("as"):
        faults.append(f"requesting uid, groups or user-extra for {user_name} without impersonating a user")
    if faults:
        text = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        raise ConfigError(f"invalid configuration: {text}")


def _unreadable(entry: dict[str, Any], names: tuple[str, str], owner: str) -> list[str]:
    """What keeps the file that `names` (its key, its name in messages) names from being read."""
    key, shown = names
    path = entry.get(key)
    if not path or entry.get(key + "-data"):
        return []
    try:
        open(str(path), "rb").close()
    except OSError as error:
        reason = f"open {path}: {(error.strerror or str(error)).lower()}"
        return [f"unable to read {shown} {path} for {owner} due to {reason}"]
    return []


def _nowhere(env: Env, config: Kubeconfig) -> Target:
    master = env.environ.get("KUBERNETES_MASTER")
    if master:
        return Target(master)
    looked = ", ".join(config.files) or env.kube.kubeconfig or env.environ.get("KUBECONFIG") or "~/.kube/config"
    raise ConfigError(
        f"there is no cluster in {looked}",
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
        raise ConfigError(f"unable to read {path}: {error.strerror}") from None


def _pem(entry: Mapping[str, Any], key: str) -> bytes:
    data = str(entry.get(key + "-data") or "")
    if data:
        from binascii import Error, a2b_base64

        text = data.replace("\n", "").replace("\r", "")
        try:
            return a2b_base64(text, strict_mode=True)
        except Error:
            at = next((at for at, letter in enumerate(data) if letter not in _BASE64), len(data))
            raise bad_file(str(entry[FILE]), f"illegal base64 data at input byte {at}") from None
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
        target.exec_plugin = {**plugin, FOLDER: user.get(FOLDER, "")}
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
    if not target.proxy:
        from pyflux.kube.proxies import from_environment

        target.proxy = from_environment(target.server, env.environ)

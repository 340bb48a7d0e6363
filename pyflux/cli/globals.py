"""The flags that every command takes, and how they become an `Env`'s cluster options."""

from __future__ import annotations

from types import MappingProxyType

from pyflux.cli.model import Flag
from pyflux.env import Call, Env
from pyflux.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

GLOBAL_FLAGS = (
    Flag("as", "string", "Username to act as: a user, or a service account as system:serviceaccount:NS:NAME"),
    Flag("as-group", "stringArray", "Group to act as; repeat it for several"),
    Flag("as-uid", "string", "UID to act as"),
    Flag(
        "as-user-extra",
        "stringArray",
        "Extra attribute of the user to act as, key=value; repeat it for several",
    ),
    Flag(
        "cache-dir",
        "string",
        "Accepted for flux's sake; pyflux keeps no discovery cache",
        default="$HOME/.kube/cache",
    ),
    Flag(
        "certificate-authority",
        "string",
        "File with the certificate authority of the API server",
        complete="file",
    ),
    Flag("client-certificate", "string", "File with the client certificate to log in with", complete="file"),
    Flag("client-key", "string", "File with the key of the client certificate", complete="file"),
    Flag("cluster", "string", "Cluster of the kubeconfig to use"),
    Flag("context", "string", "Context of the kubeconfig to use", complete="context"),
    Flag("disable-compression", "bool", "Ask the API server for answers without compression"),
    Flag(
        "insecure-skip-tls-verify",
        "bool",
        "Do not check the API server's certificate: the connection is not safe",
    ),
    Flag(
        "kube-api-burst",
        "int",
        "Accepted for flux's sake; pyflux sends too few requests to hold back",
        default="300",
    ),
    Flag(
        "kube-api-qps",
        "float32",
        "Accepted for flux's sake; pyflux sends too few requests to hold back",
        default="50",
    ),
    Flag("kubeconfig", "string", "Kubeconfig file to use", complete="file"),
    Flag(
        "namespace",
        "string",
        "Namespace the command works in",
        short="n",
        default="flux-system",
        complete="namespace",
    ),
    Flag(
        "ns-follows-kube-context",
        "bool",
        "Work in the namespace of the kubeconfig context; FLUX_NS_FOLLOWS_KUBE_CONTEXT does the same",
    ),
    Flag("server", "string", "Address of the API server"),
    Flag("timeout", "duration", "How long the operation may take", default="5m0s"),
    Flag("tls-server-name", "string", "Name to check the API server's certificate against"),
    Flag("token", "string", "Bearer token to log in with"),
    Flag("user", "string", "User of the kubeconfig to use"),
    Flag("verbose", "bool", "Print the objects that are made"),
)

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def is_dns_label(text: str) -> bool:
    """True for an RFC 1123 label: at most 63 of a-z, 0-9 and -, alphanumeric at both ends."""
    return 0 < len(text) <= 63 and text[0] != "-" and text[-1] != "-" and _LABEL.issuperset(text)


def apply(env: Env, call: Call, shadowed: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Moves the global flags' values into `env`. Raises UsageError for a bad namespace.

    `shadowed` has the values of global flags whose name the command uses for a flag of its own, as --token.
    """
    options = env.kube
    values = {**call.values, **shadowed} if shadowed else call.values
    options.as_user = values["as"]
    options.as_groups = values["as-group"]
    options.as_uid = values["as-uid"]
    options.as_user_extra = values["as-user-extra"]
    options.certificate_authority = values["certificate-authority"]
    options.client_certificate = values["client-certificate"]
    options.client_key = values["client-key"]
    options.cluster = values["cluster"]
    options.context = values["context"]
    options.disable_compression = values["disable-compression"]
    options.insecure_skip_tls_verify = values["insecure-skip-tls-verify"]
    options.kubeconfig = values["kubeconfig"]
    options.server = values["server"]
    options.tls_server_name = values["tls-server-name"]
    options.token = values["token"]
    options.user = values["user"]
    options.timeout = values["timeout"] / 1e9
    env.verbose = values["verbose"]
    if call.path[:1] == ("create",):
        # flux neither follows the context nor checks the namespace here: its create has a check of its own instead
        options.namespace = _own_namespace(env, call)
        return
    options.namespace = _namespace(env, call)
    if not is_dns_label(options.namespace):
        raise UsageError(f'namespace must be a valid DNS label: "{options.namespace}"')


def _namespace(env: Env, call: Call) -> str:
    if "namespace" in call.changed:
        return str(call.values["namespace"])
    if call.values["ns-follows-kube-context"] or env.environ.get("FLUX_NS_FOLLOWS_KUBE_CONTEXT"):
        from pyflux.kube.kubeconfig import context_namespace

        found = context_namespace(env)
        if found:
            return found
    return _own_namespace(env, call)


def _own_namespace(env: Env, call: Call) -> str:
    """The namespace of the flag, else of FLUX_SYSTEM_NAMESPACE."""
    given: str = call.values["namespace"]
    if "namespace" in call.changed:
        return given
    chosen = env.environ.get("FLUX_SYSTEM_NAMESPACE", "")
    if chosen and not is_dns_label(chosen):
        env.log.warning(f' ignoring invalid FLUX_SYSTEM_NAMESPACE: "{chosen}"')
        return given
    return chosen or given

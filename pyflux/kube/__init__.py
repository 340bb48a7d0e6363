"""The cluster: kubeconfig, requests over one small transport, watches, readiness.

`connect(env)` is the way in; nothing is sent and no heavy module imported until the first request.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.env import Env
    from pyflux.kube.client import Client


def connect(env: Env) -> Client:
    """A client for the cluster that `env.kube` and the kubeconfig name. Raises ConfigError."""
    from pyflux.kube.client import Client
    from pyflux.kube.config import load

    return Client(load(env), timeout=env.kube.timeout, sleep=env.sleep)

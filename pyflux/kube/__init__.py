"""The cluster: kubeconfig, requests over one small transport, watches, readiness.

`connect(env)` is the way in; nothing is sent and no heavy module imported until the first request.
"""

from __future__ import annotations

from pyflux.errors import ConfigError, TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyflux.env import Env
    from pyflux.kube.client import Client


def connect(env: Env, *, failed: str = "") -> Client:
    """A client for the cluster that `env.kube` and the kubeconfig name.

    Raises ConfigError, with `failed` before what it says; TimedOut where there is no time at all.
    """
    if env.kube.timeout <= 0:
        raise TimedOut("context deadline exceeded", hint=f"--timeout leaves no time: {env.kube.timeout:g}s")
    from pyflux.kube.client import Client
    from pyflux.kube.config import load

    try:
        target = load(env)
    except ConfigError as error:
        raise ConfigError(failed + error.message, hint=error.hint) from None
    return Client(target, timeout=env.kube.timeout, sleep=env.sleep)

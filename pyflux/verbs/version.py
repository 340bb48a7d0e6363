"""`pyflux version`: of the client, of the distribution and of each controller in the cluster."""

from __future__ import annotations

import json

from pyflux import FLUX_VERSION
from pyflux.env import Call, Env
from pyflux.errors import PyfluxError, UsageError
from pyflux.kube import connect
from pyflux.kube.installation import PART_OF_FLUX, find_installation


def run(env: Env, call: Call) -> None:
    """Prints YAML, or JSON with `-o json`. Raises UsageError, KubeError."""
    output = call.str("output")
    if output not in ("yaml", "json"):
        raise UsageError(f"--output must be json or yaml, not {output}")
    versions = {"flux": f"v{FLUX_VERSION}"}
    if not call.bool("client"):
        versions |= cluster_versions(env)
    if output == "json":
        env.write(json.dumps(dict(sorted(versions.items())), indent=2) + "\n")
        return
    from pyflux.ui.yamlout import dump

    env.write(dump(versions, sort=False))


def cluster_versions(env: Env) -> dict[str, str]:
    """The distribution, then each controller by name with the tag of its image. Raises KubeError, PyfluxError."""
    from pyflux.verbs.components import DEPLOYMENTS

    client = connect(env)
    installation = find_installation(client)
    deployments = client.list(DEPLOYMENTS, env.kube.namespace, labels=PART_OF_FLUX).items
    if not deployments:
        raise PyfluxError(f"no deployments found in {env.kube.namespace} namespace")
    controllers = {}
    for deployment in deployments:
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            name, tag = split_image(container["image"])
            controllers[name] = tag
    versions = dict(sorted(controllers.items()))
    if installation is not None and installation.distribution:
        versions = {"distribution": installation.distribution} | versions
    return versions


def split_image(image: str) -> tuple[str, str]:
    """Name and tag of an image: `ghcr.io/fluxcd/helm-controller:v1.6.3` → (`helm-controller`, `v1.6.3`)."""
    first, slash, rest = image.partition("/")
    is_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    path, colon, tag = (rest if is_registry else image).partition(":")
    if not colon:
        raise PyfluxError(f"missing image tag in image {image}")
    return path.rpartition("/")[2], tag

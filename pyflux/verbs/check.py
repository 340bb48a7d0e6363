"""`pyflux check`: requirements, version, controllers and CRDs."""

from __future__ import annotations

from pyflux.catalog.semver import Version
from pyflux.env import Call, Env
from pyflux.errors import KubeError, PyfluxError, SilentExit
from pyflux.kube import connect
from pyflux.kube.client import Client
from pyflux.kube.installation import CRDS, PART_OF_FLUX, find_installation
from pyflux.verbs.components import DEPLOYMENTS, assess

OLDEST_KUBERNETES = (1, 33, 0)


def run(env: Env, call: Call) -> None:
    """Reports on stderr; ends with exit code 1 when a check fails. Raises ConfigError."""
    env.log.action("checking prerequisites")
    client = connect(env, failed="Kubernetes client initialization failed: kubernetes configuration load failed: ")
    good = check_kubernetes(env, client)
    if call.bool("pre"):
        if not good:
            raise SilentExit("prerequisites checks failed")
        env.log.success("prerequisites checks passed")
        return
    env.log.action("checking version in cluster")
    good &= check_version(env, client)
    env.log.action("checking controllers")
    good &= check_controllers(env, client, _asked_for(call), poll=call.seconds("poll-interval"))
    env.log.action("checking crds")
    good &= check_crds(env, client)
    if not good:
        raise PyfluxError("check failed")
    env.log.success("all checks passed")


def _asked_for(call: Call) -> list[str]:
    """The components that have to be there: those that were named; what is installed is checked anyway."""
    names = call.strings("components") if "components" in call.changed else []
    return names + call.strings("components-extra")


def check_kubernetes(env: Env, client: Client) -> bool:
    """Whether the API server is there and new enough."""
    try:
        text = client.server_version()["gitVersion"]
    except KubeError as error:
        env.log.failure(f"Kubernetes API call failed: {error.message}")
        return False
    version = Version.parse(text, strict=True)
    if version is None:
        env.log.failure("Kubernetes version can't be determined")
        return False
    constraint = f">={'.'.join(map(str, OLDEST_KUBERNETES))}-0"
    if version.core < OLDEST_KUBERNETES:
        env.log.failure(f"Kubernetes version {text} does not match {constraint}")
        return False
    env.log.success(f"Kubernetes {version} {constraint}")
    return True


def check_version(env: Env, client: Client) -> bool:
    """Which Flux is there, and whether it manages itself."""
    try:
        found = find_installation(client)
    except KubeError as error:
        env.log.failure(f"checking failed: {error.message}")
        return False
    if found is None:
        name = "gitrepositories.source.toolkit.fluxcd.io"
        env.log.failure(f'checking failed: customresourcedefinitions.apiextensions.k8s.io "{name}" not found')
        return False
    if found.distribution:
        env.log.success(f"distribution: {found.distribution}")
    env.log.success(f"bootstrapped: {'true' if found.bootstrapped else 'false'}")
    return True


def check_controllers(env: Env, client: Client, asked_for: list[str], *, poll: float) -> bool:
    """Whether every Deployment of Flux in the namespace is ready, and those of `asked_for` are there."""
    namespace = env.kube.namespace
    try:
        found = client.list(DEPLOYMENTS, namespace, labels=PART_OF_FLUX).items
        if not found:
            label = PART_OF_FLUX
            env.log.failure(f"no controllers found in the '{namespace}' namespace with the label selector '{label}'")
            return False
        good = True
        for deployment in found:
            good &= assess(env, client, [deployment["metadata"]["name"]], poll=poll)
            for container in deployment["spec"]["template"]["spec"]["containers"]:
                env.log.action(container["image"])
    except KubeError as error:
        env.log.failure(f"checking failed: {error.message}")
        return False
    names = {deployment["metadata"]["name"] for deployment in found}
    for missing in [name for name in asked_for if name not in names]:
        env.log.failure(f"{missing}: deployment not found")
        good = False
    return good


def check_crds(env: Env, client: Client) -> bool:
    """Whether the CRDs of Flux are there and say in which versions objects are stored."""
    try:
        found = client.list(CRDS, labels=PART_OF_FLUX).items
    except KubeError as error:
        env.log.failure(f"checking failed: {error.message}")
        return False
    if not found:
        env.log.failure(f"no crds found with the label selector '{PART_OF_FLUX}'")
        return False
    good = True
    for crd in found:
        name = crd["metadata"]["name"]
        versions = (crd.get("status") or {}).get("storedVersions") or []
        if versions:
            env.log.success(f"{name}/{versions[-1]}")
        else:
            env.log.failure(f"no stored versions for {name}")
            good = False
    return good

"""`pyflux install`: renders the components, applies them in two stages and waits until they are ready."""

from __future__ import annotations

from typing import Any

from pyflux.catalog.components import VERSION, InstallOptions, check_components, to_yaml
from pyflux.env import Call, Env
from pyflux.errors import KubeError, PyfluxError, UsageError


def run(env: Env, call: Call) -> None:
    """With `--export` prints the manifests, else installs them. Raises PyfluxError."""
    components = (*call.strings("components"), *call.strings("components-extra"))
    check_components(components)
    credentials = registry_credentials(call)
    options = options_for(env, call, components)
    export = call.bool("export")
    if not export:
        env.log.generate("generating manifests")
    from pyflux.verbs.install.manifests import install_objects

    objects = install_objects(env, options, call.str("manifests"))
    if export or env.verbose:
        from pyflux.ui.yamlout import dump

        env.write(to_yaml(objects, options, dump))
    if export:
        return
    env.log.success("manifests build completed")
    install(env, options, objects, credentials=credentials, force=call.bool("force"))


def registry_credentials(call: Call) -> tuple[str, str] | None:
    """User and password of `--registry-creds`, None without it. Raises UsageError."""
    text = call.str("registry-creds")
    if not text:
        return None
    if not call.str("image-pull-secret"):
        raise UsageError("--registry-creds requires --image-pull-secret to be set")
    user, colon, password = text.partition(":")
    if not colon or ":" in password:
        raise UsageError("invalid --registry-creds format, expected 'user:password'")
    return user, password


def options_for(env: Env, call: Call, components: tuple[str, ...]) -> InstallOptions:
    """What the flags that install and bootstrap share ask for."""
    return InstallOptions(
        namespace=env.kube.namespace,
        components=components,
        version=version_of(env, call.str("version")),
        registry=call.str("registry"),
        image_pull_secret=call.str("image-pull-secret"),
        watch_all_namespaces=call.bool("watch-all-namespaces"),
        network_policy=call.bool("network-policy"),
        log_level=call.str("log-level"),
        cluster_domain=call.str("cluster-domain"),
        toleration_keys=tuple(call.strings("toleration-keys")),
    )


def version_of(env: Env, wanted: str) -> str:
    """The release to install for the value of `--version`. Raises PyfluxError."""
    if not wanted:
        return VERSION
    from pyflux.verbs.install.download import latest_version
    from pyflux.verbs.install.releases import check_version

    return check_version(env, wanted, latest_version)


def install(
    env: Env,
    options: InstallOptions,
    objects: list[dict[str, Any]],
    *,
    credentials: tuple[str, str] | None,
    force: bool,
) -> None:
    """Applies the objects and waits for the components. Running it again ends in the same state."""
    from pyflux.kube import connect
    from pyflux.kube.staged import apply_staged
    from pyflux.verbs.components import assess

    env.log.action(f"installing components in {options.namespace} namespace")
    client = connect(env)
    _refuse_other_installations(env, client, force)
    try:
        changes = apply_staged(env, client, objects)
        env.write("".join(f"{change}\n" for change in changes))
        if credentials is not None:
            env.log.action(f"generating image pull secret {options.image_pull_secret}")
            client.apply(_pull_secret(options, *credentials), force=True)
    except PyfluxError as error:
        error.args = (f"install failed: {error.message}",)
        raise
    env.log.waiting("verifying installation")
    if not assess(env, client, options.components, poll=1.0):
        raise PyfluxError("install failed")
    env.log.success("install finished")


def _refuse_other_installations(env: Env, client: Any, force: bool) -> None:
    from pyflux.kube.installation import find_installation

    try:
        found = find_installation(client)
    except KubeError as error:
        raise type(error)(f"cluster info unavailable: {error.message}", hint=error.hint) from error
    if found is None:
        return
    if found.bootstrapped:
        raise PyfluxError(
            f"this cluster has already been bootstrapped with Flux {found.version}! "
            "Please use 'flux bootstrap' to upgrade"
        )
    tool = found.foreign_manager
    if tool and not force:
        from pyflux.ui.confirm import confirm

        env.log.plain(f"Flux {found.version} has been installed on this cluster with {tool}!")
        if not confirm(env, f"Are you sure you want to override the {tool} installation"):
            raise PyfluxError("installation cancelled")


def _pull_secret(options: InstallOptions, user: str, password: str) -> dict[str, Any]:
    import base64
    import json

    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    auth = {"username": user, "password": password, "auth": login}
    content = json.dumps({"auths": {options.registry: auth}}, indent=2)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": options.image_pull_secret, "namespace": options.namespace},
        "data": {".dockerconfigjson": base64.b64encode(content.encode()).decode()},
    }

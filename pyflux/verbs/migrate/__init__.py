"""`pyflux migrate`: Flux objects to their latest API version, in the cluster or in files."""

from __future__ import annotations

from pyflux.env import Call, Env


def run(env: Env, call: Call) -> None:
    """With `--path` the files, without it the cluster. Raises PyfluxError."""
    path = call.str("path")
    if path:
        from pyflux.verbs.migrate.files import migrate_files, versions_of

        versions = versions_of(call.str("version"))
        migrate_files(
            env,
            path,
            call.strings("extensions"),
            versions,
            dry_run=call.bool("dry-run"),
            yes=call.bool("yes"),
        )
        return
    from pyflux.verbs.migrate.cluster import migrate_cluster

    migrate_cluster(env)

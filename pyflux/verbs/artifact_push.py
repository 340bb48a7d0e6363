"""`pyflux push artifact` and `pyflux tag artifact`."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

from pyflux.errors import PyfluxError
from pyflux.oci import archive, reference
from pyflux.oci import artifact as content
from pyflux.oci.client import PUSH
from pyflux.verbs import artifact

if TYPE_CHECKING:
    from pyflux.env import Call, Env

_EPOCH = "1970-01-01T00:00:00Z"


def _annotations(env: Env, call: Call) -> dict[str, str]:
    """Where the artifact comes from, and --annotations, which may say it differently. Raises PyfluxError."""
    created = _EPOCH if call.bool("reproducible") else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(env.now()))
    found = {
        content.CREATED: created,
        content.SOURCE: call.str("source"),
        content.REVISION: call.str("revision"),
    }
    for text in call.strings("annotations"):
        parts = text.split("=")
        if len(parts) != 2:
            raise PyfluxError(f"invalid annotation {text}, must be in the format key=value")
        found[parts[0]] = parts[1]
    if not found[content.CREATED]:
        found[content.CREATED] = created
    return found


def run(env: Env, call: Call) -> None:
    """Packs --path and stores it in a registry."""
    if not call.args:
        raise PyfluxError("artifact URL is required")
    for name in ("source", "revision"):
        if not call.str(name):
            raise PyfluxError(f"--{name} is required")
    if not call.str("path"):
        raise PyfluxError('invalid path ""')
    url = artifact.address(call, "artifact URL is required")
    target = reference.parse(url)
    insecure = call.bool("insecure-registry")
    with artifact.local_path(env, call) as path:
        annotations = _annotations(env, call)
        with artifact.open_repository(env, call, target, insecure=insecure, actions=PUSH) as repository:
            try:
                repository.login()
            except PyfluxError as why:
                raise PyfluxError(f"error setting up transport: {why.message}", hint=why.hint) from why
            if not call.str("output"):
                env.log.action(f"pushing artifact to {url}")
            try:
                with tempfile.TemporaryFile(prefix="pyflux-artifact-") as layer:
                    archive.pack(path, layer, artifact.excluded(call))
                    layer.seek(0)
                    digest = content.push(repository, target, layer, annotations)
            except PyfluxError as why:
                raise PyfluxError(f"pushing artifact failed: {why.message}", hint=why.hint) from why
    _report(env, call, target, digest)


def _report(env: Env, call: Call, target: reference.Reference, digest: str) -> None:
    full = f"{target.name}@{digest}"
    told = {"url": f"oci://{full}", "repository": target.name, "tag": target.tag, "digest": digest}
    if call.str("output") == "json":
        env.write(content.go_json(told, indent=2) + "\n")
    elif call.str("output") == "yaml":
        from pyflux.ui.yamlout import dump

        env.write(dump(told))
    else:
        env.log.success(f"artifact successfully pushed to {full}")


def tag(env: Env, call: Call) -> None:
    """Gives an artifact more tags."""
    if not call.args:
        raise PyfluxError("artifact name is required")
    tags = call.strings("tag")
    if not tags:
        raise PyfluxError("--tag is required")
    url = artifact.address(call, "artifact name is required")
    target = reference.parse(url)
    with artifact.open_repository(env, call, target, insecure=False, actions=PUSH) as repository:
        env.log.action("tagging artifact")
        try:
            for name in tags:
                reference.check_tag(name)
            try:
                manifest = repository.manifest(target)
            except PyfluxError as why:
                raise PyfluxError(f'fetching "{url}": {why.message}', hint=why.hint) from why
            for name in tags:
                tagged = target.with_tag(name)
                repository.put_manifest(tagged, manifest)
                env.log.success(f"artifact tagged as {tagged}")
        except PyfluxError as why:
            raise PyfluxError(f"tagging artifact failed: {why.message}", hint=why.hint) from why

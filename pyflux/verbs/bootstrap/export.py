"""`--export DIR`: the files that bootstrap would commit, for those who commit by other means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyflux.bootstrap import manifests
from pyflux.bootstrap.plan import COMPONENTS_FILE, KUSTOMIZATION_FILE, KUSTOMIZATION_NAMES, SYNC_FILE
from pyflux.errors import PyfluxError
from pyflux.verbs.bootstrap.work import hooks

if TYPE_CHECKING:
    from pyflux.bootstrap.plan import Plan
    from pyflux.env import Env


def export(env: Env, plan: Plan, source: str, folder: str) -> None:
    """Writes PATH/NAMESPACE/ below `folder`; a kustomization.yaml that is there is kept. Raises PyfluxError."""
    from pyflux.ui.yamlout import dump

    parts = hooks(env, None, plan, source, lambda _secret: None)
    env.log.action("generating component manifests")
    files = {
        COMPONENTS_FILE: parts.components_text(parts.components()),
        SYNC_FILE: manifests.sync_text(plan.sync),
    }
    target = os.path.join(folder, plan.folder)
    try:
        os.makedirs(target, exist_ok=True)
        if not any(os.path.exists(os.path.join(target, name)) for name in KUSTOMIZATION_NAMES):
            files[KUSTOMIZATION_FILE] = dump(
                {
                    "apiVersion": "kustomize.config.k8s.io/v1beta1",
                    "kind": "Kustomization",
                    "resources": [COMPONENTS_FILE, SYNC_FILE],
                }
            )
        for name, text in files.items():
            _write(os.path.join(target, name), text)
    except OSError as why:
        raise PyfluxError(f"the manifests cannot be written to {target}: {why.strerror}") from None
    env.log.success(f"wrote {', '.join(sorted(files))} to {target}")
    secret = f", create the secret {plan.sync.namespace}/{plan.sync.secret}" if plan.sync.secret else ""
    env.log.action(f"commit the folder to branch {plan.sync.branch} of {plan.sync.url}{secret}")
    env.log.action(f"then install: kubectl apply --server-side -k {target} (twice, where the CRDs are new)")


def _write(path: str, text: str) -> None:
    """Replaces a file in one step."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)

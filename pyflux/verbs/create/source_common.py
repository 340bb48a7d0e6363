"""What the `create source` commands share."""

from __future__ import annotations

from pyflux.errors import PyfluxError
from pyflux.verbs.create.common import filled, local_ref, positive_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def ignore_rules(paths: list[str]) -> Obj:
    """The part of a spec with the patterns, one a line; empty where none are given."""
    return {"ignore": "\n".join(paths)} if paths else {}


def fetch_timeout(call: Call) -> str | None:
    return positive_duration(call.duration("fetch-timeout"))


def verification(call: Call, *, subject_alone: bool) -> Obj | None:
    """How signatures are verified. Raises UsageError where options have no provider.

    `subject_alone` is False where a subject without provider is let pass.
    """
    from pyflux.errors import UsageError

    provider, secret = call.str("verify-provider"), call.str("verify-secret-ref")
    issuer, subject = call.str("verify-issuer"), call.str("verify-subject")
    if not provider:
        if secret:
            raise UsageError("a verification provider must be specified when a secret is specified")
        if issuer or (subject and subject_alone):
            raise UsageError("a verification provider must be specified when OIDC issuer/subject is specified")
        return None
    identity = [{"issuer": issuer, "subject": subject}] if issuer or subject else None
    return {"provider": provider, **filled(secretRef=local_ref(secret), matchOIDCIdentity=identity)}


def report_artifact(env: Env, obj: Obj, missing: str) -> None:
    """Says what was fetched. Raises PyfluxError with `missing` where nothing was."""
    artifact = (obj.get("status") or {}).get("artifact")
    if not artifact:
        raise PyfluxError(missing)
    env.log.success(f"fetched revision: {artifact['revision']}")

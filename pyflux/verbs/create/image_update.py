"""`create image update`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.kinds import IMAGE_UPDATE
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, manifest, metadata, object_name, print_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_REQUIRED = (
    ("git-repo-ref", "a reference to a GitRepository is required (--git-repo-ref)"),
    ("checkout-branch", "the Git repository branch is required (--checkout-branch)"),
    ("author-name", "the author name is required (--author-name)"),
    ("author-email", "the author email is required (--author-email)"),
)


def check(call: Call) -> None:
    """Raises UsageError for options that are missing or do not go together."""
    for flag, message in _REQUIRED:
        if not call.str(flag):
            raise UsageError(message)
    key_type = call.str("signing-key-type")
    if key_type and not call.str("signing-key-secret"):
        raise UsageError("--signing-key-type requires --signing-key-secret")
    if key_type not in ("", "gpg", "ssh"):
        raise UsageError("--signing-key-type must be one of: gpg, ssh")


def build_spec(call: Call) -> Obj:
    """The spec that checked options describe."""
    secret, push, path = call.str("signing-key-secret"), call.str("push-branch"), call.str("git-repo-path")
    signing = {"secretRef": {"name": secret}, **filled(type=call.str("signing-key-type"))} if secret else None
    commit = {
        "author": {"name": call.str("author-name"), "email": call.str("author-email")},
        **filled(messageTemplate=call.str("commit-template"), signingKey=signing),
    }
    return {
        "sourceRef": {
            "kind": "GitRepository",
            "name": call.str("git-repo-ref"),
            **filled(namespace=call.str("git-repo-namespace")),
        },
        "git": {
            "checkout": {"ref": {"branch": call.str("checkout-branch")}},
            "commit": commit,
            **filled(push=filled(branch=push)),
        },
        "interval": format_duration(call.duration("interval")),
        **filled(update={"path": path, "strategy": "Setters"} if path else None),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    check(call)
    obj = manifest(IMAGE_UPDATE, metadata(env, name, labels(call)), build_spec(call))
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.image_common import apply_and_wait

    apply_and_wait(env, IMAGE_UPDATE, obj)

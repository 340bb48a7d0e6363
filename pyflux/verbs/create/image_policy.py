"""`create image policy`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.kinds import IMAGE_POLICY
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, manifest, metadata, object_name, print_manifest
from pyflux.verbs.create.goregex import PatternError, check_template, group_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]

_REFLECTIONS = ("Never", "IfNotPresent", "Always")


def policy_choice(semver: str, alpha: str, numeric: str) -> Obj:
    """The one order that tags are chosen by. Raises UsageError."""
    if semver and (alpha or numeric):
        # as in flux, which refuses two orders only where neither is semver: the API server refuses an empty policy
        return {}
    if alpha and numeric:
        raise UsageError("only one of --select-semver, --select-alpha or --select-numeric can be specified")
    if not (semver or alpha or numeric):
        raise UsageError("a policy must be provided with either --select-semver or --select-alpha")
    if semver:
        return {"semver": {"range": semver}}
    flag, order, field = (
        ("--select-alpha", alpha, "alphabetical") if alpha else ("--select-numeric", numeric, "numerical")
    )
    if order not in ("asc", "desc"):
        raise UsageError(f'{flag} must be one of ["asc", "desc"]')
    return {field: {"order": order}}


def tag_filter(pattern: str, extract: str) -> Obj | None:
    """Which tags count, and what of them. Raises UsageError."""
    if not pattern:
        if extract:
            raise UsageError("cannot specify --filter-extract without specifying --filter-regex")
        return None
    try:
        groups = group_names(pattern)
    except PatternError:
        raise UsageError("--filter-regex is an invalid regex pattern") from None
    if extract:
        try:
            check_template(extract, groups)
        except PatternError as why:
            raise UsageError(str(why)) from None
    return {"pattern": pattern, "extract": extract}


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    policy = policy_choice(call.str("select-semver"), call.str("select-alpha"), call.str("select-numeric"))
    tags = tag_filter(call.str("filter-regex"), call.str("filter-extract"))
    reflection = call.str("reflect-digest")
    if reflection and reflection not in _REFLECTIONS:
        raise UsageError("invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', 'Always'")
    interval = call.duration("interval")
    if interval and reflection != "Always":
        raise UsageError(
            "the --interval flag can only be used with the 'Always' digest reflection policy, "
            "use --reflect-digest=Always"
        )
    return {
        "imageRepositoryRef": {"name": call.str("image-ref")},
        "policy": policy,
        **filled(
            filterTags=tags,
            digestReflectionPolicy=reflection,
            interval=format_duration(interval) if interval else None,
        ),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    if not call.str("image-ref"):
        raise UsageError("the name of an ImageRepository in the namespace is required (--image-ref)")
    labelled = labels(call)
    obj = manifest(IMAGE_POLICY, metadata(env, name, labelled), build_spec(call))
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.image_common import apply_and_wait

    apply_and_wait(env, IMAGE_POLICY, obj)

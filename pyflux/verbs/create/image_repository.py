"""`create image repository`."""

from __future__ import annotations

from pyflux.catalog.duration import format_duration
from pyflux.catalog.gotext import check_repository
from pyflux.catalog.kinds import IMAGE_REPOSITORY
from pyflux.errors import UsageError
from pyflux.verbs.create.common import filled, labels, local_ref, manifest, metadata, object_name, print_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyflux.env import Call, Env

    Obj = dict[str, Any]


def build_spec(call: Call) -> Obj:
    """The spec that the options describe. Raises UsageError."""
    image = call.str("image")
    if not image:
        raise UsageError("an image repository (--image) is required")
    try:
        check_repository(image)
    except ValueError as why:
        raise UsageError(f"unable to parse image value: {why}") from None
    timeout = call.duration("scan-timeout")
    return {
        "image": image,
        "interval": format_duration(call.duration("interval")),
        **filled(
            timeout=format_duration(timeout) if timeout else None,
            secretRef=local_ref(call.str("secret-ref")),
            certSecretRef=local_ref(call.str("cert-ref")),
        ),
    }


def run(env: Env, call: Call) -> None:
    name = object_name(call)
    spec = build_spec(call)
    obj = manifest(IMAGE_REPOSITORY, metadata(env, name, labels(call)), spec)
    if call.bool("export"):
        print_manifest(env, obj)
        return
    from pyflux.verbs.create.image_common import apply_and_wait

    apply_and_wait(env, IMAGE_REPOSITORY, obj)

"""Options of a HelmRelease without effect, since Helm's SDK for Python lacks them: each is told in an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers.helm import spec
from pyflux.controllers.helm.altered import uses_server_side_apply

if TYPE_CHECKING:
    from pyflux.controllers.helm.request import Request

    Obj = dict[str, Any]

REASON = "OptionIgnored"


def is_due(obj: Obj) -> bool:
    """True where the object's generation was not attempted yet."""
    return bool(obj["status"].get("lastAttemptedGeneration") != obj["metadata"]["generation"])


def tell_all(request: Request) -> None:
    """Sends a Warning for each option of the spec without effect."""
    for option, why in found(request):
        tell(request, option, why)


def tell(request: Request, option: str, why: str) -> None:
    text = f"spec.{option} has no effect with pyflux's controllers: {why}"
    request.event("Warning", REASON, text)
    request.log(text)


def found(request: Request) -> list[tuple[str, str]]:
    """Options without effect, each with the reason."""
    obj = request.obj
    install, upgrade, rollback = (spec.section(obj, name) for name in (spec.INSTALL, spec.UPGRADE, "rollback"))
    result: list[tuple[str, str]] = []
    if install.get("serverSideApply") is False:
        result.append(("install.serverSideApply", "installs use server-side apply"))
    for action, given in ((spec.INSTALL, install), (spec.UPGRADE, upgrade)):
        if given.get("disableOpenAPIValidation"):
            result.append((f"{action}.disableOpenAPIValidation", "the API server checks what is applied"))
    for action, given in ((spec.UPGRADE, upgrade), ("rollback", rollback)):
        # with server-side apply it has none with Flux's own controller either
        if given.get("force") and not uses_server_side_apply(request, action):
            result.append((f"{action}.force", "objects are patched, not replaced"))
    return result

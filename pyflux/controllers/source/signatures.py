"""`spec.verify` of OCIRepositories and HelmCharts: cosign with public keys. Keyless and notation are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyflux.controllers.source.gitauth import read_secret
from pyflux.controllers.source.outcome import VERIFIED, SourceFailed
from pyflux.errors import KubeError
from pyflux.oci.errors import OciError

if TYPE_CHECKING:
    from pyflux.controllers.source.ocipull import Registry
    from pyflux.kube.client import Client
    from pyflux.oci.cosign import Key

    Obj = dict[str, Any]

REASON = "VerificationError"
_SUFFIX = ".pub"


def refused(obj: Obj, text: str) -> SourceFailed:
    """What ends a reconciliation whose source cannot be verified."""
    verify = obj["spec"]["verify"]
    provider = str(verify.get("provider") or "cosign")
    if provider == "cosign" and not verify.get("secretRef"):
        provider += " keyless"
    text = f"failed to verify the signature using provider '{provider}': {text}"
    return SourceFailed(VERIFIED, REASON, text, status="False")


def keys_of(client: Client, obj: Obj) -> list[Key]:
    """The public keys of the Secret that `spec.verify` names. Raises SourceFailed."""
    from pyflux.oci.cosign import Key

    verify, namespace = obj["spec"]["verify"], obj["metadata"]["namespace"]
    provider = verify.get("provider") or "cosign"
    if provider != "cosign":
        raise refused(obj, f"pyflux's controllers do not verify signatures of {provider}")
    if not verify.get("secretRef"):
        raise refused(obj, "pyflux's controllers verify with public keys only, those of spec.verify.secretRef")
    name = verify["secretRef"]["name"]
    try:
        data = read_secret(client, name, namespace)
        keys = [Key(pem) for key, pem in sorted(data.items()) if key.endswith(_SUFFIX)]
    except KubeError as why:
        raise refused(obj, f"failed to get secret '{namespace}/{name}': {why}") from None
    except OciError as why:
        raise refused(obj, why.message) from None
    if not keys:
        raise refused(obj, f"no public keys found in secret '{namespace}/{name}'")
    return keys


def check(registry: Registry, digest: str, keys: list[Key]) -> None:
    """Returns when one of the keys signed the artifact. Raises OciError."""
    if not registry.is_signed(digest, keys):
        raise OciError(f"no matching signatures were found for '{registry.reference.with_digest(digest)}'")

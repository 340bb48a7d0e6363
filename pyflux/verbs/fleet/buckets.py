"""Brings the objects of a Bucket that a repository defines, as source-controller would."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pyflux.catalog.duration import parse_duration
from pyflux.render import ignore
from pyflux.render.fleet.model import Obj, ObjectId, Unavailable, id_of, show_id
from pyflux.render.sopsmask import is_ciphertext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyflux.env import Env
    from pyflux.s3.access import Access
    from pyflux.s3.sign import Keys

_TIMEOUT = 60.0
_KEY_PROVIDERS = ("generic", "aws")


def fetch(env: Env, obj: Obj, index: Mapping[ObjectId, Obj], folder: str) -> None:
    """Writes the objects of a Bucket to a folder; `index` has the repository's Secrets. Raises Unavailable."""
    from pyflux.s3.bucket import Source, fetch_files, list_index
    from pyflux.s3.client import Client
    from pyflux.s3.errors import AccessError, S3Error

    spec = obj.get("spec") or {}
    source = Source(
        str(spec.get("bucketName") or ""),
        str(spec.get("prefix") or ""),
        lambda place: ignore.for_bucket(place, spec.get("ignore")).excludes,
        min(_seconds(spec.get("timeout")), env.kube.timeout),
    )
    try:
        access = _access(env, obj, index)
        with Client(access, monotonic=env.monotonic, sleep=env.sleep) as client:
            fetch_files(client, source, list_index(client, source, folder), folder)
    except (AccessError, S3Error) as why:
        raise Unavailable(why.message) from None


def _access(env: Env, obj: Obj, index: Mapping[ObjectId, Obj]) -> Access:
    """How the storage is entered. Raises Unavailable, AccessError."""
    from pyflux.s3 import access
    from pyflux.s3.endpoint import parse

    spec = obj.get("spec") or {}
    provider = str(spec.get("provider") or "generic")
    if provider not in _KEY_PROVIDERS:
        raise Unavailable(f"its provider {provider} wants a login at a cloud; {_way_out(obj)}")
    endpoint = parse(str(spec.get("endpoint") or ""), secure=not spec.get("insecure"))
    proxy, trust = (_secret(obj, index, field) for field in ("proxySecretRef", "certSecretRef"))
    return access.Access(
        endpoint,
        str(spec.get("region") or ""),
        _keys(obj, index, provider),
        access.context_of(trust[0], trust[1]) if trust else None,
        access.proxy_of(proxy[0], proxy[1]) if proxy else access.proxy_for(endpoint, env.environ),
    )


def _keys(obj: Obj, index: Mapping[ObjectId, Obj], provider: str) -> Keys | None:
    """The login of the Bucket's Secret; None where it needs none. Raises Unavailable, AccessError.

    The user's own login is not tried: a repository could have it read any bucket of theirs.
    """
    from pyflux.s3.access import keys_of

    found = _secret(obj, index, "secretRef")
    if found:
        return keys_of(found[0].rpartition("/")[2], found[1])
    if provider == "generic" and not (obj.get("spec") or {}).get("sts"):
        return None
    raise Unavailable(f"its keys come from a login at a cloud or a token service; {_way_out(obj)}")


def _secret(obj: Obj, index: Mapping[ObjectId, Obj], field: str) -> tuple[str, dict[str, bytes]] | None:
    """namespace/name and data of the Secret that a field names; None where it names none. Raises Unavailable."""
    reference: Any = (obj.get("spec") or {}).get(field)
    if not isinstance(reference, dict):
        return None
    identity = ("Secret", id_of(obj)[1], str(reference.get("name") or ""))
    unknown = Unavailable(f"{show_id(identity)} is not in the repository in the clear; {_way_out(obj)}")
    secret = index.get(identity)
    if secret is None:
        raise unknown
    data: dict[str, bytes] = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            data[key] = base64.b64decode(str(value), validate=True)
        except ValueError:
            # SOPS puts ciphertext in the place of base64
            raise unknown from None
    data |= {key: str(value).encode() for key, value in (secret.get("stringData") or {}).items()}
    if any(is_ciphertext(value.decode("utf-8", "replace")) for value in data.values()):
        raise unknown
    return f"{identity[1]}/{identity[2]}", data


def _way_out(obj: Obj) -> str:
    return f"--local-sources {show_id(id_of(obj))}=FOLDER stands in for it"


def _seconds(text: object) -> float:
    try:
        return parse_duration(str(text)) / 1e9 if text else _TIMEOUT
    except ValueError:
        return _TIMEOUT

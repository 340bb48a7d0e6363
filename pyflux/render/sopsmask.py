"""Hides what SOPS encrypted: a Secret that nobody decrypted is built with a mask in the place of its values."""

from __future__ import annotations

import base64
import json
from typing import Any

from pyflux.render.overlay import BuildError
from pyflux.ui.yamlout import dump

Obj = dict[str, Any]

MASK = "**SOPS**"
CIPHERTEXT = "ENC[AES256_GCM,data:"
_DOCKER = "kubernetes.io/dockerconfigjson"
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _texts(value: object) -> dict[str, str]:
    """A map of texts, other scalars as YAML would print them."""
    if not isinstance(value, dict):
        return {}
    return {key: item if isinstance(item, str) else dump(item).strip() for key, item in value.items()}


def mask(obj: Obj) -> None:
    """Masks the encrypted values of a Secret, in place. Raises BuildError for data that is not base64."""
    if obj.get("kind") != "Secret":
        return
    data, plain = _texts(obj.get("data")), _texts(obj.get("stringData"))
    text = dump(obj)
    if "sops:" in text and "mac: ENC[" in text:
        obj.pop("sops", None)
        hidden = json.dumps({"mask": MASK}, separators=(",", ":")) if obj.get("type") == _DOCKER else MASK
        data = dict.fromkeys(data, _encode(hidden))
        plain = dict.fromkeys(plain, hidden)
    else:
        data = {key: _masked_file(obj, value) for key, value in data.items()}
        plain = {key: _encode(MASK) if "sops" in value and "ENC[" in value else value for key, value in plain.items()}
    obj.pop("data", None)
    if data:
        obj["data"] = data
    if plain:
        obj["stringData"] = plain


def _masked_file(obj: Obj, value: str) -> str:
    """A value that a generator made of an encrypted file is masked, others stay."""
    try:
        content = decode(value)
    except ValueError as why:
        name = obj["metadata"]["name"]
        raise BuildError(f"failed to mask secret {name} sops data: {why}") from None
    return _encode(MASK) if b"sops" in content and b"ENC[" in content else value


def is_ciphertext(text: str) -> bool:
    """True for a value as SOPS leaves it in the place of a secret one."""
    return text.startswith(CIPHERTEXT)


def masked(obj: Obj) -> Obj:
    """A Secret without ciphertext, for showing; any other object as it is."""
    if obj.get("kind") != "Secret":
        return obj
    data = {key: _encode(MASK) if _is_secret(value) else value for key, value in _items(obj, "data")}
    plain = {key: MASK if CIPHERTEXT in str(value) else value for key, value in _items(obj, "stringData")}
    shown = {key: value for key, value in obj.items() if key != "sops"}
    return {**shown, **({"data": data} if data else {}), **({"stringData": plain} if plain else {})}


def _items(obj: Obj, field: str) -> list[tuple[str, Any]]:
    found = obj.get(field)
    return list(found.items()) if isinstance(found, dict) else []


def _is_secret(value: object) -> bool:
    if CIPHERTEXT in str(value):
        return True
    try:
        return CIPHERTEXT.encode() in decode(str(value))
    except ValueError:
        return False


def decode(text: str) -> bytes:
    """Base64 as Go reads it: line breaks do not count. Raises ValueError with the place that is wrong."""
    index, size, padding = 0, 0, 0
    for index, char in enumerate(text):
        if char in "\r\n":
            continue
        if char == "=" and size % 4 >= 2 and padding < 2:
            padding += 1
            size += 1
            continue
        if padding or char not in _ALPHABET:
            raise ValueError(f"illegal base64 data at input byte {index}")
        size += 1
    if size % 4:
        raise ValueError(f"illegal base64 data at input byte {len(text) - size % 4}")
    return base64.b64decode("".join(text.split()))

"""Hides what SOPS encrypted: a Secret that nobody decrypted is built with a mask in the place of its values."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from pyflux.render.overlay import BuildError
from pyflux.ui.yamlin import YamlError, load_all
from pyflux.ui.yamlout import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Obj = dict[str, Any]

MASK = "**SOPS**"
CIPHERTEXT = "ENC[AES256_GCM,data:"
SHORTEST = 6
"""Characters of a decrypted value that is hidden wherever it comes up: a shorter one is a word like any other."""

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


def forms(texts: Iterable[str]) -> list[str]:
    """What to look for to find texts, longest first: themselves, the values in one that is YAML, and their base64."""
    found: set[str] = set()
    for text in texts:
        for value in (text, *_values_in(text)):
            stripped = value.strip()
            if len(stripped) >= SHORTEST:
                found |= {stripped, _encode(value), _encode(stripped)}
    return sorted(found, key=len, reverse=True)


def _values_in(text: str) -> Iterator[str]:
    """The values of a YAML text that holds mappings, and of lines such as `name=value`."""
    try:
        found = [document for document in load_all(text, strict=False) if isinstance(document, (dict, list))]
    except YamlError:
        found = []
    yield from _leaves(found)
    if not found:
        yield from (line.partition("=")[2] for line in text.splitlines())


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def hide(value: Any, hidden: Sequence[str]) -> Any:
    """A value with a fingerprint in the place of each of the texts `hidden`, which are longest first."""
    if isinstance(value, dict):
        return {key: hide(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [hide(item, hidden) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value) in hidden:
        return hide(str(value), hidden)
    if isinstance(value, str):
        for text in hidden:
            if text in value:
                value = value.replace(text, f"*** ({hashlib.sha256(text.encode()).hexdigest()[:8]})")
    return value

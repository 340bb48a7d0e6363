"""AWS Signature Version 4 for requests without a body, in the Authorization header."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
"""The digest of a body that is not there."""


@dataclass(frozen=True)
class Keys:
    """The two halves of a login."""

    access: str
    secret: str = field(repr=False)


def encoded(text: str, safe: str = "") -> str:
    """Text as it stands in a signed path (`safe` is "/") or query: everything but letters, digits and -._~ escaped."""
    return quote(text, safe=safe + "-._~")


def query_string(query: Sequence[tuple[str, str]]) -> str:
    """A query in the order and the form that are signed."""
    return "&".join(f"{name}={value}" for name, value in sorted((encoded(k), encoded(v)) for k, v in query))


def signed(
    method: str, path: str, query: str, headers: Mapping[str, str], keys: Keys, region: str, stamp: str
) -> dict[str, str]:
    """The headers of a request with those that sign it.

    `path` and `query` are in their encoded form; `headers` has the Host; `stamp` is the time as 20060102T150405Z.
    """
    found = {**headers, "X-Amz-Content-Sha256": EMPTY, "X-Amz-Date": stamp}
    lower = {name.lower(): " ".join(value.split()) for name, value in found.items()}
    names = ";".join(sorted(lower))
    lines = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower))
    request = "\n".join((method, path, query, lines, names, EMPTY))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    found["Authorization"] = (
        f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return found

"""Where a bucket is: the address of its storage, and the host and path that requests for it go to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pyflux.s3.errors import AccessError
from pyflux.s3.sign import encoded

DEFAULT_REGION = "us-east-1"
GLOBAL_HOST = "s3.amazonaws.com"
_OWN_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com", "storage.googleapis.com")
"""Ends of the names of storages that want the bucket in front of them. All others have it in the path."""
_REGIONS = (
    re.compile(
        r"s3(?:-fips)?(?:\.dualstack)?[.-](?!external-|control\.|website-)([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
    ),
    re.compile(r"(?:bucket|accesspoint)\.vpce-.*\.s3\.([a-z0-9-]+)\.vpce\.amazonaws\.com"),
)
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{1,61}[A-Za-z0-9]")


@dataclass(frozen=True)
class Endpoint:
    """The address of a storage. `port` is 0 where it is the scheme's own."""

    scheme: str
    host: str
    port: int = 0

    @property
    def region(self) -> str:
        """The region that the host's name tells, empty where it tells none."""
        for pattern in _REGIONS:
            if found := pattern.fullmatch(self.host):
                return found[1]
        return ""

    def place(self, bucket: str, key: str, region: str) -> tuple[str, str]:
        """Host (without a port) and encoded path of an object, or of the bucket itself where `key` is empty."""
        host = self.host
        if host == GLOBAL_HOST and region != DEFAULT_REGION:
            host = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
        own = f".{host}".endswith(_OWN_HOSTS) and not (self.scheme == "https" and "." in bucket)
        path = encoded(key, "/")
        return (f"{bucket}.{host}", f"/{path}") if own else (host, f"/{encoded(bucket)}/{path}")

    def authority(self, host: str) -> str:
        """The Host header for a host at the endpoint's port."""
        name = f"[{host}]" if ":" in host else host
        return f"{name}:{self.port}" if self.port else name


def parse(text: str, *, secure: bool) -> Endpoint:
    """The endpoint in `spec.endpoint`, host or host:port. Raises AccessError."""
    scheme = "https" if secure else "http"
    try:
        if not text.isprintable():
            # urlsplit drops line breaks
            raise ValueError
        parts = urlsplit(f"{scheme}://{text}")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        raise AccessError(f"Endpoint: {text!r} is not of the form host:port.") from None
    if parts.path not in ("", "/"):
        raise AccessError("Endpoint url cannot have fully qualified paths.")
    if "@" in parts.netloc or parts.query or parts.fragment or not _is_host(host):
        # what may be a password is not repeated
        shown = parts.netloc.rpartition("@")[2]
        raise AccessError(f"Endpoint: {shown} does not follow ip address or domain name standards.")
    return Endpoint(scheme, host, 0 if port == (443 if secure else 80) else port)


def _is_host(text: str) -> bool:
    if len(text) <= 255 and _NAME.fullmatch(text) and ".." not in text:
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def name_error(bucket: str) -> str:
    """What is wrong with the name of a bucket, empty for a good one."""
    if not bucket.strip():
        return "Bucket name cannot be empty"
    if len(bucket) < 3:
        return "Bucket name cannot be shorter than 3 characters"
    if len(bucket) > 63:
        return "Bucket name cannot be longer than 63 characters"
    if re.fullmatch(r"(\d+\.){3}\d+", bucket):
        return "Bucket name cannot be an ip address"
    if not _BUCKET.fullmatch(bucket) or any(pair in bucket for pair in ("..", ".-", "-.")):
        return "Bucket name contains invalid characters"
    return ""

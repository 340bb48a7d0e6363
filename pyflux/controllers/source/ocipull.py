"""Reading from a registry with a Secret's credentials: tags, manifests, layers."""

from __future__ import annotations

import os
import time
from typing import IO, TYPE_CHECKING, Any, Self

from pyflux.oci.artifact import find
from pyflux.oci.client import Repository
from pyflux.oci.cosign import is_signed
from pyflux.oci.credentials import Credentials
from pyflux.oci.errors import OciError
from pyflux.oci.reference import parse_repository
from pyflux.oci.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyflux.controllers.source.httpget import Login
    from pyflux.oci.cosign import Key

    Obj = dict[str, Any]

MAX_LAYER = 1 << 30


class Registry:
    """One repository of a registry, `oci://host/path`. Raises OciError throughout."""

    def __init__(self, url: str, login: Login, *, plain: bool = False) -> None:
        self.reference = parse_repository(url.removeprefix("oci://"))
        self._transport = Transport(
            environ={"https_proxy": login.proxy, "http_proxy": login.proxy} if login.proxy else os.environ,
            insecure=False,
            deadline=time.monotonic() + login.timeout,
            monotonic=time.monotonic,
            sleep=time.sleep,
            context=login.context() if login.ca or login.certificate else None,
        )
        self._repository = Repository(
            self.reference, self._transport, Credentials(login.username, login.password), plain=plain
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def tags(self) -> list[str]:
        return self._repository.tags()

    def digest(self, tag: str) -> str:
        """The digest of what a tag means now; an index's own where it is one."""
        return self._repository.manifest(self.reference.with_tag(tag)).digest

    def manifest(self, *, tag: str = "", digest: str = "") -> Obj:
        """The content of a manifest."""
        wanted = self.reference.with_digest(digest) if digest else self.reference.with_tag(tag)
        return find(self._repository, wanted)[1]

    def is_signed(self, digest: str, keys: Sequence[Key]) -> bool:
        """Whether one of the keys signed the artifact with cosign."""
        return is_signed(self._repository, self.reference.with_digest(digest), keys)

    def layer(self, manifest: Obj, out: IO[bytes], media_types: tuple[str, ...] = ()) -> None:
        """Writes the first layer of one of the media types, or the first of all."""
        layers = [layer for layer in manifest.get("layers") or [] if isinstance(layer, dict)]
        if not layers:
            raise OciError("no layers found in artifact")
        chosen = layers[0]
        if media_types:
            found = [layer for kind in media_types for layer in layers if layer.get("mediaType") == kind]
            if not found:
                raise OciError(f"failed to find layer with media type '{media_types[0]}' in artifact")
            chosen = found[0]
        size = int(chosen.get("size") or 0)
        if size > MAX_LAYER:
            raise OciError(f"the layer is larger than {MAX_LAYER} bytes")
        self._repository.blob(str(chosen.get("digest")), size, out)

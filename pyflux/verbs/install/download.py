"""Downloads over HTTPS, with retries and a limit on size."""

from __future__ import annotations

import urllib.error
import urllib.request

from pyflux.env import Env
from pyflux.errors import PyfluxError
from pyflux.verbs.install.releases import MAX_ARCHIVE, releases_url

_TIMEOUT = 30.0
_ATTEMPTS = 3
_OFFLINE = "the embedded release needs no network: leave --version out, or give the files with --manifests"


def fetch(env: Env, url: str) -> bytes:
    """The body at `url`. Raises PyfluxError, with one clear line when there is no network."""
    return _open(env, url)[0]


def latest_version(env: Env) -> str:
    """The tag of the newest release, which the release page redirects to. Raises PyfluxError."""
    final = _open(env, f"{releases_url(env)}/latest")[1]
    tag = final.rstrip("/").rpartition("/")[2]
    if not tag.startswith("v"):
        raise PyfluxError(f"the latest release is not known: {final} does not name one")
    return tag


def _open(env: Env, url: str) -> tuple[bytes, str]:
    if not url.startswith(("https://", "http://")):
        raise PyfluxError(f"cannot download from {url}: only http and https are possible")
    for attempt in range(_ATTEMPTS):
        try:
            with urllib.request.urlopen(url, timeout=min(_TIMEOUT, env.kube.timeout)) as answer:  # noqa: S310
                data = answer.read(MAX_ARCHIVE + 1)
                final = answer.geturl()
            break
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise PyfluxError(f"{url} does not exist", hint="check the version at the release page") from error
            if error.code < 500 or attempt == _ATTEMPTS - 1:
                raise PyfluxError(f"failed to download {url}: {error.code} {error.reason}") from error
        except (urllib.error.URLError, OSError) as error:
            if attempt == _ATTEMPTS - 1:
                reason = getattr(error, "reason", None) or error
                reason = getattr(reason, "strerror", None) or reason
                raise PyfluxError(f"failed to download {url}: {reason}", hint=_OFFLINE) from error
        env.sleep(0.5 * 2**attempt)
    if len(data) > MAX_ARCHIVE:
        raise PyfluxError(f"{url} is larger than {MAX_ARCHIVE >> 20} MiB")
    return data, final

"""The plugin catalog: manifests over HTTP, and which version and platform of a plugin to take."""

from __future__ import annotations

import http.client
import platform
import sys
import urllib.error
import urllib.parse
import urllib.request

from pyflux.errors import PyfluxError
from pyflux.verbs.plugin_folder import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from pyflux.env import Env

DEFAULT_CATALOG = "https://github.com/fluxcd/plugins/releases/latest/download/"
API_VERSION = "cli.fluxcd.io/v1beta1"
_MANIFEST_LIMIT = 10 << 20
_TRIES = 4
_MACHINES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv6l": "arm",
    "armv7l": "arm",
    "i386": "386",
    "i686": "386",
    "loongarch64": "loong64",
}


class FetchError(Exception):
    """A download failed; the text says how."""


def host_platform() -> tuple[str, str]:
    """This machine's operating system and processor, in Go's words: ("linux", "amd64")."""
    machine = platform.machine().lower()
    return sys.platform.rstrip("0123456789"), _MACHINES.get(machine, machine)


def is_plain_file_name(name: object) -> bool:
    """True for a name that stays in the folder it is joined to."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")


def open_url(env: Env, url: str, timeout: float) -> IO[bytes]:
    """The body of `url`, tried again on passing failures. Raises FetchError; waits `timeout` s at most a try."""
    if not url.startswith(("https://", "http://")):
        raise FetchError(f"unsupported URL {url!r}: must start with https:// or http://")
    why = ""
    for attempt in range(_TRIES):
        if attempt:
            env.sleep(2.0 ** (attempt - 1))
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "pyflux"})  # noqa: S310 - checked above
            body: IO[bytes] = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
            return body
        except urllib.error.HTTPError as error:
            error.close()
            why = f"HTTP {error.code}"
            if error.code != 429 and (error.code < 500 or error.code == 501):
                break
        except urllib.error.URLError as error:
            reason = error.reason
            why = _unreachable(url, reason if isinstance(reason, Exception) else error, timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = _unreachable(url, error, timeout)
    raise FetchError(why)


def _unreachable(url: str, error: Exception, timeout: float) -> str:
    from pyflux.kube.transport import describe

    return f"{urllib.parse.urlsplit(url).netloc} cannot be reached: {describe(error, timeout)}"


def _fetch_yaml(env: Env, url: str) -> Any:
    from pyflux.ui.yamlin import load

    try:
        with open_url(env, url, 30.0) as body:
            text = body.read(_MANIFEST_LIMIT + 1)
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(str(error)) from error
    if len(text) > _MANIFEST_LIMIT:
        raise FetchError(f"larger than {_MANIFEST_LIMIT >> 20} MiB")
    return load(text.decode("utf-8", "replace"))


def _base(env: Env) -> str:
    return env.environ.get("FLUXCD_PLUGIN_CATALOG") or DEFAULT_CATALOG


def _check_type(found: Any, subject: str, kind: str) -> dict[str, Any]:
    shape: dict[str, Any] = found if isinstance(found, dict) else {}
    version = shape.get("apiVersion") or ""
    if version != API_VERSION:
        raise PyfluxError(f'{subject} has unsupported apiVersion "{version}" (expected "{API_VERSION}")')
    if shape.get("kind") != kind:
        raise PyfluxError(f'{subject} has unexpected kind "{shape.get("kind") or ""}" (expected "{kind}")')
    return shape


def fetch_manifest(env: Env, name: str) -> dict[str, Any]:
    """The manifest of the plugin called `name`, its shape checked. Raises PyfluxError."""
    if not is_plain_file_name(name):
        raise PyfluxError(f'plugin "{name}" not found in catalog')
    try:
        raw = _fetch_yaml(env, f"{_base(env)}{name}.yaml")
    except FetchError:
        raise PyfluxError(f'plugin "{name}" not found in catalog') from None
    except Exception as why:
        raise PyfluxError(f'failed to parse plugin manifest for "{name}": {_one_line(why)}') from why
    manifest = _check_type(raw, f'plugin "{name}"', "Plugin")
    if manifest.get("name") != name:
        # the name is part of the receipt's path
        raise PyfluxError(f'plugin "{name}" has another name in its manifest: "{manifest.get("name") or ""}"')
    program = manifest.get("bin") or ""
    if not is_plain_file_name(program) or not program.startswith(PREFIX):
        raise PyfluxError(
            f'plugin "{name}" has invalid bin "{program}" (must be a plain filename prefixed with "{PREFIX}")'
        )
    return manifest


def fetch_catalog(env: Env) -> list[dict[str, Any]]:
    """The catalog's entries: name, description, homepage, source, license. Raises PyfluxError."""
    url = f"{_base(env)}catalog.yaml"
    try:
        raw = _fetch_yaml(env, url)
    except FetchError as why:
        text = f"{why} from {url}" if str(why).startswith("HTTP ") else str(why)
        raise PyfluxError(f"failed to fetch plugin catalog: {text}") from None
    except Exception as why:
        raise PyfluxError(f"failed to parse plugin catalog: {_one_line(why)}") from why
    entries = _check_type(raw, "plugin catalog", "PluginCatalog").get("plugins")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _one_line(why: Exception) -> str:
    return " ".join(str(why).split())


def versions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The manifest's versions, the newest first. Raises PyfluxError where there are none."""
    found = manifest.get("versions")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not rows:
        raise PyfluxError(f'plugin "{manifest["name"]}" has no versions')
    return rows


def _platforms(version: dict[str, Any]) -> list[dict[str, Any]]:
    found = version.get("platforms")
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def resolve_version(manifest: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The version called `wanted`, the newest when it is empty. Raises PyfluxError."""
    for version in versions(manifest):
        if not wanted or version.get("version") == wanted:
            return version
    raise PyfluxError(f'version "{wanted}" not found for plugin "{manifest["name"]}"')


def resolve_platform(version: dict[str, Any]) -> dict[str, Any] | None:
    """The version's download for this machine."""
    here = host_platform()
    return next((row for row in _platforms(version) if (row.get("os"), row.get("arch")) == here), None)


def resolve_digest(manifest: dict[str, Any], digest: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The version and download for this machine whose checksum is `digest`. Raises PyfluxError."""
    system, arch = host_platform()
    for version in versions(manifest):
        for row in _platforms(version):
            if (row.get("os"), row.get("arch"), row.get("checksum")) == (system, arch, digest):
                return version, row
    raise PyfluxError(f'digest "{digest}" not found for plugin "{manifest["name"]}" on {system}/{arch}')

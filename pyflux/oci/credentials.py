"""Logins for registries: given on the command line, or kept by docker, its credential helpers, podman."""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess

from pyflux.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_DOCKER = "index.docker.io"
_DOCKER_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30.0
_NO_LOGIN = ("credentials not found in native keychain", "The specified item could not be found in the keychain")


class Credentials:
    """A login: user and password, or a bearer token, or a token to exchange for one. All empty: anonymous."""

    __slots__ = ("identity", "password", "token", "user")

    def __init__(self, user: str = "", password: str = "", token: str = "", identity: str = "") -> None:
        self.user = user
        self.password = password
        self.token = token
        """Sent as it is."""
        self.identity = identity
        """A refresh token of the registry's token server."""

    def __bool__(self) -> bool:
        return bool(self.user or self.password or self.token or self.identity)

    def header(self) -> str:
        """The Authorization header for it, empty where there is none to send."""
        if self.token:
            return f"Bearer {self.token}"
        if self.user and self.password:
            return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return ""


def from_text(text: str) -> Credentials:
    """USER:PASSWORD, or a bearer token."""
    user, colon, password = text.partition(":")
    return Credentials(user, password) if colon else Credentials(token=user)


def _config_file(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    default = os.path.join(home, ".docker", "config.json") if home else ""
    chosen = environ.get("DOCKER_CONFIG", "")
    docker = os.path.join(chosen, "config.json") if chosen else default
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [
        docker,
        environ.get("REGISTRY_AUTH_FILE", ""),
        os.path.join(runtime, "containers", "auth.json") if runtime else "",
    ]
    return next((place for place in places if place and os.path.isfile(place)), "")


def find(environ: Mapping[str, str], registry: str, repository: str = "") -> Credentials:
    """The login kept for a repository or its registry; anonymous where there is none. Raises OciError."""
    path = _config_file(environ)
    if not path:
        return Credentials()
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError) as why:
        raise OciError(f"cannot read the registry logins in {path}: {why}") from why
    if not isinstance(config, dict):
        raise OciError(f"cannot read the registry logins in {path}: not a JSON object")
    for key in (f"{registry}/{repository}", registry):
        found = _lookup(environ, config, _DOCKER_KEY if key == _DOCKER else key)
        if found:
            return found
    return Credentials()


def _lookup(environ: Mapping[str, str], config: dict[str, Any], key: str) -> Credentials:
    helpers = config.get("credHelpers")
    helper = helpers.get(key) if isinstance(helpers, dict) else None
    helper = helper or config.get("credsStore")
    if helper:
        return _from_helper(environ, str(helper), key)
    auths = config.get("auths")
    if not isinstance(auths, dict):
        return Credentials()
    entry = auths.get(key)
    if entry is None:
        entry = next((value for name, value in auths.items() if _host(name) == key), None)
    return _from_entry(entry, key) if isinstance(entry, dict) else Credentials()


def _host(name: str) -> str:
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _from_entry(entry: dict[str, Any], key: str) -> Credentials:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    packed = entry.get("auth")
    if packed:
        try:
            user, _, password = base64.b64decode(str(packed), validate=True).decode().partition(":")
        except (binascii.Error, ValueError) as why:
            raise OciError(f"the login for {key} in docker's config.json is not base64") from why
        password = password.strip("\0")
    return Credentials(user, password, str(entry.get("registrytoken") or ""), str(entry.get("identitytoken") or ""))


def _from_helper(environ: Mapping[str, str], helper: str, key: str) -> Credentials:
    program = f"docker-credential-{helper}"
    if os.sep in helper:
        raise OciError(f"invalid docker credential helper {helper!r}")
    try:
        done = subprocess.run(
            [program, "get"],
            input=key,
            capture_output=True,
            text=True,
            timeout=_HELPER_SECONDS,
            env=dict(environ),
            check=False,
        )
    except FileNotFoundError:
        raise OciError(
            f"error getting credentials - {program} not found on PATH",
            hint="Install it, or remove it from docker's config.json.",
        ) from None
    except (OSError, subprocess.SubprocessError) as why:
        raise OciError(f"error getting credentials - {program}: {why}") from why
    said = done.stdout.strip()
    if done.returncode:
        if any(text in said for text in _NO_LOGIN):
            return Credentials()
        why_not = (said or done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise OciError(f"error getting credentials - {program}: {why_not}")
    try:
        answer = json.loads(said)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        # what it printed may hold a secret
        raise OciError(f"error getting credentials - {program} did not answer as a credential helper") from None
    return Credentials(user, identity=secret) if user == "<token>" else Credentials(user, secret)

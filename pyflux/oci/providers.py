"""Logins at the registries of cloud providers, through the provider's own program, or the machine's identity."""

from __future__ import annotations

import http.client
import json
import re
import subprocess

from pyflux.oci.credentials import Credentials
from pyflux.oci.errors import OciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ECR = re.compile(
    r"[0-9]+\.dkr[.-]ecr(?:-fips)?\.([^/.]+)\."
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)"
)
_ACR = re.compile(r"[^/]+\.azurecr\.(?:io|cn|de|us)")
_GCR = re.compile(r"(?:[^/]+\.)?gcr\.io|[^/]+-docker\.pkg\.dev")
_METADATA = "metadata.google.internal"
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - an address
_NAMES = {"aws": "Amazon ECR", "azure": "Azure Container Registry", "gcp": "Google Artifact Registry"}


def login(provider: str, registry: str, environ: Mapping[str, str], timeout: float) -> Credentials:
    """The login of `provider` ("aws", "azure", "gcp") for `registry`. Raises OciError."""
    return {"aws": _aws, "azure": _azure, "gcp": _gcp}[provider](registry, environ, timeout)


def _wrong_registry(provider: str, registry: str) -> OciError:
    return OciError(
        f"invalid {_NAMES[provider]} registry: '{registry}'",
        hint="Use --provider generic with --creds or docker's logins for other registries.",
    )


def _run(argv: list[str], environ: Mapping[str, str], timeout: float) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=dict(environ),
            check=False,
        )
    except FileNotFoundError:
        raise OciError(
            f"the program {argv[0]} is needed for this login and is not on PATH",
            hint=f"Install {argv[0]} and log in with it, or use --provider generic with --creds.",
        ) from None
    except (OSError, subprocess.SubprocessError) as why:
        raise OciError(f"{argv[0]} failed: {why}") from why
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise OciError(f"{' '.join(argv[:3])} failed: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout.strip()


def _aws(registry: str, environ: Mapping[str, str], timeout: float) -> Credentials:
    found = _ECR.fullmatch(registry)
    if found is None:
        raise _wrong_registry("aws", registry)
    password = _run(["aws", "ecr", "get-login-password", "--region", found[1]], environ, timeout)
    return Credentials("AWS", password)


def _azure(registry: str, environ: Mapping[str, str], timeout: float) -> Credentials:
    if not _ACR.fullmatch(registry):
        raise _wrong_registry("azure", registry)
    name = registry.partition(".")[0]
    answer = _run(["az", "acr", "login", "--name", name, "--expose-token", "--output", "json"], environ, timeout)
    try:
        token = str(json.loads(answer)["accessToken"])
    except (ValueError, KeyError, TypeError):
        raise OciError("az acr login did not answer with a token") from None
    return Credentials("00000000-0000-0000-0000-000000000000", token)


def _gcp(registry: str, environ: Mapping[str, str], timeout: float) -> Credentials:
    if not _GCR.fullmatch(registry):
        raise _wrong_registry("gcp", registry)
    token = _metadata_token()
    if not token:
        token = _run(["gcloud", "auth", "print-access-token"], environ, timeout)
    return Credentials("oauth2accesstoken", token)


def _metadata_token() -> str:
    """The token of the machine's service account; empty off Google's machines."""
    connection = http.client.HTTPConnection(_METADATA, timeout=1.0)
    try:
        connection.request("GET", _TOKEN_PATH, headers={"Metadata-Flavor": "Google"})
        response = connection.getresponse()
        if response.status != 200 or response.headers.get("Metadata-Flavor") != "Google":
            return ""
        return str(json.loads(response.read(1 << 16))["access_token"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return ""
    finally:
        connection.close()

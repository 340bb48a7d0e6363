"""Flag types beyond pflag's own: values from a fixed list, paths, source references.

`parse(type, text)` returns the value to store or raises ValueError with the reference's wording.
A type is named as the reference prints it, except where it prints just "string" (see `SHOWN`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyflux.catalog.objectref import SourceRef

_RECEIVERS = "generic|generic-hmac|github|gitlab|bitbucket|harbor|dockerhub|quay|gcr|nexus|acr|cdevents"
_CHART_SOURCES = ("HelmRepository", "GitRepository", "Bucket")
_KUSTOMIZATION_SOURCES = ("OCIRepository", "GitRepository", "Bucket")
_MAX_LINKS = 255

SHOWN = {
    "kustomizationSource": "string",
    "crossNamespaceHelmChartSource": "string",
    "bucketProvider": "generic|aws|azure|gcp",
}
"""Types that help and completion show by another name."""


def shown(kind: str) -> str:
    """The name of a flag's type as help shows it."""
    return SHOWN.get(kind, kind)


def _one_of(words: str, missing: str, wrong: str) -> Callable[[str], str]:
    """A parser for one of `words` ("a|b"); `wrong` has the value at {}."""
    allowed = words.split("|")
    listed = ", ".join(allowed)

    def read(text: str) -> str:
        if not text.strip():
            raise ValueError(missing.replace("{list}", listed))
        if text not in allowed:
            raise ValueError(wrong.replace("{list}", listed).replace("{}", text))
        return text

    return read


def _ecdsa_curve(text: str) -> str:
    if text not in ("p256", "p384", "p521"):
        raise ValueError(f"unsupported curve '{text}', must be one of: p256, p384, p521")
    return text


def _rsa_bits(text: str) -> int:
    if not text.strip():
        return 2048
    if not text.lstrip("+-").isdecimal() or not text.isascii() or len(text) - len(text.lstrip("+-")) > 1:
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    bits = int(text)
    if bits < 1024:
        raise ValueError("RSA key bit size must be at least 1024")
    if bits % 8:
        raise ValueError("RSA key bit size must be a multiples of 8")
    return bits


def _visibility(text: str) -> str:
    chosen = text if text.strip() else "private"
    if chosen not in ("public", "internal", "private"):
        raise ValueError(f"unsupported visibility '{chosen}'")
    return chosen


def _supported(kind: str, allowed: tuple[str, ...]) -> str:
    for name in allowed:
        if name.casefold() == kind.casefold():
            return name
    raise ValueError(f"source kind '{kind}' is not supported, must be one of: {', '.join(allowed)}")


def _kustomization_source(text: str) -> SourceRef:
    from pyflux.catalog.objectref import SourceRef, split_kind_name_namespace

    kinds = ", ".join(_KUSTOMIZATION_SOURCES)
    if not text.strip():
        raise ValueError(
            "no Kustomization source given, please specify source that contains the Kubernetes manifests in the "
            f"format '[<kind>/]<name>.<namespace>', where kind must be one of: ({kinds}), "
            "if kind is not specified it defaults to GitRepository"
        )
    kind, name, namespace = split_kind_name_namespace(text)
    if not name:
        raise ValueError(f"no name given for source of kind '{kind}'")
    if not kind:
        if name in _KUSTOMIZATION_SOURCES:
            raise ValueError(f"no kind specified for source '{name}'")
        kind = "GitRepository"
    return SourceRef(_supported(kind, _KUSTOMIZATION_SOURCES), name, namespace)


def _chart_source(text: str, form: str, namespaced: bool) -> SourceRef:
    from pyflux.catalog.objectref import SourceRef, split_kind_name, split_kind_name_namespace

    kinds = ", ".join(_CHART_SOURCES)
    if not text.strip():
        raise ValueError(
            "no helm chart source given, please specify source that contains the chart in the "
            f"format '{form}', where kind must be one of: ({kinds})"
        )
    kind, name, namespace = split_kind_name_namespace(text) if namespaced else (*split_kind_name(text), "")
    if not kind or not name:
        raise ValueError(f"invalid helm chart source '{text}', must be in format <kind>/<name>")
    return SourceRef(_supported(kind, _CHART_SOURCES), name, namespace)


def _local_chart_source(text: str) -> SourceRef:
    return _chart_source(text, "<kind>/<name>", namespaced=False)


def _any_chart_source(text: str) -> SourceRef:
    return _chart_source(text, "<kind>/<name>.<namespace>", namespaced=True)


def _safe_relative_path(text: str) -> str:
    """A path below the working directory: `..` and absolute paths stop at it, symbolic links are followed in it."""
    import os

    rest, current, links = text.strip(), "", 0
    while rest:
        part, _, rest = rest.partition("/")
        following = os.path.normpath(f"/{current}/{part}").lstrip("/")
        if not following:
            current = ""
            continue
        try:
            target = os.readlink(f"./{following}") if os.path.islink(f"./{following}") else None
        except OSError as error:
            raise ValueError(f"invalid relative path '': {error.strerror}") from None
        if target is None:
            current = following
            continue
        links += 1
        if links > _MAX_LINKS:
            raise ValueError("invalid relative path '': too many levels of symbolic links")
        rest = f"{target}/{rest}"
        if target.startswith("/"):
            current = ""
    return f"./{current}"


_log_level = _one_of(
    "debug|info|error",
    "no log level given, must be one of: {list}",
    "unsupported log level '{}', must be one of: {list}",
)

PARSERS: dict[str, Callable[[str], Any]] = {
    "debug|info|error": _log_level,
    "Skip|Create|CreateReplace": _one_of(
        "Skip|Create|CreateReplace",
        "no upgrade CRDs policy given, must be one of: {list}",
        "unsupported upgrade CRDs policy '{}', must be one of: {list}",
    ),
    "decryptionProvider": _one_of(
        "sops",
        "no decryption provider given, must be one of: {list}",
        "unsupported decryption provider '{}', must be one of: {list}",
    ),
    "rsa|ecdsa|ed25519": _one_of(
        "rsa|ecdsa|ed25519",
        "no public key algorithm given, must be one of: {list}",
        "unsupported public key algorithm '{}', must be one of: {list}",
    ),
    "p256|p384|p521": _ecdsa_curve,
    "rsaKeyBits": _rsa_bits,
    "public|internal|private": _visibility,
    _RECEIVERS: _one_of(
        _RECEIVERS,
        "no receiver type given, please specify the receiver type",
        "receiver type '{}' is not supported, must be one of: {list}",
    ),
    "generic|github|aws|azure": _one_of(
        "generic|github|aws|azure",
        "no source Git provider given, please specify the Git provider name",
        "source Git provider '{}' is not supported, must be one of: generic|github|aws|azure",
    ),
    "generic|aws|azure|gcp": _one_of(
        "generic|aws|azure|gcp",
        "no source OCI provider given, please specify the OCI provider name",
        "source OCI provider '{}' is not supported, must be one of: {list}",
    ),
    "bucketProvider": _one_of(
        "generic|aws|azure|gcp",
        "no source bucket provider given, please specify the S3 compatible storage provider name",
        "source bucket provider '{}' is not supported, must be one of: {list}",
    ),
    "sourceOCIVerifyProvider": _one_of(
        "cosign",
        "no source OCI verify provider given, please specify the OCI verify provider name to use for signature "
        "verification, available options are: ({list})",
        "source OCI verify provider '{}' is not supported, must be one of: {list}",
    ),
    "safeRelativePath": _safe_relative_path,
    "kustomizationSource": _kustomization_source,
    "crossNamespaceHelmChartSource": _any_chart_source,
    "helmChartSource": _local_chart_source,
}
"""Type to its parser."""


def parse(kind: str, text: str) -> Any:
    """The value of a flag of type `kind`; see `PARSERS` for the types."""
    return PARSERS[kind](text)

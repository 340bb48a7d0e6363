"""Notation trust policies: read and checked by the rules of the Notary Project."""

from __future__ import annotations

import json
import os.path
import re

from pyflux.catalog.gotext import quote
from pyflux.errors import PyfluxError
from pyflux.verbs.create.common import read_file
from pyflux.verbs.create.values import json_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Obj = dict[str, Any]

_LEVELS = ("strict", "permissive", "audit", "skip")
_TYPES = ("integrity", "authenticity", "authenticTimestamp", "expiry", "revocation")
_ACTIONS = ("enforce", "log", "skip")
_STORES = ("ca", "signingAuthority", "tsa")
_FILE_NAME = re.compile(r"[a-zA-Z0-9_.-]+\Z")
_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?\Z")
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PATH}(?:/{_PATH})*\Z")
_SCOPE_HELP = (
    "make sure it is a fully qualified repository without the scheme, protocol or tag. "
    "For example domain.com/my/repository or a local scope like local/myOCILayout"
)


class _Wrong(ValueError):
    """A rule is broken; the message says which."""


def read_certificates(paths: list[str]) -> dict[str, bytes]:
    """File name to content. Raises PyfluxError that names every file that cannot be used."""
    found: dict[str, bytes] = {}
    faults = []
    for path in paths:
        name = os.path.basename(path.rstrip("/")) or "."
        if not name.endswith((".crt", ".pem")):
            faults.append(f"{name} must end with either .crt or .pem")
            continue
        try:
            found[name] = read_file(path, "unable to read TLS CA file")
        except PyfluxError as why:
            faults.append(why.message)
    if faults:
        raise PyfluxError("\n".join(faults))
    return found


def check_policy(path: str, data: bytes) -> None:
    """Raises PyfluxError where `data` is no trust policy."""
    try:
        document = json.loads(data.decode("utf-8", "replace"))
        if document is None:
            document = {}
        if not isinstance(document, dict):
            raise _Wrong(f"json: cannot unmarshal {json_type(document)} into Go value of type trustpolicy.Document")
        _check_shapes(document)
    except json.JSONDecodeError as why:
        raise PyfluxError(f"failed to unmarshal trust policy {path}: {_json_fault(why)}") from None
    except (_Wrong, RecursionError) as why:
        raise PyfluxError(f"failed to unmarshal trust policy {path}: {why}") from None
    try:
        _check_document(document)
    except _Wrong as why:
        raise PyfluxError(f"invalid trust policy: {why}") from None


def _json_fault(why: json.JSONDecodeError) -> str:
    if why.pos >= len(why.doc.rstrip()):
        return "unexpected end of JSON input"
    return f"invalid character '{why.doc[why.pos]}' looking for beginning of value"


def _expect(value: Any, kind: type, where: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise _Wrong(f"json: wrong type for {where}")


def _check_shapes(document: Obj) -> None:
    _expect(document.get("version"), str, "version")
    _expect(document.get("trustPolicies"), list, "trustPolicies")
    for statement in document.get("trustPolicies") or []:
        _expect(statement, dict, "trustPolicies")
        if statement is None:
            continue
        _expect(statement.get("name"), str, "trustPolicies.name")
        verification = statement.get("signatureVerification")
        _expect(verification, dict, "trustPolicies.signatureVerification")
        for name in ("level", "verifyTimestamp"):
            _expect((verification or {}).get(name), str, f"trustPolicies.signatureVerification.{name}")
        _expect((verification or {}).get("override"), dict, "trustPolicies.signatureVerification.override")
        for name in ("registryScopes", "trustStores", "trustedIdentities"):
            _expect(statement.get(name), list, f"trustPolicies.{name}")
            for item in statement.get(name) or []:
                _expect(item, str, f"trustPolicies.{name}")


def _check_document(document: Obj) -> None:
    version = document.get("version") or ""
    if not version:
        raise _Wrong("trust policy document has empty version, version must be specified")
    if version != "1.0":
        raise _Wrong(f"trust policy document uses unsupported version {quote(version)}")
    statements = [statement or {} for statement in document.get("trustPolicies") or []]
    if not statements:
        raise _Wrong("trust policy document can not have zero trust policy statements")
    names = set()
    for statement in statements:
        name = statement.get("name") or ""
        if name in names:
            raise _Wrong(
                f"multiple trust policy statements use the same name {quote(name)}, statement names must be unique"
            )
        try:
            _check_statement(name, statement)
        except _Wrong as why:
            raise _Wrong(f"trust policy: {why}") from None
        names.add(name)
    _check_scopes(statements)


def _check_statement(name: str, statement: Obj) -> None:
    if not name:
        raise _Wrong("a trust policy statement is missing a name, every statement requires a name")
    title = f"trust policy statement {quote(name)}"
    verification = statement.get("signatureVerification") or {}
    try:
        level = _level(verification)
    except _Wrong as why:
        raise _Wrong(f"{title} has invalid signatureVerification: {why}") from None
    timestamp = verification.get("verifyTimestamp") or ""
    if timestamp not in ("", "always", "afterCertExpiry"):
        raise _Wrong(
            f'{title} has invalid signatureVerification: verifyTimestamp must be "always" or "afterCertExpiry", '
            f"but got {quote(timestamp)}"
        )
    stores = [store or "" for store in statement.get("trustStores") or []]
    identities = [identity or "" for identity in statement.get("trustedIdentities") or []]
    if level == "skip":
        if stores or identities:
            raise _Wrong(
                f"{title} is set to skip signature verification but configured with trust stores and/or trusted "
                "identities, remove them if signature verification needs to be skipped"
            )
        return
    if not stores or not identities:
        raise _Wrong(f"{title} is either missing trust stores or trusted identities, both must be specified")
    for store in stores:
        _check_store(title, store)
    _check_identities(title, identities)


def _quoted(words: tuple[str, ...]) -> str:
    return f"[{' '.join(map(quote, words))}]"


def _level(verification: Obj) -> str:
    level = verification.get("level") or ""
    if not level:
        raise _Wrong("signature verification level is empty or missing in the trust policy statement")
    if level not in _LEVELS:
        raise _Wrong(f"invalid signature verification level {quote(level)}")
    override = verification.get("override") or {}
    if not override:
        return str(level)
    if level == "skip":
        raise _Wrong('signature verification level "skip" can\'t be used to customize signature verification')
    for kind, action in override.items():
        if kind not in _TYPES:
            raise _Wrong(
                f"verification type {quote(kind)} in custom signature verification is not supported, "
                f"supported values are {_quoted(_TYPES)}"
            )
        if action not in _ACTIONS:
            raise _Wrong(
                f"verification action {quote(str(action))} in custom signature verification is not supported, "
                f"supported values are {_quoted(_ACTIONS)}"
            )
        if kind == "integrity":
            raise _Wrong(f"{quote(kind)} verification can not be overridden in custom signature verification")
        if kind != "revocation" and action == "skip":
            raise _Wrong(f"{quote(kind)} verification can not be skipped in custom signature verification")
    return "custom"


def _check_store(title: str, store: str) -> None:
    kind, colon, name = store.partition(":")
    if not colon:
        raise _Wrong(
            f"{title} has malformed trust store value {quote(store)}. "
            "The required format is <TrustStoreType>:<TrustStoreName>"
        )
    if kind not in _STORES:
        raise _Wrong(f"{title} uses an unsupported trust store type {quote(kind)} in trust store value {quote(store)}")
    if not _FILE_NAME.match(name):
        raise _Wrong(
            f"{title} uses an unsupported trust store name {quote(name)} in trust store value {quote(store)}. "
            "Named store name needs to follow [a-zA-Z0-9_.-]+ format"
        )


def _check_identities(title: str, identities: list[str]) -> None:
    if len(identities) > 1 and "*" in identities:
        raise _Wrong(
            f"{title} uses a wildcard trusted identity '*', a wildcard identity cannot be used in conjunction "
            "with other values"
        )
    names = []
    for identity in identities:
        if not identity:
            raise _Wrong(f"{title} has an empty trusted identity")
        if identity == "*":
            continue
        prefix, colon, value = identity.partition(":")
        if not colon:
            raise _Wrong(f"{title} has trusted identity {quote(identity)} missing separator")
        if prefix != "x509.subject":
            continue
        if not value:
            raise _Wrong(f"{title} has trusted identity {quote(identity)} without an identity value")
        try:
            names.append((identity, distinguished_name(value)))
        except ValueError as why:
            raise _Wrong(f"{title} has trusted identity {quote(identity)} with invalid identity value: {why}") from None
    for i, (one, first) in enumerate(names):
        for j, (other, second) in enumerate(names):
            if i != j and first.items() <= second.items():
                raise _Wrong(
                    f"{title} has overlapping x509 trustedIdentities, {quote(one)} overlaps with {quote(other)}"
                )


def distinguished_name(text: str) -> dict[str, str]:
    """The attributes of a distinguished name; C, ST and O are required. Raises ValueError."""
    if "=#" in text:
        raise ValueError(
            f"unsupported distinguished name (DN) {quote(text)}: notation does not support x509.subject identities "
            'containing "=#"'
        )
    title = f"distinguished name (DN) {quote(text)}"
    found: dict[str, str] = {}
    for part in _split_unescaped(text, ",;"):
        if len(_split_unescaped(part, "+")) > 1:
            raise ValueError(
                f"{title} has multi-valued RDN attributes, remove multi-valued RDN attributes as they are not supported"
            )
        name, equals, value = part.partition("=")
        name = "ST" if name.strip() == "S" else name.strip()
        if not equals or not name:
            raise ValueError(
                f"parsing {title} failed with err: DN ended with incomplete type, value pair. A valid DN must contain "
                "'C', 'ST' or 'S', and 'O' RDN attributes at a minimum, and follow RFC 4514 standard"
            )
        if found.get(name):
            raise ValueError(
                f"{title} has duplicate RDN attribute for {quote(name)}, DN can only have unique RDN attributes"
            )
        found[name] = value.strip()
    for required in ("C", "ST", "O"):
        if not found.get(required):
            raise ValueError(
                f"{title} has no mandatory RDN attribute for {quote(required)}, "
                "it must contain 'C', 'ST' or 'S', and 'O' RDN attributes at a minimum"
            )
    return found


def _split_unescaped(text: str, separators: str) -> list[str]:
    return re.split(rf"(?<!\\)[{re.escape(separators)}]", text)


def _check_scopes(statements: list[Obj]) -> None:
    seen: set[str] = set()
    for statement in statements:
        title = f"trust policy statement {quote(statement.get('name') or '')}"
        scopes = [scope or "" for scope in statement.get("registryScopes") or []]
        if not scopes:
            raise _Wrong(f"{title} has zero registry scopes, it must specify registry scopes with at least one value")
        if len(scopes) > 1 and "*" in scopes:
            raise _Wrong(
                f"{title} uses wildcard registry scope '*', a wildcard scope cannot be used in conjunction with "
                "other scope values"
            )
        for scope in scopes:
            if scope != "*":
                _check_scope(scope)
    for statement in statements:
        for scope in statement.get("registryScopes") or []:
            if scope in seen:
                raise _Wrong(
                    f"registry scope {quote(scope)} is present in multiple trust policy statements, one registry "
                    "scope value can only be associated with one statement"
                )
            seen.add(scope)


def _check_scope(scope: str) -> None:
    if len(scope) > 1 and "*" in scope:
        raise _Wrong(f"registry scope {quote(scope)} with wild card(s) is not valid, {_SCOPE_HELP}")
    domain, _, repository = scope.partition("/")
    if not _DOMAIN.match(domain) or not _REPOSITORY.match(repository):
        raise _Wrong(f"registry scope {quote(scope)} is not valid, {_SCOPE_HELP}")

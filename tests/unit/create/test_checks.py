"""Checks of values: patterns, image names, URLs, certificates, trust policies, keys."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pyflux.catalog.gotext import check_reference, check_repository, parse_url, quote
from pyflux.cli.flagtypes import parse
from pyflux.cli.gocsv import read_record
from pyflux.errors import PyfluxError
from pyflux.git.errors import KeyUnusable
from pyflux.git.keys import generate_key, load_key
from pyflux.verbs.create.deploy_key import split_port
from pyflux.verbs.create.goregex import PatternError, check_template, group_names
from pyflux.verbs.create.pem import check_pair, pem_blocks
from pyflux.verbs.create.trust_policy import check_policy, read_certificates
from pyflux.verbs.create.values import merge

GOOD_PATTERNS = [
    *(
        "",
        "a",
        "a|b|",
        "(a)(?P<x>b)(?<y>c)",
        "(?i)a",
        "(?i-s:a)",
        "(?:)",
        r"\d\D\pL\p{Greek}\x{41}\x41\07\Qa(\E",
        "a{2,3}?",
    ),
    *(
        "[[:alpha:]-]",
        "[]a]",
        "[a-]",
        "^*",
        "{",
        "a{",
        "a{,2}",
        "a{1,",
        r"\z",
        r"[\d]",
        "x*?",
    ),
]
BAD_PATTERNS = [
    *(
        "(",
        ")",
        "[a",
        "[z-a]",
        "a**",
        "a+*",
        "*a",
        "a|*",
        "a{2,1}",
        "a{1001}",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        r"\1",
        r"\8",
    ),
    *(
        r"\Z",
        r"\e",
        r"\p{}",
        "[[:foo:]]",
        r"[a-\d]",
        "(?P<x>a)(?P<x>b)",
        "(?P<1-x>a)",
        "(?z)a",
        "(?P=x)",
        "(?#c)",
        r"\x4",
        "a\\",
    ),
]


@pytest.mark.parametrize("pattern", GOOD_PATTERNS)
def test_re2_patterns(pattern: str) -> None:
    group_names(pattern)


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_what_is_no_re2_pattern(pattern: str) -> None:
    with pytest.raises(PatternError):
        group_names(pattern)


def test_templates() -> None:
    names = group_names("(?P<ts>a)(b)")
    assert names == ["ts", ""]
    for good in ("$ts", "${ts}-x", "$1", "$$nope", "", "x$ts."):
        check_template(good, names)
    for bad in ("$nope", "$tsx", "$", "${ts", "$01", "$-"):
        with pytest.raises(PatternError):
            check_template(bad, names)


@pytest.mark.parametrize("name", ["alpine", "ghcr.io/a/b", "localhost:5000/ab", "a/b/c", "[::1]:50/ab"])
def test_repositories(name: str) -> None:
    check_repository(name)


@pytest.mark.parametrize("name", ["", "a", "UP", "a b", "ghcr.io/a:tag", "a:b/cc", "ghcr.io/" + "a" * 256])
def test_what_is_no_repository(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_repository(name)


def test_references() -> None:
    for good in ("ghcr.io", "ghcr.io/a/b:Tag_1", f"ghcr.io/aa@sha256:{'a' * 64}", "localhost:5000/ab"):
        check_reference(good)
    for bad in ("UP", "ghcr.io/a/b:", "ghcr.io/a@sha256:abc", f"ghcr.io/ab:{'t' * 129}"):
        with pytest.raises(ValueError, match="could not parse reference"):
            check_reference(bad)


def test_urls() -> None:
    assert parse_url("SSH://git@example.com:22/x#frag") == ("ssh", "example.com:22")
    assert parse_url("https://[::1]:8/x").host == "[::1]:8"
    assert parse_url("plain") == ("", "")
    faults = {
        "git@host:x": "first path segment in URL cannot contain colon",
        "://x": "missing protocol scheme",
        "https://h:abc/": 'invalid port ":abc" after host',
        "https://h/%zz": 'invalid URL escape "%zz"',
        "https://h h/": 'invalid character " " in host name',
        "https://h/\x01": "invalid control character in URL",
        "https://u:p^@h/": "invalid userinfo",
    }
    for url, fault in faults.items():
        with pytest.raises(ValueError, match="parse") as caught:
            parse_url(url)
        assert (
            str(caught.value)
            == f"parse {quote(url)}: {'net/url: ' if 'control' in fault or 'user' in fault else ''}{fault}"
        )


def test_quotes() -> None:
    assert quote('a"\\\n\x01é\u200b') == '"a\\"\\\\\\n\\x01é\\u200b"'


def test_csv_records() -> None:
    assert read_record('a,"b,c",""') == ["a", "b,c", ""]
    assert read_record('\n"a\nb""c",d\nnext') == ['a\nb"c', "d"]
    for bad, where in {'a"': "column 2: bare", '"a': "column 3: extraneous", '"a"b': "column 3: extraneous"}.items():
        with pytest.raises(ValueError, match=where):
            read_record(bad)


def test_safe_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "loop").symlink_to("loop")
    cases = {"": "./", "/": "./", "a//b/": "./a/b", "../../x": "./x", "a/../b": "./b", " a ": "./a"}
    cases |= {"link/x": "./real/x", "out/passwd": "./etc/passwd", "~": "./~"}
    assert {given: parse("safeRelativePath", given) for given in cases} == cases
    with pytest.raises(ValueError, match="too many levels"):
        parse("safeRelativePath", "loop")


def pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def certificate(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    signing = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, signing).public_bytes(serialization.Encoding.PEM)


def test_certificate_pairs() -> None:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    good = certificate(key)
    check_pair(good, pem(key))
    check_pair(good + pem(key), good + pem(key))
    edwards = ed25519.Ed25519PrivateKey.generate()
    check_pair(certificate(edwards), pem(edwards))
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    faults: list[tuple[bytes, bytes, str]] = [
        (b"x", pem(key), "failed to find any PEM data in certificate input"),
        (pem(key), pem(key), "PEM inputs may have been switched"),
        (good, b"", "failed to find any PEM data in key input"),
        (good, good, "found a certificate rather than a key"),
        (good, pem(other), "private key does not match public key"),
        (good, pem(rsa.generate_private_key(65537, 1024)), "private key type does not match public key type"),
        (broken, pem(key), "malformed certificate"),
        (good, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "failed to parse private key"),
    ]
    for crt, private, message in faults:
        with pytest.raises(PyfluxError, match=message):
            check_pair(crt, private)
    assert [kind for kind, _ in pem_blocks(b"-----BEGIN A-----\n!!\n-----END A-----\n" + broken)] == ["CERTIFICATE"]


POLICY: dict[str, Any] = {
    "version": "1.0",
    "trustPolicies": [
        {
            "name": "p",
            "registryScopes": ["*"],
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:x"],
            "trustedIdentities": ["*"],
        }
    ],
}
STATEMENT_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "a trust policy statement is missing a name"),
    ({"registryScopes": []}, "has zero registry scopes"),
    ({"registryScopes": ["x.io/a", "*"]}, "uses wildcard registry scope"),
    ({"registryScopes": ["x.io/*"]}, "with wild card"),
    ({"registryScopes": ["x"]}, 'registry scope "x" is not valid'),
    ({"signatureVerification": {}}, "level is empty or missing"),
    ({"signatureVerification": {"level": "loose"}}, 'invalid signature verification level "loose"'),
    ({"signatureVerification": {"level": "skip"}}, "is set to skip signature verification but"),
    ({"signatureVerification": {"level": "skip", "override": {"expiry": "log"}}}, "can't be used to customize"),
    ({"signatureVerification": {"level": "strict", "override": {"x": "log"}}}, 'verification type "x"'),
    ({"signatureVerification": {"level": "strict", "override": {"expiry": "x"}}}, 'verification action "x"'),
    ({"signatureVerification": {"level": "strict", "override": {"integrity": "log"}}}, "can not be overridden"),
    ({"signatureVerification": {"level": "strict", "override": {"expiry": "skip"}}}, "can not be skipped"),
    ({"signatureVerification": {"level": "strict", "verifyTimestamp": "never"}}, 'but got "never"'),
    ({"trustStores": []}, "either missing trust stores or trusted identities"),
    ({"trustStores": ["x"]}, "malformed trust store value"),
    ({"trustStores": ["x:y"]}, 'unsupported trust store type "x"'),
    ({"trustStores": ["ca:y z"]}, 'unsupported trust store name "y z"'),
    ({"trustedIdentities": ["*", "x:y"]}, "uses a wildcard trusted identity"),
    ({"trustedIdentities": [""]}, "has an empty trusted identity"),
    ({"trustedIdentities": ["x"]}, "missing separator"),
    ({"trustedIdentities": ["x509.subject:"]}, "without an identity value"),
    ({"trustedIdentities": ["x509.subject: C=US"]}, 'no mandatory RDN attribute for "ST"'),
    ({"trustedIdentities": ["x509.subject: C=US, ST=WA, O=a, O=b"]}, 'duplicate RDN attribute for "O"'),
    ({"trustedIdentities": ["x509.subject: C=US, S=WA, O=a", "x509.subject: C=US, ST=WA, O=a, OU=b"]}, "overlaps with"),
]


@pytest.mark.parametrize(("change", "message"), STATEMENT_FAULTS)
def test_faults_of_trust_policies(change: dict[str, Any], message: str) -> None:
    statement = {**POLICY["trustPolicies"][0], **change}
    with pytest.raises(PyfluxError) as caught:
        check_policy("p.json", json.dumps({**POLICY, "trustPolicies": [statement]}).encode())
    assert caught.value.message.startswith("invalid trust policy: ")
    assert message in caught.value.message


def test_trust_policies() -> None:
    check_policy("p.json", json.dumps(POLICY).encode())
    fine = {
        **POLICY["trustPolicies"][0],
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=a"],
        "registryScopes": ["x.io/a"],
    }
    check_policy("p.json", json.dumps({**POLICY, "trustPolicies": [fine]}).encode())
    for bad, message in {
        b"": "unexpected end of JSON input",
        b"x": "invalid character 'x' looking for beginning of value",
        b"[]": "cannot unmarshal array into Go value of type trustpolicy.Document",
        b'{"version": 1}': "wrong type for version",
    }.items():
        with pytest.raises(PyfluxError, match=r"failed to unmarshal trust policy p\.json: ") as caught:
            check_policy("p.json", bad)
        assert message in caught.value.message
    twice = {**POLICY, "trustPolicies": [fine, {**fine, "name": "q"}]}
    with pytest.raises(PyfluxError, match="is present in multiple trust policy statements"):
        check_policy("p.json", json.dumps(twice).encode())


def test_certificates_by_file_name(tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_text("A")
    assert read_certificates([str(tmp_path / "a.crt")]) == {"a.crt": b"A"}
    with pytest.raises(PyfluxError) as caught:
        read_certificates([str(tmp_path / "a.crt"), "x.txt", str(tmp_path / "none.pem")])
    assert caught.value.message.splitlines()[0] == "x.txt must end with either .crt or .pem"
    assert "unable to read TLS CA file: open" in caught.value.message.splitlines()[1]


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp521"), ("ed25519", "ssh-ed25519")]
)
def test_keys_are_made_and_read(algorithm: str, kind: str) -> None:
    pair = generate_key(algorithm, bits=1024, curve="p521")
    assert pair.public_openssh.startswith(f"{kind} ")
    assert load_key(pair.private_pem) == pair
    assert pair.private_pem not in repr(pair)
    with pytest.raises(KeyUnusable, match="not an encrypted key"):
        load_key(pair.private_pem, "secret")


@pytest.mark.parametrize("form", [serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.TraditionalOpenSSL])
def test_keys_with_a_password(form: serialization.PrivateFormat) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"secret")
    ).decode()
    assert load_key(text, "secret").public_openssh.startswith("ecdsa-sha2-nistp256 ")
    with pytest.raises(KeyUnusable, match="passphrase protected"):
        load_key(text)
    with pytest.raises(KeyUnusable, match="decryption password incorrect"):
        load_key(text, "wrong")


def test_what_is_no_key() -> None:
    with pytest.raises(KeyUnusable, match="ssh: no key found"):
        load_key("x")


def test_hosts_and_ports() -> None:
    assert split_port("example.com") == ("example.com", 22)
    assert split_port("example.com:2222") == ("example.com", 2222)
    assert split_port("[::1]:2222") == ("::1", 2222)
    assert split_port("[::1]") == ("::1", 22)


def test_values_are_merged_like_helm_does() -> None:
    base = {"a": {"b": 1, "c": 2}, "l": [1], "x": {"y": 1}}
    assert merge(base, {"a": {"c": 3}, "l": [2], "x": None}) == {"a": {"b": 1, "c": 3}, "l": [2], "x": None}
    assert base == {"a": {"b": 1, "c": 2}, "l": [1], "x": {"y": 1}}

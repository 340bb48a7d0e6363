"""Endpoints, Secrets and listings."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from pyflux.s3 import listing
from pyflux.s3.access import context_of, keys_of, proxy_for, proxy_of
from pyflux.s3.endpoint import Endpoint, name_error, parse
from pyflux.s3.errors import AccessError, S3Error
from tests.real.pki import write_serving_pair
from tests.unit.s3.storage import LIST
from tests.unit.s3.storage import listing as page_of


@pytest.mark.parametrize(
    ("text", "secure", "wanted"),
    [
        ("minio.example.com", True, Endpoint("https", "minio.example.com")),
        ("minio.example.com:443", True, Endpoint("https", "minio.example.com")),
        ("minio.example.com:443/", False, Endpoint("http", "minio.example.com", 443)),
        ("127.0.0.1:9000", False, Endpoint("http", "127.0.0.1", 9000)),
        ("[::1]:9000", False, Endpoint("http", "::1", 9000)),
        ("a_b", True, Endpoint("https", "a_b")),
    ],
)
def test_endpoints(text: str, secure: bool, wanted: Endpoint) -> None:
    assert parse(text, secure=secure) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://minio.example.com", "qualified paths"),
        ("minio.example.com/bucket", "qualified paths"),
        ("user:hidden@minio.example.com", "minio.example.com does not follow"),
        ("", "does not follow"),
        ("a b", "does not follow"),
        ("a\nb", "host:port"),
        ("-a", "does not follow"),
        ("a..b", "does not follow"),
        ("a:b", "host:port"),
        ("a:99999", "host:port"),
        ("[::1", "host:port"),
        ("a?b", "does not follow"),
    ],
)
def test_endpoints_that_are_none(text: str, said: str) -> None:
    with pytest.raises(AccessError, match=said) as caught:
        parse(text, secure=True)
    assert "hidden" not in caught.value.message


@pytest.mark.parametrize(
    ("host", "bucket", "region", "wanted"),
    [
        ("minio.local", "box", "us-east-1", ("minio.local", "/box/a%20b/c")),
        ("s3.amazonaws.com", "box", "us-east-1", ("box.s3.amazonaws.com", "/a%20b/c")),
        ("s3.amazonaws.com", "box", "eu-west-1", ("box.s3.eu-west-1.amazonaws.com", "/a%20b/c")),
        ("s3.eu-west-1.amazonaws.com", "b.ox", "eu-west-1", ("s3.eu-west-1.amazonaws.com", "/b.ox/a%20b/c")),
        ("storage.googleapis.com", "box", "auto", ("box.storage.googleapis.com", "/a%20b/c")),
        ("oss-cn-x.aliyuncs.com", "box", "oss-cn-x", ("box.oss-cn-x.aliyuncs.com", "/a%20b/c")),
        ("amazonaws.com.example.org", "box", "x", ("amazonaws.com.example.org", "/box/a%20b/c")),
    ],
)
def test_where_an_object_is(host: str, bucket: str, region: str, wanted: tuple[str, str]) -> None:
    assert Endpoint("https", host).place(bucket, "a b/c", region) == wanted


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("minio.local", ""),
        ("s3.amazonaws.com", ""),
        ("s3-external-1.amazonaws.com", ""),
        ("s3.eu-west-1.amazonaws.com", "eu-west-1"),
        ("s3-eu-west-1.amazonaws.com", "eu-west-1"),
        ("s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"),
        ("s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("bucket.vpce-1a2b-3c4d.s3.us-east-2.vpce.amazonaws.com", "us-east-2"),
    ],
)
def test_regions_in_names(host: str, region: str) -> None:
    assert Endpoint("https", host).region == region


def test_names_of_buckets() -> None:
    assert not name_error("a-good.name")
    for bad in ("", "ab", "a" * 64, "10.0.0.1", "a/b", "a..b", "a.-b", "..", "a?b", "a\nbc"):
        assert name_error(bad), bad


def test_keys_of_a_secret() -> None:
    keys = keys_of("login", {"accesskey": b"me", "secretkey": b"s3cret"})
    assert keys is not None
    assert (keys.access, keys.secret) == ("me", "s3cret")
    assert keys_of("login", {"accesskey": b"", "secretkey": b"x"}) is None
    for data in ({}, {"accesskey": b"me"}, {"secretkey": b"x"}):
        with pytest.raises(
            AccessError, match="invalid 'login' secret data: required fields 'accesskey' and 'secretkey'"
        ):
            keys_of("login", data)
    with pytest.raises(AccessError, match="control character"):
        keys_of("login", {"accesskey": b"me\r\nX-Evil: 1", "secretkey": b"x"})


def test_trust_of_a_secret(tmp_path: Path) -> None:
    write_serving_pair(tmp_path)
    ca, certificate, key = ((tmp_path / name).read_bytes() for name in ("ca.crt", "tls.crt", "tls.key"))
    context = context_of("a/b", {"ca.crt": ca, "tls.crt": certificate, "tls.key": key})
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    for data, said in (
        ({}, "must contain either 'ca.crt' or both"),
        ({"tls.crt": certificate}, "missing 'tls.key'"),
        ({"tls.key": key}, "missing 'tls.crt'"),
        ({"ca.crt": b"none"}, "failed to parse CA certificate"),
        ({"tls.crt": certificate, "tls.key": b"none"}, "failed to parse TLS certificate and key"),
    ):
        with pytest.raises(AccessError, match=said):
            context_of("a/b", data)


def test_proxies() -> None:
    data = {"address": b"http://proxy:3128", "username": b"m@e", "password": b"p:w"}
    assert proxy_of("a/b", data) == "http://m%40e:p%3Aw@proxy:3128"
    assert proxy_of("a/b", {"address": b"http://proxy:3128"}) == "http://proxy:3128"
    for address, said in ((b"socks5://x", "supported schemes"), (b"", "empty"), (b"http://[", "failed to parse")):
        with pytest.raises(AccessError, match=said):
            proxy_of("a/b", {"address": address})
    far = Endpoint("https", "s3.example.com")
    environ = {"HTTPS_PROXY": "proxy:3128", "http_proxy": "http://other"}
    assert proxy_for(far, environ) == "http://proxy:3128"
    assert proxy_for(Endpoint("http", "s3.example.com"), environ) == "http://other"
    for rules in ("*", "example.com", ".example.com", "s3.example.com:443", "a, s3.example.com"):
        assert not proxy_for(far, {**environ, "NO_PROXY": rules}), rules
    assert proxy_for(far, {**environ, "NO_PROXY": "ample.com,other.com"})
    assert not proxy_for(Endpoint("https", "10.1.2.3"), {**environ, "no_proxy": "10.0.0.0/8"})
    for host in ("localhost", "127.0.0.1", "::1"):
        assert not proxy_for(Endpoint("https", host), environ)


def test_listings() -> None:
    assert listing.page(page_of(("a", "1"), ("b&c", "2"))) == listing.Page([("a", "1"), ("b&c", "2")], "")
    assert listing.page(page_of(token="next")).token == "next"
    owned = b"<L><Contents><Key>a</Key><Owner><Key>b</Key></Owner><ETag>1</ETag></Contents><Key>c</Key></L>"
    assert listing.page(owned).objects == [("a", "1")]
    url = page_of(("a%2Fb+c%C3%A9", "1"), more="<EncodingType>url</EncodingType>")
    assert listing.page(url).objects == [("a/b cé", "1")]
    for body, said in (
        (b"no XML", "cannot be read"),
        (b"", "cannot be read"),
        (f"{LIST}<IsTruncated>true</IsTruncated></ListBucketResult>".encode(), "continuation token"),
        (page_of(("%FF", "1"), more="<EncodingType>url</EncodingType>"), "non UTF-8"),
        (b"<a>" * 17, "nested more than 16 deep"),
        (page_of(*[("a", "1")] * 10_001), "more than 10000 objects"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document types are not allowed"),
        ("<?xml version='1.0'?><!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>".encode("utf-16"), "document types"),
    ):
        with pytest.raises(S3Error, match=said):
            listing.page(body)


def test_places_and_problems() -> None:
    assert listing.location(b"<LocationConstraint>eu-west-3</LocationConstraint>") == "eu-west-3"
    assert listing.location(b"<LocationConstraint/>") == "us-east-1"
    assert listing.location(b"<LocationConstraint>EU</LocationConstraint>") == "eu-west-1"
    assert listing.problem(b"<Error><Code>X</Code><Region>r</Region></Error>") == {"Code": "X", "Region": "r"}
    assert listing.problem(b"<html>") == {}
    assert listing.problem(b"<Other><Code>X</Code></Other>") == {}
    assert listing.trimmed('"a"') == "a"

"""Signatures against the worked examples of AWS's documentation."""

from __future__ import annotations

import pytest

from pyflux.s3.sign import Keys, encoded, query_string, signed

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    ("path", "query", "more", "signature"),
    [
        ("/test.txt", [], {"Range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/", [("lifecycle", "")], {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "/",
            [("prefix", "J"), ("max-keys", "2")],
            {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_examples_of_aws(path: str, query: list[tuple[str, str]], more: dict[str, str], signature: str) -> None:
    headers = {"Host": "examplebucket.s3.amazonaws.com", **more}
    found = signed("GET", path, query_string(query), headers, KEYS, "us-east-1", "20130524T000000Z")
    names = ";".join(sorted(["host", "x-amz-content-sha256", "x-amz-date", *(name.lower() for name in more)]))
    assert found["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(Keys("me", "hidden"))


def test_what_is_escaped() -> None:
    assert encoded("a/b-._~ +é", "/") == "a/b-._~%20%2B%C3%A9"
    assert query_string([("b", "1/2"), ("a", "")]) == "a=&b=1%2F2"

"""Our gzip is a right one, and the same as Go's: digests below were taken from Go's compress/gzip."""

from __future__ import annotations

import gzip
import hashlib
import random

import pytest

from pyflux.oci.deflate import GzipWriter


def compress(data: bytes, step: int = 32 << 10) -> bytes:
    writer = GzipWriter()
    out = b"".join(writer.write(data[at : at + step]) for at in range(0, len(data), step))
    return out + writer.close()


def words(seed: int, size: int) -> bytes:
    """Text with repeats near and far, the same for a seed on every machine."""
    state, out = seed, bytearray()
    while len(out) < size:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        kind = (state >> 16) % 3
        if kind == 0 and len(out) > 64:
            at = state % len(out)
            out += out[at : at + state % 300]
        elif kind == 1:
            out += f"  name: app-{state % 97}\n".encode()
        else:
            out += state.to_bytes(4, "little")
    return bytes(out[:size])


CASES = [
    (b"", "30e6fa98fb48c2b132824d1ac5e2243c0be9e9082ff32598d34d7687ca7f6c7f"),
    (b"abc", "7ec07e29b9e0f7d28475ef083be548d5a88ff7f35f8da7b6be1569e4b17e5e96"),
    (b"a" * 70_000, "649ad8fcd31abbecfeae9621863c4c52fe40ecb8b5bc3078d15f051ad1e0fd86"),
    (bytes(range(256)) * 3, "8cc884126ce00052a199beacef87bc9cc4e409f02cc738f36b62a934e5281e3a"),
    (words(1, 1_000), "7f7b62af8472b6edd7e6408ae0a22a8f4d68ad3114bf46e1d2dcf851bd297c7c"),
    (words(2, 66_000), "5cd810ca736b3d398600dcb98370b3a38f459e0f55c0b06b880bdbb8f703c4b2"),
    (words(3, 200_000), "88f600fcddf829fc450ddd83d07919a2f4e94932596348f6400d1ce98dc49569"),
]


@pytest.mark.parametrize(("data", "digest"), CASES)
def test_same_bytes_as_go(data: bytes, digest: str) -> None:
    assert hashlib.sha256(compress(data)).hexdigest() == digest


@pytest.mark.parametrize("seed", range(6))
def test_round_trip(seed: int) -> None:
    chance = random.Random(seed)
    data = bytes(chance.choices(range(chance.choice((2, 5, 256))), k=chance.randrange(40_000)))
    data += words(seed, chance.randrange(40_000)) + data[:5_000]
    assert gzip.decompress(compress(data, chance.choice((1 << 20, 512, 32 << 10)))) == data

"""gzip as Go's compress/gzip writes it at its usual level, byte for byte.

Flux compares an artifact with local files by the digest of the compressed layer, so artifacts must not depend on which
of the two programs packed them, and zlib's output differs from Go's. The search below looks where Go's looks: hash
chains over four bytes, 128 candidates, a lazy second look up to a length of 16, a 64 KiB window that slides by half.
Sliding depends on how the input is cut into writes, which is why `write` is called as Go's tar writer calls it.
"""

from __future__ import annotations

import zlib

from pyflux.oci.huffman import MATCH, BlockWriter

_HALF = 1 << 15
_MASK = _HALF - 1
_WINDOW = 2 * _HALF
_SHORTEST = 4
_LONGEST = 258
_AHEAD = _SHORTEST + _LONGEST
_SLIDE_AT = _WINDOW - _AHEAD
_CHAIN = 128
_NICE = 128
_LAZY = 16
_NEAR = 4096
_BLOCK = 1 << 14
_MULTIPLIER = 0x1E35A7BD
_HASH_SIZE = 1 << 17


class Deflater:
    """A raw DEFLATE stream; `out` grows as data is written and is whole after `close`."""

    def __init__(self) -> None:
        self._writer = BlockWriter()
        self._window = bytearray()
        self._hashes: list[int] = []
        self._base = 0  # where the window starts in the input
        self._index = 0  # next byte to look at, counted in the window
        self._block_start = 0  # where the current block starts, in the input
        self._pending = False  # the byte before the index is not yet a token
        self._length = _SHORTEST - 1
        self._distance = 0
        self._chain_head = -1
        self._tokens: list[int] = []
        # both count positions of the whole input from 1, so that 0 is none
        self._head = [0] * _HASH_SIZE
        self._previous = [0] * _HALF

    def take(self) -> bytes:
        """The compressed bytes that are ready, once."""
        ready = bytes(self._writer.out)
        self._writer.out.clear()
        return ready

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._step(False)
            if self._index >= _SLIDE_AT:
                del self._window[:_HALF]
                del self._hashes[:_HALF]
                self._base += _HALF
                self._index -= _HALF
            taken = view[: _WINDOW - len(self._window)]
            self._window += taken
            self._hash()
            view = view[len(taken) :]

    def close(self) -> None:
        self._step(True)
        self._writer.finish()

    def _hash(self) -> None:
        """Hashes of the four bytes at every place where there are four."""
        window = self._window[len(self._hashes) :]
        self._hashes += [
            (((a << 24 | b << 16 | c << 8 | d) * _MULTIPLIER) & 0xFFFFFFFF) >> 15
            for a, b, c, d in zip(window, window[1:], window[2:], window[3:], strict=False)
        ]

    def _block(self, end: int) -> None:
        start = self._block_start - self._base
        # a block that began before the window can no longer be stored as it is
        data = self._window[start:end] if 0 <= start <= end else None
        self._block_start = self._base + end
        self._writer.block(self._tokens, data)
        self._tokens.clear()

    def _step(self, final: bool) -> None:
        """Turns the window into tokens, up to where a longest match might need bytes that are not there yet."""
        window, hashes, head, previous = self._window, self._hashes, self._head, self._previous
        tokens, base = self._tokens, self._base
        index, length, distance = self._index, self._length, self._distance
        pending, chain_head = self._pending, self._chain_head
        end = len(window)
        hashed = len(hashes)
        stop = end if final else end - _AHEAD + 1
        while index < stop:
            if index < hashed:
                key = hashes[index]
                chain_head = head[key]
                previous[(base + index) & _MASK] = chain_head
                head[key] = base + index + 1
            length_before, distance_before = length, distance
            length, distance = _SHORTEST - 1, 0
            ahead = end - index
            if (
                length_before < _LAZY
                and ahead > length_before
                and chain_head - 1 - base >= (index - _HALF if index > _HALF else 0)
            ):
                length, distance = self._search(index, chain_head - 1 - base, min(ahead, _LONGEST))
            if length_before >= _SHORTEST and length <= length_before:
                tokens.append(MATCH | (length_before - 3) << 16 | (distance_before - 1))
                after = index + length_before - 1
                for place in range(index + 1, min(after, hashed)):
                    key = hashes[place]
                    previous[(base + place) & _MASK] = head[key]
                    head[key] = base + place + 1
                index = after
                pending = False
                length = _SHORTEST - 1
                if len(tokens) == _BLOCK:
                    self._block(index)
            else:
                if pending:
                    tokens.append(window[index - 1])
                    if len(tokens) == _BLOCK:
                        self._block(index)
                index += 1
                pending = True
        if final:
            if pending:
                tokens.append(window[index - 1])
                pending = False
            if tokens:
                self._block(index)
        self._index, self._length, self._distance = index, length, distance
        self._pending, self._chain_head = pending, chain_head

    def _search(self, index: int, place: int, most: int) -> tuple[int, int]:
        """The best match for the bytes at `index`, at most `most` of them, and how far back it is.

        Follows the chain from `place`; a length of 3 says that there is none.
        """
        window, previous, base = self._window, self._previous, self._base
        nice = min(most, _NICE)
        length, distance = _SHORTEST - 1, 0
        least = index - _HALF
        wanted, tail = window[index : index + length], window[index + length]
        whole = int.from_bytes(window[index : index + most], "little")
        for _ in range(_CHAIN):
            if window[place + length] == tail and window[place : place + length] == wanted:
                differ = whole ^ int.from_bytes(window[place : place + most], "little")
                found = ((differ & -differ).bit_length() - 1) >> 3 if differ else most
                if found > _SHORTEST or index - place <= _NEAR:
                    length, distance = found, index - place
                    if found >= nice:
                        break
                    wanted, tail = window[index : index + length], window[index + length]
            if place == least:
                break
            place = previous[(base + place) & _MASK] - 1 - base
            if place < least or place < 0:
                break
        return length, distance


class GzipWriter:
    """A gzip file without name or time. `write` returns what is ready, `close` the rest."""

    def __init__(self) -> None:
        self._deflater = Deflater()
        self._ready = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
        self._crc = 0
        self._size = 0

    def write(self, data: bytes) -> bytes:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._deflater.write(data)
        ready, self._ready = self._ready + self._deflater.take(), b""
        return ready

    def close(self) -> bytes:
        self._deflater.close()
        end = self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        return self._ready + self._deflater.take() + end

"""DEFLATE blocks (RFC 1951) with the Huffman codes and the choice of encoding of Go's compress/flate.

Two encoders may give a block codes of different lengths that are all correct. An artifact is compared by the digest of
its compressed bytes, so ours has to decide as Go's does: the same package-merge, the same order of ties.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MATCH = 1 << 30
"""Marks a match token: MATCH | (length - 3) << 16 | (distance - 1); a token below it is a literal byte."""

_END = 256
_LITERALS = 286
_DISTANCES = 30
_NEVER = 1 << 31
_STORED_LIMIT = 65535
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)

_LENGTH_EXTRA = (0,) * 8 + tuple(bits for bits in range(1, 6) for _ in range(4)) + (0,)
_DISTANCE_EXTRA = (0, 0, *(bits for bits in range(14) for _ in range(2)))


def _bases(extra: Sequence[int]) -> list[int]:
    found, base = [], 0
    for bits in extra:
        found.append(base)
        base += 1 << bits
    return found


_LENGTH_BASE = _bases(_LENGTH_EXTRA)
_LENGTH_BASE[28] = 255  # 258, the longest match, has a code of its own
_DISTANCE_BASE = _bases(_DISTANCE_EXTRA)


def _code_of(bases: Sequence[int], size: int) -> bytes:
    table, code = bytearray(size), 0
    for value in range(size):
        while code + 1 < len(bases) and bases[code + 1] <= value:
            code += 1
        table[value] = code
    return bytes(table)


_LENGTH_CODE = _code_of(_LENGTH_BASE, 256)
_DISTANCE_CODE = _code_of(_DISTANCE_BASE, 1 << 15)


class Codes:
    """A Huffman code: of each symbol the bits, the first to send lowest, and how many there are."""

    __slots__ = ("bits", "sizes")

    def __init__(self, sizes: list[int], bits: list[int]) -> None:
        self.sizes = sizes
        self.bits = bits

    def cost(self, counts: Sequence[int]) -> int:
        """Bits that symbols seen `counts` times take."""
        return sum(count * size for count, size in zip(counts, self.sizes, strict=False) if count)


def _reverse(value: int, size: int) -> int:
    return int(f"{value:0{size}b}"[::-1], 2) if size else 0


def _fixed() -> tuple[Codes, Codes]:
    sizes = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 6
    starts = {7: -256, 8: 48, 9: 400 - 144}
    bits = [
        _reverse(symbol + (192 - 280 if symbol >= 280 else starts[size]), size) for symbol, size in enumerate(sizes)
    ]
    return Codes(sizes, bits), Codes([5] * 30, [_reverse(symbol, 5) for symbol in range(30)])


def _sizes_wanted(ranked: list[int], most: int) -> list[int]:
    """How many symbols get each code size, by package-merge at the boundary.

    `ranked` are the counts in rising order, at least three; `most` is the greatest size. Index 0 is not used.
    """
    total = len(ranked)
    leaves = [*ranked, _NEVER]
    most = min(most, total - 1)
    last = [leaves[1]] * (most + 2)
    next_leaf = [leaves[2]] * (most + 2)
    next_pair = [leaves[0] + leaves[1]] * (most + 2)
    next_pair[1] = _NEVER
    needed = [0] * (most + 2)
    needed[most] = 2 * total - 4
    chain = [[0] * (most + 1) for _ in range(most + 1)]
    for level in range(1, most + 1):
        chain[level][level] = 2
    level = most
    while True:
        if next_pair[level] == _NEVER and next_leaf[level] == _NEVER:
            needed[level] = 0
            next_pair[level + 1] = _NEVER
            level += 1
            continue
        before = last[level]
        if next_leaf[level] < next_pair[level]:
            last[level] = next_leaf[level]
            chain[level][level] += 1
            next_leaf[level] = leaves[chain[level][level]]
        else:
            last[level] = next_pair[level]
            chain[level][:level] = chain[level - 1][:level]
            needed[level - 1] = 2
        needed[level] -= 1
        if needed[level] == 0:
            if level == most:
                break
            next_pair[level + 1] = before + last[level]
            level += 1
        else:
            while needed[level - 1] > 0:
                level -= 1
    counts = chain[most]
    return [0] + [counts[level] - counts[level - 1] for level in range(most, 0, -1)]


def make_codes(counts: Sequence[int], most: int) -> Codes:
    """The code for symbols seen `counts` times, none longer than `most` bits."""
    sizes, bits = [0] * len(counts), [0] * len(counts)
    used = [symbol for symbol, count in enumerate(counts) if count]
    if len(used) <= 2:
        for value, symbol in enumerate(used):
            sizes[symbol], bits[symbol] = 1, value
        return Codes(sizes, bits)
    used.sort(key=lambda symbol: (counts[symbol], symbol))
    code, end = 0, len(used)
    for size, wanted in enumerate(_sizes_wanted([counts[symbol] for symbol in used], most)):
        code <<= 1
        for symbol in sorted(used[end - wanted : end]):
            sizes[symbol], bits[symbol] = size, _reverse(code, size)
            code += 1
        end -= wanted
    return Codes(sizes, bits)


def _run_lengths(sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Code sizes as symbols of the code-size alphabet: (symbol, extra value, extra bits)."""
    found: list[tuple[int, int, int]] = []
    index = 0
    while index < len(sizes):
        size, start = sizes[index], index
        while index < len(sizes) and sizes[index] == size:
            index += 1
        count = index - start
        if size:
            found.append((size, 0, 0))
            count -= 1
            while count >= 3:
                step = min(count, 6)
                found.append((16, step - 3, 2))
                count -= step
        else:
            while count >= 11:
                step = min(count, 138)
                found.append((18, step - 11, 7))
                count -= step
            if count >= 3:
                found.append((17, count - 3, 3))
                count = 0
        found += [(size, 0, 0)] * count
    return found


class BlockWriter:
    """Writes blocks into `out`, each with the smallest of the three encodings."""

    _fixed: tuple[Codes, Codes] | None = None

    def __init__(self) -> None:
        self.out = bytearray()
        self._bits = 0
        self._count = 0

    def _put(self, value: int, size: int) -> None:
        self._bits |= value << self._count
        self._count += size
        whole = self._count >> 3
        if whole >= 32:
            self.out += (self._bits & ((1 << (whole << 3)) - 1)).to_bytes(whole, "little")
            self._bits >>= whole << 3
            self._count &= 7

    def _align(self) -> None:
        whole = (self._count + 7) >> 3
        self.out += self._bits.to_bytes(whole, "little")
        self._bits = self._count = 0

    def stored(self, data: bytes | bytearray, last: bool) -> None:
        """A block of bytes as they are, at most 65,535 of them."""
        self._put(int(last), 3)
        self._align()
        self.out += len(data).to_bytes(2, "little") + (len(data) ^ 0xFFFF).to_bytes(2, "little")
        self.out += data

    def block(self, tokens: list[int], data: bytes | bytearray | None) -> None:
        """One block of `tokens`. `data` are the bytes they stand for, None where they are gone."""
        literal_counts, distance_counts = _count(tokens)
        literals, distances = make_codes(literal_counts, 15), make_codes(distance_counts, 15)
        literal_end = _used(literal_counts)
        distance_end = _used(distance_counts)
        stored_cost = (len(data) + 5) * 8 if data is not None and len(data) <= _STORED_LIMIT else 0
        extra = 0
        if stored_cost:
            extra = sum(n * b for n, b in zip(literal_counts[257:], _LENGTH_EXTRA, strict=False))
            extra += sum(n * b for n, b in zip(distance_counts, _DISTANCE_EXTRA, strict=False))
        if BlockWriter._fixed is None:
            BlockWriter._fixed = _fixed()
        fixed_literals, fixed_distances = BlockWriter._fixed
        cost = 3 + fixed_literals.cost(literal_counts) + fixed_distances.cost(distance_counts) + extra
        runs = _run_lengths(literals.sizes[:literal_end] + distances.sizes[:distance_end])
        run_counts = [0] * 19
        for symbol, _, _ in runs:
            run_counts[symbol] += 1
        run_codes = make_codes(run_counts, 7)
        run_end = max(4, max(i + 1 for i, symbol in enumerate(_ORDER) if run_counts[symbol]))
        dynamic = 17 + 3 * run_end + run_codes.cost(run_counts) + sum(bits for _, _, bits in runs)
        dynamic += literals.cost(literal_counts) + distances.cost(distance_counts) + extra
        if data is not None and stored_cost and stored_cost < min(cost, dynamic):
            self.stored(data, False)
            return
        if dynamic < cost:
            self._put(4, 3)
            self._put(literal_end - 257, 5)
            self._put(distance_end - 1, 5)
            self._put(run_end - 4, 4)
            for symbol in _ORDER[:run_end]:
                self._put(run_codes.sizes[symbol], 3)
            for symbol, value, bits in runs:
                self._put(run_codes.bits[symbol], run_codes.sizes[symbol])
                self._put(value, bits)
        else:
            literals, distances = fixed_literals, fixed_distances
            self._put(2, 3)
        self._tokens(tokens, literals, distances)

    def _tokens(self, tokens: list[int], literals: Codes, distances: Codes) -> None:
        bits, count, out = self._bits, self._count, self.out
        literal_bits, literal_sizes = literals.bits, literals.sizes
        for token in tokens:
            if token < MATCH:
                bits |= literal_bits[token] << count
                count += literal_sizes[token]
            else:
                length, distance = (token >> 16) & 0xFF, token & 0xFFFF
                code = _LENGTH_CODE[length]
                symbol = code + 257
                bits |= literal_bits[symbol] << count
                count += literal_sizes[symbol]
                bits |= (length - _LENGTH_BASE[code]) << count
                count += _LENGTH_EXTRA[code]
                code = _DISTANCE_CODE[distance]
                bits |= distances.bits[code] << count
                count += distances.sizes[code]
                bits |= (distance - _DISTANCE_BASE[code]) << count
                count += _DISTANCE_EXTRA[code]
            if count >= 256:
                out += (bits & _LOW_256).to_bytes(32, "little")
                bits >>= 256
                count -= 256
        self._bits, self._count = bits, count
        self._put(literal_bits[_END], literal_sizes[_END])

    def finish(self) -> None:
        """Ends the stream with an empty stored block, as Go does."""
        self.stored(b"", True)


_LOW_256 = (1 << 256) - 1


def _count(tokens: list[int]) -> tuple[list[int], list[int]]:
    literals, distances = [0] * _LITERALS, [0] * _DISTANCES
    for token in tokens:
        if token < MATCH:
            literals[token] += 1
        else:
            literals[257 + _LENGTH_CODE[(token >> 16) & 0xFF]] += 1
            distances[_DISTANCE_CODE[token & 0xFFFF]] += 1
    literals[_END] = 1
    if not any(distances):
        distances[0] = 1  # the distance code must not be empty
    return literals, distances


def _used(counts: Sequence[int]) -> int:
    return max(symbol + 1 for symbol, count in enumerate(counts) if count)

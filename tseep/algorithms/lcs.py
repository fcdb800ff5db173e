"""
The longest common subsequence of two strings (https://redis.io/docs/latest/commands/lcs/), the same one as Redis's.

Redis fills a table of N*M cells and walks back from its last cell. Here a row of the table is an integer with one bit
for each cell, which is computed in a few operations (Hyyro, "Bit-parallel LCS-length computation revisited", 2004), and
the rows belong to the shorter string: a 32nd of the memory, and N steps rather than N*M.
"""

from __future__ import annotations

Pair = tuple[int, int]
Run = tuple[int, int, int]


def common_bytes(first: bytes, second: bytes) -> list[Pair]:
    """
    The positions of a longest common subsequence; of several, the one that Redis finds.

    @return: for each byte its positions in both strings, the last byte first. O(N*M/30) time, N*M/8 bytes of memory.
    """
    if len(first) <= len(second):
        return _walk(first, second, _rows(first, second, False))
    return [(i, j) for j, i in _walk(second, first, _rows(second, first, True))]


def runs(pairs: list[Pair]) -> list[Run]:
    """Merge adjacent pairs of L{common_bytes} to runs: the two positions where each begins, and its length."""
    found: list[Run] = []
    for i, j in pairs:
        if found and found[-1][:2] == (i + 1, j + 1):
            found[-1] = (i, j, found[-1][2] + 1)
        else:
            found.append((i, j, 1))
    return found


def _places(text: bytes, alphabet: bytes) -> dict[int, int]:
    """For each byte of C{alphabet} an integer whose bit n is set if the byte is at position n of C{text}."""
    backward = text[::-1]
    return {byte: int(backward.translate(_only(byte)), 2) for byte in set(alphabet)}


def _only(byte: int) -> bytes:
    """A table for bytes.translate that maps C{byte} to "1", and all others to "0"."""
    return b"0" * byte + b"1" + b"0" * (255 - byte)


def _rows(short: bytes, long: bytes, swapped: bool) -> list[int]:
    """
    For each byte of C{short}, the columns at which the walk along its row ends: where the bytes match, or where
    the longest subsequence continues in the row above.

    In C{v}, a bit is 0 where the length grows by one along the row. The carries of the sum mark where it
    grows relative to the row above. Ties move the walk back in the second of the command's strings, hence C{swapped}.
    """
    places = _places(long, short)
    full = (1 << len(long)) - 1
    rows = []
    v = full
    for byte in short:
        match = places[byte]
        u = v & match
        total = v + u
        carried = (v ^ u ^ total) >> 1
        v = (total | (v - u)) & full
        rows.append((full ^ (carried if swapped else v)) | match)
    return rows


def _walk(short: bytes, long: bytes, rows: list[int]) -> list[Pair]:
    """Walk from the table's last cell to its first one. Return the matches on the way."""
    pairs = []
    row, column = len(short), len(long)
    while row and column:
        row -= 1
        column = (rows[row] & ((1 << column) - 1)).bit_length()
        if column and short[row] == long[column - 1]:
            column -= 1
            pairs.append((row, column))
    return pairs

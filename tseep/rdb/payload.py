"""Payloads of DUMP, RESTORE and FUNCTION DUMP (https://redis.io/docs/latest/commands/dump/)."""

from __future__ import annotations

from struct import pack, unpack
from typing import Any

from tseep.rdb.format import FUNCTION_2, NEWEST, VERSION, Corrupt, crc64, opcode, string
from tseep.rdb.reader import DAMAGED, Reader
from tseep.rdb.values import read_value, write_value

_FOOTER = 10  # bytes: the version and the checksum
BAD_FOOTER = "DUMP payload version or checksum are wrong"


def _seal(content: bytes) -> bytes:
    content += pack("<H", VERSION)
    return content + pack("<Q", crc64(content))


def _open(payload: bytes, checks: bool) -> Reader:
    """
    Check the version and the checksum of a payload; return a reader of its content.

    @param checks: False to ignore a wrong checksum.
    @raise Corrupt: if they are wrong.
    """
    if len(payload) < _FOOTER:
        raise Corrupt(BAD_FOOTER)
    version, checksum = unpack("<HQ", payload[-_FOOTER:])
    if version > NEWEST or (checks and checksum and checksum != crc64(payload[:-8])):
        raise Corrupt(BAD_FOOTER)
    return Reader(payload, 0, len(payload) - _FOOTER)


def dump(value: Any) -> bytes:
    """Encode a value as DUMP's payload."""
    kind, content = write_value(value)
    return _seal(opcode(kind) + content)


def restore(payload: bytes, checks: bool = True) -> Any:
    """
    Decode a payload of L{dump}.

    @param checks: False to ignore a wrong checksum.
    @raise Corrupt: with L{BAD_FOOTER}, or what is wrong with the value.
    """
    reader = _open(payload, checks)
    try:
        value = read_value(reader.byte(), reader)
    except DAMAGED as error:
        raise Corrupt(f"damaged: {error}") from error
    if reader.at != reader.end:
        raise Corrupt("there are bytes after the value")
    return value


def dump_libraries(codes: list[bytes]) -> bytes:
    """Encode the code of libraries as FUNCTION DUMP's payload."""
    return _seal(b"".join([opcode(FUNCTION_2) + string(code) for code in codes]))


def restore_libraries(payload: bytes, checks: bool = True) -> list[bytes]:
    """
    Decode a payload of L{dump_libraries}.

    @param checks: False to ignore a wrong checksum.
    @raise Corrupt: with L{BAD_FOOTER}, or what is wrong with the libraries.
    """
    reader = _open(payload, checks)
    codes = []
    try:
        while reader.at < reader.end:
            if reader.byte() != FUNCTION_2:
                raise Corrupt("given type is not a function")
            codes.append(reader.string())
    except DAMAGED as error:
        raise Corrupt(str(error)) from error
    return codes

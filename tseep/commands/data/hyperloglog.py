"""HyperLogLogs in strings, in Redis's format (https://redis.io/docs/latest/commands/?group=hyperloglog)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Callable

from tseep.algorithms.hyperloglog import (
    DENSE,
    REGISTERS,
    SPARSE,
    Sketch,
    add,
    cached_count,
    empty,
    estimate,
    fill,
    find_fault,
    forget_count,
    is_sketch,
    larger,
    opcodes,
    raise_register,
    registers,
    remember_count,
    to_dense,
)
from tseep.commands.data.strings import require_string
from tseep.errors import CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply, Status

if TYPE_CHECKING:
    from tseep.session.session import Session

NOT_VALID = "WRONGTYPE Key is not a valid HyperLogLog string value."


def _require_sketch(value: object) -> Sketch | None:
    """
    Check that a value is a HyperLogLog, or None.

    @raise CommandError: if it is neither.
    """
    value = require_string(value)
    if value is not None and not is_sketch(value):
        raise CommandError(NOT_VALID)
    return value


def _to_change(value: Sketch | None) -> bytearray:
    """Return a HyperLogLog, or a new one, for a change in place. The caller must put it into the database."""
    if value is None:
        return empty()
    return value if isinstance(value, bytearray) else bytearray(value)


@command("PFADD")
def pfadd(session: Session, argv: list[bytes]) -> Reply:
    db, key = session.db, argv[1]
    value = _require_sketch(db.get(key))
    sketch = _to_change(value)
    changes = int(value is None)
    sparse_max_size = session.server.config["hll-sparse-max-bytes"]
    for element in argv[2:]:
        changes += add(sketch, element, sparse_max_size)
    if not changes:
        return 0
    forget_count(sketch)
    db.replace(key, sketch, b"pfadd", changes)
    return 1


@command("PFCOUNT")
def pfcount(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) == 2:
        return _count(session, argv[1])
    return estimate(_union(session, argv[1:])[0])


def _count(session: Session, key: bytes) -> int:
    """Return the estimate of one HyperLogLog, and cache it in the value."""
    value = _require_sketch(session.db.read(key))
    if value is None:
        return 0
    count = cached_count(value)
    if count is None:
        count = estimate(registers(value))
        sketch = _to_change(value)
        remember_count(sketch, count)
        session.db.replace(key, sketch, b"")
    return count


def _union(session: Session, keys: list[bytes]) -> tuple[bytes, bool]:
    """Return the registers of the union of HyperLogLogs, and whether one of them is dense."""
    values = bytes(REGISTERS)
    any_dense = False
    for key in keys:
        sketch = _require_sketch(session.db.read(key))
        if sketch is not None:
            values = larger(values, registers(sketch))
            any_dense = any_dense or sketch[4] == DENSE
    return values, any_dense


@command("PFMERGE")
def pfmerge(session: Session, argv: list[bytes]) -> Reply:
    db, key = session.db, argv[1]
    values, any_dense = _union(session, argv[1:])
    merged = _to_change(_require_sketch(db.get(key)))
    if any_dense:
        fill(merged, values)
    else:
        sparse_max_size = session.server.config["hll-sparse-max-bytes"]
        for index in range(REGISTERS):
            if values[index]:
                raise_register(merged, index, values[index], sparse_max_size)
    forget_count(merged)
    db.replace(key, merged, b"pfadd")
    return OK


# Debugging


@command("PFDEBUG")
def pfdebug(session: Session, argv: list[bytes]) -> Reply:
    value = _require_sketch(session.db.get(argv[2]))
    if value is None:
        raise CommandError("ERR The specified key does not exist")
    show = _SHOWN.get(argv[1].lower())
    if show is None:
        raise CommandError(b"ERR Unknown PFDEBUG subcommand '%b'" % argv[1])
    sketch, encoding = _to_change(value), value[4]
    reply = show(sketch)
    if sketch[4] != encoding:
        session.db.replace(argv[2], sketch, b"")
    return reply


def _registers(sketch: bytearray) -> Reply:
    to_dense(sketch)
    return list(registers(sketch))


def _opcodes(sketch: bytearray) -> Reply:
    if sketch[4] != SPARSE:
        raise CommandError("ERR HLL encoding is not sparse")
    return b" ".join(_opcode(*each) for each in opcodes(sketch))


def _opcode(value: int, span: int, wide: bool) -> bytes:
    return b"v:%d,%d" % (value, span) if value else b"%b:%d" % (b"Z" if wide else b"z", span)


def _encoding(sketch: bytearray) -> Reply:
    return Status(b"dense" if sketch[4] == DENSE else b"sparse")


def _make_dense(sketch: bytearray) -> Reply:
    was_sparse = sketch[4] == SPARSE
    to_dense(sketch)
    return int(was_sparse)


_SHOWN: dict[bytes, Callable[[bytearray], Reply]] = {
    b"getreg": _registers,
    b"decode": _opcodes,
    b"encoding": _encoding,
    b"todense": _make_dense,
}


@command("PFSELFTEST")
def pfselftest(session: Session, argv: list[bytes]) -> Reply:
    fault = find_fault(random.Random())
    if fault:
        raise CommandError(f"ERR TESTFAILED {fault}")
    return OK

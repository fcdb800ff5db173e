"""Differential test of SORT, a generic command in COMMAND DOCS; see L{tests.differential.families}."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

BY_HAND = dict.fromkeys(
    ("sort", "sort_ro"), "the order of a set, and of equal weights in it, is anyone's: L{LISTED}, in every combination"
)


def _combinations() -> Iterator[str]:
    """
    Calls with every combination of the options, except those whose order Redis does not define. The list has at most
    six elements, since BY with LIMIT uses Redis's own quicksort, which can swap equal elements in longer ones.
    """
    for key, by, limit, order, alpha, get in product(
        ("sl", "ss", "sz"),
        ("", "BY w_*", "BY h_*->f", "BY missing_*", "BY nosort"),
        ("", "LIMIT 1 2", "LIMIT 2 -1", "LIMIT 9 9"),
        ("", "DESC"),
        ("", "ALPHA"),
        ("", "GET #", "GET w_* GET # GET h_*->f"),
    ):
        call = f"SORT {key} {by} {limit} {order} {alpha} {get}"
        if key != "sl" and alpha and by == "BY missing_*":
            continue
        if key != "ss" or by != "BY nosort":
            yield call
            yield call.replace("SORT", "SORT_RO")
        yield f"{call} STORE sr"
        yield "LRANGE sr 0 -1"


LISTED = f"""
RPUSH sl 3 10 -1.5 1e2 0x10 3
SADD ss 3 10 -1.5 1e2 0x10 007
ZADD sz 5 3 4 10 3 -1.5 2 1e2 1 0x10 0 007
MSET w_3 1 w_10 5 w_-1.5 3 w_1e2 4 w_0x10 2 w_007 6
HSET h_3 f 6
HSET h_10 f 2
HSET h_-1.5 f 3
HSET h_1e2 f 10
HSET h_0x10 f 5 g 1
HSET h_007 f 4
{chr(10).join(_combinations())}
SORT sz BY nosort
SORT sz BY nosort DESC
SORT sz BY nosort LIMIT 1 3
SORT sz BY nosort DESC LIMIT 1 3
SORT sz BY nosort DESC LIMIT -3 2
SORT sz BY nosort LIMIT 6 1
SORT sz BY nosort LIMIT 9 1 STORE sr
EXISTS sr
EVAL return(redis.call('SORT','ss','BY','nosort','DESC')) 0
SORT sl BY nosort BY w_*
SORT sl BY w_* BY nosort
SORT sl BY # GET h_*->nosuch GET sl GET none GET h_* GET *-> GET w_*->f
SORT sl BY h_*->
SORT sl BY h_*->->f
SORT sl asc DESC Asc alpha
SORT sl LIMIT 0 3 LIMIT 1 1 STORE a STORE b
SORT sl LIMIT -5 3
SORT sl LIMIT 2 0
SORT sl LIMIT 9223372036854775807 9223372036854775807
SORT sl LIMIT -9223372036854775808 -9223372036854775808
SORT sl LIMIT a 1
SORT sl LIMIT 1 b
SORT sl LIMIT 1
SORT sl BY
SORT sl GET
SORT sl STORE
SORT sl nonsense
SORT sl LIMIT a b nonsense
SORT_RO sl STORE sr
SORT_RO sl STORE sr LIMIT a b
SORT_RO sl LIMIT a b STORE sr
SORT nosuch
SORT nosuch STORE sr
SORT nosuch nonsense
SORT_RO nosuch GET #
SORT w_3
SORT w_3 nonsense
SORT h_3
SORT_RO h_3 STORE sr
RPUSH words b a c B
SORT words
SORT words STORE sr
SORT words ALPHA
SORT words ALPHA DESC
SORT words BY nosuch_*
SORT words BY nosuch_* DESC
SET weight_a 1
SET weight_b x
SORT words BY weight_*
SORT words BY weight_* ALPHA
SORT words BY weight_* ALPHA DESC
SORT words BY weight_* ALPHA DESC LIMIT 0 2 GET # GET weight_*
RPUSH numbers inf -inf Infinity 1e308 .5 -0 0
SORT numbers
SORT numbers DESC STORE numbers
LRANGE numbers 0 -1
RPUSH numbers nan
SORT numbers
EXPIRE sl 100
SORT sl STORE sl
TTL sl
OBJECT ENCODING sl
COMMAND GETKEYS SORT sl BY w_* GET x_* STORE d
COMMAND GETKEYS SORT_RO sl BY w_*
COMMAND GETKEYS SORT sl
RPUSH tiny 1e-320
SORT tiny
LSET tiny 0 1e-5000
SORT tiny
LSET tiny 0 1e400
SORT tiny
ZADD sz 1.5 x
DEL sl ss sz sr a b words numbers tiny weight_a weight_b w_3 w_10 w_-1.5 w_1e2 w_0x10 w_007
DEL h_3 h_10 h_-1.5 h_1e2 h_0x10 h_007
"""

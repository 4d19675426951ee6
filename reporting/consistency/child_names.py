"""What the first pass collects for the check of lists of children: their changes by name, and the lists themselves."""

from typing import Any, Final

import numpy as np

from reporting.consistency.history_file import Chunk, keys_of
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

NAME: Final = np.dtype([
    ("key", "<u8"), ("zxid", "<i8"), ("child", "<u8"), ("session", "<i8"), ("place", "<i8"), ("name", "<u4"),
    ("what", "<u2"), ("known", "?"),
])  # fmt: skip
"""A change of a child, by the key of its parent. One that is not `known` was carried out after `zxid` or not at all."""
_CERTAIN_FAILURE: Final = -101
"""Codes up to this one are refusals (KeeperException.Code). Those above may come after the change was made."""
_NOWHERE: Final = "/\ufffd"
"""The parent of a path that the journal could not keep."""


def names_of(chunk: Chunk, seen: Array, places: Array) -> Array:
    """Return the changes of children in a chunk."""
    records = chunk.records
    result, kind = records["result"], records["what"] & history.KIND_MASK
    is_change = np.isin(kind, (history.CREATE, history.DELETE))
    known = (result == 0) & (records["zxid"] > 0)
    at = np.flatnonzero(is_change & (result > _CERTAIN_FAILURE))
    found = np.zeros(len(at), NAME)
    found["key"], found["child"], found["name"] = chunk.parent[at], chunk.key[at], chunk.name[at]
    found["zxid"] = np.where(known[at], records["zxid"][at], seen[at])
    unknown = np.flatnonzero(~known[at])
    found["zxid"][unknown] = np.maximum(found["zxid"][unknown], _told_before(records, records["sent"][at[unknown]]))
    for name in ("session", "what"):
        found[name] = records[name][at]
    found["place"], found["known"] = places[at], known[at]
    return found


def _told_before(records: Array, sent: Array) -> Array:
    """Return the newest transaction in any reply that had arrived at a time: what was sent later has a greater one."""
    if not len(sent):
        return np.zeros(0, np.int64)
    arrived = np.maximum.accumulate(records["arrived"])
    is_reply = (records["what"] & history.KIND_MASK) < history.EVENT
    newest = np.append(0, np.maximum.accumulate(np.where(is_reply, records["zxid"], 0)))
    told: Array = newest[np.searchsorted(arrived, sent, "left")]
    return told


def are_kept(names: Array) -> bool:
    """Whether the paths of all these changes could be kept."""
    return not (names["key"] == keys_of([_NOWHERE])[0]).any()


def told_next(records: Array, rows: Array) -> Array:
    """Return of replies the transaction of the next one to their session; 0 where it has another connection then."""
    kind = records["what"] & history.KIND_MASK
    told = np.where(kind < history.EVENT, records["zxid"], 0)
    ends = np.isin(kind, (history.CONNECTED, history.LOST, history.EXPIRED, history.CLOSED))
    stops = np.flatnonzero((told > 0) | ends)
    if not len(stops):
        return np.zeros(len(rows), np.int64)
    order = np.lexsort((stops, records["session"][stops]))
    stops = stops[order]
    session = records["session"][stops]
    # `rows` are replies, so each is one of the stops.
    place = np.zeros(len(records), np.int64)
    place[stops] = np.arange(len(stops))
    after = place[rows] + 1
    inside = np.minimum(after, len(stops) - 1)
    same = (after < len(stops)) & (session[inside] == records["session"][rows])
    return np.where(same & ~ends[stops[inside]], told[stops[inside]], 0)


def lists_in(rows: Array) -> Array:
    """Return which rows are replies with names."""
    what = rows["what"]
    named = ((what & history.NAMES) > 0) & ((what & history.KIND_MASK) == history.GET_CHILDREN)
    lists: Array = np.flatnonzero(named & (rows["result"] == 0) & (rows["zxid"] > 0) & rows["below"])
    return lists

"""A page of 50 receipts through the Python bindings, beside Python's own sqlite3: ffi.py CACHE.DB DIRECTORY RUNS."""

import json
import os
import sqlite3
import sys
import time

from noren.generated.noren_core import DeviceKey, PlatformError, SecureStore
from noren.generated.noren_ffi import AppCore, AppSettings

COLUMNS = "pos, id, number, channel, kind, sold_at_ms, business_date, store_name, currency, total_minor, points, line_count, voided, reissued"


class Safe(SecureStore):
    def __init__(self):
        self.values = {}

    def load(self, name):
        if name not in self.values:
            raise PlatformError.NotFound()
        return self.values[name]

    def save(self, name, value):
        self.values[name] = value

    def delete(self, name):
        self.values.pop(name, None)


class NoKey(DeviceKey):
    def create(self):
        raise PlatformError.NotFound()

    def public_key(self):
        raise PlatformError.NotFound()

    def sign(self, message):
        raise PlatformError.NotFound()

    def delete(self):
        pass


def timed(samples, work):
    begin = time.perf_counter_ns()
    made = work()
    samples.append(time.perf_counter_ns() - begin)
    return made


def quantiles(samples):
    ordered = sorted(samples)
    return {name: round(ordered[min(len(ordered) * at // 100, len(ordered) - 1)] / 1000, 2) for name, at in (("p50", 50), ("p99", 99))}


def opened(cache, directory):
    """A core in a directory of its own over somebody's cache."""
    os.mkdir(directory)
    settings = AppSettings(directory=directory, backend_url="http://127.0.0.1:9", language="en", boot_id="1")
    core = AppCore.open(settings, Safe(), NoKey())
    os.symlink(os.path.abspath(cache), os.path.join(directory, "cache.db"))
    return core


def main():
    cache, directory, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    core = opened(cache, directory)

    raw = sqlite3.connect(f"file:{cache}?mode=ro", uri=True)
    sql = f"SELECT {COLUMNS} FROM receipts WHERE pos < ? ORDER BY pos DESC LIMIT 50"
    before = 2**63 - 1
    page, rows = core.history(None, 50), raw.execute(sql, (before,)).fetchall()
    facts = [(r.pos, r.id, r.number, r.sold_at_ms, r.business_date, r.store_name, r.currency, r.total_minor, r.points) for r in page.receipts]
    if len(rows) != 50 or facts != [(*row[0:3], *row[5:11]) for row in rows]:
        sys.exit("noren-bench: wrong answer: the page through the bindings")

    ours, call, theirs = [], [], []
    for _ in range(runs):
        timed(ours, lambda: core.history(None, 50))
        timed(call, core.member)
        timed(theirs, lambda: raw.execute(sql, (before,)).fetchall())
    mine, other = quantiles(ours), quantiles(theirs)
    line = {
        "measure": "page_ffi_python",
        "ours_us": mine,
        "peer": "Python's sqlite3: same query, tuples",
        "peer_us": other,
        "ratio": round(mine["p50"] / other["p50"], 2),
        "target": None,
        "met": None,
        "runs": runs,
        "one_call_us": quantiles(call)["p50"],
    }
    print(json.dumps(line, separators=(",", ":"), ensure_ascii=False))


if __name__ == "__main__":
    main()

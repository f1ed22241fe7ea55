"""The nearest stores for twelve variants in one call through the Python bindings: ffi_stock.py CACHE.DB DIRECTORY RUNS."""

import json
import sqlite3
import sys

from ffi import opened, quantiles, timed
from noren.generated.noren_core import StockQuestion
from noren.generated.noren_ffi import Position

MATRIX = 12
TARGET_US = 2_000


def question(skus, here=None):
    return StockQuestion(
        product=None, skus=skus, wanted=skus[0], here=here, in_min=None, quantity=1, per_variant=3, open_first=True
    )


def main():
    cache, directory, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    raw = sqlite3.connect(f"file:{cache}?mode=ro", uri=True)
    skus = [sku for (sku,) in raw.execute("SELECT sku FROM stock_skus ORDER BY substr(sku, -4)")]
    places = [json.loads(place)["ground"]["circle"] for (place,) in raw.execute("SELECT place FROM places ORDER BY id")]
    raw.close()
    core = opened(cache, directory)
    samples, stores = [], 0
    for run in range(runs):
        first = run * 7 % (len(skus) // MATRIX) * MATRIX
        here = places[run * 13 % len(places)]
        at = Position(lat_deg=here["lat_e7"] / 1e7, lon_deg=here["lon_e7"] / 1e7)
        asked = question(skus[first : first + MATRIX])
        matrix = timed(samples, lambda: core.nearest_stock(asked, at))
        for variant in matrix.variants:
            distances = [(not store.open_now, store.distance_m) for store in variant.stores]
            if distances != sorted(distances) or any((store.answer.quantity or 0) < 1 for store in variant.stores):
                sys.exit(f"noren-bench: wrong answer: {variant}")
            stores += len(variant.stores)
    if stores == 0:
        sys.exit("noren-bench: wrong answer: nothing is anywhere")
    ours = quantiles(samples)
    line = {
        "measure": "stock_nearest_ffi_python",
        "ours_us": ours,
        "peer": None,
        "peer_us": None,
        "ratio": None,
        "target": f"p50 <= {TARGET_US} us",
        "met": ours["p50"] <= TARGET_US,
        "runs": runs,
        "variants": MATRIX,
        "stores_a_call": round(stores / runs, 2),
    }
    print(json.dumps(line, separators=(",", ":"), ensure_ascii=False))


if __name__ == "__main__":
    main()

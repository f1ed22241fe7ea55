-- Schema 3: the catalogue, what members like and say, what is counted of it; stock, holds.

-- ---- Catalogue, favourites, reviews, reactions

-- Products as JSON. found: title, reading and brand, folded, one a line. version: one counter for all of them, which never falls.
INSERT INTO meta (name, value) VALUES ('catalogue_version', '0');
CREATE TABLE products (
    id TEXT NOT NULL PRIMARY KEY, found TEXT NOT NULL, version INTEGER NOT NULL, ratings INTEGER NOT NULL, stars INTEGER NOT NULL,
    info TEXT NOT NULL
) STRICT;
-- A GTIN with its leading zeros, 14 digits.
CREATE TABLE variants (
    sku TEXT NOT NULL PRIMARY KEY, product TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE, gtin TEXT UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX variants_by_product ON variants (product);

-- Pieces sold by store, day of UTC and article, less what came back of those sales; the last 28 days. Without a store's name: all of them.
-- What was sold before this schema counts too.
CREATE TABLE sold_days (
    store TEXT NOT NULL, day INTEGER NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, PRIMARY KEY (store, day, sku)
) STRICT, WITHOUT ROWID;
INSERT INTO sold_days (store, day, sku, quantity)
    SELECT json_extract(COALESCE(s.content, r.content), '$.store_id'), json_extract(COALESCE(s.content, r.content), '$.sold_at_ms') / 86400000,
           line.value ->> '$.sku', CAST(TOTAL(line.value ->> '$.quantity') AS INTEGER)
    FROM receipts r LEFT JOIN receipts s ON s.id = r.of_receipt JOIN json_each(r.content, '$.lines') line
    WHERE NOT EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id)
    GROUP BY 1, 2, 3;
INSERT OR REPLACE INTO sold_days (store, day, sku, quantity)
    SELECT '', day, sku, CAST(TOTAL(quantity) AS INTEGER) FROM sold_days GROUP BY day, sku;

-- Reviews outlive the product's place in the catalogue. Without a member: it was erased, and only the stars count.
CREATE TABLE reviews (
    id TEXT NOT NULL PRIMARY KEY, product TEXT NOT NULL, member TEXT REFERENCES members (id), stars INTEGER NOT NULL, text TEXT NOT NULL,
    language TEXT NOT NULL, at_ms INTEGER NOT NULL, verified INTEGER NOT NULL, UNIQUE (product, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_by_place ON reviews (product, verified DESC, at_ms DESC, id) WHERE member IS NOT NULL;
CREATE INDEX reviews_by_member ON reviews (member) WHERE member IS NOT NULL;

-- What happened to products in stores. Without a member: the staff said it, or the member was erased.
CREATE TABLE reactions (
    seq INTEGER PRIMARY KEY, member TEXT REFERENCES members (id), kind TEXT NOT NULL, sku TEXT NOT NULL, store TEXT NOT NULL,
    at_ms INTEGER NOT NULL, staff TEXT, UNIQUE (member, sku, kind, at_ms, store)
) STRICT;
CREATE INDEX reactions_by_time ON reactions (at_ms);
-- Stores to which purchases of erased members are credited; who sees it learns of no one.
CREATE TABLE kept_credits (
    receipt TEXT NOT NULL REFERENCES receipts (id), sku TEXT NOT NULL, store TEXT NOT NULL, scanned_at_ms INTEGER NOT NULL,
    PRIMARY KEY (receipt, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_of_ec ON receipts (json_extract(content, '$.sold_at_ms'))
    WHERE kind = 'sale' AND json_extract(content, '$.channel') = 'ec';

-- What members like, where they watch it, and when it last came back there.
CREATE TABLE favourites (
    member TEXT NOT NULL REFERENCES members (id), sku TEXT NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (member, sku)
) STRICT, WITHOUT ROWID;
CREATE TABLE favourite_watches (
    sku TEXT NOT NULL, store TEXT NOT NULL, member TEXT NOT NULL REFERENCES members (id), PRIMARY KEY (sku, store, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX favourite_watches_by_member ON favourite_watches (member);
CREATE TABLE back_in_stock (
    member TEXT NOT NULL REFERENCES members (id), sku TEXT NOT NULL, store TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (member, sku, store)
) STRICT, WITHOUT ROWID;
CREATE INDEX back_in_stock_by_age ON back_in_stock (at_ms);

-- ---- Stock and holds

-- The middle of the place where a store is, in degrees, so that the nearest are found without reading places. Without one: an outline that was put
-- before this schema.
ALTER TABLE place_stores ADD COLUMN lat_deg REAL;
ALTER TABLE place_stores ADD COLUMN lon_deg REAL;
UPDATE place_stores SET (lat_deg, lon_deg) =
    (SELECT (info ->> '$.ground.circle.lat_e7') / 1e7, (info ->> '$.ground.circle.lon_e7') / 1e7 FROM places WHERE id = place_stores.place);

-- Everything that was said of stock, once by source and id. For ever: a source may say it again at any time.
CREATE TABLE stock_events (
    source TEXT NOT NULL, id TEXT NOT NULL, event TEXT NOT NULL, heard_at_ms INTEGER NOT NULL, PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
-- Events of clocks that are ahead: they count when their time has come.
CREATE TABLE stock_ahead (
    at_ms INTEGER NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (at_ms, source, id)
) STRICT, WITHOUT ROWID;
-- What came and went since the newest count of a variant in a store and state; what is older than that count is in it.
CREATE TABLE stock_changes (
    store TEXT NOT NULL, sku TEXT NOT NULL, state INTEGER NOT NULL, at_ms INTEGER NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
    pieces INTEGER NOT NULL, PRIMARY KEY (store, sku, state, at_ms, source, id)
) STRICT, WITHOUT ROWID;
-- The newest count.
CREATE TABLE stock_counts (
    store TEXT NOT NULL, sku TEXT NOT NULL, state INTEGER NOT NULL, at_ms INTEGER NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (store, sku, state)
) STRICT, WITHOUT ROWID;

-- Places of stock: as the operator put them, or as they were first heard of. said_until_ms: up to when everything is told.
CREATE TABLE stock_locations (
    store TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, is_ec INTEGER NOT NULL, holds INTEGER NOT NULL, said_until_ms INTEGER
) STRICT, WITHOUT ROWID;
-- The books of a variant in a store: pieces by state; safety and shelf as the operator put them; sold is a sum that halves with time, as of
-- sold_at_ms; not_found: picks since the last proof that found nothing, up to last_not_found_ms; not_found_since_ms: to be counted since. What phones know of it begins with version, which is NULL before the first event.
-- again_ms: when the doubt about the record is looked at again, though nothing happened.
CREATE TABLE stock_levels (
    store TEXT NOT NULL, sku TEXT NOT NULL,
    sellable INTEGER NOT NULL, display INTEGER NOT NULL, fitting_room INTEGER NOT NULL, damaged INTEGER NOT NULL, hold_shelf INTEGER NOT NULL,
    in_transit INTEGER NOT NULL, safety INTEGER NOT NULL, shelf TEXT,
    first_ms INTEGER NOT NULL, sold REAL NOT NULL, sold_at_ms INTEGER NOT NULL,
    proven_ms INTEGER, last_not_found_ms INTEGER, not_found INTEGER NOT NULL,
    negative_since_ms INTEGER, not_found_since_ms INTEGER, not_found_on_hand INTEGER,
    version INTEGER, available INTEGER, sold_per_day_milli INTEGER NOT NULL, error_permille INTEGER NOT NULL,
    again_ms INTEGER,
    PRIMARY KEY (store, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_levels_by_version ON stock_levels (store, version) WHERE version IS NOT NULL;
CREATE INDEX stock_levels_in_doubt ON stock_levels (again_ms) WHERE again_ms IS NOT NULL;
CREATE INDEX stock_levels_flagged ON stock_levels (store, sku) WHERE negative_since_ms IS NOT NULL OR not_found_since_ms IS NOT NULL;

-- Pieces that are kept for somebody. Without a member: it was erased. reserves: while they are kept in the books; what was picked lies on the
-- hold shelf instead, under its shelf_number, until it is handed over or put back. due_ms: when time alone changes something; closed_at_ms: since
-- when the staff has nothing more to do.
CREATE TABLE reservations (
    id TEXT NOT NULL PRIMARY KEY, reason TEXT NOT NULL CHECK (reason IN ('hold', 'order')), member TEXT REFERENCES members (id),
    store TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL, made_at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL, cap_ms INTEGER NOT NULL, eta_min INTEGER NOT NULL, said_at_ms INTEGER NOT NULL,
    shelf_number TEXT, reserves INTEGER NOT NULL, due_ms INTEGER, ended_at_ms INTEGER, closed_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_member ON reservations (member) WHERE member IS NOT NULL;
CREATE INDEX reservations_by_level ON reservations (store, sku) WHERE reserves = 1;
CREATE INDEX reservations_by_due ON reservations (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX reservations_by_store ON reservations (store, closed_at_ms);

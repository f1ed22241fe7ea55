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

-- Pieces sold by day of UTC and article, less what came back of those sales; the last 28 days. What was sold before this schema counts too.
CREATE TABLE sold_days (
    day INTEGER NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, PRIMARY KEY (day, sku)
) STRICT, WITHOUT ROWID;
INSERT INTO sold_days (day, sku, quantity)
    SELECT json_extract(COALESCE(s.content, r.content), '$.sold_at_ms') / 86400000, line.value ->> '$.sku',
           CAST(TOTAL(line.value ->> '$.quantity') AS INTEGER)
    FROM receipts r LEFT JOIN receipts s ON s.id = r.of_receipt JOIN json_each(r.content, '$.lines') line
    WHERE NOT EXISTS (SELECT 1 FROM receipt_voids v WHERE v.receipt = r.id)
    GROUP BY 1, 2;

-- Reviews outlive the product's place in the catalogue. Without a member: it was erased, and only the stars count.
CREATE TABLE reviews (
    id TEXT NOT NULL PRIMARY KEY, product TEXT NOT NULL, member TEXT REFERENCES members (id), stars INTEGER NOT NULL, text TEXT NOT NULL,
    language TEXT NOT NULL, at_ms INTEGER NOT NULL, verified INTEGER NOT NULL, UNIQUE (product, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_by_place ON reviews (product, verified DESC, at_ms DESC, id) WHERE member IS NOT NULL;
CREATE INDEX reviews_by_member ON reviews (member) WHERE member IS NOT NULL;

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

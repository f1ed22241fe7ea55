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

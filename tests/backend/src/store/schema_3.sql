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

-- ---- Stock and holds

-- Schema 2: places, coupons, check-ins, stamps. Rows about a member name it until it is erased; what is left then is accounting.

ALTER TABLE members ADD COLUMN staff INTEGER NOT NULL DEFAULT 0;
-- Since when a device gets no grants for offline tills: one of its grants was used twice.
ALTER TABLE devices ADD COLUMN leases_stopped_at_ms INTEGER;

-- Places and routes as JSON; a tile's version rises with each change of one of its places.
CREATE TABLE places (id TEXT NOT NULL PRIMARY KEY, tile TEXT NOT NULL, info TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX places_by_tile ON places (tile);
CREATE TABLE place_stores (
    store TEXT NOT NULL PRIMARY KEY, place TEXT NOT NULL REFERENCES places (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX place_stores_by_place ON place_stores (place);
CREATE TABLE routes (id TEXT NOT NULL PRIMARY KEY, info TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tiles (tile TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Offers as JSON and as the newest issuer signed them.
CREATE TABLE offers (id INTEGER NOT NULL PRIMARY KEY, offer TEXT NOT NULL, signed BLOB NOT NULL) STRICT;
CREATE TABLE killed_offers (offer INTEGER NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE stamp_programmes (id TEXT NOT NULL PRIMARY KEY, programme TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- The latest word on each kind and area; it is told until the last of what it takes back would be over.
CREATE TABLE conditions (
    kind TEXT NOT NULL, area TEXT NOT NULL, sequence INTEGER NOT NULL, condition TEXT NOT NULL, signed BLOB NOT NULL, told_until_s INTEGER NOT NULL,
    PRIMARY KEY (kind, area)
) STRICT, WITHOUT ROWID;

-- What is spent of a budget outside the shares that are in the books, and those shares.
CREATE TABLE budgets (offer INTEGER NOT NULL PRIMARY KEY, spent INTEGER NOT NULL) STRICT;
CREATE TABLE budget_shares (
    offer INTEGER NOT NULL, till TEXT NOT NULL, sequence INTEGER NOT NULL, amount INTEGER NOT NULL, spent INTEGER NOT NULL,
    returns_at_s INTEGER NOT NULL, PRIMARY KEY (offer, till, sequence)
) STRICT, WITHOUT ROWID;
-- The share that each till has now.
CREATE TABLE till_shares (
    till TEXT NOT NULL PRIMARY KEY, sequence INTEGER NOT NULL, until_s INTEGER NOT NULL, signed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Grants: record is the state machine as JSON. Without a device: a reward that no device has yet. Without a member: its member was erased.
-- A lease is named by the serial of its first grant.
CREATE TABLE grants (
    serial INTEGER NOT NULL PRIMARY KEY, offer INTEGER NOT NULL, member TEXT REFERENCES members (id), device TEXT, lease INTEGER,
    given_at_s INTEGER NOT NULL, until_s INTEGER NOT NULL, check_in TEXT, presented INTEGER NOT NULL DEFAULT 0, record TEXT NOT NULL
) STRICT;
CREATE INDEX grants_by_member ON grants (member);
CREATE INDEX grants_by_device ON grants (device);
CREATE INDEX grants_by_check_in ON grants (check_in) WHERE check_in IS NOT NULL;
CREATE INDEX grants_by_offer ON grants (offer);

-- What tills did with grants, for ever: accounting. The device stands here until its member is erased.
CREATE TABLE redemptions (
    seq INTEGER PRIMARY KEY, till TEXT NOT NULL, number TEXT NOT NULL, serial INTEGER NOT NULL, offer INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL, share INTEGER, cost INTEGER NOT NULL, taken_at_s INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    device TEXT, check_in TEXT, cause TEXT, UNIQUE (till, number, serial)
) STRICT;
CREATE INDEX redemptions_by_serial ON redemptions (serial);
CREATE INDEX redemptions_by_offer ON redemptions (offer);
CREATE INDEX redemptions_by_device ON redemptions (device) WHERE device IS NOT NULL;
CREATE INDEX redemptions_by_check_in ON redemptions (check_in) WHERE check_in IS NOT NULL;

-- What tills with a connection were promised for a sale, until it is posted or ten minutes are over.
CREATE TABLE quotes (
    till TEXT NOT NULL, number TEXT NOT NULL, serial INTEGER NOT NULL, offer INTEGER NOT NULL, cost INTEGER NOT NULL, until_s INTEGER NOT NULL,
    PRIMARY KEY (till, number, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX quotes_by_offer ON quotes (offer, until_s);

-- Check-ins as the backend decided them. Of the evidence nothing is kept but the digest that the next record names.
CREATE TABLE check_ins (
    id TEXT NOT NULL PRIMARY KEY, member TEXT NOT NULL REFERENCES members (id), device TEXT NOT NULL, sequence INTEGER NOT NULL,
    digest BLOB NOT NULL, place TEXT NOT NULL, at_ms INTEGER NOT NULL, received_at_ms INTEGER NOT NULL, method TEXT NOT NULL,
    refused TEXT, gap INTEGER NOT NULL, from_expressway INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX check_ins_by_member ON check_ins (member, place, at_ms);
CREATE INDEX check_ins_by_device ON check_ins (device, sequence);
-- Receipts whose code checked somebody in: once.
CREATE TABLE receipt_check_ins (receipt TEXT NOT NULL PRIMARY KEY REFERENCES receipts (id)) STRICT, WITHOUT ROWID;

CREATE TABLE stamps (
    member TEXT NOT NULL REFERENCES members (id), card TEXT NOT NULL, place TEXT NOT NULL, day TEXT NOT NULL,
    PRIMARY KEY (member, card, place, day)
) STRICT, WITHOUT ROWID;
-- Rewards given for full cards.
CREATE TABLE stamp_rewards (
    seq INTEGER PRIMARY KEY, member TEXT NOT NULL REFERENCES members (id), card TEXT NOT NULL, offer INTEGER NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX stamp_rewards_by_member ON stamp_rewards (member);

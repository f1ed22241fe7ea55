-- Schema 1. Rows of receipts, points and member_links are only ever added; whose they are stands beside them, so that a link rewrites no
-- history and an erasure leaves accounting records without a person. Times are milliseconds since the Unix epoch.

-- Facts about this database: 'epoch' (the life that cursors belong to), 'lists_sequence'.
CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Nonces that were used, by keyed hash, until they would be over anyway.
CREATE TABLE nonces (nonce BLOB NOT NULL PRIMARY KEY, expires_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_expiry ON nonces (expires_at_ms);

-- Answers by idempotency key. Caller and the member it is about are keyed hashes; the body is sealed, and NULL once that member was erased;
-- a tombstone has no status.
CREATE TABLE replies (
    caller BLOB NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL,
    fingerprint BLOB, status INTEGER, body BLOB, about BLOB, created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (caller, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_by_member ON replies (about) WHERE about IS NOT NULL;
CREATE INDEX replies_by_age ON replies (created_at_ms);

-- Failed guesses, by keyed hash of what was guessed at.
CREATE TABLE guards (
    subject BLOB NOT NULL PRIMARY KEY, failures INTEGER NOT NULL, last_at_ms INTEGER NOT NULL, locked_until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX guards_by_age ON guards (last_at_ms);

CREATE TABLE tills (
    id TEXT NOT NULL PRIMARY KEY, store TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE,
    registered_at_ms INTEGER NOT NULL, revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE members (id TEXT NOT NULL PRIMARY KEY, created_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Which member became part of which other; the newest event of a member counts.
CREATE TABLE member_links (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('link', 'unlink')),
    member TEXT NOT NULL REFERENCES members (id), into_member TEXT NOT NULL REFERENCES members (id)
) STRICT;
CREATE INDEX member_links_by_member ON member_links (member, seq);
CREATE INDEX member_links_by_target ON member_links (into_member);

CREATE TABLE devices (
    id TEXT NOT NULL PRIMARY KEY, public_key TEXT NOT NULL, member TEXT NOT NULL REFERENCES members (id),
    alias TEXT NOT NULL UNIQUE, ean13 TEXT NOT NULL UNIQUE, nw7 TEXT NOT NULL UNIQUE,
    enrolled_at_ms INTEGER NOT NULL, credential_until_ms INTEGER NOT NULL, revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_member ON devices (member);

-- Devices whose credentials might still verify and must not. It names keys, not people, and outlives an erasure until the credential's end.
CREATE TABLE revocations (device TEXT NOT NULL PRIMARY KEY, revoked_at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Plastic cards and accounts of the online shop.
CREATE TABLE cards (
    number TEXT NOT NULL PRIMARY KEY, member TEXT NOT NULL REFERENCES members (id), pin_mac BLOB, demo INTEGER NOT NULL,
    registered_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cards_by_member ON cards (member);
CREATE TABLE ec_accounts (
    account TEXT NOT NULL PRIMARY KEY, member TEXT NOT NULL REFERENCES members (id), created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ec_accounts_by_member ON ec_accounts (member);
CREATE TABLE ec_codes (
    code BLOB NOT NULL PRIMARY KEY, account TEXT NOT NULL REFERENCES ec_accounts (account), expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ec_codes_by_account ON ec_codes (account);

-- Names whose member was erased, by keyed hash: a till's late sale must not bring them back.
CREATE TABLE erased_names (name BLOB NOT NULL PRIMARY KEY, erased_at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Sales, returns and amendments: content is the receipt as JSON without its state, answer what the till was told.
CREATE TABLE receipts (
    id TEXT NOT NULL PRIMARY KEY, till TEXT NOT NULL, number TEXT NOT NULL, kind TEXT NOT NULL, of_receipt TEXT REFERENCES receipts (id),
    received_at_ms INTEGER NOT NULL, total_minor INTEGER NOT NULL, content TEXT NOT NULL, fingerprint BLOB NOT NULL, answer TEXT NOT NULL,
    UNIQUE (till, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_sale ON receipts (of_receipt) WHERE of_receipt IS NOT NULL;
CREATE TABLE receipt_owners (
    receipt TEXT NOT NULL PRIMARY KEY REFERENCES receipts (id), member TEXT NOT NULL REFERENCES members (id), at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_owners_by_member ON receipt_owners (member);
CREATE TABLE receipt_voids (receipt TEXT NOT NULL PRIMARY KEY REFERENCES receipts (id), at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE receipt_reissues (receipt TEXT NOT NULL PRIMARY KEY REFERENCES receipts (id), at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE claims (
    code BLOB NOT NULL PRIMARY KEY, receipt TEXT NOT NULL UNIQUE REFERENCES receipts (id), until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The order in which a member's devices learn of receipts: one row a receipt, moved to the end when anything about it changes.
CREATE TABLE member_feed (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, member TEXT NOT NULL, receipt TEXT NOT NULL REFERENCES receipts (id), UNIQUE (member, receipt)
) STRICT;
CREATE INDEX member_feed_by_member ON member_feed (member, seq);

CREATE TABLE points (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, member TEXT NOT NULL REFERENCES members (id), kind TEXT NOT NULL, points INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, receipt TEXT REFERENCES receipts (id)
) STRICT;
CREATE INDEX points_by_member ON points (member);
CREATE INDEX points_by_receipt ON points (receipt);

-- Codes that came with a sale: (device, step) twice over different sales is a double. An identification holds its code for its till.
CREATE TABLE codes_taken (
    device TEXT NOT NULL, symbology TEXT NOT NULL, step INTEGER NOT NULL, till TEXT NOT NULL, receipt TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (device, symbology, step, till, receipt)
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_taken_by_age ON codes_taken (at_ms);

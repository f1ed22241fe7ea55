-- Schema 4: ordering.

-- ---- Menus and kitchens, as the operator gives them; all as JSON

-- A counter of what the operator put: what was read of it is read again when it has risen.
INSERT INTO meta (name, value) VALUES ('menus_revision', '0');
-- Stores that take orders. mode: whether new ones are taken.
CREATE TABLE order_stores (
    store TEXT NOT NULL PRIMARY KEY, terms TEXT NOT NULL, mode TEXT NOT NULL, mode_since_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE menus (store TEXT NOT NULL PRIMARY KEY REFERENCES order_stores (store), menu TEXT NOT NULL) STRICT;
-- The tables of taxes and allergens, where the operator put others than the law's.
CREATE TABLE order_tables (name TEXT NOT NULL PRIMARY KEY, contents TEXT NOT NULL) STRICT;
CREATE TABLE sold_out (
    store TEXT NOT NULL REFERENCES order_stores (store), thing TEXT NOT NULL, until_ms INTEGER, PRIMARY KEY (store, thing)
) STRICT, WITHOUT ROWID;

-- ---- Slots

-- version rises with each change of what is booked there, so that a book in memory knows whether it is this one.
CREATE TABLE kitchens (
    store TEXT NOT NULL PRIMARY KEY REFERENCES order_stores (store), plan TEXT NOT NULL, lateness TEXT NOT NULL, version INTEGER NOT NULL
) STRICT;
-- until_ms: first millisecond at which a hold is over; none once it is ordered. Without a member: it was erased.
CREATE TABLE slot_bookings (
    order_id TEXT NOT NULL PRIMARY KEY, store TEXT NOT NULL REFERENCES kitchens (store), member TEXT REFERENCES members (id),
    until_ms INTEGER, booking TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_bookings_by_store ON slot_bookings (store, until_ms);
CREATE INDEX slot_bookings_by_member ON slot_bookings (member) WHERE member IS NOT NULL;
-- The time that guests at the counter take, until it is over.
CREATE TABLE walk_ins (
    seq INTEGER PRIMARY KEY, store TEXT NOT NULL REFERENCES kitchens (store), ready_ms INTEGER NOT NULL, taken TEXT NOT NULL
) STRICT;
CREATE INDEX walk_ins_by_store ON walk_ins (store, ready_ms);

-- ---- Goods of orders, beside holds: one row a variant

ALTER TABLE reservations ADD COLUMN order_id TEXT;
CREATE INDEX reservations_by_order ON reservations (order_id) WHERE order_id IS NOT NULL;

-- ---- Seats

-- serial: of the slip that opened it, none where a plate did. closed: over before until_ms.
CREATE TABLE seat_sessions (
    id TEXT NOT NULL PRIMARY KEY, store TEXT NOT NULL, seat TEXT NOT NULL, serial INTEGER, begun_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_sessions_by_seat ON seat_sessions (store, seat);
CREATE UNIQUE INDEX seat_sessions_by_serial ON seat_sessions (store, serial) WHERE serial IS NOT NULL;
CREATE INDEX seat_sessions_by_time ON seat_sessions (until_ms);
-- may_order: the staff, a check-in or a slip says that this guest is there. mark: what its phone shows to the staff.
CREATE TABLE seat_guests (
    session TEXT NOT NULL REFERENCES seat_sessions (id) ON DELETE CASCADE, member TEXT NOT NULL REFERENCES members (id),
    may_order INTEGER NOT NULL, mark INTEGER NOT NULL, PRIMARY KEY (session, member), UNIQUE (session, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_guests_by_member ON seat_guests (member);

-- ---- Baskets for the self-till

CREATE TABLE self_baskets (
    code TEXT NOT NULL PRIMARY KEY, store TEXT NOT NULL, until_ms INTEGER NOT NULL, basket TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX self_baskets_by_time ON self_baskets (until_ms);
-- ---- Orders

-- machine: the order as its rules see it; facts: everything else about it. Without a member: it was erased. day: of the
-- store for which it is promised, nth: place in it, for the call number; none for a question. version: one counter for all orders. due_ms: when the clock has something to do. pickup_code, pass: while it can be handed over.
CREATE TABLE orders (
    id TEXT NOT NULL PRIMARY KEY, member TEXT REFERENCES members (id), store TEXT NOT NULL, day TEXT, nth INTEGER,
    state TEXT NOT NULL, version INTEGER NOT NULL UNIQUE, fingerprint BLOB NOT NULL, replaces TEXT, seat TEXT, placed_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL, promised_ms INTEGER NOT NULL, due_ms INTEGER, ended_at_ms INTEGER, pickup_code TEXT, pass TEXT,
    machine TEXT NOT NULL, facts TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_member ON orders (member, version) WHERE member IS NOT NULL;
CREATE INDEX orders_by_member_end ON orders (member, ended_at_ms) WHERE member IS NOT NULL;
CREATE INDEX orders_by_store ON orders (store, ended_at_ms);
CREATE INDEX orders_by_promise ON orders (store, promised_ms);
CREATE UNIQUE INDEX orders_by_day ON orders (store, day, nth);
CREATE UNIQUE INDEX orders_by_replaced ON orders (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX orders_by_seat ON orders (seat) WHERE seat IS NOT NULL;
CREATE INDEX orders_by_due ON orders (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX orders_by_code ON orders (pickup_code) WHERE pickup_code IS NOT NULL;
CREATE INDEX orders_by_pass ON orders (pass) WHERE pass IS NOT NULL;
-- What follows from a step, by its key. state: 'due' for a call to the payment provider, 'asked' once it may have been sent, 'waits' for the person,
-- 'done', 'refused', 'declined' for money that the provider refuses to give back: asked again under a new key, which `refused` counts. What needs no provider is done with the step. ask_ms: when it is asked, or asked again.
CREATE TABLE order_effects (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL, effect TEXT NOT NULL, state TEXT NOT NULL,
    ask_ms INTEGER NOT NULL, tries INTEGER NOT NULL, refused INTEGER NOT NULL
) STRICT;
CREATE INDEX order_effects_by_order ON order_effects (order_id, seq);
CREATE INDEX order_effects_due ON order_effects (ask_ms) WHERE state IN ('due', 'asked', 'declined');

-- The shop's stock and its orders. All amounts are in euro cents.

CREATE TABLE product (
    id       TEXT PRIMARY KEY,
    position INTEGER NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    short    TEXT NOT NULL,
    light    TEXT NOT NULL,
    cents    INTEGER NOT NULL CHECK (cents > 0),
    stock    INTEGER NOT NULL CHECK (stock >= 0)
) STRICT;

CREATE TABLE purchase (
    number  INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    placed  TEXT NOT NULL,
    name    TEXT NOT NULL,
    harbour TEXT NOT NULL,
    cents   INTEGER NOT NULL
) STRICT;

CREATE TABLE item (
    purchase INTEGER NOT NULL REFERENCES purchase (number) ON DELETE CASCADE,
    product  TEXT NOT NULL REFERENCES product (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (purchase, product)
) STRICT, WITHOUT ROWID;

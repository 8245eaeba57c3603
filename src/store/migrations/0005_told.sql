-- What each sink knows: of every alert that it was told of and not yet told the end of, what and when.
CREATE TABLE told (
    sink     TEXT NOT NULL,
    site     INTEGER NOT NULL REFERENCES site (id),
    alert    TEXT NOT NULL,
    -- Of the life that was told: since when the alert held.
    since    TEXT NOT NULL,
    -- A hash over what was told; NULL: it is not known, and counts as what holds.
    content  TEXT,
    first_at TEXT NOT NULL,
    at       TEXT NOT NULL,
    -- Whether that was in a message about many sites at once.
    merged   INTEGER NOT NULL CHECK (merged IN (0, 1)),
    PRIMARY KEY (sink, site, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX told_of_site ON told (site);

-- What a sink may know besides: a message with this alert was on its way, and what became of it is not known.
CREATE TABLE offer (
    sink  TEXT NOT NULL,
    site  INTEGER NOT NULL REFERENCES site (id),
    alert TEXT NOT NULL,
    PRIMARY KEY (sink, site, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX offer_of_site ON offer (site);

-- The messages that sinks took, or refused for good: at most 10,000.
CREATE TABLE notification (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    -- As its receiver saw it.
    id       TEXT NOT NULL,
    sink     TEXT NOT NULL,
    at       TEXT NOT NULL,
    reason   TEXT NOT NULL,
    -- A site, `customer=acme`, `all sites`.
    about    TEXT NOT NULL,
    -- A hash over all that it said.
    content  TEXT NOT NULL,
    -- How many alerts were in it.
    alerts   INTEGER NOT NULL,
    -- Why the sink will never take it; NULL: it took it.
    refused  TEXT,
    UNIQUE (sink, id)
) STRICT;

-- Who has taken which alert.
CREATE TABLE acknowledgement (
    site            INTEGER NOT NULL REFERENCES site (id),
    alert           TEXT NOT NULL,
    acknowledgement TEXT NOT NULL,
    PRIMARY KEY (site, alert)
) STRICT, WITHOUT ROWID;

-- What nobody is to be told of for a while. The number is not in the JSON.
CREATE TABLE silence (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    silence TEXT NOT NULL
) STRICT;

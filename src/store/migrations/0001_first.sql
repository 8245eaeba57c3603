-- Times are RFC 3339 in UTC with nine decimals, so that they sort as text. JSON is that of the domain's types.

CREATE TABLE site (
    id               INTEGER PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE,
    -- The provisioning URL's secret, 32 hex digits.
    token            TEXT NOT NULL UNIQUE,
    -- Of the keyed hashes that name content without giving it away.
    key              BLOB NOT NULL CHECK (length(key) = 32),
    first_contact_at TEXT,
    first_mac        TEXT,
    -- Without its time, which is observed_at: a reading that found nothing new moves that alone.
    observation      TEXT,
    observed_at      TEXT,
    filled           TEXT,
    baseline         TEXT,
    baseline_parts   TEXT NOT NULL DEFAULT '{}',
    trouble          TEXT,
    unreadable_cycles INTEGER NOT NULL DEFAULT 0,
    -- The last clock that was read off the device, and when.
    clock            TEXT,
    -- An order that failed before anything reached the device.
    hindrance        TEXT,
    refused_password TEXT,
    audited_at       TEXT
) STRICT;

-- Written to find out whether anything can be.
CREATE TABLE probe (
    written INTEGER NOT NULL
) STRICT;
INSERT INTO probe (written) VALUES (0);

CREATE TABLE release (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    site           INTEGER NOT NULL REFERENCES site (id),
    generation     TEXT NOT NULL,
    content        TEXT NOT NULL,
    version        TEXT NOT NULL,
    parts          TEXT NOT NULL,
    reserved       TEXT NOT NULL,
    window         INTEGER,
    -- The file as it is served, SIP passwords in clear. Only the last release of a site has one.
    body           BLOB,
    released_at    TEXT NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    triggered_at   TEXT,
    trigger        TEXT,
    fetched_at     TEXT,
    verified_at    TEXT,
    ineffective_at TEXT,
    FOREIGN KEY (site, window) REFERENCES window (site, number)
) STRICT;
CREATE INDEX release_of_site ON release (site, id);

CREATE TABLE window (
    site   INTEGER NOT NULL REFERENCES site (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    entry  TEXT NOT NULL,
    PRIMARY KEY (site, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE slot (
    site   INTEGER NOT NULL REFERENCES site (id),
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 100),
    record TEXT NOT NULL,
    PRIMARY KEY (site, number)
) STRICT, WITHOUT ROWID;

-- position keeps the order in which the cycle listed them.
CREATE TABLE alert (
    site     INTEGER NOT NULL REFERENCES site (id),
    id       TEXT NOT NULL,
    position INTEGER NOT NULL,
    alert    TEXT NOT NULL,
    PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;

-- Without its time of observation: that is observed_at, shown with this offset in seconds.
CREATE TABLE status (
    site            INTEGER PRIMARY KEY REFERENCES site (id),
    status          TEXT NOT NULL,
    observed_at     TEXT,
    observed_offset INTEGER
) STRICT;

CREATE TABLE fetch (
    id         INTEGER PRIMARY KEY,
    site       INTEGER NOT NULL REFERENCES site (id),
    release    INTEGER NOT NULL REFERENCES release (id),
    at         TEXT NOT NULL,
    version    TEXT NOT NULL,
    peer       TEXT NOT NULL,
    method     TEXT NOT NULL,
    status     INTEGER NOT NULL,
    user_agent TEXT,
    by_manager INTEGER NOT NULL CHECK (by_manager IN (0, 1)),
    firmware   TEXT,
    filled     TEXT
) STRICT;
CREATE INDEX fetch_of_site ON fetch (site, id);

CREATE TABLE history (
    id      INTEGER PRIMARY KEY,
    site    INTEGER NOT NULL REFERENCES site (id),
    at      TEXT NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX history_of_site ON history (site, id);

-- What each sink was last told, or is to be told, about each site.
CREATE TABLE ledger (
    site  INTEGER NOT NULL REFERENCES site (id),
    sink  TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (site, sink)
) STRICT, WITHOUT ROWID;

-- Undelivered notifications: at most one a site and sink.
CREATE TABLE outbox (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    site         INTEGER NOT NULL REFERENCES site (id),
    sink         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    body         TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_attempt TEXT NOT NULL,
    last_error   TEXT,
    UNIQUE (site, sink)
) STRICT;
CREATE INDEX outbox_due ON outbox (sink, next_attempt);

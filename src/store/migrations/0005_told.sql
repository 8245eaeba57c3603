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

-- Messages were made when something happened, and waited in the outbox for their delivery; the ledger said what a sink knew
-- once it had them all. What was delivered counts as what holds, so that nothing is repeated. What waited is told as it
-- stands by now.
--
-- Ends that wait may be nowhere else any more: they are alerts again, until they are told.
INSERT OR IGNORE INTO alert (site, id, position, alert)
SELECT outbox.site, ended.value ->> '$.id', (SELECT 1 + coalesce(max(position), -1) FROM alert WHERE site = outbox.site), ended.value
FROM outbox JOIN json_each(iif(json_valid(outbox.body), outbox.body, '{}'), '$.alerts') AS ended
WHERE ended.value ->> '$.state' = 'resolved';

CREATE TEMP TABLE known AS
SELECT ledger.sink, ledger.site, firing.value AS alert, ledger.entry ->> '$.at' AS at, outbox.reason
FROM ledger JOIN json_each(iif(json_valid(ledger.entry), ledger.entry, '{}'), '$.firing') AS firing
    LEFT JOIN outbox ON outbox.site = ledger.site AND outbox.sink = ledger.sink
UNION ALL
SELECT outbox.sink, outbox.site, ended.value ->> '$.id', outbox.created_at, 'ended'
FROM outbox JOIN json_each(iif(json_valid(outbox.body), outbox.body, '{}'), '$.alerts') AS ended
WHERE ended.value ->> '$.state' = 'resolved';

-- Where a first message waited, nothing had been delivered, as far as is known.
INSERT OR IGNORE INTO offer (sink, site, alert)
SELECT known.sink, known.site, known.alert FROM known JOIN alert ON alert.site = known.site AND alert.id = known.alert
WHERE known.reason = '"first"';

-- No hash is empty: what has it is told as a change.
INSERT OR IGNORE INTO told (sink, site, alert, since, content, first_at, at, merged)
SELECT known.sink, known.site, known.alert, iif(json_valid(alert.alert), alert.alert ->> '$.since', NULL),
       iif(known.reason IS NULL, NULL, ''), known.at, known.at, 0
FROM known JOIN alert ON alert.site = known.site AND alert.id = known.alert
WHERE known.reason IS NOT '"first"';

DROP TABLE known;
DROP TABLE outbox;
DROP TABLE ledger;

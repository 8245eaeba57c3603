-- What the site file listed when it was last followed; NULL: it was not followed since this is written down.
ALTER TABLE site ADD COLUMN listed TEXT;
-- The site file that the site was last let follow, by a fingerprint: what differs from it at a reload or a start has
-- changed.
ALTER TABLE site ADD COLUMN mark TEXT;
-- What of a release was looked for and not found, part by part, and how it had come to the manager; NULL: it was not
-- found ineffective, or before this was written down.
ALTER TABLE release ADD COLUMN missed TEXT;
-- The slots in which it deregisters a handset, by an approval; NULL: none.
ALTER TABLE release ADD COLUMN approved TEXT;
-- Whether the file is about the web password alone: it is served like any other, and is no release of the site file's.
ALTER TABLE release ADD COLUMN password INTEGER NOT NULL DEFAULT 0;

-- Whether it disturbs people: what the rate limit counts. NULL: it was made before that was written down.
ALTER TABLE release ADD COLUMN disturbs INTEGER CHECK (disturbs IN (0, 1));
CREATE INDEX release_that_disturbs ON release (released_at) WHERE disturbs = 1;

-- The approval of a site's plan: the last one given.
CREATE TABLE approval (
    site     INTEGER PRIMARY KEY REFERENCES site (id),
    approval TEXT NOT NULL
) STRICT;

-- Plans that were shown to people, so that one who approves an older one is told what has changed. At most 16 a site.
CREATE TABLE reviewed (
    id   INTEGER PRIMARY KEY,
    site INTEGER NOT NULL REFERENCES site (id),
    hash TEXT NOT NULL,
    at   TEXT NOT NULL,
    plan TEXT NOT NULL,
    UNIQUE (site, hash)
) STRICT;

-- Every handset that a release of ours deregisters: what the budgets count. `run` is the rollout it belongs to.
CREATE TABLE deregistration (
    id      INTEGER PRIMARY KEY,
    site    INTEGER NOT NULL REFERENCES site (id),
    release INTEGER NOT NULL,
    slot    INTEGER NOT NULL CHECK (slot BETWEEN 1 AND 100),
    ipui    TEXT,
    at      TEXT NOT NULL,
    run     INTEGER
) STRICT;
CREATE INDEX deregistration_of_site ON deregistration (site, at);
CREATE INDEX deregistration_of_run ON deregistration (run);

-- Who paused changes at a site, since when and until when.
CREATE TABLE pause (
    site  INTEGER PRIMARY KEY REFERENCES site (id),
    pause TEXT NOT NULL
) STRICT;

-- A web password on its way to a manager, old and new in clear, and how the change before ended.
CREATE TABLE rotation (
    site     INTEGER PRIMARY KEY REFERENCES site (id),
    rotation TEXT NOT NULL
) STRICT;

-- What was observed before a release that disturbs somebody, as a site file. It outlives the release.
CREATE TABLE way_back (
    release INTEGER PRIMARY KEY,
    site    INTEGER NOT NULL REFERENCES site (id),
    at      TEXT NOT NULL,
    file    TEXT NOT NULL
) STRICT;
CREATE INDEX way_back_of_site ON way_back (site, release);

-- What is known of the fleet as a whole: its rollout, its pause, its alerts. JSON of the domain's types by a name.
CREATE TABLE fleet (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deregistration_at ON deregistration (at);

-- What concerns all sites hangs on the row of this name, which no site file has any more: a site that had it is set aside.
UPDATE site SET name = 'fleet.before-schema-4' WHERE name = 'fleet';
DELETE FROM status WHERE site IN (SELECT id FROM site WHERE name = 'fleet.before-schema-4');

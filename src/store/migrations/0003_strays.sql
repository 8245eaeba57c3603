-- What the pages have shown as the site file wants it, and who sits in slots that it does not list.
ALTER TABLE site ADD COLUMN shown TEXT NOT NULL DEFAULT '{}';
ALTER TABLE site ADD COLUMN gaps TEXT;

-- Handsets that a site's manager holds and its site file does not list: at most 200 a site. A site that misses one of
-- its own looks for it among them.
CREATE TABLE stray (
    site INTEGER NOT NULL REFERENCES site (id),
    ipui TEXT NOT NULL,
    held TEXT NOT NULL,
    PRIMARY KEY (site, ipui)
) STRICT, WITHOUT ROWID;
CREATE INDEX stray_of_handset ON stray (ipui);

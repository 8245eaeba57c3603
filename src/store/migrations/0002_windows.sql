-- Times of the device's clock carry the offset of its zone, without which an hour that comes twice is two hours. What
-- was kept before gets the offset at which the site was last looked at.
UPDATE window SET entry = json_set(
    entry,
    '$.opens_at', json_extract(entry, '$.opens_at') || zone.text,
    '$.closes_at', json_extract(entry, '$.closes_at') || zone.text
)
FROM (
    SELECT site.id AS site,
           printf('%s%02d:%02d', iif(seconds < 0, '-', '+'), abs(seconds) / 3600, abs(seconds) / 60 % 60) AS text
    FROM (
        SELECT site.id AS id, coalesce(status.observed_offset, 0) AS seconds
        FROM site LEFT JOIN status ON status.site = site.id
    ) AS site
) AS zone
WHERE zone.site = window.site;

-- Times of the device's clock carry the offset of its zone, without which an hour that comes twice is two hours. What
-- was kept before has no offset. The window that the site's status tells gets the one that is told there; any other gets
-- that at which the site was last looked at, so that a past window of the other half of the year is an hour off. A site
-- without a status, whose file was removed, gets +00:00: nothing in the database tells its zone.
--
-- An end was so many real seconds after its start as the policy text says ("… for N s"). Where the times written are
-- apart by another span, the clock changes in between: the end is then written anew, N seconds on, with the offset of
-- the start. Less than a minute is no clock change: a short window makes up for the seconds that its first minute lacked.
UPDATE window SET entry = json_set(
    entry,
    '$.opens_at', told.opens_at || told.zone,
    '$.closes_at', iif(
        abs(unixepoch(told.closes_at) - unixepoch(told.opens_at) - told.seconds) >= 60,
        strftime('%Y-%m-%dT%H:%M:%S', told.opens_at, told.seconds || ' seconds'),
        told.closes_at
    ) || told.zone
)
FROM (
    SELECT kept.site, kept.number, kept.opens_at, kept.closes_at,
           iif(kept.policy LIKE '% for % s', CAST(substr(kept.policy, instr(kept.policy, ' for ') + 5) AS INTEGER), NULL) AS seconds,
           iif(
               substr(status.status ->> '$.window.opens_at', 1, 19) = kept.opens_at,
               substr(status.status ->> '$.window.opens_at', 20),
               printf('%s%02d:%02d', iif(status.observed_offset < 0, '-', '+'),
                      abs(coalesce(status.observed_offset, 0)) / 3600, abs(coalesce(status.observed_offset, 0)) / 60 % 60)
           ) AS zone
    FROM (
        SELECT site, number, entry ->> '$.opens_at' AS opens_at, entry ->> '$.closes_at' AS closes_at,
               coalesce(entry ->> '$.policy', '') AS policy
        FROM window
    ) AS kept LEFT JOIN status ON status.site = kept.site
) AS told
WHERE told.site = window.site AND told.number = window.number;

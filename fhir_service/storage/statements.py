"""The fixed statements, in the words both databases share."""

READ = (
    "SELECT type, id, version, last_updated, deleted, text, resource_key, partition_key FROM resource_current "
    "WHERE type = $1 AND id = $2"
)
LOOK = (
    "SELECT type, id, version, last_updated, deleted, {text}, resource_key, partition_key FROM resource_current c "
    "WHERE type = $1 AND id = $2"
)
LOOK_AT_MANY = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, CASE WHEN {size} < {large} THEN {text} END, "
    "c.resource_key, c.partition_key FROM {keys} CROSS JOIN resource_current c WHERE c.type = k.type AND c.id = k.id"
)
LOOK_AT_MANY_WITHOUT_TEXT = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, '', c.resource_key, c.partition_key FROM {keys} "
    "CROSS JOIN resource_current c WHERE c.type = k.type AND c.id = k.id"
)
READ_VERSION = (
    "SELECT type, id, version, last_updated, action = 'deleted', text, place, partition_key FROM resource_version "
    "WHERE type = $1 AND id = $2 AND version = $3"
)
READ_MANY = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, c.text, c.resource_key, c.partition_key FROM {keys} "
    "CROSS JOIN resource_current c WHERE c.type = k.type AND c.id = k.id"
)
LIVE_ROWS = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, c.text, c.resource_key, c.partition_key FROM {keys} "
    "CROSS JOIN resource_current c WHERE c.type = k.type AND c.id = k.id AND NOT c.deleted"
)
POINTING_AT = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, c.text, c.resource_key, c.partition_key FROM "
    "(SELECT DISTINCT {whose} FROM {keys} CROSS JOIN link l WHERE l.target_type = k.type AND l.target_id = k.id "
    "AND l.scope IN ({scopes})) l CROSS JOIN resource_current c WHERE {same} AND c.type = {type} AND NOT c.deleted "
    "ORDER BY c.resource_key LIMIT {limit}"
)
PROVENANCE_OF = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, c.text, c.resource_key, c.partition_key FROM "
    "(SELECT DISTINCT {whose} FROM {keys} CROSS JOIN link l WHERE l.target_type = k.type AND l.target_id = k.id "
    "AND l.scope = {scope}) l CROSS JOIN resource_current c WHERE {same} AND c.type = 'Provenance' AND NOT c.deleted "
    "ORDER BY c.resource_key"
)
TYPES = (
    "WITH RECURSIVE present(type) AS (SELECT min(type) FROM resource_current UNION ALL "
    "SELECT (SELECT min(c.type) FROM resource_current c WHERE c.type > present.type) FROM present "
    "WHERE present.type IS NOT NULL) SELECT type FROM present WHERE type IS NOT NULL"
)
"""The types of resources that there are, each found by one look into an index."""

READ_PLACED = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, {text}, c.resource_key, c.partition_key FROM {keys} "
    "CROSS JOIN resource_current c WHERE c.type = k.type AND c.id = k.id"
)
PATIENT_PLACED = (
    "SELECT c.type, c.id, c.version, c.last_updated, c.deleted, {text}, c.resource_key, c.partition_key "
    "FROM resource_current c WHERE c.type = 'Patient' AND c.id = $1 AND c.partition_key = $1"
)
"""A patient lies in the partition of its own name."""

TICK = (
    "UPDATE commit_clock SET place = place + $1, "
    "last_updated = CASE WHEN last_updated < $2 THEN $2 ELSE last_updated END "
    "WHERE id = 1 RETURNING place, last_updated"
)
STATES = (
    "SELECT c.type, c.id, c.partition_key, c.resource_key, c.version, c.place, c.last_updated, c.deleted, c.hashes, "
    "c.sort_high FROM {keys} CROSS JOIN resource_current c WHERE c.type = k.type AND c.id = k.id"
)
INSERT_VERSION = (
    "INSERT INTO resource_version (type, id, version, partition_key, place, last_updated, action, text) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
INSERT_CURRENT = (
    "INSERT INTO resource_current (type, id, partition_key, resource_key, version, place, last_updated, deleted, "
    "sort_low, sort_high, sort_values, hashes, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
UPDATE_CURRENT = (
    "UPDATE resource_current SET partition_key = $3, resource_key = $4, version = $5, place = $6, last_updated = $7, "
    "deleted = $8, sort_low = $9, sort_high = $10, sort_values = $11, hashes = $12, text = $13 "
    "WHERE type = $1 AND id = $2"
)
INSERT_POSTING = (
    "INSERT INTO posting (hash, resource_key, sort_high) VALUES ($1, $2, $3) "
    "ON CONFLICT (hash, resource_key) DO UPDATE SET sort_high = excluded.sort_high"
)
DELETE_POSTING = "DELETE FROM posting WHERE hash = $1 AND resource_key = $2"

ERASE_VERSIONS = "DELETE FROM resource_version WHERE type = $1 AND id = $2"
ERASE_CURRENT = "DELETE FROM resource_current WHERE type = $1 AND id = $2"

REPORT = "SELECT fingerprint FROM loaded_report WHERE source_key = $1"
SOURCES_OF = "SELECT source_key FROM loaded_report WHERE fingerprint = $1 ORDER BY source_key"
REPORT_STATE = "SELECT fingerprint, reading FROM loaded_report WHERE source_key = $1 AND fingerprint IS NOT NULL"
LOADED_SOURCES = (
    "SELECT source_key FROM loaded_report WHERE source_key > $1 AND fingerprint IS NOT NULL "
    "ORDER BY source_key LIMIT $2"
)
REPORT_RESOURCES = "SELECT type, id, present, version FROM report_resource WHERE source_key = $1 ORDER BY type, id"
REMEMBER_REPORT = (
    "INSERT INTO loaded_report (source_key, fingerprint, reading) VALUES ($1, $2, $3) "
    "ON CONFLICT (source_key) DO UPDATE SET fingerprint = excluded.fingerprint, reading = excluded.reading"
)
MAKES_NO_LONGER = "UPDATE report_resource SET present = false WHERE source_key = $1"
MAKES = (
    "INSERT INTO report_resource (source_key, type, id, present, version) VALUES ($1, $2, $3, true, $4) "
    "ON CONFLICT (source_key, type, id) DO UPDATE SET present = true, "
    "version = coalesce(excluded.version, report_resource.version)"
)
FORGET_REPORT = "DELETE FROM loaded_report WHERE source_key = $1"
FORGET_RESOURCES = "DELETE FROM report_resource WHERE source_key = $1"

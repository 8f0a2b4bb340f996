-- One row for each AdverseEvent, from the views of this folder (DuckDB). Every cell is text: numbers with the digits they
-- have, lists joined by `;`. What is not stated, or not stated once, is NULL; nothing is added up.
WITH words AS (  -- the words of the event itself, else those of the whole fact
  SELECT
    event_id,
    CASE WHEN len(event_offsets) > 0 THEN event_offsets ELSE fact_offsets END AS offsets,
    CASE WHEN len(event_offsets) > 0 THEN event_lengths ELSE fact_lengths END AS lengths,
    CASE  -- a form has no words of a report; it is named as the one document all the same
      WHEN len(event_offsets) > 0 THEN event_document_ids
      WHEN len(fact_offsets) > 0 THEN fact_document_ids
      WHEN len(report_ids) = 1 THEN report_ids
    END AS documents
  FROM adverse_event
),
followed AS (  -- the operations that an event followed, in their order
  SELECT event_id, unnest(suspect_procedure_ids) AS procedure_id, generate_subscripts(suspect_procedure_ids, 1) AS place
  FROM adverse_event
),
operations AS (
  SELECT
    f.event_id,
    string_agg(f.procedure_id, ';' ORDER BY f.place) AS ids,
    string_agg(coalesce(p.kind, p.kind_text, ''), ';' ORDER BY f.place) AS kinds,
    string_agg(coalesce(p.role, ''), ';' ORDER BY f.place) AS roles
  FROM followed f LEFT JOIN procedure p USING (procedure_id)
  GROUP BY f.event_id
),
operated_levels AS (  -- each vertebra once, where it is named first
  SELECT event_id, string_agg(level, ';' ORDER BY first_place) AS levels
  FROM (
    SELECT event_id, level, min(place * 1000 + number) AS first_place
    FROM (
      SELECT f.event_id, f.place, unnest(p.levels) AS level, generate_subscripts(p.levels, 1) AS number
      FROM followed f JOIN procedure p USING (procedure_id)
    )
    GROUP BY event_id, level
  )
  GROUP BY event_id
),
volume AS (
  SELECT
    *,
    coalesce(
      coalesce(comparator, '') || value || coalesce(' ' || unit, ''),
      low || '-' || high || coalesce(' ' || range_unit, '')
    ) AS amount,
    coalesce(level, nullif(array_to_string(levels, '+'), ''), CASE WHEN has_site = 'true' THEN 'part' END) AS at
  FROM cement_volume
),
cement AS (
  SELECT
    f.event_id,
    string_agg(coalesce(v.at || ': ', '') || v.amount, ';' ORDER BY f.place, v.observation_id) AS volumes,
    string_agg(v.observation_id, ';' ORDER BY f.place, v.observation_id) AS ids,
    count(*) FILTER (v.at IS NULL) AS totals,
    any_value(v.value) FILTER (v.at IS NULL AND v.unit = 'mL' AND v.comparator IS NULL) AS total
  FROM followed f JOIN volume v USING (procedure_id)
  WHERE v.amount IS NOT NULL
  GROUP BY f.event_id
),
index_operations AS (
  SELECT patient_id, string_agg(procedure_id, ';' ORDER BY procedure_id) AS ids
  FROM procedure WHERE role = 'index' GROUP BY patient_id
),
ages AS (
  SELECT
    patient_id,
    string_agg(amount, ';' ORDER BY observation_id) AS ages,
    string_agg(observation_id, ';' ORDER BY observation_id) AS ids,
    CASE WHEN count(*) = 1 THEN any_value(years) END AS years
  FROM (
    SELECT
      *,
      coalesce(
        coalesce(comparator, '') || value || coalesce(' ' || unit, ''),
        low || '-' || high || coalesce(' ' || range_unit, '')
      ) AS amount,
      CASE WHEN unit = 'a' AND comparator IS NULL THEN value END AS years
    FROM age
  )
  WHERE amount IS NOT NULL
  GROUP BY patient_id
)
SELECT
  regexp_replace(pa.case_id, '#[0-9]+$', '') AS source_key,
  pa.case_id,
  e.event_id,
  e.patient_id,
  w.documents[1] AS document_id,
  nullif(array_to_string(w.offsets, ';'), '') AS event_offset,
  nullif(array_to_string(w.lengths, ';'), '') AS event_length,
  e.event_code AS event,
  e.event_snomed,
  e.event_text,
  nullif(array_to_string(e.event_levels, ';'), '') AS event_levels,
  nullif(array_to_string(e.event_sites, ';'), '') AS event_sites,
  CASE  -- units of a fixed number of days alone; a month or a year has none
    WHEN e.onset_comparator IS NOT NULL THEN NULL
    WHEN e.onset_unit = 'd' THEN e.onset_value
    WHEN e.onset_unit = 'wk' THEN rtrim(rtrim((try_cast(e.onset_value AS DECIMAL(18, 6)) * 7)::VARCHAR, '0'), '.')
    WHEN e.onset_unit = 'h'
      THEN rtrim(rtrim((try_cast(e.onset_value AS DOUBLE) / 24)::DECIMAL(18, 6)::VARCHAR, '0'), '.')
    WHEN e.onset_unit = 'min'
      THEN rtrim(rtrim((try_cast(e.onset_value AS DOUBLE) / 1440)::DECIMAL(18, 6)::VARCHAR, '0'), '.')
  END AS onset_days,
  e.onset_relation,
  e.onset_comparator,
  e.onset_value,
  e.onset_low,
  e.onset_high,
  coalesce(e.onset_unit, e.onset_range_unit) AS onset_unit,
  e.onset_date,
  e.onset_procedure_id,
  e.outcome,
  e.severity,
  e.seriousness,
  e.seriousness_text,
  nullif(array_to_string(e.cause, ';'), '') AS cause,
  e.condition_id,
  o.ids AS procedure_ids,
  o.kinds AS procedures,
  o.roles AS procedure_roles,
  l.levels AS procedure_levels,
  nullif(array_to_string(e.suspect_device_ids, ';'), '') AS device_ids,
  i.ids AS index_procedure_ids,
  CASE WHEN c.totals = 1 THEN c.total END AS cement_ml,
  c.volumes AS cement_volumes,
  c.ids AS cement_observation_ids,
  a.years AS age_years,
  a.ages AS age,
  a.ids AS age_observation_ids,
  pa.sex,
  pa.deceased,
  d.doi,
  d.pmid,
  d.title
FROM adverse_event e
JOIN words w USING (event_id)
LEFT JOIN patient pa USING (patient_id)
LEFT JOIN document d ON d.document_id = w.documents[1]
LEFT JOIN operations o USING (event_id)
LEFT JOIN operated_levels l USING (event_id)
LEFT JOIN cement c USING (event_id)
LEFT JOIN index_operations i USING (patient_id)
LEFT JOIN ages a USING (patient_id)
ORDER BY
  source_key,
  try_cast(regexp_extract(pa.case_id, '#([0-9]+)$', 1) AS INTEGER),
  try_cast(w.offsets[1] AS INTEGER),
  e.event_id

-- The commit. One statement, so one snapshot, one round trip, and atomic without BEGIN.
--
-- Locks are taken in one order by all writers, so they cannot deadlock: first the sessions by name,
-- then the log's head, which is held until the end of the transaction. That is why positions appear
-- to readers in their order: whoever gets the next ones waits until these are visible.
WITH wanted AS (
    SELECT *
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[])
        WITH ORDINALITY AS w (name, revision, sequence, added, deletes, ord)
),
-- FOR UPDATE looks at the newest version of each row and drops those that no longer match.
locked AS (
    SELECT w.ord, w.name, w.added, w.deletes
    FROM wanted w
    JOIN sessions s ON s.name = w.name
    WHERE s.revision = w.revision AND s.sequence = w.sequence AND s.epoch = $1 AND s.deleted_time = 0
    ORDER BY s.name
    FOR UPDATE OF s
),
won AS (
    UPDATE sessions s
    SET sequence = s.sequence + l.added,
        revision = s.revision + 1,
        deleted_time = CASE WHEN l.deletes THEN greatest($2::bigint, 1) ELSE 0 END
    FROM locked l
    WHERE s.name = l.name
    RETURNING l.ord, l.name, l.deletes, s.sequence - l.added AS base
),
numbered AS (
    SELECT
        w.name,
        w.base + row_number() OVER (PARTITION BY e.ord ORDER BY e.place) AS sequence,
        row_number() OVER (ORDER BY e.place) AS nth,
        e.event_id, e.group_id, e.event_type, e.occur_time, e.payload
    FROM unnest($8::bigint[], $9::text[], $10::text[], $11::smallint[], $12::bigint[], $13::bytea[])
        WITH ORDINALITY AS e (ord, event_id, group_id, event_type, occur_time, payload, place)
    JOIN won w ON w.ord = e.ord
),
head AS (
    UPDATE log_head h
    SET position = h.position + n.added,
        event_id = n.event_id,
        last_record_time = greatest(h.last_record_time, $2::bigint)
    FROM (SELECT nth AS added, event_id FROM numbered ORDER BY nth DESC LIMIT 1) n
    WHERE h.id = 1
    RETURNING h.position, h.position - n.added AS base, h.last_record_time AS record_time
),
logged AS (
    INSERT INTO events
        (position, session, sequence, event_id, group_id, event_type, occur_time, record_time, payload)
    SELECT
        h.base + n.nth, n.name, n.sequence, n.event_id, n.group_id, n.event_type, n.occur_time, h.record_time,
        n.payload
    FROM head h
    CROSS JOIN numbered n
    ORDER BY n.nth
),
grouped AS (
    INSERT INTO groups AS old
        (session, id, present, subject, subject_folded, create_time, member_count, my_role, sequence,
         synced_time, updated_time, basic, participants, facts)
    SELECT
        w.name, g.id, g.present, g.subject, g.subject_folded, g.create_time, g.member_count, g.my_role, g.sequence,
        g.synced_time, $2::bigint, g.basic, g.participants, g.facts
    FROM unnest(
        $14::bigint[], $15::text[], $16::boolean[], $17::text[], $18::text[], $19::bigint[], $20::bigint[],
        $21::smallint[], $22::bigint[], $23::bigint[], $24::bytea[], $25::bytea[], $26::bytea[]
    ) AS g (ord, id, present, subject, subject_folded, create_time, member_count,
            my_role, sequence, synced_time, basic, participants, facts)
    JOIN won w ON w.ord = g.ord AND NOT w.deletes
    ON CONFLICT (session, id) DO UPDATE SET
        present = excluded.present,
        subject = excluded.subject,
        subject_folded = excluded.subject_folded,
        create_time = excluded.create_time,
        member_count = excluded.member_count,
        my_role = excluded.my_role,
        sequence = excluded.sequence,
        synced_time = excluded.synced_time,
        updated_time = excluded.updated_time,
        basic = excluded.basic,
        participants = excluded.participants,
        facts = excluded.facts
),
members_gained AS (
    INSERT INTO group_members (session, member, group_id)
    SELECT w.name, m.member, m.group_id
    FROM unnest($27::bigint[], $28::text[], $29::text[]) AS m (ord, group_id, member)
    JOIN won w ON w.ord = m.ord AND NOT w.deletes
    ON CONFLICT DO NOTHING
),
members_lost AS (
    DELETE FROM group_members old
    USING unnest($30::bigint[], $31::text[], $32::text[]) AS m (ord, group_id, member), won w
    WHERE w.ord = m.ord AND NOT w.deletes
        AND old.session = w.name AND old.member = m.member AND old.group_id = m.group_id
),
noted AS (
    INSERT INTO source_ids (session, source_id, recorded_time)
    SELECT w.name, i.source_id, $2::bigint
    FROM unnest($33::bigint[], $34::text[]) AS i (ord, source_id)
    JOIN won w ON w.ord = i.ord AND NOT w.deletes
    ON CONFLICT DO NOTHING
),
answered AS (
    UPDATE reservations r
    SET answered = TRUE, answer = a.answer
    FROM unnest($35::bigint[], $36::text[], $37::text[], $38::text[], $39::text[], $40::bytea[])
        AS a (ord, key_name, session, rpc, request_id, answer)
    JOIN won w ON w.ord = a.ord
    WHERE r.key_name = a.key_name AND r.session = a.session AND r.rpc = a.rpc AND r.request_id = a.request_id
        AND NOT r.answered
)
SELECT
    coalesce((SELECT array_agg(ord) FROM won), '{}') AS won,
    coalesce(h.position, was.position) AS head,
    coalesce(h.record_time, greatest(was.last_record_time, $2::bigint)) AS record_time
FROM log_head was
LEFT JOIN head h ON TRUE
WHERE was.id = 1

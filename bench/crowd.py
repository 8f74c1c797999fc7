"""What stands beside contacts and their events in an installation that has been at work for years: scores and stages,
deliveries with their attempts, handoffs, reviews, enrolments, segments, shadows, timers, and requests that could not be
read. Written by the database itself, from the contacts that are there."""

from datetime import datetime, timedelta

from sqlalchemy import text

from app.contacts.times import to_us
from app.runtime import Runtime
from app.store.tables import metadata

AGE = timedelta(days=365)
_TABLES = (
    "decisions",
    "deliveries",
    "attempts",
    "handoffs",
    "reviews",
    "enrolments",
    "contact_segments",
    "shadows",
    "timers",
)

# Numbers are spread by multiplying with a prime: about 1 contact in 100 has a given remainder
_STATEMENTS = (
    "UPDATE contacts SET score = (id * 7919) % 97, stage = CASE WHEN id % 9 = 0 THEN 'mql' WHEN id % 29 = 0 THEN 'sql'"
    " WHEN id % 31 = 0 THEN 'customer' WHEN id % 3 = 0 THEN 'lead' ELSE stage END,"
    " updated_at = {then} + ((id * 7919) % 1000003) * ({span} / 1000003)",
    "UPDATE inbox SET status = 'parked', reason = CASE WHEN id % 7 = 0 THEN 'it is not JSON: character 7' ELSE"
    " 'the field objectId is missing' END WHERE id % 997 = 0",
    "INSERT INTO decisions (key, contact_id, at, decided_at, rule, policy, what, outcome, summary) SELECT {hash}, c.id,"
    " {then} + (c.id % 100003) * ({span} / 100003), {then} + (c.id % 100003) * ({span} / 100003), 'welcome',"
    " 'triggers@1', CASE n.n WHEN 0 THEN 'message' WHEN 1 THEN 'stage' ELSE 'segment' END, CASE WHEN n.n = 0 AND"
    " c.id % 5 < 3 THEN 'withheld' WHEN c.id % 41 = 0 THEN 'superseded' ELSE 'taken' END, 'Welcome: no consent for"
    " e-mail' FROM contacts c, (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2) n",
    "INSERT INTO deliveries (key, contact_id, connection_id, kind, urgency, action, status, reason, attempts,"
    " not_before, created_at, updated_at) SELECT {hash}, c.id, {connection}, CASE WHEN n.n = 0 THEN 'upsert_contact'"
    " ELSE 'send_message' END, 3, CASE WHEN n.n = 0 THEN"
    ' \'{{"do":"upsert_contact","properties":{{"city":"Paris"}}}}\' ELSE'
    ' \'{{"do":"send_message","message":"Hello","rule":"welcome","occurred_at":"2026-01-01T00:00:00Z"}}\' END,'
    " CASE WHEN c.id % 53 = 1 THEN 'pending' WHEN c.id % 499 = 2 THEN 'dead' WHEN c.id % 1999 = 3 THEN 'unknown' WHEN"
    " c.id % 11 = 4 THEN 'withheld' ELSE 'sent' END, CASE WHEN c.id % 11 = 4 THEN 'no consent for e-mail' ELSE NULL"
    " END, 1, {now} + 3600000000000, {then} + (c.id % 100003) * ({span} / 100003), {now}"
    " FROM contacts c, (SELECT 0 AS n UNION ALL SELECT 1) n",
    "INSERT INTO attempts (delivery_id, at, outcome, reason) SELECT id, created_at, status, '' FROM deliveries",
    "INSERT INTO handoffs (key, contact_id, rule, opened_at, due_at, status, score, reason) SELECT {hash}, id,"
    " 'pricing', {then} + (id % 100003) * ({span} / 100003), {now}, CASE WHEN id % 1250 = 0 THEN 'open' WHEN"
    " id % 350 = 0 THEN 'claimed' ELSE 'closed' END, 61, 'visited /pricing' FROM contacts WHERE id % 50 = 0",
    "INSERT INTO enrolments (key, contact_id, sequence, version, entered_at, step, waiting, paused, sent, ignored,"
    " ended_at, exit) SELECT {hash}, id, '{sequence}', 'sequences@1', {then} + (id % 100003) * ({span} / 100003), 'a',"
    " 'time', {false}, 1, '', CASE WHEN id % 2 = 0 THEN {now} ELSE NULL END, CASE WHEN id % 2 = 0 THEN 'goal' ELSE"
    " NULL END FROM contacts WHERE id % 5 < 2",
    "INSERT INTO reviews (key, contact_id, sequence, version, reason, worst, segments, opened_at, status) SELECT"
    " {hash}, id, '{sequence}', 'sequences@1', 'finished', 'a', '[]', {then} + (id % 100003) * ({span} / 100003), CASE"
    " WHEN id % 400 = 1 THEN 'open' ELSE 'resolved' END FROM contacts WHERE id % 40 = 1",
    "INSERT INTO contact_segments (contact_id, segment) SELECT c.id, s.s FROM contacts c, ({segments}) s"
    " WHERE (c.id * 31) % 7 < 3 AND NOT EXISTS (SELECT 1 FROM contact_segments k WHERE k.contact_id = c.id AND"
    " k.segment = s.s)",
    "INSERT INTO shadows (connection_id, ref, contact_id, properties) SELECT {connection}, 'contact:' || id, id,"
    ' \'{{"city":["Paris",1]}}\' FROM contacts',
    "INSERT INTO timers (contact_id, key, due_at) SELECT id, 'segment', {now} + 86400000000 * (1 + id % 90)"
    " FROM contacts WHERE id % 5 = 0",
)


def surround(runtime: Runtime, connection_id: int, now: datetime) -> None:
    """Give the contacts of an installation what years would have given them."""
    database = runtime.database
    segments = [one.id for one in runtime.rulebook().policies.segments.every[:3]] or ["all"]
    said = {
        "now": to_us(now),
        "then": to_us(now - AGE),
        "span": to_us(now) - to_us(now - AGE),
        "connection": connection_id,
        "segments": " UNION ALL ".join(f"SELECT '{name}' AS s" for name in segments),
        "sequence": next(iter(runtime.rulebook().policies.sequences.newest.by_id)),
        "hash": "randomblob(16)" if database.is_sqlite else "decode(md5(random()::text), 'hex')",
        "false": "0" if database.is_sqlite else "false",
    }
    for statement in _STATEMENTS:
        with database.write() as conn:
            database.take_time(conn)
            conn.exec_driver_sql(statement.format(**said).replace("%", "%%" if not database.is_sqlite else "%"))
    with database.write() as conn:
        database.take_time(conn)
        conn.execute(text("ANALYZE"))


def sizes(runtime: Runtime) -> dict[str, int]:
    """How many rows each of these tables holds."""
    with runtime.database.read() as conn:
        return {
            name: conn.execute(text(f"SELECT count(*) FROM {metadata.tables[name].name}")).scalar() or 0  # noqa: S608
            for name in ("contacts", "events", "inbox", *_TABLES)
        }

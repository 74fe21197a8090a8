-- A journal's tables: the records, which are only ever added to, and one lock for each pair that a run holds.
-- Text is compared byte by byte, as in the embedded journal.

CREATE TABLE layout (version integer NOT NULL);

CREATE TABLE records (
    seq bigint PRIMARY KEY,
    at text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    pair text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    by text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    prev text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL,
    data text COLLATE "C" NOT NULL
);
CREATE INDEX records_of_a_run ON records (run);
CREATE INDEX records_of_a_pair ON records (pair, kind);
CREATE INDEX runs_of_a_pair ON records (pair, run, kind) WHERE kind IN ('run.started', 'pair.adopted');

CREATE FUNCTION records_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'journal records are never changed, and never deleted';
END $$;
CREATE TRIGGER records_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON records
    FOR EACH STATEMENT EXECUTE FUNCTION records_stay();

-- An approval's role is what this server says, or none: it cannot be made up.
CREATE FUNCTION approvals_are_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(NEW.data::json ->> 'role', '') NOT IN ('', session_user::text) THEN
        RAISE EXCEPTION 'an approval is signed by the role that makes it, which is %', session_user;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approvals_are_signed BEFORE INSERT ON records
    FOR EACH ROW WHEN (NEW.kind = 'run.approved') EXECUTE FUNCTION approvals_are_signed();

-- A lock's id is new each time that it is taken, so it fences: an intent's own transaction asks for it.
-- heard and witnessed tell, by this server's clock, when its holder was last heard of, and whether it had a session here.
CREATE TABLE locks (
    pair text COLLATE "C" PRIMARY KEY,
    lock text COLLATE "C" NOT NULL UNIQUE,
    run text COLLATE "C" NOT NULL,
    operator text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    pid integer NOT NULL,
    process_started text COLLATE "C" NOT NULL,
    taken_at text COLLATE "C" NOT NULL,
    beat_at text COLLATE "C" NOT NULL,
    heard timestamptz NOT NULL,
    witnessed boolean NOT NULL
);

-- Whether the process that holds a lock has a session here: one that holds an advisory lock named after it.
CREATE FUNCTION stands(text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
            AND classid::bigint = (hashtextextended($1, 0) >> 32) & 4294967295
            AND objid::bigint = hashtextextended($1, 0) & 4294967295
    )
$$;
CREATE FUNCTION lock_is_heard_of() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.heard := clock_timestamp();
    EXECUTE format('SELECT %I.stands($1)', TG_TABLE_SCHEMA) INTO NEW.witnessed USING NEW.lock;
    RETURN NEW;
END $$;
CREATE TRIGGER lock_is_heard_of BEFORE INSERT OR UPDATE ON locks
    FOR EACH ROW EXECUTE FUNCTION lock_is_heard_of();

-- A sight of one lock: NULL where its holder never had a session here, so that nothing can be told of it.
CREATE VIEW witnesses AS
    SELECT lock, CASE WHEN witnessed THEN
        stands(lock) OR clock_timestamp() - heard < interval '15 seconds'
    END AS lives
    FROM locks;

-- Who may look at the journal at all, and who may add to it, the two GRANT lines say that `hamr journal init` prints.
GRANT SELECT ON layout, witnesses TO PUBLIC;

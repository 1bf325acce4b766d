-- Everything durable except blobs, in one file per data directory.
-- STRICT, so that a value of the wrong type fails when it is written and not years later when it is read.
-- Rows that belong to an agent begin their primary key with it: one agent's rows lie together, and deleting an agent
-- is deleting ranges. There are no foreign keys, because SQLite checks those at the end of a statement and one statement
-- here holds many lists (see writes.sql, where the same rules are checked row by row).

-- Numbers that only grow. 'agent': the last agent key handed out, so that no key is ever used twice.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counter VALUES ('agent', 0);

-- Where agent ids and component names are unique.
CREATE TABLE environment (
    environment INTEGER PRIMARY KEY,
    app         TEXT NOT NULL,
    name        TEXT NOT NULL,
    UNIQUE (app, name)
) STRICT;

INSERT INTO environment VALUES (1, 'default', 'default');

-- A component of an environment.
CREATE TABLE component (
    component     TEXT PRIMARY KEY,
    environment   INTEGER NOT NULL,
    name          TEXT NOT NULL,
    created_at_ns INTEGER NOT NULL,
    UNIQUE (environment, name)
) STRICT, WITHOUT ROWID;

-- One deployed version; never changed afterwards. wasm and files are hashes of blobs.
CREATE TABLE version (
    component     TEXT NOT NULL,
    version       INTEGER NOT NULL,
    wasm          TEXT NOT NULL,
    files         TEXT,
    manifest      BLOB NOT NULL,
    agent_types   BLOB NOT NULL,
    created_at_ns INTEGER NOT NULL,
    PRIMARY KEY (component, version)
) STRICT, WITHOUT ROWID;

-- The living agents. status is a copy of what the oplog says, kept for listing and for finding work after a restart.
CREATE TABLE agent (
    agent         INTEGER PRIMARY KEY,
    environment   INTEGER NOT NULL,
    component     TEXT NOT NULL,
    type          TEXT NOT NULL,
    name          TEXT NOT NULL,
    mode          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    status        TEXT NOT NULL,
    created_at_ns INTEGER NOT NULL,
    env           BLOB NOT NULL,
    UNIQUE (environment, name)
) STRICT;

-- Listing by type, in the order of creation.
CREATE INDEX agent_type ON agent (environment, type);

-- Listing without a filter, in the order of creation.
CREATE INDEX agent_environment ON agent (environment);

-- Finding agents by status. Idle ones are left out: they are nearly all, and they would cost two index writes per invocation.
CREATE INDEX agent_status ON agent (status, environment) WHERE status <> 'idle';

-- The history of every agent: indices 1, 2, 3 ... without a gap. checksum is the CRC-32 of the entry.
CREATE TABLE oplog (
    agent    INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    entry    BLOB NOT NULL,
    PRIMARY KEY (agent, idx)
) STRICT, WITHOUT ROWID;

-- Accepted invocations that have not finished. seq orders those of one agent first in, first out.
CREATE TABLE inbox (
    seq      INTEGER PRIMARY KEY,
    agent    INTEGER NOT NULL,
    key      TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    payload  BLOB NOT NULL,
    UNIQUE (agent, key)
) STRICT;

-- Where in the oplog the invocation with an idempotency key ended.
CREATE TABLE result (
    agent INTEGER NOT NULL,
    key   TEXT NOT NULL,
    idx   INTEGER NOT NULL,
    PRIMARY KEY (agent, key)
) STRICT, WITHOUT ROWID;

"""The tables of the index; `version` says what they mean. Pure."""

from typing import Final

TABLES: Final = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  settled INTEGER NOT NULL,
  inode INTEGER, size INTEGER, mtime_ns INTEGER,
  head TEXT,
  short_id TEXT, name TEXT, key TEXT, external_id TEXT,
  status TEXT, exit_code INTEGER, signal INTEGER, reason TEXT,
  created_us INTEGER, started_us INTEGER, ended_us INTEGER, took_s REAL,
  tags TEXT, command TEXT, runtime TEXT, parent TEXT
);
CREATE TABLE tags (
  run INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, status TEXT NOT NULL,
  PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE kinds (
  name TEXT, exit_code INTEGER, status TEXT NOT NULL, signal INTEGER, reason TEXT, runtime TEXT,
  runs INTEGER NOT NULL
);
CREATE TABLE counts (status TEXT PRIMARY KEY, runs INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE live (
  run_id TEXT PRIMARY KEY,
  inode INTEGER, size INTEGER, mtime_ns INTEGER,
  short_id TEXT, name TEXT, status TEXT, created_us INTEGER, started_us INTEGER,
  tags TEXT, command TEXT, pid INTEGER, fraction REAL, step TEXT, message TEXT
) WITHOUT ROWID;
CREATE TABLE snapshots (
  run_id TEXT NOT NULL, number INTEGER NOT NULL,
  told BLOB NOT NULL, state BLOB NOT NULL, checked BLOB NOT NULL,
  PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
CREATE TABLE place (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  boot TEXT NOT NULL,
  feed TEXT NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, before TEXT NOT NULL,
  journals_ns INTEGER NOT NULL, packs_ns INTEGER NOT NULL
);
"""
"""`place` has one row: up to where the feed was read, and when the folders of the journals and packs
were last seen to change.

`snapshots` are of long journals, whether or not their runs are settled: see the module `long_runs`.
`counts` counts the settled rows, and `kinds` those that are alike in what is asked for most. `live` is what
the last plain `ps` saw of others: see the module `live`.
`version` grows with each commit.
"""

INDEXES: Final = """
CREATE UNIQUE INDEX runs_by_id ON runs (run_id);
CREATE INDEX runs_to_look_at ON runs (run_id) WHERE settled = 0;
CREATE INDEX runs_by_place ON runs (created_us DESC, run_id DESC, status, exit_code, name, key)
  WHERE settled = 1;
CREATE INDEX runs_by_status ON runs (status, created_us DESC, run_id DESC, exit_code, name, key)
  WHERE settled = 1;
CREATE INDEX runs_by_name ON runs (name, created_us DESC, run_id DESC, status) WHERE settled = 1;
CREATE INDEX runs_by_exit_code ON runs (exit_code) WHERE settled = 1;
CREATE INDEX runs_by_end ON runs (status, ended_us) WHERE settled = 1;
CREATE INDEX runs_by_duration ON runs (status, took_s) WHERE settled = 1;
CREATE INDEX runs_by_parent ON runs (parent) WHERE settled = 1 AND parent IS NOT NULL;
CREATE INDEX runs_by_short_id ON runs (short_id) WHERE settled = 1;
CREATE INDEX runs_by_key ON runs (key) WHERE settled = 1 AND key IS NOT NULL;
CREATE INDEX runs_by_external_id ON runs (external_id) WHERE settled = 1 AND external_id IS NOT NULL;
CREATE INDEX tags_by_value ON tags (name, value, status);
CREATE INDEX kinds_by_name ON kinds (name, exit_code);
CREATE TRIGGER runs_gone AFTER DELETE ON runs WHEN old.settled = 1 BEGIN
  UPDATE counts SET runs = runs - 1 WHERE status = old.status;
  UPDATE kinds SET runs = runs - 1 WHERE name IS old.name AND exit_code IS old.exit_code
    AND status = old.status AND signal IS old.signal AND reason IS old.reason AND runtime IS old.runtime;
  DELETE FROM kinds WHERE name IS old.name AND exit_code IS old.exit_code AND runs = 0;
END;
CREATE TRIGGER runs_come AFTER INSERT ON runs WHEN new.settled = 1 BEGIN
  INSERT INTO counts VALUES (new.status, 1) ON CONFLICT (status) DO UPDATE SET runs = runs + 1;
  UPDATE kinds SET runs = runs + 1 WHERE name IS new.name AND exit_code IS new.exit_code
    AND status = new.status AND signal IS new.signal AND reason IS new.reason AND runtime IS new.runtime;
  INSERT INTO kinds SELECT new.name, new.exit_code, new.status, new.signal, new.reason, new.runtime, 1
    WHERE changes() = 0;
END;
"""
"""Made after the rows where an index is made anew: that is three times faster."""

COUNT: Final = """
INSERT INTO kinds SELECT name, exit_code, status, signal, reason, runtime, count(*) FROM runs
  WHERE settled = 1 GROUP BY +name, +exit_code, +status, signal, reason, runtime;
INSERT INTO counts SELECT status, sum(runs) FROM kinds GROUP BY status;
"""
"""Begins the counts that the triggers keep up."""

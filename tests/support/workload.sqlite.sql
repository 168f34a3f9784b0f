-- SPDX-License-Identifier: MIT
-- The tables and the truth of workload.postgres.sql for SQLite. Versions are random numbers of 53 bits, which every
-- statement of workload.sqlite.sh sets; the triggers that note are made for each table by workload_watch in workload.sh.
CREATE TABLE workload_truth (
	id INTEGER PRIMARY KEY, tab text NOT NULL, op text NOT NULL,
	old_key text NOT NULL DEFAULT '', old_v int, new_key text NOT NULL DEFAULT '', new_v int);

CREATE TABLE items (k INTEGER PRIMARY KEY, v INTEGER NOT NULL DEFAULT (random() & 9007199254740991), note text);
CREATE TABLE pairs (k text, part int, v INTEGER NOT NULL DEFAULT (random() & 9007199254740991), note text,
	PRIMARY KEY (k, part)) WITHOUT ROWID;

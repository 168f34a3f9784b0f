/* SPDX-License-Identifier: MIT */
/*
 * The rows of the key table that say what is captured and how: database and listener.
 */
#include "config/key_rows.h"
#include "config/tenant_quota.h"

static const struct key_word type_words[] = {
	{"postgres", SOURCE_POSTGRES},
	{"postgresql", SOURCE_POSTGRES},
	{"mysql", SOURCE_MYSQL},
	{"mariadb", SOURCE_MYSQL},
	{"sqlite", SOURCE_SQLITE},
	{"http", SOURCE_HTTP},
	{NULL, 0},
};
static const struct key_word sslmode_words[] = {
	{"disable", 0},   {"allow", 0},       {"prefer", 0}, {"require", 0},
	{"verify-ca", 0}, {"verify-full", 0}, {NULL, 0},
};
/* the daemon writes (it acknowledges), so a standby is of no use */
static const struct key_word session_words[] = {
	{"read-write", 0},
	{"primary", 0},
	{"any", 0},
	{NULL, 0},
};
static const struct key_word wakeup_words[] = {
	{"auto", SOURCE_WAKEUP_AUTO},
	{"notify", SOURCE_WAKEUP_NOTIFY},
	{"poll", SOURCE_WAKEUP_POLL},
	{NULL, 0},
};
static const struct key_word ordering_words[] = {
	{"key", ORDERING_KEY},
	{"table", ORDERING_TABLE},
	{"pipeline", ORDERING_PIPELINE},
	{"none", ORDERING_NONE},
	{NULL, 0},
};

/* A field that is a pointer to a struct has a pointer's size: that is what is meant. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
static const struct key rows[] = {
	{"database.type", KEY_WORD, SOURCE(type), .def = "postgres", .words = type_words,
	 .help = "The kind of database."},
	{"database.host", KEY_STRING, SOURCE(host), .def = "localhost", .check = check_text,
	 ONLY_SERVERS,
	 .help = "Name or address of the server, or the directory of its Unix socket; for mysql "
		 "the "
		 "socket too."},
	{"database.port", KEY_INT, SOURCE(port), RANGE(1, 65535), ONLY_SERVERS,
	 .help = "Port of the server; 5432 for postgres and 3306 for mysql when not given."},
	{"database.user", KEY_STRING, SOURCE(user), .check = check_text, ONLY_SERVERS,
	 .help = "User to connect as; the user the daemon runs as when not given."},
	{"database.password", KEY_SECRET, SOURCE(password), ONLY_SERVERS,
	 .help = "Password of that user; postgres: libpq's own sources (.pgpass) are asked when "
		 "not given."},
	{"database.database", KEY_STRING, SOURCE(database), .check = check_text, ONLY_SERVERS,
	 .help = "Name of the database; required."},
	{"database.path", KEY_STRING, SOURCE(path), .check = check_path,
	 .types = KEY_TYPE_BIT(SOURCE_SQLITE) | KEY_TYPE_BIT(SOURCE_HTTP),
	 .why = "it is the file of an SQLite database",
	 .help = "Path of the database file; required. With http the daemon makes it, to keep the "
		 "events in."},
	{"database.store", KEY_STRING, SOURCE(store), .check = check_name, INSTALL,
	 ONLY_HTTP("it is where the events of a source of type http are kept"),
	 .help = "The source whose database keeps the events, in place of path."},
	{"database.table", KEY_TABLE, PIPELINE(tables), .alias = true,
	 .help = "The one table to capture, as TABLE or SCHEMA.TABLE (sqlite: TABLE)."},
	{"database.tables", KEY_TABLES, PIPELINE(tables), .alias = true,
	 .help = "The tables to capture: a list as described under tables."},
	{"database.sslmode", KEY_CHOICE, SOURCE(sslmode), .def = "prefer", .words = sslmode_words,
	 ONLY_SERVERS,
	 .help = "How far the connection must be protected, in libpq's words; mysql has no allow."},
	{"database.sslrootcert", KEY_STRING, SOURCE(sslrootcert), .check = check_text, ONLY_SERVERS,
	 .help = "File with the certificates that may sign the server's."},
	{"database.sslcert", KEY_STRING, SOURCE(sslcert), .check = check_text, ONLY_SERVERS,
	 .help = "File with the certificate to show to the server."},
	{"database.sslkey", KEY_STRING, SOURCE(sslkey), .check = check_text, ONLY_SERVERS,
	 .help = "File with the key of that certificate."},
	{"database.target_session_attrs", KEY_CHOICE, SOURCE(target_session_attrs),
	 .def = "read-write", .words = session_words,
	 ONLY_POSTGRES("a choice among several hosts is libpq's"),
	 .help = "Which server of several hosts to take, in libpq's words."},
	{"database.connect_timeout", KEY_DURATION, SOURCE(connect_timeout_us), .def = "10s",
	 RANGE(1 * S, 10 * MIN), .help = "A connection attempt is given up after this long."},
	{"database.statement_timeout", KEY_DURATION, SOURCE(statement_timeout_us), .def = "60s",
	 RANGE(1 * S, HOUR), .help = "A statement of the daemon is given up after this long."},
	{"database.reconnect_max_delay", KEY_DURATION, SOURCE(reconnect_max_delay_us), .def = "30s",
	 RANGE(100 * MS, HOUR), .help = "The longest wait between attempts to connect again."},

	{"listener.modes", KEY_OPS, PIPELINE(operations), .def = "insert,update,delete,truncate",
	 NOT_HTTP, INSTALL,
	 .help = "The operations to capture, as a list or with commas between; truncate is for "
		 "postgres only."},
	{"listener.ordering", KEY_WORD, PIPELINE(ordering), .def = "key", .words = ordering_words,
	 .help = "Which events wait for each other: those of one row, one table, the pipeline, "
		 "none."},
	{"listener.wakeup", KEY_WORD, SOURCE(wakeup), .def = "auto", .words = wakeup_words,
	 NOT_HTTP,
	 .help = "Whether the database notifies the daemon of changes or is only polled; mysql and "
		 "sqlite are always polled."},
	{"listener.poll_interval", KEY_DURATION, SOURCE(poll_interval_us), .def = "2s",
	 .def_polled = "250ms", RANGE(1 * MS, HOUR),
	 .help = "The longest wait between two looks for changes when nothing wakes the daemon."},
	{"listener.batch_size", KEY_INT, SOURCE(batch_size), .def = "1000", RANGE(1, 100000),
	 .help = "The most rows read, and the most acknowledged, at once."},
	{"listener.ack_delay", KEY_DURATION, SOURCE(ack_delay_us), .def = "20ms", RANGE(0, 10 * S),
	 .help = "How long an acknowledgement may wait for others to share its commit."},
	{"listener.max_event_bytes", KEY_SIZE, SOURCE(max_event_bytes), .def = "1MB",
	 RANGE(1 * KB, 256 * MB), INSTALL,
	 .help = "A larger row is sent with its key only, marked truncated."},
	{"listener.dead_letter_retention", KEY_DURATION, SOURCE(dead_letter_retention_us),
	 .def = "30d", RANGE(0, 3650 * DAY),
	 .help = "Dead letters are removed when they are older; 0s: they are kept."},
	{"listener.retain", KEY_DURATION, PIPELINE(retain_us), .def = "0s", RANGE(0, 3650 * DAY),
	 .help = "How long delivered events are kept for app-db-listener replay; 0s: not at all."},
	{"listener.tenant", KEY_STRING, PIPELINE(tenant), .check = check_text,
	 .help = "The column that tells whose a row is, so that one tenant with many rows does not "
		 "keep those of others waiting; none when not given."},
	{"listener.tenant_quota", KEY_PERCENT, PIPELINE(tenant_quota), .def = "1%",
	 RANGE(1, TENANT_QUOTA_WHOLE),
	 .help = "The part of the pipeline's capacity that each tenant may have in memory while "
		 "others wait."},
	{"listener.tenant_tiers", KEY_PAIRS, PIPELINE(tenant_tiers),
	 .help = "Names for larger or smaller quotas, as in {gold: 5%, silver: 3%}."},
	{"listener.tenants", KEY_PAIRS, PIPELINE(tenants),
	 .help = "Tenants with another quota, by tier or in per cent, as in {acme: gold, other: "
		 "2%}."},
	{"listener.audit_table", KEY_STRING, SOURCE(audit_table), .check = check_audit_table,
	 ONLY_MYSQL("it is always captured by triggers of its own"), INSTALL,
	 .help = "An audit table of your own that is read in place of triggers and outbox, as NAME "
		 "or SCHEMA.NAME."},
};
/* NOLINTEND(bugprone-sizeof-expression) */

const struct key_rows key_rows_of_source = {rows, ARRAY_LEN(rows)};

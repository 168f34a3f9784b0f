/* SPDX-License-Identifier: MIT */
/*
 * What is written from the key table:
 *
 *     config_keys dict        a libFuzzer dictionary
 *     config_keys markdown    the reference in docs/configuration.md
 *     config_keys example     the reference in config.yaml.example
 */
#include <stdio.h>

#include "base/buf.h"
#include "config/keys.h"
#include "config/percentage.h"
#include "config/value.h"

static void print_words(const struct key *k, const char *between)
{
	const struct key_word *w;

	for (w = k->words; w && w->name; w++)
		printf("%s%s", w == k->words ? "" : between, w->name);
}

static int is_in(const struct key *k, const char *section)
{
	return text_eq(key_section_of(k), text_of(section));
}

static void dict(void)
{
	const struct key *k;
	/* clang-format off */
	static const char *const more[] = {
		"\\x0a  ", ": ", "- ", "[", "]", "{", "}", "${", "${SET}", "${X:-", "$${",
		"_file: ", "_credential: ", "insert", "update", "delete", "truncate", "OLD.",
		"NEW.", "''", "$$", "/*", "--", "-- ", "/*!", "#", "`", "\\\\'", "500ms",
		"64MB", "0.5", "1d", "9223372036854775807", "http://h", "default", "*", "a.*",
		"\\\"a\\\".b", "&a", "*a", "!!str", "---", "|", ">-", "file", "credential",
		"whsec_", "whsk_", "10.0.0.0/8", "::1", "100/min", "5/10s",
	};
	/* clang-format on */
	const struct key_word *w;
	size_t i;

	for (i = 0; i < key_section_count; i++)
		printf("\"%s:\"\n", key_sections[i].name);
	for (i = 0; (k = key_at(i)); i++) {
		printf("\"%s: \"\n", key_last_name(k));
		if (k->def)
			printf("\"%s\"\n", k->def);
		for (w = k->words; w && w->name; w++)
			printf("\"%s\"\n", w->name);
	}
	for (i = 0; i < ARRAY_LEN(more); i++)
		printf("\"%s\"\n", more[i]);
}

static void print_bound(const struct key *k, int64_t v)
{
	struct buf text;

	buf_init(&text, 64);
	if (k->type == KEY_DURATION || k->type == KEY_DURATIONS)
		value_print_duration(&text, v);
	else if (k->type == KEY_SIZE)
		value_print_size(&text, v);
	else if (k->type == KEY_PERCENT)
		percentage_add(&text, v);
	else
		buf_add_i64(&text, v);
	printf("%s", buf_str(&text));
	buf_done(&text);
}

/* " Only with postgres and mysql." for a key that not every type has */
static void print_types(const struct key *k)
{
	const char *before = " Only with ";
	enum source_type type;

	for (type = 0; k->types && type < SOURCE_FAKE; type++) {
		if (!key_fits(k, type))
			continue;
		printf("%s%s", before, source_type_name(type));
		before = " and ";
	}
	printf("%s", k->types ? "." : "");
}

static void markdown_row(const struct key *k)
{
	printf("| `%s` | %s", key_last_name(k), key_type_name(k->type));
	if (k->max) {
		printf(", ");
		print_bound(k, k->min);
		printf(" to ");
		print_bound(k, k->max);
	}
	if (k->words) {
		printf(": ");
		print_words(k, ", ");
	}
	printf(" | %s%s%s", k->def ? "`" : "", k->def ? k->def : "", k->def ? "`" : "");
	if (k->def_polled)
		printf("; `%s` with mysql and sqlite", k->def_polled);
	printf(" | %s | %s", k->installs ? "yes" : "", k->help);
	print_types(k);
	printf(" |\n");
}

static void markdown(void)
{
	const struct key *k;
	size_t s, i;

	for (s = 0; s < key_section_count; s++) {
		printf("### %s\n\n%s\n\n", key_sections[s].name, key_sections[s].help);
		printf("| key | value | default | install | |\n| --- | --- | --- | --- | --- |\n");
		for (i = 0; (k = key_at(i)); i++) {
			if (is_in(k, key_sections[s].name))
				markdown_row(k);
		}
		printf("%s", s + 1 < key_section_count ? "\n" : "");
	}
}

/* What to show for a key without default, so that the line could stand without its #. */
static const char *sample(const struct key *k)
{
	static const struct {
		const char *name, *value;
	} samples[] = {{"database.port", "5432"},
		       {"database.user", "listener"},
		       {"database.password", "${DB_PASSWORD}"},
		       {"database.database", "prod_db"},
		       {"database.path", "/var/lib/app/app.db"},
		       {"database.table", "users"},
		       {"database.tables", "[users, sales.orders, archive.*]"},
		       {"database.sslrootcert", "/etc/ssl/certs/db-ca.pem"},
		       {"database.sslcert", "/etc/app-db-listener/client.pem"},
		       {"database.sslkey", "/etc/app-db-listener/client.key"},
		       {"listener.tenant", "customer_id"},
		       {"listener.tenant_tiers", "{gold: 5%, silver: 3%}"},
		       {"listener.tenants", "{acme: gold, initech: 2%}"},
		       {"listener.audit_table", "audit_log"},
		       {"webhook.url", "${WEBHOOK_URL}"},
		       {"webhook.headers", "{X-Api-Key: \"${WEBHOOK_API_KEY}\"}"},
		       {"webhook.signing_secrets", "${WEBHOOK_SIGNING_SECRET}"},
		       {"webhook.bearer_token", "${WEBHOOK_TOKEN}"},
		       {"webhook.basic_user", "shop"},
		       {"webhook.basic_password", "${WEBHOOK_PASSWORD}"},
		       {"webhook.oauth2_token_url", "https://login.example/oauth2/token"},
		       {"webhook.oauth2_client_id", "app-db-listener"},
		       {"webhook.oauth2_client_secret", "${OAUTH2_SECRET}"},
		       {"webhook.oauth2_scope", "events.write"},
		       {"webhook.oauth2_audience", "https://api.example"},
		       {"webhook.tls_cert", "/etc/app-db-listener/webhook.pem"},
		       {"webhook.tls_key", "/etc/app-db-listener/webhook.key"},
		       {"webhook.tls_key_password", "${WEBHOOK_KEY_PASSWORD}"},
		       {"webhook.tls_pin", "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
		       {"webhook.ca_file", "/etc/ssl/certs/receiver-ca.pem"},
		       {"webhook.proxy", "http://proxy.example:3128"},
		       {"tables.name", "sales.orders"},
		       {"tables.columns", "[id, status, total]"},
		       {"tables.exclude", "[notes]"},
		       {"tables.key", "[id]"},
		       {"tables.where", "NEW.status <> 'draft'"},
		       {"sources.name", "shop"},
		       {"webhooks.name", "crm"},
		       {"pipelines.name", "orders"},
		       {"pipelines.source", "shop"},
		       {"pipelines.webhook", "crm"},
		       {"pipelines.table", "sales.orders"},
		       {"pipelines.tables", "[sales.*]"},
		       {"pipelines.operations", "[insert, update]"},
		       {"admin.token", "${ADMIN_TOKEN}"}};
	size_t i;

	for (i = 0; i < ARRAY_LEN(samples); i++) {
		if (!strcmp(samples[i].name, k->name))
			return samples[i].value;
	}
	return k->def ? k->def : "";
}

static void example(void)
{
	const struct key *k;
	size_t s, i;

	for (s = 0; s < key_section_count; s++) {
		int is_list = key_sections[s].kind == KEY_SECTION_LIST ||
			      key_sections[s].kind == KEY_SECTION_TABLES;
		const char *lead = is_list ? "  - " : "  ";

		printf("\n# %s\n#%s:\n", key_sections[s].help, key_sections[s].name);
		for (i = 0; (k = key_at(i)); i++) {
			if (!is_in(k, key_sections[s].name))
				continue;
			printf("  # %s%s", k->help, k->words ? " One of: " : "");
			print_words(k, ", ");
			printf("%s", k->words ? "." : "");
			print_types(k);
			if (k->def_polled)
				printf(" Default with mysql and sqlite: %s.", k->def_polled);
			printf("\n#%s%s: %s\n", lead, key_last_name(k), sample(k));
			lead = is_list ? "    " : "  ";
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "dict"))
		dict();
	else if (!strcmp(what, "markdown"))
		markdown();
	else if (!strcmp(what, "example"))
		example();
	else
		return fprintf(stderr, "usage: config_keys dict|markdown|example\n"), 64;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The working parts of one configuration, wired together:
 *
 *     runner (one a source) ──push──► ring (one a pipeline) ──take──► pool ──POST──► webhook
 *          ▲                                                            │
 *          └──────────────────────────── acks ◄────────────────────────┘
 *
 * A reload builds a second engine and takes the first one down. Called from the main thread.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "control/metrics.h"

struct engine;

/* Build everything, start nothing. s and budget are loans for the engine's life; budget may be
 * NULL. Errors: ERR_NOMEM, ERR_CONFIG (a source type this build has not), ERR_IO. */
enum err_code engine_new(const struct settings *s, struct budget *budget, const struct clock *clock,
			 struct engine **ret_engine, struct err *e) ATTR_MUST_CHECK;

/* Stopped engines only; NULL is fine. */
void engine_free(struct engine *g);

/* Start workers, then sources. On an error nothing runs. Errors: ERR_NOMEM, ERR_IO. */
/* Count what is read by its table: before engine_start. A loan. */
void engine_set_tables(struct engine *g, struct label_set *tables);

enum err_code engine_start(struct engine *g, struct err *e) ATTR_MUST_CHECK;

/* Stop reading, give requests in flight until deadline_us (monotonic), acknowledge what was
 * delivered, stop. What is left stays in the outbox. Does nothing when it is not running. */
void engine_stop(struct engine *g, int64_t deadline_us);

/* Something was put into the outbox of that source, in settings.sources: read it now. Any thread,
 * between engine_new and engine_free. */
void engine_look(struct engine *g, size_t source);

/* What metrics and health look at; valid as long as the engine. */
const struct metrics_inputs *engine_inputs(const struct engine *g);

/* Let the webhook called name send again, or no more: ERR_NOT_FOUND. Any thread. */
enum err_code engine_enable_webhook(struct engine *g, const char *name, bool enable,
				    struct err *e) ATTR_MUST_CHECK;

/* What is known of the webhooks, for the engine that comes after this one. */
struct engine_memory {
	struct standing standings[SETTINGS_WEBHOOKS_MAX];
	size_t count;
};

void engine_remember(const struct engine *g, struct engine_memory *ret_m);
/* Before engine_start. */
void engine_recall(struct engine *g, const struct engine_memory *m);

#endif

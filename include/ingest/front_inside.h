/* SPDX-License-Identifier: MIT */
/*
 * What src/ingest/front.c, upload.c and admit.c share, and nobody else uses.
 */
#ifndef INGEST_FRONT_INSIDE_H
#define INGEST_FRONT_INSIDE_H

#include <microhttpd.h>

#include "base/thread.h"
#include "ingest/arrivals.h"
#include "ingest/door.h"
#include "ingest/front.h"
#include "ingest/tokens.h"

/* A connection. Made, changed and freed by the server's thread; the door's thread looks at those in
 * the list. */
struct guest {
	int fd;
	/* by when the request that comes in has to be whole, and the next bytes of its body have to
	 * be there; INT64_MAX: no such time now */
	_Atomic int64_t whole_us;
	_Atomic int64_t next_us;
	_Atomic bool receiving; /* a body: nothing of an answer was sent yet */
	/* by the door's thread, under the front's lock: told why, and cut off */
	enum refusal_reason ended;
	struct guest *prev, *next; /* under the front's lock */
};

/* Refusals are logged one a second, with how many there were meanwhile. */
struct refusal_log {
	int64_t next_us;
	int64_t unsaid;
};

struct front {
	struct front_options o;
	const struct ingest_settings *settings;
	bool is_tls;
	char *pem[2]; /* certificate and key */
	struct tokens *tokens;
	struct recent *recent;                              /* NULL: none */
	struct committer *committers[SETTINGS_SOURCES_MAX]; /* one an inlet */
	struct front_source {
		struct front *front;
		size_t source;
	} sources[SETTINGS_SOURCES_MAX]; /* for their callbacks */
	struct door *door;
	struct MHD_Daemon *server;
	struct refusal_log log;           /* of the server's thread */
	char crowded[REFUSAL_HTTP_BYTES]; /* what those hear for whom there is no room */
	_Atomic bool stopping;
	struct mutex lock;
	struct cond changed;      /* a request has ended */
	struct guest *guests;     /* under lock */
	struct arrivals arrivals; /* under lock: counted, and not among the guests yet */
};

/* What became of a request so far: see src/ingest/upload.c. */
enum upload_phase { HEAD, BODY, STORING, ANSWERED };

struct upload {
	struct front *front;
	struct guest *guest;
	struct MHD_Connection *connection;
	enum upload_phase phase;
	bool is_1_0;  /* the version of HTTP */
	bool counted; /* among max_concurrent */
	bool told;    /* refused past the server */
	bool said;    /* the refusal is counted and logged */
	size_t inlet;
	size_t token;
	struct body body;
	struct job job;
	struct refusal refusal;
	char key[INLET_KEY_BYTES_MAX + 1];
};

static inline int64_t upload_now_us(const struct upload *u)
{
	return clock_now_us(u->front->o.clock);
}

/* Look at the head of u: its refusal says whether it may come in; if so, its job is described. */
void upload_admit(struct upload *u, const char *url, const char *method);

/* Refuse u for the size of its body. */
void upload_too_large(struct upload *u);

/* MHD_AccessHandlerCallback and MHD_RequestCompletedCallback; cls is the front. */
enum MHD_Result upload_handle(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **state);
void upload_completed(void *cls, struct MHD_Connection *connection, void **state,
		      enum MHD_RequestTerminationCode code);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Threads, mutexes and conditions; thin over pthreads, annotated for clang's -Wthread-safety.
 * A failing lock call is a programming error and asserts. At most one lock is held at a time, and
 * none across I/O, a callback or a log line.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"

struct ATTR_CAPABILITY("mutex") mutex {
	pthread_mutex_t m;
};

void mutex_init(struct mutex *m);
void mutex_done(struct mutex *m);
void mutex_lock(struct mutex *m) ATTR_ACQUIRE(m);
void mutex_unlock(struct mutex *m) ATTR_RELEASE(m);

/* A condition that waits on the monotonic clock. */
struct cond {
	pthread_cond_t c;
};

void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
/* Wait until signalled or deadline_us (monotonic; INT64_MAX: no deadline). May wake early:
 * re-check the predicate. */
void cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_us) ATTR_REQUIRES(m);

struct thread {
	pthread_t id;
	int running; /* started and not yet joined */
};

typedef void (*thread_fn)(void *arg);

/* Start fn(arg) as a thread called name (cut at 15 bytes; what ps and gdb show). All signals are
 * blocked in it, so that only the main thread sees them. stack_bytes 0 means 256 KiB.
 * Errors: ERR_NOMEM, ERR_IO (no more threads). */
enum err_code thread_start(struct thread *t, const char *name, size_t stack_bytes, thread_fn fn,
			   void *arg, struct err *e) ATTR_MUST_CHECK;

/* Wait for its end; does nothing when it is not running. */
void thread_join(struct thread *t);

#endif

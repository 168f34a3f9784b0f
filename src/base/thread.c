/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define THREAD_STACK_BYTES (256UL * 1024)
#define THREAD_NAME_BYTES 16 /* with the NUL: pthread_setname_np(3) */

void mutex_init(struct mutex *m)
{
	int rc = pthread_mutex_init(&m->m, NULL);

	assert(rc == 0);
	(void)rc;
}

void mutex_done(struct mutex *m)
{
	int rc = pthread_mutex_destroy(&m->m);

	assert(rc == 0);
	(void)rc;
}

void mutex_lock(struct mutex *m) ATTR_NO_THREAD_SAFETY
{
	int rc = pthread_mutex_lock(&m->m);

	assert(rc == 0);
	(void)rc;
}

void mutex_unlock(struct mutex *m) ATTR_NO_THREAD_SAFETY
{
	int rc = pthread_mutex_unlock(&m->m);

	assert(rc == 0);
	(void)rc;
}

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);

	assert(rc == 0);
	rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	assert(rc == 0);
	rc = pthread_cond_init(&c->c, &attr);
	assert(rc == 0);
	(void)rc;
	(void)pthread_condattr_destroy(&attr);
}

void cond_done(struct cond *c)
{
	(void)pthread_cond_destroy(&c->c);
}

void cond_signal(struct cond *c)
{
	(void)pthread_cond_signal(&c->c);
}

void cond_broadcast(struct cond *c)
{
	(void)pthread_cond_broadcast(&c->c);
}

void cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_us)
{
	struct timespec ts;

	if (deadline_us == INT64_MAX) {
		(void)pthread_cond_wait(&c->c, &m->m);
		return;
	}
	ts.tv_sec = (time_t)(deadline_us / CLOCK_US_PER_S);
	ts.tv_nsec = (long)(deadline_us % CLOCK_US_PER_S) * 1000;
	(void)pthread_cond_timedwait(&c->c, &m->m, &ts);
}

struct thread_call {
	thread_fn fn;
	void *arg;
	char name[THREAD_NAME_BYTES];
};

static void *thread_main(void *arg)
{
	struct thread_call call = *(struct thread_call *)arg;

	mem_free(arg);
	(void)pthread_setname_np(pthread_self(), call.name);
	call.fn(call.arg);
	return NULL;
}

enum err_code thread_start(struct thread *t, const char *name, size_t stack_bytes, thread_fn fn,
			   void *arg, struct err *e)
{
	struct thread_call *call;
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	t->running = 0;
	call = mem_calloc(1, sizeof(*call));
	if (!call)
		return err_set(e, ERR_NOMEM, "no memory to start thread %s", name);
	call->fn = fn;
	call->arg = arg;
	(void)snprintf(call->name, sizeof(call->name), "%.15s", name);
	rc = pthread_attr_init(&attr);
	if (rc == 0) {
		(void)pthread_attr_setstacksize(&attr,
						stack_bytes ? stack_bytes : THREAD_STACK_BYTES);
		(void)sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &before);
		rc = pthread_create(&t->id, &attr, thread_main, call);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
		(void)pthread_attr_destroy(&attr);
	}
	if (rc != 0) {
		mem_free(call);
		return err_set_sys(e, ERR_IO, rc, "cannot start thread %s", name);
	}
	t->running = 1;
	return ERR_OK;
}

void thread_join(struct thread *t)
{
	if (!t->running)
		return;
	(void)pthread_join(t->id, NULL);
	t->running = 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Compiler attributes, in one place so that analyzers see ownership, results that must be
 * checked, and which mutex guards what.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* The result must be looked at: every function that returns enum err_code carries it. */
#define ATTR_MUST_CHECK __attribute__((warn_unused_result))

/* printf-like: argument FMT is the format (counted from 1), ARGS the first variadic one. */
#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define ATTR_UNUSED __attribute__((unused))

/* gcc can be told which function frees a result; clang 14 knows the plain form only. */
#if defined(__GNUC__) && !defined(__clang__)
#define ATTR_MALLOC(free_fn) __attribute__((malloc, malloc(free_fn, 1)))
#else
#define ATTR_MALLOC(free_fn) __attribute__((malloc))
#endif

/* clang -Wthread-safety: locks are capabilities; gcc ignores them. */
#ifdef __clang__
#define ATTR_CAPABILITY(x) __attribute__((capability(x)))
#define ATTR_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define ATTR_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define ATTR_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define ATTR_NO_THREAD_SAFETY __attribute__((no_thread_safety_analysis))
#else
#define ATTR_CAPABILITY(x)
#define ATTR_ACQUIRE(...)
#define ATTR_RELEASE(...)
#define ATTR_REQUIRES(...)
#define ATTR_NO_THREAD_SAFETY
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif

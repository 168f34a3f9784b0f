/* SPDX-License-Identifier: MIT */
/*
 * What a file of tests/fuzz defines: one target, fed with bytes by libFuzzer (make fuzz), or with
 * the files of its corpus by fuzz_main.c (make check).
 */
#ifndef SUPPORT_FUZZ_H
#define SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. Must take any bytes, leave nothing behind, and be the same each time. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif

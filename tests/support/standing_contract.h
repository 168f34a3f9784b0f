/* SPDX-License-Identifier: MIT */
/*
 * What every source must do with what is known of webhooks (core/standing.h): a part of its
 * contract.
 */
#ifndef TEST_STANDING_CONTRACT_H
#define TEST_STANDING_CONTRACT_H

/* state: a struct lab *. */
void what_is_known_of_a_webhook_is_kept_by_pipeline(void **state);

#endif

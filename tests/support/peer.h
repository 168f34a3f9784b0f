/* SPDX-License-Identifier: MIT */
/*
 * One connection to the receiver.
 *
 *     HEAD ──► BODY ──► WAITING (delay, hang) ──► ANSWERING (trickle, endless) ──► HEAD
 *                 └─────────────────────────────────────▲
 */
#ifndef SUPPORT_PEER_H
#define SUPPORT_PEER_H

#include "station.h"

/* Take fd as a new connection of s; closes it when there is no memory. */
void peer_accept(struct station *s, int fd);

/* A timer of a peer is due. */
void peer_timer(struct timer *t);

/* Close every connection with RST. */
void peer_reset_all(struct station *s);

/* Free those closed since the last call. */
void peer_reap(struct station *s);

#endif

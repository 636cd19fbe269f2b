/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_PACE_H
#define FG_CLIENT_PACE_H

/*
 * How fast a KMS is asked: at most `rate` requests a second by all threads together, and slower when it says that this is too fast.
 *
 * Each time the KMS throttles, everybody waits: base_ms the first time, twice as long each further time, FG_PACE_LONGEST_MS at most, with up to a quarter more at random, so that many
 * clients do not come back at the same moment. Each answer that is no throttling halves the wait again.
 *
 * Threads: any number.
 */

#include <fieldguard/error.h>

#include <signal.h>

typedef struct fg_pace fg_pace;

#define FG_PACE_LONGEST_MS 20000
#define FG_PACE_BASE_MS 250
#define FG_PACE_ROUNDS 12 /* waits without one answer between them; with FG_PACE_BASE_MS some two minutes */

/* rate 0: no limit. base_ms 0: FG_PACE_BASE_MS. stop (may be NULL): not zero ends every wait; must outlive the pace. */
fg_pace *fg_pace_new (double rate, int64_t base_ms, const volatile sig_atomic_t *stop, fg_error *err) FG_WARN_UNUSED;
void fg_pace_free (fg_pace *pace); /* NULL is legal */

/* Waits for this thread's turn. *round is for fg_pace_throttled. False: stopped or exhausted. */
bool fg_pace_take (fg_pace *pace, unsigned *round) FG_WARN_UNUSED;
/* Requests that went out together are often throttled together: those of one round lengthen the wait once. */
void fg_pace_throttled (fg_pace *pace, unsigned round);
void fg_pace_answered (fg_pace *pace);
/* The KMS has answered nothing else for FG_PACE_ROUNDS waits: nobody asks any more. */
bool fg_pace_exhausted (fg_pace *pace);

/* Throttlings seen so far. */
unsigned fg_pace_throttlings (fg_pace *pace);

#endif /* FG_CLIENT_PACE_H */

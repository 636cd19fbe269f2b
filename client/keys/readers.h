/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_READERS_H
#define FG_CLIENT_READERS_H

/*
 * Read sections without a lock, and a writer's wait for those that have begun (sleepable RCU in small). Counters come in two sets; new sections use the set that the epoch
 * names. A section may pick a set just before the epoch moves and count itself just after, so the writer moves it twice and waits for either set once:
 * a latecomer to the first wait has already seen what the writer unlinked, and is caught by the second one of the next writer.
 */

#include <stdatomic.h>

#define FG_READER_SHARDS 16u

typedef struct fg_reader_shard {
   _Alignas(64) atomic_uint inside[2];
} fg_reader_shard;

typedef struct fg_readers { /* zero-initialise */
   fg_reader_shard shards[FG_READER_SHARDS];
   atomic_uint epoch;
} fg_readers;

unsigned fg_readers_enter (fg_readers *readers);
void fg_readers_leave (fg_readers *readers, unsigned section);
/* One writer at a time, outside any section. */
void fg_readers_wait (fg_readers *readers);

#endif /* FG_CLIENT_READERS_H */

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/readers.h"

#include <time.h>

static atomic_uint next_thread;
static _Thread_local unsigned home; /* 0: not chosen yet, else shard + 1 */

unsigned
fg_readers_enter (fg_readers *readers)
{
   if (home == 0) {
      home = atomic_fetch_add (&next_thread, 1) % FG_READER_SHARDS + 1;
   }
   unsigned set = atomic_load (&readers->epoch) & 1u;
   atomic_fetch_add (&readers->shards[home - 1].inside[set], 1);
   return (home - 1) * 2 + set;
}

void
fg_readers_leave (fg_readers *readers, unsigned section)
{
   atomic_fetch_sub (&readers->shards[section / 2].inside[section & 1u], 1);
}

static void
wait_for_set (fg_readers *readers, unsigned set)
{
   const struct timespec pause = {0, 20000};

   for (unsigned i = 0; i < FG_READER_SHARDS; i++) {
      while (atomic_load (&readers->shards[i].inside[set]) != 0) {
         nanosleep (&pause, NULL);
      }
   }
}

void
fg_readers_wait (fg_readers *readers)
{
   for (int i = 0; i < 2; i++) {
      unsigned old = atomic_fetch_add (&readers->epoch, 1) & 1u;
      wait_for_set (readers, old);
   }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/command.h"

#include <pthread.h>
#include <string.h>

#define COMMANDS_MAX 256

static const fgd_command *const rooms[] = {fgd_commands_diagnostic, fgd_commands_session, fgd_commands_ddl,
                                           fgd_commands_crud,       fgd_commands_query,   fgd_commands_transaction,
                                           fgd_commands_stats,      fgd_commands_absent};

static const fgd_command *sorted[COMMANDS_MAX];
static size_t n_sorted;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Where name stands in sorted, or would. */
static size_t
position (const char *name)
{
   size_t low = 0, high = n_sorted;

   while (low < high) {
      size_t middle = low + (high - low) / 2;
      if (strcmp (sorted[middle]->name, name) < 0) {
         low = middle + 1;
      } else {
         high = middle;
      }
   }
   return low;
}

static void
insert (const fgd_command *command)
{
   size_t at = position (command->name);

   for (size_t i = n_sorted; i > at; i--) {
      sorted[i] = sorted[i - 1];
   }
   sorted[at] = command;
   n_sorted++;
}

static void
fill (void)
{
   for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
      for (const fgd_command *c = rooms[i]; c->name && n_sorted < COMMANDS_MAX; c++) {
         insert (c);
      }
   }
}

const fgd_command *
fgd_command_find (const char *name)
{
   pthread_once (&once, fill);
   size_t at = position (name);
   return at < n_sorted && strcmp (sorted[at]->name, name) == 0 ? sorted[at] : NULL;
}

const fgd_command *const *
fgd_command_list (size_t *n)
{
   pthread_once (&once, fill);
   *n = n_sorted;
   return sorted;
}

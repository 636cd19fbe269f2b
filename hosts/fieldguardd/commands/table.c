/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/command.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS_MAX 256

static const fgd_command *const rooms[] = {fgd_commands_diagnostic, fgd_commands_session, fgd_commands_ddl,
                                           fgd_commands_crud, fgd_commands_query};

static const fgd_command *sorted[COMMANDS_MAX];
static size_t n_sorted;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int
by_name (const void *a, const void *b)
{
   const fgd_command *const *left = a;
   const fgd_command *const *right = b;
   return strcmp ((*left)->name, (*right)->name);
}

static void
fill (void)
{
   for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
      for (const fgd_command *c = rooms[i]; c->name && n_sorted < COMMANDS_MAX; c++) {
         sorted[n_sorted++] = c;
      }
   }
   qsort (sorted, n_sorted, sizeof *sorted, by_name);
}

const fgd_command *
fgd_command_find (const char *name)
{
   const fgd_command key = {.name = name};
   const fgd_command *key_pointer = &key;

   pthread_once (&once, fill);
   const fgd_command **found = bsearch (&key_pointer, sorted, n_sorted, sizeof *sorted, by_name);
   return found ? *found : NULL;
}

const fgd_command *const *
fgd_command_list (size_t *n)
{
   pthread_once (&once, fill);
   *n = n_sorted;
   return sorted;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The two threads beside the load: one measures pings, one does what operators do. */
#include "tests/soak/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PING_PAUSE_US 2000
#define OPERATE_PAUSE_US 50000

static void
pause_us (long us)
{
   const struct timespec t = {us / 1000000, (us % 1000000) * 1000};
   nanosleep (&t, NULL);
}

static bool
succeeded (const bson_t *reply)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, reply, "ok") && bson_iter_as_int64 (&iter) == 1;
}

static void
complain (side *s, const char *what, const bson_t *reply)
{
   char *text = reply ? bson_as_relaxed_extended_json (reply, NULL) : NULL;

   atomic_fetch_add (&s->errors, 1);
   fprintf (stderr, "%s: %.700s\n", what, text ? text : "the connection ended");
   bson_free (text);
}

/* --- pings ----------------------------------------------------------------------------------------------------------- */

static int
by_value (const void *a, const void *b)
{
   uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
   return left < right ? -1 : left > right;
}

uint32_t
percentile (uint32_t *values, size_t n, double p)
{
   if (n == 0) {
      return 0;
   }
   qsort (values, n, sizeof *values, by_value);
   size_t at = (size_t)((double)n * p);
   return values[at < n ? at : n - 1];
}

static bool
keep (side *s, int64_t us)
{
   if (s->n_us == s->cap_us) {
      size_t cap = s->cap_us ? s->cap_us * 2 : 4096;
      uint32_t *grown = realloc (s->us, cap * sizeof *grown);
      if (!grown) {
         return false;
      }
      s->us = grown;
      s->cap_us = cap;
   }
   s->us[s->n_us++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
   return true;
}

void *
side_ping (void *arg)
{
   side *s = arg;
   bson_t *command = BCON_NEW ("ping", BCON_INT32 (1));
   int fd = wire_connect (s->port);
   bool ok = fd >= 0;

   while (ok && !atomic_load (s->stop)) {
      bson_t reply;
      int64_t begun = now_us ();
      ok = wire_run (fd, command, "admin", &reply);
      if (ok) {
         ok = keep (s, now_us () - begun) && succeeded (&reply);
         bson_destroy (&reply);
      }
      pause_us (PING_PAUSE_US);
   }
   if (!ok) {
      complain (s, "ping", NULL);
   }
   close (fd);
   bson_destroy (command);
   return NULL;
}

/* --- operators ------------------------------------------------------------------------------------------------------- */

/* Each may be run again and again beside the load without changing what its replies are. */
static const struct {
   const char *db;
   const char *command;
} chores[] = {
   {"admin", "{\"serverStatus\": 1}"},
   {DB, "{\"collMod\": \"" COLLECTION "\", \"validationLevel\": \"strict\"}"},
   {DB, "{\"createIndexes\": \"" COLLECTION "\", \"indexes\": [{\"key\": {\"v\": 1, \"c\": 1}, \"name\": \"chore\"}]}"},
   {"admin", "{\"getParameter\": \"*\"}"},
   {DB, "{\"listIndexes\": \"" COLLECTION "\"}"},
   {DB, "{\"dropIndexes\": \"" COLLECTION "\", \"index\": \"chore\"}"},
   {DB, "{\"create\": \"chore\", \"validator\": {\"n\": {\"$type\": \"int\"}}}"},
   {DB, "{\"insert\": \"chore\", \"documents\": [{\"n\": 1}, {\"n\": 2}, {\"n\": 3}]}"},
   {DB, "{\"find\": \"chore\", \"batchSize\": 1}"}, /* its cursor dies with the collection */
   {DB, "{\"collMod\": \"chore\", \"validator\": {\"n\": {\"$gt\": 0}}}"},
   {"admin", "{\"renameCollection\": \"" DB ".chore\", \"to\": \"" DB ".chore2\"}"},
   {DB, "{\"listCollections\": 1}"},
   {DB, "{\"drop\": \"chore2\"}"},
   {"admin", "{\"setParameter\": 1, \"fieldguard.strict\": true}"},
   {"admin", "{\"getLog\": \"global\"}"},
   {"admin", "{\"getCmdLineOpts\": 1}"},
   {DB, "{\"update\": \"" MANY "\", \"updates\": [{\"q\": {}, \"u\": {\"$inc\": {\"n\": 1}}, \"multi\": true}]}"},
   {DB,
    "{\"aggregate\": \"" MANY "\", \"pipeline\": [{\"$match\": {\"n\": {\"$gte\": 0}}}, {\"$out\": \"" MANY "Copy\"}], "
    "\"cursor\": {}}"},
   {DB, "{\"find\": \"" MANY "Copy\", \"sort\": {\"n\": -1, \"i\": 1}, \"limit\": 200}"},
   {"admin", "{\"logRotate\": 1}"},
};

void *
side_operate (void *arg)
{
   side *s = arg;
   int fd = wire_connect (s->port);
   bool ok = fd >= 0;

   for (size_t i = 0; ok && !atomic_load (s->stop); i = (i + 1) % (sizeof chores / sizeof *chores)) {
      bson_error_t error;
      bson_t reply;
      bson_t *command = bson_new_from_json ((const uint8_t *)chores[i].command, -1, &error);
      if (i == sizeof chores / sizeof *chores - 1 && s->done % 20 != 0) { /* one log file a few seconds is enough */
         bson_destroy (command);
         s->done++;
         continue;
      }
      ok = command && wire_run (fd, command, chores[i].db, &reply);
      bson_destroy (command);
      if (!ok) {
         complain (s, chores[i].command, NULL);
         break;
      }
      if (!succeeded (&reply)) {
         complain (s, chores[i].command, &reply);
      }
      bson_destroy (&reply);
      s->done++;
      pause_us (OPERATE_PAUSE_US);
   }
   close (fd);
   return NULL;
}

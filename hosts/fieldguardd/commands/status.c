/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/status.h"

#include "hosts/fieldguardd/store/cursor.h"
#include "hosts/fieldguardd/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NESTING_MAX 8

/* --- the modules' counters ------------------------------------------------------------------------------------------ */

typedef struct stat_value {
   char *name;
   char *text; /* NULL: a number */
   int64_t number;
} stat_value;

typedef struct stat_list {
   stat_value *values;
   size_t n, cap;
} stat_list;

/* A counter that finds no memory is left out of the reply. */
static stat_value *
add (stat_list *list, const char *name)
{
   if (list->n == list->cap) {
      size_t cap = list->cap ? list->cap * 2 : 32;
      stat_value *grown = realloc (list->values, cap * sizeof *grown);
      if (!grown) {
         return NULL;
      }
      list->values = grown;
      list->cap = cap;
   }
   stat_value *value = &list->values[list->n];
   *value = (stat_value){.name = strdup (name)};
   if (!value->name) {
      return NULL;
   }
   list->n++;
   return value;
}

static void
add_int64 (const fg_stat_sink *sink, const char *name, int64_t number)
{
   stat_value *value = add (sink->ctx, name);
   if (value) {
      value->number = number;
   }
}

static void
add_text (const fg_stat_sink *sink, const char *name, const char *text)
{
   stat_value *value = add (sink->ctx, name);
   if (value) {
      value->text = strdup (text ? text : "");
   }
}

static int
by_name (const void *a, const void *b)
{
   const stat_value *left = a, *right = b;
   return strcmp (left->name, right->name);
}

/* Appends values, sorted by name, whose first skip bytes are already spent on the documents around. */
static void
append_nested (bson_t *out, const stat_value *values, size_t n, size_t skip, int depth)
{
   for (size_t i = 0; i < n;) {
      const char *rest = values[i].name + skip;
      const char *dot = depth < NESTING_MAX ? strchr (rest, '.') : NULL;
      if (!dot) {
         if (values[i].text) {
            bson_append_utf8 (out, rest, -1, values[i].text, -1);
         } else {
            bson_append_int64 (out, rest, -1, values[i].number);
         }
         i++;
         continue;
      }
      size_t part = (size_t)(dot - rest);
      size_t end = i + 1;
      while (end < n && strncmp (values[end].name, values[i].name, skip + part + 1) == 0) {
         end++;
      }
      bson_t child;
      bson_append_document_begin (out, rest, (int)part, &child);
      append_nested (&child, values + i, end - i, skip + part + 1, depth + 1);
      bson_append_document_end (out, &child);
      i = end;
   }
}

void
fgd_append_module_stats (fg_loader *loader, bson_t *out)
{
   stat_list list = {0};
   const fg_stat_sink sink = {.size = sizeof sink, .ctx = &list, .int64 = add_int64, .text = add_text};

   fg_loader_stats (loader, &sink);
   if (list.n > 0) {
      qsort (list.values, list.n, sizeof *list.values, by_name);
      append_nested (out, list.values, list.n, 0, 0);
   }
   for (size_t i = 0; i < list.n; i++) {
      free (list.values[i].name);
      free (list.values[i].text);
   }
   free (list.values);
}

/* --- the server's own ------------------------------------------------------------------------------------------------- */

static void
append_connections (const fgd_server *server, bson_t *out)
{
   const fgd_counters *c = &server->counters;
   int64_t current = atomic_load (&c->connections_current);
   bson_t child;

   bson_append_document_begin (out, "connections", -1, &child);
   bson_append_int32 (&child, "current", -1, (int32_t)current);
   bson_append_int32 (&child, "available", -1, (int32_t)(server->max_connections - current));
   bson_append_int64 (&child, "totalCreated", -1, atomic_load (&c->connections_created));
   bson_append_int64 (&child, "rejected", -1, atomic_load (&c->connections_rejected));
   bson_append_int32 (&child, "active", -1, (int32_t)atomic_load (&c->connections_active));
   bson_append_document_end (out, &child);
}

static void
append_network (const fgd_server *server, bson_t *out)
{
   const fgd_counters *c = &server->counters;
   bson_t child;

   bson_append_document_begin (out, "network", -1, &child);
   bson_append_int64 (&child, "bytesIn", -1, atomic_load (&c->bytes_in));
   bson_append_int64 (&child, "bytesOut", -1, atomic_load (&c->bytes_out));
   bson_append_int64 (&child, "numRequests", -1, atomic_load (&c->requests));
   bson_append_int64 (&child, "receiveBytesHeld", -1, atomic_load (&c->bytes_held_in));
   bson_append_int64 (&child, "replyBytesHeld", -1, atomic_load (&c->bytes_held_out));
   bson_append_document_end (out, &child);
}

static void
append_opcounters (const fgd_server *server, bson_t *out)
{
   const fgd_counters *c = &server->counters;
   bson_t child;

   bson_append_document_begin (out, "opcounters", -1, &child);
   bson_append_int64 (&child, "insert", -1, atomic_load (&c->inserts));
   bson_append_int64 (&child, "query", -1, atomic_load (&c->queries));
   bson_append_int64 (&child, "update", -1, atomic_load (&c->updates));
   bson_append_int64 (&child, "delete", -1, atomic_load (&c->deletes));
   bson_append_int64 (&child, "getmore", -1, atomic_load (&c->getmores));
   bson_append_int64 (&child, "command", -1, atomic_load (&c->commands));
   bson_append_document_end (out, &child);
}

static void
append_store (const fgd_server *server, bson_t *out)
{
   fgd_store_stats stats;
   bson_t child;

   memset (&stats, 0, sizeof stats);
   fgd_store_get_stats (server->store, &stats);
   bson_append_document_begin (out, "storageEngine", -1, &child);
   bson_append_utf8 (&child, "name", -1, "lmdb", -1);
   bson_append_bool (&child, "supportsCommittedReads", -1, true);
   bson_append_bool (&child, "readOnly", -1, false);
   bson_append_bool (&child, "persistent", -1, true);
   bson_append_document_end (out, &child);
   bson_append_document_begin (out, "lmdb", -1, &child);
   bson_append_int64 (&child, "mapSize", -1, (int64_t)stats.map_size);
   bson_append_int64 (&child, "usedBytes", -1, (int64_t)stats.used_bytes);
   bson_append_int64 (&child, "jobs", -1, (int64_t)stats.jobs);
   bson_append_int64 (&child, "batches", -1, (int64_t)stats.batches);
   bson_append_int64 (&child, "failedBatches", -1, (int64_t)stats.failed_batches);
   bson_append_document_end (out, &child);
}

/* As mongod, of what has transactions at all. */
static void
append_transactions (const fgd_server *server, bson_t *out)
{
   fgd_store_stats stats;
   bson_t child;

   if (!server->config.repl_set) {
      return;
   }
   fgd_store_get_stats (server->store, &stats);
   bson_append_document_begin (out, "transactions", -1, &child);
   bson_append_int64 (&child, "retriedStatementsCount", -1, (int64_t)stats.retried);
   bson_append_int64 (&child, "currentOpen", -1, (int64_t)(stats.started - stats.committed - stats.aborted));
   bson_append_int64 (&child, "totalStarted", -1, (int64_t)stats.started);
   bson_append_int64 (&child, "totalCommitted", -1, (int64_t)stats.committed);
   bson_append_int64 (&child, "totalAborted", -1, (int64_t)stats.aborted);
   bson_append_document_end (out, &child);
}

static void
append_cursors (const fgd_server *server, bson_t *out)
{
   fgd_cursors *cursors = fgd_store_cursors (server->store);
   uint64_t open = 0, timed_out = 0, no_timeout = 0, held = 0;
   bson_t metrics, cursor, child;

   fgd_cursors_count (cursors, &open, &timed_out);
   fgd_cursors_held (cursors, &no_timeout, &held);
   bson_append_document_begin (out, "metrics", -1, &metrics);
   bson_append_document_begin (&metrics, "cursor", -1, &cursor);
   bson_append_int64 (&cursor, "timedOut", -1, (int64_t)timed_out);
   bson_append_document_begin (&cursor, "open", -1, &child);
   bson_append_int64 (&child, "noTimeout", -1, (int64_t)no_timeout);
   bson_append_int64 (&child, "total", -1, (int64_t)open);
   bson_append_document_end (&cursor, &child);
   bson_append_int64 (&cursor, "bytesHeld", -1, (int64_t)held);
   bson_append_document_end (&metrics, &cursor);
   bson_append_document_end (out, &metrics);
}

/* Resident and virtual MiB, from /proc/self/statm (pages). */
static void
append_memory (bson_t *out)
{
   long pages_virtual = 0, pages_resident = 0;
   long page = sysconf (_SC_PAGESIZE);
   FILE *file = fopen ("/proc/self/statm", "re");
   bson_t child;

   if (!file) {
      return;
   }
   if (fscanf (file, "%ld %ld", &pages_virtual, &pages_resident) == 2) {
      bson_append_document_begin (out, "mem", -1, &child);
      bson_append_int32 (&child, "bits", -1, 64);
      bson_append_int32 (&child, "resident", -1, (int32_t)(pages_resident / (1048576 / page)));
      bson_append_int32 (&child, "virtual", -1, (int32_t)(pages_virtual / (1048576 / page)));
      bson_append_bool (&child, "supported", -1, true);
      bson_append_document_end (out, &child);
   }
   fclose (file);
}

void
fgd_run_server_status (fgd_request *request, fgd_reply *reply)
{
   fgd_server *server = request->server;
   bson_t *out = &reply->body;
   int64_t up_ms = (fgd_now_us () - server->started_us) / 1000;
   int64_t up_s = up_ms / 1000;

   bson_append_utf8 (out, "host", -1, server->host_name, -1);
   bson_append_utf8 (out, "version", -1, FGD_MONGO_VERSION, -1);
   bson_append_utf8 (out, "process", -1, FGD_HOST_NAME, -1);
   bson_append_int64 (out, "pid", -1, getpid ());
   bson_append_double (out, "uptime", -1, (double)up_s);
   bson_append_int64 (out, "uptimeMillis", -1, up_ms);
   bson_append_int64 (out, "uptimeEstimate", -1, up_s);
   bson_append_date_time (out, "localTime", -1, fgd_wall_ms ());
   append_connections (server, out);
   append_network (server, out);
   append_opcounters (server, out);
   append_store (server, out);
   append_memory (out);
   append_cursors (server, out);
   append_transactions (server, out);
   fgd_append_module_stats (server->loader, out);
}

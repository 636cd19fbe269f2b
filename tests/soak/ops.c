/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker asks, and what it must be told. */
#include "tests/soak/load.h"

#include <inttypes.h>
#include <stdio.h>

const char *const op_names[OP_N] = {
   "insert",     "plaintext insert", "plaintext update", "find",      "getMore", "update",
   "updateMany", "findAndModify",    "delete",           "aggregate", "count",   "ping"};

static uint32_t
draw (worker *w, uint32_t below)
{
   w->random = w->random * UINT64_C (6364136223846793005) + UINT64_C (1442695040888963407);
   return (uint32_t)(w->random >> 33) % below;
}

static int64_t
id_of (const worker *w, int slot)
{
   return w->number * SLOTS + slot;
}

/* In the shape of a random CSFLE ciphertext of a string under the key id 00..0f. */
static void
append_ciphertext (worker *w, bson_t *doc, const char *name)
{
   uint8_t blob[18 + 16 + 16 + 32];

   blob[0] = 2;
   for (uint8_t i = 0; i < 16; i++) {
      blob[1 + i] = i;
   }
   blob[17] = BSON_TYPE_UTF8;
   for (size_t i = 18; i < sizeof blob; i++) {
      blob[i] = (uint8_t)(draw (w, 128) | 0x80u);
   }
   bson_append_binary (doc, name, -1, BSON_SUBTYPE_ENCRYPTED, blob, sizeof blob);
}

static int
pick (worker *w, bool present)
{
   int slot = (int)draw (w, SLOTS);

   while (w->present[slot] != present) {
      slot = (slot + 1) % SLOTS;
   }
   return slot;
}

/* --- commands -------------------------------------------------------------------------------------------------------- */

static void
append_mine (const worker *w, bson_t *command, const char *name)
{
   bson_t filter;

   bson_append_document_begin (command, name, -1, &filter);
   bson_append_int64 (&filter, "c", -1, w->number);
   bson_append_document_end (command, &filter);
}

static void
append_one (const worker *w, bson_t *command, const char *name)
{
   bson_t filter;

   bson_append_document_begin (command, name, -1, &filter);
   bson_append_int64 (&filter, "_id", -1, id_of (w, w->slot));
   bson_append_document_end (command, &filter);
}

static void
append_increment (bson_t *command, const char *name)
{
   bson_t update, inc;

   bson_append_document_begin (command, name, -1, &update);
   bson_append_document_begin (&update, "$inc", -1, &inc);
   bson_append_int64 (&inc, "v", -1, 1);
   bson_append_document_end (&update, &inc);
   bson_append_document_end (command, &update);
}

static void
insert (worker *w, bson_t *command, bool plain)
{
   static const char padding[] =
      "an ordinary value of a field, as long as such values are in the documents of most applications";
   bson_t documents, doc;

   bson_append_utf8 (command, "insert", -1, COLLECTION, -1);
   bson_append_array_begin (command, "documents", -1, &documents);
   bson_append_document_begin (&documents, "0", -1, &doc);
   bson_append_int64 (&doc, "_id", -1, id_of (w, w->slot));
   bson_append_int64 (&doc, "c", -1, w->number);
   bson_append_int64 (&doc, "v", -1, 0);
   if (plain) {
      bson_append_utf8 (&doc, "ssn", -1, "123-45-6789", -1);
   } else {
      append_ciphertext (w, &doc, "ssn");
   }
   bson_append_utf8 (&doc, "text", -1, padding, -1);
   bson_append_document_end (&documents, &doc);
   bson_append_array_end (command, &documents);
}

static void
update (worker *w, bson_t *command)
{
   bson_t updates, one, u, set;

   bson_append_utf8 (command, "update", -1, COLLECTION, -1);
   bson_append_array_begin (command, "updates", -1, &updates);
   bson_append_document_begin (&updates, "0", -1, &one);
   if (w->current == OP_UPDATE_MANY) {
      append_mine (w, &one, "q");
   } else {
      append_one (w, &one, "q");
   }
   if (w->current == OP_PLAINTEXT_UPDATE) {
      bson_append_document_begin (&one, "u", -1, &u);
      bson_append_document_begin (&u, "$set", -1, &set);
      bson_append_utf8 (&set, "ssn", -1, "123-45-6789", -1);
      bson_append_document_end (&u, &set);
      bson_append_document_end (&one, &u);
   } else {
      append_increment (&one, "u");
   }
   bson_append_bool (&one, "multi", -1, w->current == OP_UPDATE_MANY);
   bson_append_document_end (&updates, &one);
   bson_append_array_end (command, &updates);
}

static void
delete_one (const worker *w, bson_t *command)
{
   bson_t deletes, one;

   bson_append_utf8 (command, "delete", -1, COLLECTION, -1);
   bson_append_array_begin (command, "deletes", -1, &deletes);
   bson_append_document_begin (&deletes, "0", -1, &one);
   append_one (w, &one, "q");
   bson_append_int32 (&one, "limit", -1, 1);
   bson_append_document_end (&deletes, &one);
   bson_append_array_end (command, &deletes);
}

/* How many documents there are, and the sum of their v. */
static void
aggregate (const worker *w, bson_t *command)
{
   bson_t pipeline, stage, group, sum;

   bson_append_utf8 (command, "aggregate", -1, COLLECTION, -1);
   bson_append_array_begin (command, "pipeline", -1, &pipeline);
   bson_append_document_begin (&pipeline, "0", -1, &stage);
   append_mine (w, &stage, "$match");
   bson_append_document_end (&pipeline, &stage);
   bson_append_document_begin (&pipeline, "1", -1, &stage);
   bson_append_document_begin (&stage, "$group", -1, &group);
   bson_append_null (&group, "_id", -1);
   bson_append_document_begin (&group, "n", -1, &sum);
   bson_append_int64 (&sum, "$sum", -1, 1);
   bson_append_document_end (&group, &sum);
   bson_append_document_begin (&group, "v", -1, &sum);
   bson_append_utf8 (&sum, "$sum", -1, "$v", -1);
   bson_append_document_end (&group, &sum);
   bson_append_document_end (&stage, &group);
   bson_append_document_end (&pipeline, &stage);
   bson_append_array_end (command, &pipeline);
   bson_append_document_begin (command, "cursor", -1, &stage);
   bson_append_document_end (command, &stage);
}

static op
choose (worker *w)
{
   static const op mix[] = {OP_INSERT,
                            OP_INSERT,
                            OP_DELETE,
                            OP_DELETE,
                            OP_UPDATE,
                            OP_UPDATE,
                            OP_UPDATE_MANY,
                            OP_FIND,
                            OP_FIND,
                            OP_FIND,
                            OP_AGGREGATE,
                            OP_PLAINTEXT_INSERT,
                            OP_PLAINTEXT_UPDATE,
                            OP_COUNT,
                            OP_FIND_AND_MODIFY,
                            OP_PING,
                            OP_PING};

   if (!w->filled) { /* at first half of the slots, so that the number of documents is in balance early */
      w->filled = w->n + 1 >= SLOTS / 2;
      return OP_INSERT;
   }
   op chosen = mix[draw (w, sizeof mix / sizeof *mix)];
   bool needs_document =
      chosen == OP_DELETE || chosen == OP_UPDATE || chosen == OP_PLAINTEXT_UPDATE || chosen == OP_FIND_AND_MODIFY;
   if (w->n == 0 && needs_document) {
      return OP_INSERT;
   }
   if (w->n == SLOTS && (chosen == OP_INSERT || chosen == OP_PLAINTEXT_INSERT)) {
      return OP_DELETE;
   }
   return chosen;
}

static void
get_more (const worker *w, bson_t *command)
{
   bson_append_int64 (command, "getMore", -1, w->cursor);
   bson_append_utf8 (command, "collection", -1, COLLECTION, -1);
   bson_append_int32 (command, "batchSize", -1, 4);
}

void
worker_next (worker *w, bson_t *command)
{
   if (w->cursor != 0) {
      w->current = OP_GET_MORE;
      get_more (w, command);
      return;
   }
   w->current = choose (w);
   if (w->current == OP_INSERT || w->current == OP_PLAINTEXT_INSERT) {
      w->slot = pick (w, false);
   } else if (w->n > 0) {
      w->slot = pick (w, true);
   }
   switch (w->current) {
   case OP_INSERT:
   case OP_PLAINTEXT_INSERT:
      insert (w, command, w->current == OP_PLAINTEXT_INSERT);
      break;
   case OP_UPDATE:
   case OP_UPDATE_MANY:
   case OP_PLAINTEXT_UPDATE:
      update (w, command);
      break;
   case OP_FIND:
      w->seen = 0;
      bson_append_utf8 (command, "find", -1, COLLECTION, -1);
      append_mine (w, command, "filter");
      bson_append_int32 (command, "batchSize", -1, 3);
      break;
   case OP_FIND_AND_MODIFY:
      bson_append_utf8 (command, "findAndModify", -1, COLLECTION, -1);
      append_one (w, command, "query");
      append_increment (command, "update");
      bson_append_bool (command, "new", -1, true);
      break;
   case OP_DELETE:
      delete_one (w, command);
      break;
   case OP_AGGREGATE:
      aggregate (w, command);
      break;
   case OP_COUNT:
      bson_append_utf8 (command, "count", -1, COLLECTION, -1);
      append_mine (w, command, "query");
      break;
   case OP_GET_MORE:
   case OP_PING:
   case OP_N:
   default:
      bson_append_int32 (command, "ping", -1, 1);
      break;
   }
}

/* --- replies --------------------------------------------------------------------------------------------------------- */

static int64_t
number_at (const bson_t *reply, const char *path)
{
   bson_iter_t iter, found;

   if (!bson_iter_init (&iter, reply) || !bson_iter_find_descendant (&iter, path, &found)) {
      return -1;
   }
   return bson_iter_as_int64 (&found);
}

static int
batch_size (const bson_t *reply, const char *path)
{
   bson_iter_t iter, found, item;
   int n = 0;

   if (!bson_iter_init (&iter, reply) || !bson_iter_find_descendant (&iter, path, &found) ||
       !bson_iter_recurse (&found, &item)) {
      return -1;
   }
   while (bson_iter_next (&item)) {
      n++;
   }
   return n;
}

static int64_t
sum (const worker *w)
{
   int64_t total = 0;

   for (int i = 0; i < SLOTS; i++) {
      total += w->present[i] ? w->v[i] : 0;
   }
   return total;
}

static bool
check_cursor (worker *w, const bson_t *reply)
{
   int most = w->current == OP_FIND ? 3 : 4;
   int n = batch_size (reply, w->current == OP_FIND ? "cursor.firstBatch" : "cursor.nextBatch");

   w->seen += n;
   w->cursor = number_at (reply, "cursor.id");
   return n >= 0 && n <= most && w->cursor >= 0 && w->seen <= w->n && (w->cursor != 0 || w->seen == w->n);
}

/* A command that must be refused was, and nothing of it counted. */
static bool
check_refused (const bson_t *reply)
{
   return number_at (reply, "n") == 0 && number_at (reply, "writeErrors.0.code") == 121;
}

static bool
check_written (worker *w, const bson_t *reply)
{
   bool no_errors = number_at (reply, "writeErrors.0.code") == -1;

   if (w->current == OP_INSERT) {
      w->present[w->slot] = true;
      w->v[w->slot] = 0;
      w->n++;
      return no_errors && number_at (reply, "n") == 1;
   }
   if (w->current == OP_UPDATE) {
      w->v[w->slot]++;
      return no_errors && number_at (reply, "n") == 1 && number_at (reply, "nModified") == 1;
   }
   if (w->current == OP_UPDATE_MANY) {
      for (int i = 0; i < SLOTS; i++) {
         w->v[i] += w->present[i];
      }
      return no_errors && number_at (reply, "n") == w->n && number_at (reply, "nModified") == w->n;
   }
   if (w->current == OP_FIND_AND_MODIFY) {
      return number_at (reply, "value.v") == ++w->v[w->slot];
   }
   w->present[w->slot] = false; /* deleted */
   w->n--;
   return no_errors && number_at (reply, "n") == 1;
}

static bool
check (worker *w, const bson_t *reply)
{
   switch (w->current) {
   case OP_PLAINTEXT_INSERT:
   case OP_PLAINTEXT_UPDATE:
      return check_refused (reply);
   case OP_FIND:
   case OP_GET_MORE:
      return check_cursor (w, reply);
   case OP_AGGREGATE:
      if (w->n == 0) {
         return batch_size (reply, "cursor.firstBatch") == 0;
      }
      return number_at (reply, "cursor.firstBatch.0.n") == w->n &&
             number_at (reply, "cursor.firstBatch.0.v") == sum (w);
   case OP_COUNT:
      return number_at (reply, "n") == w->n;
   case OP_PING:
      return true;
   case OP_INSERT:
   case OP_UPDATE:
   case OP_UPDATE_MANY:
   case OP_FIND_AND_MODIFY:
   case OP_DELETE:
   case OP_N:
   default:
      return check_written (w, reply);
   }
}

bool
worker_check (worker *w, const bson_t *reply, char *why, size_t why_len)
{
   int known = w->n;

   if (number_at (reply, "ok") == 1 && check (w, reply)) {
      return true;
   }
   char *text = bson_as_relaxed_extended_json (reply, NULL);
   snprintf (why, why_len, "worker %" PRId64 ", %s with %d documents: %.700s", w->number, op_names[w->current], known,
             text ? text : "a reply that is no BSON");
   bson_free (text);
   return false;
}

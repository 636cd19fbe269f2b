/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replays recorded answers of a mongod (tests/integration/queries/README.md) against a running server: replay_wire mongodb://127.0.0.1:PORT < records. Results, counts,
 * what an update leaves behind and the numbers of errors have to be the same to the byte. Prints one line for each difference and a summary; exits 1
 * when anything is wrong or a code differs, or less than 97% is equal.
 */

#include "tests/integration/queries/extjson.h"

#include <inttypes.h>
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>

#define DB "replay"
#define COLL "r"
#define SHOWN_MAX 20

typedef enum outcome { EQUAL = 0, OTHER_CODE, REFUSED, WRONG, N_OUTCOMES } outcome;

typedef struct player {
   mongoc_client_t *client;
   bson_t docs; /* a view of the record's array */
   bool dirty; /* the collection is no longer docs */
   size_t line;
   size_t shown;
   size_t n[N_OUTCOMES];
} player;

static bool
sub (const bson_t *doc, const char *name, bson_t *out)
{
   bson_iter_t iter;
   const uint8_t *data = NULL;
   uint32_t len = 0;

   if (!bson_iter_init_find (&iter, doc, name)) {
      return false;
   }
   if (BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      bson_iter_document (&iter, &len, &data);
   } else if (BSON_ITER_HOLDS_ARRAY (&iter)) {
      bson_iter_array (&iter, &len, &data);
   }
   return data && bson_init_static (out, data, len);
}

static int64_t
number (const bson_t *doc, const char *name)
{
   bson_iter_t iter;

   if (!bson_iter_init_find (&iter, doc, name)) {
      return 0;
   }
   return BSON_ITER_HOLDS_BOOL (&iter) ? bson_iter_bool (&iter) : bson_iter_as_int64 (&iter);
}

/* The command's error code, or its first write error's; 0: none. -1: no reply at all. */
static int64_t
run (player *p, const bson_t *command, bson_t *reply)
{
   bson_error_t error;
   bson_t errors;
   bson_t first;

   (void)mongoc_client_command_simple (p->client, DB, command, NULL, reply, &error);
   if (bson_empty (reply)) {
      printf ("line %zu: %s\n", p->line, error.message);
      return -1;
   }
   if (sub (reply, "writeErrors", &errors) && sub (&errors, "0", &first)) {
      return number (&first, "code");
   }
   return number (reply, "code");
}

static int64_t
run_alone (player *p, const bson_t *command)
{
   bson_t reply;
   int64_t code = run (p, command, &reply);

   bson_destroy (&reply);
   return code;
}

static void
report (player *p, outcome o, const char *what, const bson_t *request, int64_t wanted, int64_t code)
{
   p->n[o]++;
   if (o == EQUAL || p->shown++ >= SHOWN_MAX) {
      return;
   }
   static const char *const names[] = {"equal", "has another code", "refused", "wrong"};
   char *json = bson_as_relaxed_extended_json (request, NULL);
   printf ("line %zu: %s %s (recorded %" PRId64 ", here %" PRId64 "): %s\n", p->line, what, names[o], wanted, code,
           json);
   bson_free (json);
}

static outcome
judge_error (int64_t wanted, int64_t code)
{
   return wanted == 0 ? REFUSED : wanted == code ? EQUAL : OTHER_CODE;
}

/* --- the collection --------------------------------------------------------------------------------------------------------- */

static void
restore (player *p)
{
   if (!p->dirty) {
      return;
   }
   bson_t *clear = BCON_NEW ("delete", COLL, "deletes", "[", "{", "q", "{", "}", "limit", BCON_INT32 (0), "}", "]");
   bson_t insert = BSON_INITIALIZER;
   bson_append_utf8 (&insert, "insert", -1, COLL, -1);
   bson_append_array (&insert, "documents", -1, &p->docs);
   if (run_alone (p, clear) != 0 || (!bson_empty (&p->docs) && run_alone (p, &insert) != 0)) {
      printf ("line %zu: the documents cannot be stored\n", p->line);
      p->n[WRONG]++;
   }
   p->dirty = false;
   bson_destroy (clear);
   bson_destroy (&insert);
}

/* The documents in the order of their _id: the reply's array, a view. */
static bool
contents (player *p, bson_t *reply, bson_t *out)
{
   bson_t *find = BCON_NEW ("find", COLL, "sort", "{", "_id", BCON_INT32 (1), "}");
   bson_t cursor;

   bool ok = run (p, find, reply) == 0 && sub (reply, "cursor", &cursor) && sub (&cursor, "firstBatch", out);
   bson_destroy (find);
   return ok;
}

/* --- finds -------------------------------------------------------------------------------------------------------------------- */

static void
play_find (player *p, const bson_t *record)
{
   bson_t cmd;
   bson_t wanted;
   bson_t reply;
   bson_t cursor;
   bson_t got;
   bson_t find = BSON_INITIALIZER;

   if (!sub (record, "cmd", &cmd)) {
      p->n[WRONG]++;
      return;
   }
   restore (p);
   bson_append_utf8 (&find, "find", -1, COLL, -1);
   bson_concat (&find, &cmd);
   int64_t recorded = number (record, "code");
   int64_t code = run (p, &find, &reply);
   outcome o = judge_error (recorded, code);
   if (code == 0) {
      o = recorded == 0 && sub (record, "result", &wanted) && sub (&reply, "cursor", &cursor) &&
                sub (&cursor, "firstBatch", &got) && bson_equal (&wanted, &got)
             ? EQUAL
             : WRONG;
   }
   report (p, o, "find", &cmd, recorded, code);
   bson_destroy (&reply);
   bson_destroy (&find);
}

/* --- updates ------------------------------------------------------------------------------------------------------------------- */

/* An array with the generated _id taken out of its last document. */
static void
without_last_id (const bson_t *docs, bson_t *out)
{
   bson_iter_t iter;
   uint32_t n = bson_count_keys (docs);
   uint32_t at = 0;

   bson_init (out);
   if (!bson_iter_init (&iter, docs)) {
      return;
   }
   while (bson_iter_next (&iter)) {
      bson_t doc;
      bson_t rest = BSON_INITIALIZER;
      const uint8_t *data = NULL;
      uint32_t len = 0;
      bson_iter_document (&iter, &len, &data);
      if (++at < n || !bson_init_static (&doc, data, len)) {
         bson_append_iter (out, NULL, 0, &iter);
      } else {
         bson_copy_to_excluding_noinit (&doc, &rest, "_id", NULL);
         bson_append_document (out, bson_iter_key (&iter), -1, &rest);
      }
      bson_destroy (&rest);
   }
}

static bool
generated_id (const bson_t *reply)
{
   bson_t list;
   bson_t first;
   bson_iter_t iter;

   return sub (reply, "upserted", &list) && sub (&list, "0", &first) && bson_iter_init_find (&iter, &first, "_id") &&
          BSON_ITER_HOLDS_OID (&iter);
}

static bool
left_as_recorded (player *p, const bson_t *record, bool generated)
{
   bson_t wanted;
   bson_t reply;
   bson_t got;
   bson_t bare = BSON_INITIALIZER;
   bool recorded = sub (record, "after", &wanted);
   bool ok = contents (p, &reply, &got);

   if (ok && generated) {
      bson_destroy (&bare);
      without_last_id (&got, &bare);
   }
   ok = ok && bson_equal (recorded ? &wanted : &p->docs, generated ? &bare : &got);
   p->dirty = recorded;
   bson_destroy (&bare);
   bson_destroy (&reply);
   return ok;
}

static void
play_update (player *p, const bson_t *record)
{
   bson_t request;
   bson_t reply;
   bson_t list = BSON_INITIALIZER;
   bson_t update = BSON_INITIALIZER;

   if (!sub (record, "update", &request)) {
      p->n[WRONG]++;
      return;
   }
   restore (p);
   bson_append_document (&list, "0", -1, &request);
   bson_append_utf8 (&update, "update", -1, COLL, -1);
   bson_append_array (&update, "updates", -1, &list);
   int64_t recorded = number (record, "code");
   int64_t code = run (p, &update, &reply);
   outcome o = judge_error (recorded, code);
   p->dirty = true;
   if (code == 0) {
      bool generated = generated_id (&reply);
      bool counts = number (&reply, "n") == number (record, "n") &&
                    number (&reply, "nModified") == number (record, "nModified") &&
                    generated == (number (record, "generatedId") != 0);
      o = recorded == 0 && left_as_recorded (p, record, generated) && counts ? EQUAL : WRONG;
   }
   report (p, o, "update", &request, recorded, code);
   bson_destroy (&reply);
   bson_destroy (&list);
   bson_destroy (&update);
}

/* --- the recording -------------------------------------------------------------------------------------------------------------- */

static void
each (player *p, const bson_t *record, const char *name, void (*play) (player *p, const bson_t *one))
{
   bson_t list;
   bson_t one;
   bson_iter_t iter;

   if (!sub (record, name, &list) || !bson_iter_init (&iter, &list)) {
      return;
   }
   while (bson_iter_next (&iter)) {
      const uint8_t *data = NULL;
      uint32_t len = 0;
      bson_iter_document (&iter, &len, &data);
      if (data && bson_init_static (&one, data, len)) {
         play (p, &one);
      }
   }
}

static void
play_line (player *p, const char *line)
{
   fg_buf bytes = {0};
   bson_t record;

   p->line++;
   if (!fg_test_extjson (line, &bytes) || !bson_init_static (&record, bytes.data, bytes.len) ||
       !sub (&record, "docs", &p->docs)) {
      printf ("line %zu: not a record\n", p->line);
      p->n[WRONG]++;
   } else {
      p->dirty = true;
      each (p, &record, "finds", play_find);
      each (p, &record, "updates", play_update);
   }
   fg_buf_free (&bytes);
}

int
main (int argc, char **argv)
{
   player p = {.line = 0};
   char *line = NULL;
   size_t cap = 0;

   mongoc_init ();
   p.client = argc > 1 ? mongoc_client_new (argv[1]) : NULL;
   if (!p.client) {
      fprintf (stderr, "usage: replay_wire URI < records\n");
      return 2;
   }
   while (getline (&line, &cap, stdin) > 0) {
      play_line (&p, line);
   }
   free (line);
   mongoc_client_destroy (p.client);
   mongoc_cleanup ();
   size_t total = p.n[EQUAL] + p.n[OTHER_CODE] + p.n[REFUSED] + p.n[WRONG];
   double percent = total ? 100.0 * (double)p.n[EQUAL] / (double)total : 0;
   printf ("# over the wire: %zu: equal %zu, another code %zu, refused where mongod answers %zu, WRONG %zu (%.2f%%)\n",
           total, p.n[EQUAL], p.n[OTHER_CODE], p.n[REFUSED], p.n[WRONG], percent);
   return total > 0 && p.n[WRONG] == 0 && p.n[OTHER_CODE] == 0 && percent >= 97.0 ? 0 : 1;
}

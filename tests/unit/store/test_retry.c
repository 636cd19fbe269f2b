/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/retry.h"

#include "hosts/fieldguardd/store/internal.h"
#include "tests/unit/store/jobs.h"

const char *const fg_suite_name = "store.retry";

/* A command of a session: statements first to first + n - 1, each noted unless it is found. */
typedef struct command {
   int64_t number;
   int32_t first;
   int32_t n;
   int32_t answer; /* n of each new one; with an even index also a document */
   const char *extra;
   bool forget; /* the session ends instead */
   int32_t found;
   int64_t sum; /* of the answers */
} command;

static bool
execute (fgd_retry *retry, command *c, size_t i, fg_error *err)
{
   bson_t *doc = BCON_NEW ("e", BCON_UTF8 (c->extra ? c->extra : ""));
   fgd_statement_result result = {.n = c->answer, .modified = -1};
   bool ok = true;

   if (c->extra && i % 2 == 0) {
      result.extra = bson_get_data (doc);
      result.extra_len = doc->len;
   }
   fgd_statement_result before;
   if (fgd_retry_find (retry, i, &before)) {
      c->found++;
      c->sum += before.n;
      ok = before.modified == -1 && before.extra_len == result.extra_len &&
           (!result.extra_len || memcmp (before.extra, result.extra, result.extra_len) == 0);
      CU_ASSERT (ok);
   } else {
      c->sum += c->answer;
      ok = fgd_retry_note (retry, i, &result, err);
   }
   bson_destroy (doc);
   return ok;
}

static bool
command_step (fgd_txn *txn, void *arg, fg_error *err)
{
   command *c = arg;
   fgd_logical logical = {.has_lsid = true, .has_number = true, .number = c->number, .lsid = {9}};

   if (c->forget) {
      return fgd_session_end (txn, logical.lsid, true, err);
   }
   fgd_retry *retry = fgd_retry_open (txn, &logical, err);
   bool ok = retry && fgd_retry_set_ids (retry, c->first, NULL, 0, err);
   for (size_t i = 0; ok && i < (size_t)c->n; i++) {
      ok = execute (retry, c, i, err);
   }
   ok = ok && fgd_retry_save (retry, err);
   fgd_retry_free (retry);
   return ok;
}

static int32_t
run (fixture *f, command *c)
{
   fg_error err;

   c->found = 0;
   c->sum = 0;
   return run_step (f, command_step, c, &err) ? 0 : err.code;
}

static void
test_found_again (void)
{
   fixture f;
   command c = {.number = 1, .n = 1000, .answer = 2};

   setup (&f, 0);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 0 && c.sum == 2000);
   c.answer = 5;
   CU_ASSERT (run (&f, &c) == 0 && c.found == 1000 && c.sum == 2000);
   reopen (&f);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 1000 && c.sum == 2000);
   c.first = 990; /* ten that are there, then new ones */
   CU_ASSERT (run (&f, &c) == 0 && c.found == 10 && c.sum == 20 + 990 * 5);
   c.first = 0;
   c.n = 1990;
   CU_ASSERT (run (&f, &c) == 0 && c.found == 1990);
   teardown (&f);
}

static void
test_answers_with_documents (void)
{
   fixture f;
   command c = {.number = 1, .n = 500, .answer = 1, .extra = "an upserted id"};

   setup (&f, 0);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 0);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 500);
   teardown (&f);
}

static void
test_numbers (void)
{
   fixture f;
   command c = {.number = 5, .n = 2, .answer = 1};

   setup (&f, 0);
   CU_ASSERT (run (&f, &c) == 0);
   c.number = 4;
   CU_ASSERT (run (&f, &c) == 225);
   c.number = 6;
   CU_ASSERT (run (&f, &c) == 0 && c.found == 0); /* a new number, a new list */
   CU_ASSERT (run (&f, &c) == 0 && c.found == 2);
   c.number = 5;
   CU_ASSERT (run (&f, &c) == 225);
   c.forget = true;
   CU_ASSERT (run (&f, &c) == 0);
   c.forget = false;
   CU_ASSERT (run (&f, &c) == 0 && c.found == 0);
   teardown (&f);
}

/* Everything happens in one batch that fails: what was noted goes with it. */
static bool
fail_step (fgd_txn *txn, void *arg, fg_error *err)
{
   char *pad = malloc (8u << 20);
   bool ok = pad && command_step (txn, arg, err);

   if (ok) {
      memset (pad, 'x', 8u << 20);
      pad[(8u << 20) - 1] = 0;
      bson_t *doc = BCON_NEW ("pad", BCON_UTF8 (pad));
      ok = fgd_put_insert (txn, fgd_txn_collection (txn, "db", "c"), bson_get_data (doc), doc->len, err);
      bson_destroy (doc);
   }
   free (pad);
   return ok;
}

static void
test_failed_batch (void)
{
   fixture f;
   fg_error err;
   command c = {.number = 1, .n = 3, .answer = 1};

   setup (&f, 4u << 20);
   CU_ASSERT (!run_step (&f, fail_step, &c, &err) && err.code == 14031);
   CU_ASSERT (count_documents (&f) == 0);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 0);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 3);
   teardown (&f);
}

static bool
commit_step (fgd_txn *txn, void *arg, fg_error *err)
{
   const uint8_t lsid[FGD_LSID] = {9};
   fgd_session_kind kind;
   int64_t number = 0;

   return fgd_session_put_committed (txn, lsid, *(int64_t *)arg, err) &&
          fgd_session_read (txn, lsid, &kind, &number, err) && kind == FGD_SESSION_COMMITTED &&
          number == *(int64_t *)arg;
}

static void
test_a_transactions_number (void)
{
   fixture f;
   fg_error err;
   int64_t number = 7;
   command c = {.number = 7, .n = 1, .answer = 1};

   setup (&f, 0);
   CU_ASSERT (run_step (&f, commit_step, &number, &err));
   CU_ASSERT (run (&f, &c) == 50911);
   c.number = 6;
   CU_ASSERT (run (&f, &c) == 225);
   c.number = 8;
   CU_ASSERT (run (&f, &c) == 0);
   teardown (&f);
}

/* An entry as of 1970, and the last look for old ones as long ago. */
static bool
age_step (fgd_txn *txn, void *arg, fg_error *err)
{
   uint8_t lsid[FGD_LSID] = {200};
   uint8_t entry[17] = {FGD_SESSION_COMMITTED, 5};
   MDB_val key = {sizeof lsid, lsid};
   MDB_val value = {sizeof entry, entry};

   (void)arg;
   (void)err;
   txn->dirty = true;
   txn->store->swept_ms = 0;
   return mdb_put (txn->mdb, txn->store->sessions, &key, &value, 0) == 0;
}

static bool
aged_step (fgd_txn *txn, void *arg, fg_error *err)
{
   const uint8_t lsid[FGD_LSID] = {200};
   fgd_session_kind kind;

   return fgd_session_read (txn, lsid, &kind, arg, err);
}

static void
test_old_sessions_are_forgotten (void)
{
   fixture f;
   fg_error err;
   int64_t number = 0;
   command c = {.number = 1, .n = 1, .answer = 1};

   setup (&f, 0);
   CU_ASSERT (run (&f, &c) == 0);
   CU_ASSERT (run_step (&f, age_step, NULL, &err));
   CU_ASSERT (run_step (&f, aged_step, &number, &err) && number == 5);
   c.number = 2; /* whatever is written next looks for old ones */
   CU_ASSERT (run (&f, &c) == 0);
   CU_ASSERT (run_step (&f, aged_step, &number, &err) && number == -1);
   CU_ASSERT (run (&f, &c) == 0 && c.found == 1); /* a young one stays */
   teardown (&f);
}

/* As many sessions as are kept; arg: the time of their last write. */
static bool
full_step (fgd_txn *txn, void *arg, fg_error *err)
{
   const int64_t *time = arg;
   uint8_t lsid[FGD_LSID] = {0};
   uint8_t entry[17] = {FGD_SESSION_COMMITTED, 5};
   MDB_val key = {sizeof lsid, lsid};
   MDB_val value = {sizeof entry, entry};
   bool ok = true;

   (void)err;
   for (size_t i = 0; i < 8; i++) {
      entry[9 + i] = (uint8_t)((uint64_t)*time >> (8 * i));
   }
   for (uint32_t i = 0; ok && i < FGD_SESSIONS_MAX; i++) {
      fgd_put_u64be (lsid + 8, i);
      ok = mdb_put (txn->mdb, txn->store->sessions, &key, &value, 0) == 0;
   }
   txn->dirty = true;
   txn->store->swept_ms = 0;
   return ok;
}

static bool
room_step (fgd_txn *txn, void *arg, fg_error *err)
{
   (void)arg;
   return fgd_session_check_room (txn, err);
}

/* No session that is kept writes again: a new one has the old ones forgotten. */
static void
test_room_where_all_are_old (void)
{
   fixture f;
   fg_error err;
   int64_t old = 0;
   int64_t young = INT64_MAX;
   command c = {.number = 1, .n = 1, .answer = 1};

   setup (&f, 0);
   CU_ASSERT (run_step (&f, full_step, &young, &err));
   CU_ASSERT (run (&f, &c) == 261);
   CU_ASSERT (!run_step (&f, room_step, NULL, &err) && err.code == 261); /* what a transaction asks */
   CU_ASSERT (run_step (&f, full_step, &old, &err));
   CU_ASSERT (run_step (&f, room_step, NULL, &err));
   CU_ASSERT (run (&f, &c) == 0);
   teardown (&f);
}

const fg_test fg_tests[] = {{"found_again", test_found_again},
                            {"answers_with_documents", test_answers_with_documents},
                            {"numbers", test_numbers},
                            {"failed_batch", test_failed_batch},
                            {"a_transactions_number", test_a_transactions_number},
                            {"old_sessions_are_forgotten", test_old_sessions_are_forgotten},
                            {"room_where_all_are_old", test_room_where_all_are_old},
                            {NULL, NULL}};

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/transaction.h"
#include "tests/unit/store/jobs.h"

const char *const fg_suite_name = "store.transaction";

/* One statement of a session's transaction, or its end. */
typedef struct statement {
   uint8_t session;
   int64_t number;
   bool starts;
   char
      what; /* 'i' insert, 'u' replace, 'd' delete, 'f' count, 'x' insert that the caller then calls failed; 'C' commit, 'A' abort, 'w' insert outside */
   int32_t id;
   const char *pad;
   uint64_t count; /* 'f' */
} statement;

static fgd_logical
logical_of (const statement *s)
{
   fgd_logical logical = {
      .has_lsid = true, .has_number = true, .in_transaction = true, .starts = s->starts, .number = s->number};

   memset (logical.lsid, s->session, sizeof logical.lsid);
   return logical;
}

static bool
find_id (fgd_txn *txn, const fgd_coll *coll, int32_t id, fgd_record *record, fg_error *err)
{
   fgd_scan *scan = fgd_scan_new (txn, coll, NULL, 0, err);
   bool found = false;

   while (scan && !found && fgd_scan_next (scan, record, err) == FGD_STEP_RECORD) {
      bson_t view;
      bson_iter_t iter;
      found = bson_init_static (&view, record->data, record->len) && bson_iter_init_find (&iter, &view, "_id") &&
              bson_iter_as_int64 (&iter) == id;
   }
   fgd_scan_free (scan);
   return found;
}

static bool
write_document (fgd_txn *txn, const statement *s, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");
   fgd_record old = {0};
   bson_t *doc = BCON_NEW ("_id", BCON_INT32 (s->id), "pad", BCON_UTF8 (s->pad ? s->pad : ""));
   bool ok = false;

   if (s->what == 'i' || s->what == 'x' || s->what == 'w') {
      ok = fgd_check_indexes (txn, coll, bson_get_data (doc), doc->len, 0, NULL, err) &&
           fgd_put_insert (txn, coll, bson_get_data (doc), doc->len, err);
   } else if (find_id (txn, coll, s->id, &old, err)) {
      ok = s->what == 'd' ? fgd_put_delete (txn, coll, old.id, err)
                          : fgd_check_indexes (txn, coll, bson_get_data (doc), doc->len, old.id, NULL, err) &&
                               fgd_put_update (txn, coll, old.id, bson_get_data (doc), doc->len, err);
   }
   bson_destroy (doc);
   return ok;
}

static bool
inside (fgd_txn *writer, const fgd_logical *logical, statement *s, fg_error *err)
{
   fgd_txn *txn = NULL;
   bool ok = true;

   if (!fgd_transaction_enter (writer, logical, NULL, &txn, err)) {
      return false;
   }
   CU_ASSERT (fgd_txn_in_transaction (txn) && !fgd_txn_in_transaction (writer));
   if (s->what == 'f') {
      s->count = fgd_count_records (txn, fgd_txn_collection (txn, "db", "c"));
   } else {
      ok = write_document (txn, s, err);
   }
   ok = fgd_transaction_leave (txn, err) && ok;
   if (!ok || s->what == 'x') {
      fgd_transaction_drop (fgd_txn_store (writer), logical->lsid, logical->number);
   }
   return ok;
}

static bool
statement_step (fgd_txn *writer, void *arg, fg_error *err)
{
   statement *s = arg;
   fgd_logical logical = logical_of (s);

   switch (s->what) {
   case 'C':
      return fgd_transaction_commit (writer, &logical, NULL, err);
   case 'A':
      return fgd_transaction_abort (writer, &logical, err);
   case 'w':
      return write_document (writer, s, err);
   default:
      return inside (writer, &logical, s, err);
   }
}

/* 0, or the code of the refusal. */
static int32_t
say (fixture *f, uint8_t session, int64_t number, bool starts, char what, int32_t id)
{
   fg_error err;
   statement s = {.session = session, .number = number, .starts = starts, .what = what, .id = id};

   return run_step (f, statement_step, &s, &err) ? 0 : err.code;
}

static uint64_t
count_inside (fixture *f, uint8_t session, int64_t number, bool starts)
{
   fg_error err;
   statement s = {.session = session, .number = number, .starts = starts, .what = 'f'};

   CU_ASSERT (run_step (f, statement_step, &s, &err));
   return s.count;
}

/* --- cases ------------------------------------------------------------------------------------------------------------ */

static void
test_commit_and_abort (void)
{
   fixture f;

   setup (&f, 0);
   CU_ASSERT (say (&f, 0, 0, false, 'w', 1) == 0);
   CU_ASSERT (say (&f, 1, 1, true, 'i', 2) == 0);
   CU_ASSERT (say (&f, 1, 1, false, 'u', 1) == 0);
   CU_ASSERT (count_inside (&f, 1, 1, false) == 2 && count_documents (&f) == 1);
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 0 && count_documents (&f) == 2);
   CU_ASSERT (say (&f, 1, 2, true, 'd', 1) == 0 && count_inside (&f, 1, 2, false) == 1);
   CU_ASSERT (say (&f, 1, 2, false, 'A', 0) == 0 && count_documents (&f) == 2);
   CU_ASSERT (say (&f, 1, 2, false, 'C', 0) == 251);
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 225);
   teardown (&f);
}

static void
test_numbers (void)
{
   fixture f;

   setup (&f, 0);
   CU_ASSERT (say (&f, 1, 5, false, 'i', 1) == 251);
   CU_ASSERT (say (&f, 1, 5, true, 'i', 1) == 0);
   CU_ASSERT (say (&f, 1, 5, true, 'i', 2) == 50911);
   CU_ASSERT (say (&f, 1, 4, true, 'i', 2) == 225);
   CU_ASSERT (say (&f, 1, 6, false, 'i', 2) == 251);
   CU_ASSERT (say (&f, 1, 5, false, 'C', 0) == 0);
   CU_ASSERT (say (&f, 1, 5, false, 'i', 3) == 256);
   CU_ASSERT (say (&f, 1, 5, true, 'i', 3) == 50911);
   CU_ASSERT (count_documents (&f) == 1);
   teardown (&f);
}

static void
test_conflicts (void)
{
   fixture f;

   setup (&f, 0);
   CU_ASSERT (say (&f, 0, 0, false, 'w', 1) == 0);
   (void)count_inside (&f, 1, 1, true);
   (void)count_inside (&f, 2, 1, true);
   CU_ASSERT (say (&f, 1, 1, false, 'u', 1) == 0);
   CU_ASSERT (say (&f, 2, 1, false, 'd', 1) == 112); /* the record is the first one's */
   CU_ASSERT (say (&f, 2, 1, false, 'C', 0) == 251);
   CU_ASSERT (say (&f, 1, 1, false, 'i', 7) == 0);
   CU_ASSERT (say (&f, 2, 2, true, 'i', 7) == 112); /* so is the key */
   CU_ASSERT (say (&f, 2, 3, true, 'i', 8) == 0);
   CU_ASSERT (say (&f, 0, 0, false, 'w', 8) == 0); /* outside, the key is free: the commit meets it */
   CU_ASSERT (say (&f, 2, 3, false, 'C', 0) == 112);
   CU_ASSERT (say (&f, 1, 1, false, 'i', 1) == 11000);
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 251);
   CU_ASSERT (count_documents (&f) == 2);
   teardown (&f);
}

static void
test_outcome_outlives_the_process (void)
{
   fixture f;

   setup (&f, 0);
   CU_ASSERT (say (&f, 1, 3, true, 'i', 1) == 0 && say (&f, 1, 3, false, 'C', 0) == 0);
   CU_ASSERT (say (&f, 2, 3, true, 'i', 2) == 0);
   reopen (&f); /* an open one is closed with the store */
   CU_ASSERT (say (&f, 1, 3, false, 'C', 0) == 0);
   CU_ASSERT (say (&f, 1, 3, false, 'A', 0) == 256);
   CU_ASSERT (say (&f, 2, 3, false, 'C', 0) == 251);
   CU_ASSERT (count_documents (&f) == 1);
   teardown (&f);
}

/* The disk is full at the commit: nothing is stored, and nobody hears that it is committed. */
static void
test_failed_batch (void)
{
   fixture f;
   fg_error err;
   char *pad = malloc (3u << 20);
   int32_t id = 0;

   CU_ASSERT_FATAL (pad != NULL);
   memset (pad, 'x', (3u << 20) - 1);
   pad[(3u << 20) - 1] = 0;
   setup (&f, 4u << 20);
   statement s = {.session = 1, .number = 1, .starts = true, .what = 'i', .pad = pad};
   for (id = 1; id <= 3; id++) {
      s.id = id;
      CU_ASSERT (run_step (&f, statement_step, &s, &err));
      s.starts = false;
   }
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 14031);
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 251);
   CU_ASSERT (count_documents (&f) == 0);
   CU_ASSERT (say (&f, 1, 2, true, 'i', 1) == 0 && say (&f, 1, 2, false, 'C', 0) == 0);
   CU_ASSERT (count_documents (&f) == 1);
   teardown (&f);
   free (pad);
}

static void
test_time_is_over (void)
{
   fixture f;

   setup (&f, 0);
   fgd_store_set_transaction_lifetime (f.store, 0);
   CU_ASSERT (say (&f, 1, 1, true, 'i', 1) == 0);
   usleep (600000); /* the writer thread looks by itself */
   fgd_store_set_transaction_lifetime (f.store, 60);
   CU_ASSERT (say (&f, 2, 1, true, 'i', 1) == 0); /* the key is free again */
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 251);
   CU_ASSERT (say (&f, 2, 1, false, 'C', 0) == 0);
   teardown (&f);
}

static void
test_a_failed_statement_ends_it (void)
{
   fixture f;

   setup (&f, 0);
   CU_ASSERT (say (&f, 1, 1, true, 'i', 1) == 0);
   CU_ASSERT (say (&f, 1, 1, false, 'x', 2) == 0);
   CU_ASSERT (say (&f, 1, 1, false, 'C', 0) == 251);
   CU_ASSERT (say (&f, 1, 1, true, 'i', 1) == 50911); /* aborted, but its number is used up */
   CU_ASSERT (count_documents (&f) == 0);
   teardown (&f);
}

const fg_test fg_tests[] = {{"commit_and_abort", test_commit_and_abort},
                            {"numbers", test_numbers},
                            {"conflicts", test_conflicts},
                            {"outcome_outlives_the_process", test_outcome_outlives_the_process},
                            {"failed_batch", test_failed_batch},
                            {"time_is_over", test_time_is_over},
                            {"a_failed_statement_ends_it", test_a_failed_statement_ends_it},
                            {NULL, NULL}};

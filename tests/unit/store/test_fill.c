/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/copy.h"
#include "hosts/fieldguardd/store/sizes.h"
#include "tests/unit/store/jobs.h"

const char *const fg_suite_name = "store.fill";

typedef struct filling {
   fgd_fill *fill;
   uint64_t id; /* of the hidden collection */
   int from, to; /* documents to put */
   size_t pad;
} filling;

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static bool
begin (fgd_txn *txn, void *arg, fg_error *err)
{
   filling *f = arg;

   f->fill = fgd_fill_begin (txn, NULL, "db", "c", err);
   f->id = f->fill ? fgd_fill_collection (f->fill)->id : 0;
   return f->fill != NULL;
}

static bool
put (fgd_txn *txn, void *arg, fg_error *err)
{
   const filling *f = arg;
   char *pad = calloc (1, f->pad + 1);
   bool ok = pad != NULL;

   for (int i = f->from; ok && i < f->to; i++) {
      bson_t *doc = BCON_NEW ("_id", BCON_INT32 (i), "k", BCON_INT32 (i % 3), "pad",
                              BCON_BIN (0, (uint8_t *)pad, (uint32_t)f->pad));
      const fgd_coll *coll = fgd_fill_collection (f->fill);
      ok = fgd_check_indexes (txn, coll, bson_get_data (doc), doc->len, 0, NULL, err) &&
           fgd_put_insert (txn, coll, bson_get_data (doc), doc->len, err);
      bson_destroy (doc);
   }
   free (pad);
   return ok;
}

static bool
replace (fgd_txn *txn, void *arg, fg_error *err)
{
   filling *f = arg;

   return fgd_fill_replace (txn, NULL, f->fill, err);
}

static bool
end (fgd_txn *txn, void *arg, fg_error *err)
{
   filling *f = arg;

   (void)err;
   fgd_fill_end (txn, NULL, f->fill);
   f->fill = NULL;
   return true;
}

static bool
add_index (fgd_txn *txn, void *arg, fg_error *err)
{
   bson_t *spec = BCON_NEW ("v", BCON_INT32 (2), "key", "{", "k", BCON_INT32 (1), "}", "name", BCON_UTF8 ("k_1"));
   const bson_t *specs[] = {spec};

   (void)arg;
   bool ok = fgd_ddl_create_indexes (txn, fgd_txn_collection (txn, "db", "c"), specs, 1, NULL, err);
   bson_destroy (spec);
   return ok;
}

static bool
change_options (fgd_txn *txn, void *arg, fg_error *err)
{
   bson_t *options = BCON_NEW ("validator", "{", "k", BCON_INT32 (1), "}");

   (void)arg;
   bool ok = fgd_ddl_coll_mod (txn, NULL, fgd_txn_collection (txn, "db", "c"), options, err);
   bson_destroy (options);
   return ok;
}

/* --- what is there ---------------------------------------------------------------------------------------------------- */

static bool
count_one (void *ctx, const fgd_coll *coll)
{
   (void)coll;
   ++*(size_t *)ctx;
   return true;
}

/* How many documents are stored under the hidden collection's id, whatever the catalog says. */
static uint64_t
stored_under (fixture *f, uint64_t id, size_t *collections)
{
   fg_error err;
   fgd_sizes sizes;
   fgd_coll ghost = {.id = id};
   fgd_txn *txn = fgd_read_begin (f->store, &err);

   CU_ASSERT_FATAL (txn != NULL);
   *collections = 0;
   fgd_txn_visit_collections (txn, NULL, count_one, collections);
   CU_ASSERT_FATAL (fgd_collection_sizes (txn, &ghost, &sizes, &err));
   fgd_read_end (txn);
   return sizes.documents;
}

static void
nothing_remains (fixture *f, uint64_t id)
{
   size_t collections = 0;

   CU_ASSERT_EQUAL (stored_under (f, id, &collections), 0);
   CU_ASSERT_EQUAL (collections, 1);
}

/* --- cases ------------------------------------------------------------------------------------------------------------ */

static void
it_replaces_its_target (void)
{
   fixture f;
   fg_error err;
   filling fill = {.to = 7};
   size_t collections = 0;
   uint64_t keys = 0;
   uint64_t bytes = 0;
   fgd_index_check_result found;

   setup (&f, 0);
   CU_ASSERT_TRUE_FATAL (run_step (&f, add_index, NULL, &err));
   CU_ASSERT_TRUE_FATAL (run_step (&f, begin, &fill, &err));
   CU_ASSERT_TRUE (run_step (&f, put, &fill, &err));
   CU_ASSERT_EQUAL (count_documents (&f), 0);
   CU_ASSERT_EQUAL (stored_under (&f, fill.id, &collections), 7);
   CU_ASSERT_EQUAL (collections, 1);
   fill.from = 6;
   CU_ASSERT_FALSE (run_step (&f, put, &fill, &err)); /* its own indexes count */
   CU_ASSERT_EQUAL (err.code, 11000);
   CU_ASSERT_TRUE (run_step (&f, replace, &fill, &err));
   CU_ASSERT_TRUE (run_step (&f, end, &fill, &err));
   reopen (&f);
   CU_ASSERT_EQUAL (count_documents (&f), 7);
   fgd_txn *txn = fgd_read_begin (f.store, &err);
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");
   CU_ASSERT_EQUAL (coll->id, fill.id);
   CU_ASSERT_EQUAL_FATAL (coll->n_indexes, 2);
   CU_ASSERT_STRING_EQUAL (coll->indexes[1]->name, "k_1");
   CU_ASSERT_TRUE (fgd_index_sizes (txn, coll->indexes[1], &keys, &bytes, &err) && keys == 7 && bytes > 7 * 16);
   CU_ASSERT_TRUE (fgd_index_verify (txn, coll, coll->indexes[1], &found, &err));
   CU_ASSERT (found.keys == 7 && found.missing == 0 && found.extra == 0);
   /* Against another index's fields every entry is one too many, and every key is missing. */
   fgd_index wrong = *coll->indexes[1];
   wrong.fields = coll->indexes[0]->fields;
   CU_ASSERT_TRUE (fgd_index_verify (txn, coll, &wrong, &found, &err));
   CU_ASSERT (found.keys == 7 && found.missing > 0 && found.extra == found.missing);
   fgd_read_end (txn);
   teardown (&f);
}

static void
given_up_it_leaves_nothing (void)
{
   fixture f;
   fg_error err;
   filling fill = {.to = 100};

   setup (&f, 0);
   CU_ASSERT_TRUE_FATAL (run_step (&f, begin, &fill, &err));
   CU_ASSERT_TRUE (run_step (&f, put, &fill, &err));
   CU_ASSERT_TRUE (run_step (&f, end, &fill, &err));
   nothing_remains (&f, fill.id);
   teardown (&f);
}

/* The process ends in the middle: the next start finds what is there. Ending a fill that is gone already harms nothing. */
static void
a_start_cleans_up (void)
{
   fixture f;
   fg_error err;
   filling fills[2] = {{.to = 10}, {.to = 20}};

   setup (&f, 0);
   for (size_t i = 0; i < 2; i++) {
      CU_ASSERT_TRUE_FATAL (run_step (&f, begin, &fills[i], &err));
      CU_ASSERT_TRUE (run_step (&f, put, &fills[i], &err));
   }
   reopen (&f);
   for (size_t i = 0; i < 2; i++) {
      nothing_remains (&f, fills[i].id);
      CU_ASSERT_TRUE (run_step (&f, end, &fills[i], &err));
   }
   nothing_remains (&f, fills[0].id);
   CU_ASSERT_EQUAL (count_documents (&f), 0);
   teardown (&f);
}

static void
a_changed_target_is_kept (void)
{
   fixture f;
   fg_error err;
   filling fill = {.to = 3};
   step_fn changes[] = {add_index, change_options};

   for (size_t i = 0; i < 2; i++) {
      setup (&f, 0);
      CU_ASSERT_TRUE_FATAL (run_step (&f, begin, &fill, &err));
      CU_ASSERT_TRUE (run_step (&f, put, &fill, &err));
      CU_ASSERT_TRUE (run_step (&f, changes[i], NULL, &err));
      CU_ASSERT_FALSE (run_step (&f, replace, &fill, &err));
      CU_ASSERT_EQUAL (err.code, 125);
      CU_ASSERT_TRUE (run_step (&f, end, &fill, &err));
      nothing_remains (&f, fill.id);
      CU_ASSERT_EQUAL (count_documents (&f), 0);
      teardown (&f);
   }
}

/* LMDB's map is full: the batch is lost, the fill is given up, the store goes on. */
static void
a_full_store_goes_on (void)
{
   fixture f;
   fg_error err;
   filling fill = {.to = 10, .pad = 100000};
   bool ok = true;

   setup (&f, 4u << 20);
   CU_ASSERT_TRUE_FATAL (run_step (&f, begin, &fill, &err));
   for (int i = 0; ok && i < 10; i++) {
      fill.from = i * 10;
      fill.to = fill.from + 10;
      ok = run_step (&f, put, &fill, &err);
   }
   CU_ASSERT_FALSE (ok);
   CU_ASSERT_EQUAL (err.code, 14031);
   CU_ASSERT_TRUE (run_step (&f, end, &fill, &err));
   reopen (&f);
   nothing_remains (&f, fill.id);
   fill = (filling){.to = 10};
   CU_ASSERT_TRUE_FATAL (run_step (&f, begin, &fill, &err));
   CU_ASSERT_TRUE (run_step (&f, put, &fill, &err) && run_step (&f, replace, &fill, &err));
   CU_ASSERT_TRUE (run_step (&f, end, &fill, &err));
   CU_ASSERT_EQUAL (count_documents (&f), 10);
   teardown (&f);
}

const fg_test fg_tests[] = {
   {"replaces_its_target", it_replaces_its_target}, {"given_up_it_leaves_nothing", given_up_it_leaves_nothing},
   {"a_start_cleans_up", a_start_cleans_up},        {"a_changed_target_is_kept", a_changed_target_is_kept},
   {"a_full_store_goes_on", a_full_store_goes_on},  {NULL, NULL}};

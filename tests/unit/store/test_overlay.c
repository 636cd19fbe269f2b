/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/overlay.h"
#include "tests/unit/runner.h"

#include <stdlib.h>

const char *const fg_suite_name = "store.overlay";

/* A collection with a unique index on u, and an overlay. */
typedef struct fixture {
   fgd_coll *coll;
   fgd_overlay *overlay;
   uint64_t total;
   fgd_keys keys;
} fixture;

static void
add_index (fgd_coll *coll, uint64_t id, const char *field, const char *name, bool unique)
{
   fg_error err;
   bson_t *spec = BCON_NEW ("v", BCON_INT32 (2), "key", "{", field, BCON_INT32 (1), "}", "name", BCON_UTF8 (name),
                            "unique", BCON_BOOL (unique));

   CU_ASSERT_FATAL (fgd_coll_add_index (coll, id, spec, &err));
   bson_destroy (spec);
}

static void
setup (fixture *f)
{
   fg_error err;
   static const uint8_t uuid[16] = {1};
   bson_t options = BSON_INITIALIZER;

   memset (f, 0, sizeof *f);
   f->coll = fgd_coll_new ("db", "c", 7, uuid, &options, &err);
   CU_ASSERT_FATAL (f->coll != NULL);
   add_index (f->coll, 8, "_id", "_id_", true);
   add_index (f->coll, 9, "u", "u_1", true);
   add_index (f->coll, 10, "n", "n_1", false);
   f->overlay = fgd_overlay_new (&f->total, &err);
   CU_ASSERT_FATAL (f->overlay != NULL);
}

static void
teardown (fixture *f)
{
   fgd_overlay_free (f->overlay);
   CU_ASSERT (f->total == 0);
   fgd_keys_free (&f->keys);
   fgd_coll_unref (f->coll);
}

/* json NULL: a deletion. */
static bool
put (fixture *f, uint64_t record, bool in_snapshot, const char *json, fg_error *err)
{
   bson_error_t parse;
   bson_t *doc = json ? bson_new_from_json ((const uint8_t *)json, -1, &parse) : NULL;
   bool ok = fgd_overlay_put (f->overlay, &f->keys, f->coll, record, in_snapshot, doc ? bson_get_data (doc) : NULL,
                              doc ? doc->len : 0, err);

   if (doc) {
      bson_destroy (doc);
   }
   return ok;
}

/* Which record holds {u: value}; 0: none. */
static uint64_t
holder (fixture *f, const char *value, uint64_t except)
{
   fg_error err;
   const fgd_overlay_key *cursor = NULL;
   bool exact = false;
   bson_t *doc = BCON_NEW ("u", BCON_UTF8 (value));

   CU_ASSERT_FATAL (fgd_keys_make (&f->keys, f->coll->indexes[1], bson_get_data (doc), doc->len, &err));
   const fgd_change *change =
      fgd_overlay_key_next (f->overlay, f->coll, f->coll->indexes[1], fgd_key_bytes (&f->keys, 0), f->keys.keys[0].len,
                            except, &cursor, &exact);
   bson_destroy (doc);
   CU_ASSERT (!change || exact);
   return change ? change->id : 0;
}

static void
test_changes_in_order (void)
{
   fixture f;
   fg_error err;
   static const uint64_t ids[] = {50, 3, 90, 20, 4};

   setup (&f);
   for (size_t i = 0; i < 5; i++) {
      CU_ASSERT (put (&f, ids[i], ids[i] < 50, "{\"_id\": 1}", &err));
   }
   uint64_t seen = 0;
   size_t n = 0;
   for (const fgd_change *c; (c = fgd_overlay_next (f.overlay, 7, seen)) != NULL; n++) {
      CU_ASSERT (c->id > seen);
      seen = c->id;
   }
   CU_ASSERT (n == 5 && seen == 90);
   CU_ASSERT (fgd_overlay_next (f.overlay, 7, UINT64_MAX) == NULL);
   CU_ASSERT (fgd_overlay_next (f.overlay, 8, 0) == NULL && fgd_overlay_find (f.overlay, 8, 3) == NULL);
   CU_ASSERT (fgd_overlay_find (f.overlay, 7, 20)->in_snapshot && !fgd_overlay_find (f.overlay, 7, 90)->in_snapshot);
   CU_ASSERT (fgd_overlay_find (f.overlay, 7, 21) == NULL);
   teardown (&f);
}

static void
test_counts (void)
{
   fixture f;
   fg_error err;

   setup (&f);
   CU_ASSERT (fgd_overlay_count (f.overlay, 7) == 0);
   CU_ASSERT (put (&f, 1, true, "{\"_id\": 1}", &err) && fgd_overlay_count (f.overlay, 7) == 0);
   CU_ASSERT (put (&f, 1, true, NULL, &err) && fgd_overlay_count (f.overlay, 7) == -1);
   CU_ASSERT (put (&f, 5, false, "{\"_id\": 5}", &err) && fgd_overlay_count (f.overlay, 7) == 0);
   CU_ASSERT (put (&f, 5, true, NULL, &err) && fgd_overlay_count (f.overlay, 7) == -1);
   CU_ASSERT (!fgd_overlay_find (f.overlay, 7, 5)->in_snapshot); /* what it was at first stays known */
   teardown (&f);
}

static void
test_keys_follow_versions (void)
{
   fixture f;
   fg_error err;

   setup (&f);
   CU_ASSERT (holder (&f, "a", 0) == 0);
   CU_ASSERT (put (&f, 1, false, "{\"_id\": 1, \"u\": \"a\", \"n\": 1}", &err));
   CU_ASSERT (holder (&f, "a", 0) == 1 && holder (&f, "a", 1) == 0);
   CU_ASSERT (put (&f, 1, false, "{\"_id\": 1, \"u\": \"b\"}", &err));
   CU_ASSERT (holder (&f, "a", 0) == 0 && holder (&f, "b", 0) == 1);
   CU_ASSERT (put (&f, 2, false, "{\"_id\": 2, \"u\": [\"a\", \"c\"]}", &err));
   CU_ASSERT (holder (&f, "a", 0) == 2 && holder (&f, "c", 0) == 2);
   CU_ASSERT (put (&f, 1, false, "{\"_id\": 1, \"u\": \"a\"}", &err)); /* checked elsewhere: both are found */
   CU_ASSERT (holder (&f, "a", 1) == 2 && holder (&f, "a", 2) == 1);
   CU_ASSERT (put (&f, 2, false, NULL, &err));
   CU_ASSERT (holder (&f, "c", 0) == 0 && holder (&f, "a", 0) == 1);
   teardown (&f);
}

/* More keys than the first buckets: all are found after the table has grown. */
static void
test_many_keys (void)
{
   fixture f;
   fg_error err;
   char json[64];
   char value[16];
   size_t missing = 0;

   setup (&f);
   for (unsigned i = 1; i <= 3000; i++) {
      snprintf (json, sizeof json, "{\"_id\": %u, \"u\": \"v%u\"}", i, i);
      CU_ASSERT_FATAL (put (&f, i, false, json, &err));
   }
   for (unsigned i = 1; i <= 3000; i++) {
      snprintf (value, sizeof value, "v%u", i);
      missing += holder (&f, value, 0) != i;
   }
   CU_ASSERT (missing == 0);
   teardown (&f);
}

static void
test_limits (void)
{
   fixture f;
   fg_error err;
   size_t len = (8u << 20) + 64;
   size_t n = 0;
   char *json = malloc (len);

   CU_ASSERT_FATAL (json != NULL);
   setup (&f);
   memset (json, 'x', len);
   memcpy (json, "{\"t\": \"", 7);
   memcpy (json + len - 3, "\"}", 3);
   while (put (&f, n + 1, false, json, &err)) {
      n++;
   }
   CU_ASSERT (n == 7 && err.code == 257);
   CU_ASSERT (put (&f, 100, false, "{\"_id\": 100}", &err)); /* what is small still fits */
   f.total += FGD_OVERLAYS_MAX - f.overlay->bytes;
   CU_ASSERT (!put (&f, 101, false, "{\"_id\": 101}", &err) && err.code == 146);
   CU_ASSERT (fgd_overlay_find (f.overlay, 7, 101) == NULL);
   f.total = f.overlay->bytes;
   teardown (&f);
   free (json);
}

static void
test_conflict_is_remembered (void)
{
   fixture f;
   fg_error err;

   setup (&f);
   CU_ASSERT (!f.overlay->conflicted);
   CU_ASSERT (!fgd_overlay_conflict (f.overlay, &err) && err.code == 112);
   CU_ASSERT (f.overlay->conflicted && f.overlay->conflict.code == 112);
   CU_ASSERT (!fgd_overlay_conflict (f.overlay, NULL));
   teardown (&f);
}

const fg_test fg_tests[] = {{"changes_in_order", test_changes_in_order},
                            {"counts", test_counts},
                            {"keys_follow_versions", test_keys_follow_versions},
                            {"many_keys", test_many_keys},
                            {"limits", test_limits},
                            {"conflict_is_remembered", test_conflict_is_remembered},
                            {NULL, NULL}};

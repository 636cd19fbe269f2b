/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/keyset.h"

#include "client/keys/key_document.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>

const char *const fg_suite_name = "client.keyset";

#define IDS 40
#define NAMES 30

/* Two keysets with the same history: one with its indexes, one that looks at everything. */
static fg_keyset indexed;
static fg_keyset plain;
static uint32_t state = 1;

static uint32_t
draw (uint32_t n)
{
   state = state * 1664525u + 1013904223u;
   return (state >> 8) % n;
}

static void
id_for (uint8_t id[FG_KEY_ID_LEN], uint32_t n)
{
   memset (id, 7, FG_KEY_ID_LEN);
   id[15] = (uint8_t)n;
}

static bson_t *
document (uint32_t n, const char *name)
{
   uint8_t id[FG_KEY_ID_LEN];
   uint8_t material[160] = {1};
   bson_t *master_key = bson_new_from_json ((const uint8_t *)"{\"provider\": \"local\"}", -1, NULL);

   id_for (id, n);
   const fg_key_document_parts parts = {.id = id,
                                        .alt_names = &name,
                                        .n_alt_names = name ? 1 : 0,
                                        .material = material,
                                        .material_len = sizeof material,
                                        .now_ms = 5,
                                        .master_key = master_key};
   bson_t *doc = fg_key_document_build (&parts, NULL);
   bson_destroy (master_key);
   return doc;
}

static void
insert (void)
{
   char name[16];
   snprintf (name, sizeof name, "n%u", draw (NAMES));
   bson_t *doc = document (draw (IDS), draw (2) ? name : NULL);
   CU_ASSERT_EQUAL (fg_keyset_insert (&indexed, doc, NULL), fg_keyset_insert (&plain, doc, NULL));
   bson_destroy (doc);
}

static void
change_name (bool add)
{
   bson_t *a = NULL;
   bson_t *b = NULL;
   uint8_t id[FG_KEY_ID_LEN];
   char name[16];

   id_for (id, draw (IDS));
   snprintf (name, sizeof name, "n%u", draw (NAMES));
   if (add) {
      CU_ASSERT_EQUAL (fg_keyset_add_alt_name (&indexed, id, name, &a, NULL),
                       fg_keyset_add_alt_name (&plain, id, name, &b, NULL));
   } else {
      CU_ASSERT_EQUAL (fg_keyset_remove_alt_name (&indexed, id, name, &a, NULL),
                       fg_keyset_remove_alt_name (&plain, id, name, &b, NULL));
   }
   CU_ASSERT ((a == NULL) == (b == NULL) && (!a || bson_equal (a, b)));
   bson_destroy (a);
   bson_destroy (b);
}

static void
take_out (void)
{
   uint8_t id[FG_KEY_ID_LEN];

   id_for (id, draw (IDS));
   CU_ASSERT_EQUAL (fg_keyset_remove (&indexed, id), fg_keyset_remove (&plain, id));
}

static void
test_indexes (void)
{
   memset (&indexed, 0, sizeof indexed);
   memset (&plain, 0, sizeof plain);
   for (int i = 0; i < 20000; i++) {
      plain.unindexed = true;
      switch (draw (6)) {
      case 0:
      case 1:
         insert ();
         break;
      case 2:
      case 3:
         change_name (true);
         break;
      case 4:
         change_name (false);
         break;
      default:
         take_out ();
         plain.unindexed = true; /* taking out makes indexes anew */
         break;
      }
      CU_ASSERT_FATAL (indexed.n == plain.n && !indexed.unindexed);
      CU_ASSERT (indexed.by_name.n <= 8 * indexed.n + 1024 + NAMES);
   }
   for (size_t i = 0; i < plain.n; i++) {
      CU_ASSERT (bson_equal (indexed.docs[i], plain.docs[i]));
   }
   fg_keyset_clear (&indexed);
   fg_keyset_clear (&plain);
}

/* Compare-and-set of many: those that fit, and none on an error. */
static void
test_rewrap_many (void)
{
   uint8_t old[160] = {1};
   uint8_t material[160] = {2};
   uint8_t ids[3][FG_KEY_ID_LEN];
   bson_t *master_key = bson_new_from_json ((const uint8_t *)"{\"provider\": \"local:other\"}", -1, NULL);
   fg_rewrap_item items[3];
   fg_key_document doc;

   memset (&indexed, 0, sizeof indexed);
   for (uint32_t i = 0; i < 3; i++) {
      bson_t *d = document (i, NULL);
      CU_ASSERT (fg_keyset_insert (&indexed, d, NULL));
      bson_destroy (d);
      id_for (ids[i], i);
      items[i] = (fg_rewrap_item){ids[i], old, sizeof old, i == 1 ? 6 : 5, master_key, material, sizeof material, true};
   }
   CU_ASSERT (fg_keyset_rewrap_many (&indexed, items, 3, NULL));
   CU_ASSERT (items[0].changed && !items[1].changed && items[2].changed);
   CU_ASSERT (fg_key_document_parse (indexed.docs[2], &doc, NULL));
   CU_ASSERT (strcmp (doc.provider, "local:other") == 0 && doc.material[0] == 2 && doc.update_ms > 5);
   CU_ASSERT (fg_key_document_parse (indexed.docs[1], &doc, NULL) && strcmp (doc.provider, "local") == 0);
   /* Once more: the old wrapping is gone. */
   CU_ASSERT (fg_keyset_rewrap_many (&indexed, items, 3, NULL));
   CU_ASSERT (!items[0].changed && !items[1].changed && !items[2].changed);
   id_for (ids[0], 39);
   CU_ASSERT (fg_keyset_rewrap_many (&indexed, items, 1, NULL) && !items[0].changed);
   CU_ASSERT (fg_keyset_rewrap_many (&indexed, items, 0, NULL));
   fg_keyset_clear (&indexed);
   bson_destroy (master_key);
}

const fg_test fg_tests[] = {{"indexes", test_indexes}, {"rewrap_many", test_rewrap_many}, {NULL, NULL}};

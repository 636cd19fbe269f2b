/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/store.h"
#include "tests/unit/runner.h"

#include <math.h>
#include <stdlib.h>

const char *const fg_suite_name = "store.key";

/* --- values --------------------------------------------------------------------------------------------------------- */

static uint32_t seed = 12345;

static uint32_t
rnd (uint32_t n)
{
   seed = seed * 1664525u + 1013904223u;
   return (seed >> 8) % n;
}

static int64_t
random_int (void)
{
   static const int64_t special[] = {0,
                                     1,
                                     -1,
                                     INT32_MAX,
                                     INT32_MIN,
                                     INT64_MAX,
                                     INT64_MIN,
                                     (INT64_C (1) << 53),
                                     (INT64_C (1) << 53) + 1,
                                     -(INT64_C (1) << 53) - 1,
                                     INT64_MAX - 1,
                                     (INT64_C (1) << 62) + 3};

   return rnd (3) ? (int64_t)rnd (7) - 3 : special[rnd (sizeof special / sizeof *special)];
}

static double
random_double (void)
{
   static const double special[] = {0.0,
                                    -0.0,
                                    0.1,
                                    -0.1,
                                    0.5,
                                    1.5,
                                    9007199254740992.0,
                                    9007199254740994.0,
                                    9223372036854775808.0,
                                    -9223372036854775808.0,
                                    1e300,
                                    -1e300,
                                    5e-324,
                                    1e-10};

   switch (rnd (6)) {
   case 0:
      return NAN;
   case 1:
      return rnd (2) ? INFINITY : -INFINITY;
   case 2:
   case 3:
      return (double)rnd (7) - 3;
   default:
      return special[rnd (sizeof special / sizeof *special)];
   }
}

static const char *
random_decimal (void)
{
   static const char *const texts[] = {"0",
                                       "-0",
                                       "1",
                                       "1.0",
                                       "1E0",
                                       "-1",
                                       "2.5",
                                       "0.1",
                                       "-0.1",
                                       "NaN",
                                       "Infinity",
                                       "-Infinity",
                                       "9007199254740993",
                                       "9007199254740993.5",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       "-9223372036854775808.5",
                                       "1E+100",
                                       "-1E+6000",
                                       "1E-6000",
                                       "3",
                                       "-3.000",
                                       "9007199254740992",
                                       "1E+310",
                                       "5E-324",
                                       "0.1000000000000000055"};

   return texts[rnd (sizeof texts / sizeof *texts)];
}

static void append_random (bson_t *out, const char *name, int depth);

static void
append_container (bson_t *out, const char *name, int depth, bool array)
{
   static const char *const names[] = {"a", "b", "", "ab"};
   bson_t child;
   char key[12];

   if (array) {
      bson_append_array_begin (out, name, -1, &child);
   } else {
      bson_append_document_begin (out, name, -1, &child);
   }
   uint32_t n = rnd (3);
   for (uint32_t i = 0; i < n; i++) {
      snprintf (key, sizeof key, "%u", i);
      append_random (&child, array ? key : names[rnd (4)], depth + 1);
   }
   if (array) {
      bson_append_array_end (out, &child);
   } else {
      bson_append_document_end (out, &child);
   }
}

static void
append_random_string (bson_t *out, const char *name)
{
   static const char text[] = "a\0b\xC3\xBF";

   bson_append_utf8 (out, name, -1, text + rnd (2), (int)rnd (4));
}

static void
append_random (bson_t *out, const char *name, int depth)
{
   uint8_t bytes[12] = {(uint8_t)rnd (3), (uint8_t)rnd (256)};
   bson_oid_t oid;
   bson_decimal128_t decimal;

   switch (rnd (depth < 3 ? 16 : 14)) {
   case 0:
      bson_append_int32 (out, name, -1, (int32_t)random_int ());
      break;
   case 1:
      bson_append_int64 (out, name, -1, random_int ());
      break;
   case 2:
      bson_append_double (out, name, -1, random_double ());
      break;
   case 3:
   case 4:
      bson_decimal128_from_string (random_decimal (), &decimal);
      bson_append_decimal128 (out, name, -1, &decimal);
      break;
   case 5:
      append_random_string (out, name);
      break;
   case 6:
      bson_append_null (out, name, -1);
      break;
   case 7:
      bson_append_bool (out, name, -1, rnd (2));
      break;
   case 8:
      bson_append_date_time (out, name, -1, random_int ());
      break;
   case 9:
      bson_append_timestamp (out, name, -1, rnd (2) ? 0xF0000000u : rnd (3), rnd (3));
      break;
   case 10:
      bson_append_binary (out, name, -1, (bson_subtype_t)rnd (2), bytes, rnd (3));
      break;
   case 11:
      bson_oid_init_from_data (&oid, bytes);
      bson_append_oid (out, name, -1, &oid);
      break;
   case 12:
      rnd (2) ? bson_append_minkey (out, name, -1) : bson_append_maxkey (out, name, -1);
      break;
   case 13:
      bson_append_regex (out, name, -1, rnd (2) ? "a" : "ab", rnd (2) ? "i" : "");
      break;
   case 14:
      append_container (out, name, depth, false);
      break;
   default:
      append_container (out, name, depth, true);
      break;
   }
}

/* --- helpers -------------------------------------------------------------------------------------------------------- */

static fg_value
only_value (const bson_t *doc)
{
   bson_iter_t iter;

   CU_ASSERT_FATAL (bson_iter_init (&iter, doc) && bson_iter_next (&iter));
   return fgd_iter_value (&iter);
}

static int
compare_bytes (const fg_buf *a, const fg_buf *b)
{
   int c = memcmp (a->data, b->data, a->len < b->len ? a->len : b->len);

   return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int
sign (int c)
{
   return (c > 0) - (c < 0);
}

/* --- tests ---------------------------------------------------------------------------------------------------------- */

/* Exact keys are ordered just as their values; a key that is not exact may only be equal where the values differ. */
static void
test_order (void)
{
   for (int i = 0; i < 200000; i++) {
      bson_t docs[2] = {BSON_INITIALIZER, BSON_INITIALIZER};
      fg_buf keys[2] = {{0}, {0}};
      bool exact = true;
      fg_value values[2];
      for (int k = 0; k < 2; k++) {
         append_random (&docs[k], "v", 0);
         values[k] = only_value (&docs[k]);
         fgd_key_append (&keys[k], &values[k], &exact);
      }
      int want = sign (fg_value_compare (&values[0], &values[1]));
      int got = sign (compare_bytes (&keys[0], &keys[1]));
      bool ok = exact ? want == got : (want == 0 ? got == 0 : got == 0 || got == want);
      if (!ok) {
         char *a = bson_as_canonical_extended_json (&docs[0], NULL);
         char *b = bson_as_canonical_extended_json (&docs[1], NULL);
         fprintf (stderr, "%s %s: values %d, keys %d, exact %d\n", a, b, want, got, exact);
         bson_free (a);
         bson_free (b);
      }
      CU_ASSERT (ok);
      for (int k = 0; k < 2; k++) {
         bson_destroy (&docs[k]);
         fg_buf_free (&keys[k]);
      }
      if (!ok) {
         return;
      }
   }
}

static void
test_numbers_fold (void)
{
   bson_decimal128_t one;
   bson_decimal128_from_string ("1.00", &one);
   bson_t *doc =
      BCON_NEW ("a", BCON_INT32 (1), "b", BCON_INT64 (1), "c", BCON_DOUBLE (1.0), "d", BCON_DECIMAL128 (&one));
   bson_iter_t iter;
   fg_buf first = {0};
   bool exact = true;

   CU_ASSERT_FATAL (bson_iter_init (&iter, doc));
   while (bson_iter_next (&iter)) {
      fg_value value = fgd_iter_value (&iter);
      fg_buf key = {0};
      fgd_key_append (first.len ? &key : &first, &value, &exact);
      CU_ASSERT (!key.len || compare_bytes (&first, &key) == 0);
      fg_buf_free (&key);
   }
   CU_ASSERT (exact);
   fg_buf_free (&first);
   bson_destroy (doc);
}

static void
test_long_keys_are_sealed (void)
{
   char text[2000];
   memset (text, 'x', sizeof text);
   bson_t *docs[2] = {bson_new (), bson_new ()};
   fg_buf keys[2] = {{0}, {0}};

   for (int k = 0; k < 2; k++) {
      bool exact = true;
      text[1990] = (char)('a' + k);
      bson_append_utf8 (docs[k], "v", -1, text, (int)sizeof text);
      fg_value value = only_value (docs[k]);
      fgd_key_append (&keys[k], &value, &exact);
      CU_ASSERT (exact);
      fgd_key_seal (&keys[k], 0, &exact);
      CU_ASSERT (!exact);
      CU_ASSERT (keys[k].len == FGD_KEY_MAX);
   }
   CU_ASSERT (compare_bytes (&keys[0], &keys[1]) != 0);
   for (int k = 0; k < 2; k++) {
      bson_destroy (docs[k]);
      fg_buf_free (&keys[k]);
   }
}

/* --- keys of documents ------------------------------------------------------------------------------------------------ */

static size_t
count_keys (const char *json, bool sparse, const char *path1, const char *path2, int32_t *code)
{
   fgd_index_field fields[2] = {{NULL, false}, {NULL, false}};
   char first[32];
   char second[32];
   fgd_index index = {.fields = fields, .n_fields = path2 ? 2 : 1, .sparse = sparse};
   fgd_keys keys = {0};
   fg_error err = {0};
   bson_error_t parse;

   snprintf (first, sizeof first, "%s", path1);
   snprintf (second, sizeof second, "%s", path2 ? path2 : "");
   fields[0].path = first;
   fields[1].path = second;
   bson_t *doc = bson_new_from_json ((const uint8_t *)json, -1, &parse);
   CU_ASSERT_FATAL (doc != NULL);
   bool ok = fgd_keys_make (&keys, &index, bson_get_data (doc), doc->len, &err);
   size_t n = keys.n;
   *code = ok ? 0 : err.code;
   fgd_keys_free (&keys);
   bson_destroy (doc);
   return n;
}

static void
test_document_keys (void)
{
   static const struct {
      const char *json, *path1, *path2;
      bool sparse;
      size_t n;
      int32_t code;
   } cases[] = {
      {"{\"a\":1}", "a", NULL, false, 1, 0},
      {"{}", "a", NULL, false, 1, 0},
      {"{}", "a", NULL, true, 0, 0},
      {"{\"a\":null}", "a", NULL, true, 1, 0},
      {"{\"a\":[1,2,3]}", "a", NULL, false, 3, 0},
      {"{\"a\":[1,1.0,1]}", "a", NULL, false, 1, 0},
      {"{\"a\":[]}", "a", NULL, false, 1, 0},
      {"{\"a\":[[1,2],[3]]}", "a", NULL, false, 2, 0},
      {"{\"a\":[{\"b\":1},{\"b\":2},{}]}", "a.b", NULL, false, 3, 0},
      {"{\"a\":[{\"b\":[1,2]},{\"b\":[2,3]}]}", "a.b", NULL, false, 3, 0},
      {"{\"a\":[1,2]}", "a.b", NULL, false, 1, 0},
      {"{\"a\":[{\"b\":1,\"c\":1},{\"b\":2,\"c\":2}]}", "a.b", "a.c", false, 2, 0},
      {"{\"a\":[1,2],\"c\":5}", "a", "c", false, 2, 0},
      {"{\"a\":[1,2],\"c\":[5,6]}", "a", "c", false, 0, 171},
      {"{\"a\":[5,6]}", "a.1", NULL, false, 1, 0},
      {"{\"a\":{\"b\":{\"c\":1}}}", "a.b.c", NULL, false, 1, 0},
      {"{\"a\":5}", "a.b", NULL, true, 0, 0},
   };

   for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      int32_t code = 0;
      size_t n = count_keys (cases[i].json, cases[i].sparse, cases[i].path1, cases[i].path2, &code);
      bool ok = code == cases[i].code && (code || n == cases[i].n);
      if (!ok) {
         fprintf (stderr, "%s %s: %zu keys, code %d\n", cases[i].json, cases[i].path1, n, code);
      }
      CU_ASSERT (ok);
   }
}

const fg_test fg_tests[] = {{"order", test_order},
                            {"numbers_fold", test_numbers_fold},
                            {"long_keys_are_sealed", test_long_keys_are_sealed},
                            {"document_keys", test_document_keys},
                            {NULL, NULL}};

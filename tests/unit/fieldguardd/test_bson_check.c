/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/bson_check.h"
#include "tests/unit/runner.h"

#include <bson/bson.h>
#include <stdlib.h>

const char *const fg_suite_name = "fieldguardd.bson_check";

static int32_t
check (const uint8_t *data, size_t len, unsigned depth)
{
   uint8_t *exact = malloc (len ? len : 1);
   size_t used = 0;
   fg_error err;

   fg_error_clear (&err);
   if (len > 0) {
      memcpy (exact, data, len);
   }
   bool ok = fgd_bson_check (exact, len, depth, &used, &err);
   free (exact);
   return ok ? (used <= len ? 0 : -1) : err.code;
}

static void
test_every_type (void)
{
   bson_t *doc = bson_new ();
   bson_t scope = BSON_INITIALIZER;
   bson_t list = BSON_INITIALIZER;
   bson_oid_t oid;
   bson_decimal128_t decimal = {1, 2};

   bson_oid_init (&oid, NULL);
   bson_append_int32 (&scope, "x", -1, 1);
   bson_append_int32 (&list, "0", -1, 1);
   bson_append_double (doc, "a", -1, 1.5);
   bson_append_utf8 (doc, "b", -1, "t\0u", 3);
   bson_append_document (doc, "c", -1, &scope);
   bson_append_array (doc, "d", -1, &list);
   bson_append_binary (doc, "e", -1, BSON_SUBTYPE_BINARY, (const uint8_t *)"abc", 3);
   bson_append_undefined (doc, "f", -1);
   bson_append_oid (doc, "g", -1, &oid);
   bson_append_bool (doc, "h", -1, true);
   bson_append_date_time (doc, "i", -1, 1);
   bson_append_null (doc, "j", -1);
   bson_append_regex (doc, "k", -1, "^a", "i");
   bson_append_dbpointer (doc, "l", -1, "c", &oid);
   bson_append_code (doc, "m", -1, "f");
   bson_append_symbol (doc, "n", -1, "s", 1);
   bson_append_code_with_scope (doc, "o", -1, "f", &scope);
   bson_append_int32 (doc, "p", -1, 1);
   bson_append_timestamp (doc, "q", -1, 1, 2);
   bson_append_int64 (doc, "r", -1, 1);
   bson_append_decimal128 (doc, "s", -1, &decimal);
   bson_append_minkey (doc, "t", -1);
   bson_append_maxkey (doc, "u", -1);
   CU_ASSERT_EQUAL (check (bson_get_data (doc), doc->len, 200), 0);
   for (uint32_t len = 0; len < doc->len; len++) {
      CU_ASSERT_EQUAL (check (bson_get_data (doc), len, 200), 22);
   }
   bson_destroy (doc);
   bson_destroy (&scope);
   bson_destroy (&list);
}

/* n documents, each in the one before. */
static uint8_t *
nested (unsigned n, size_t *len)
{
   *len = 5 + (size_t)(n - 1) * 8; /* type, "a", NUL, length, terminator */
   uint8_t *data = calloc (1, *len);
   size_t pos = 0;
   for (unsigned i = 0; i < n; i++) {
      uint32_t inner = (uint32_t)(*len - (size_t)i * 8);
      data[pos] = (uint8_t)inner, data[pos + 1] = (uint8_t)(inner >> 8);
      pos += 4;
      if (i + 1 < n) {
         data[pos] = 3, data[pos + 1] = 'a';
         pos += 3;
      }
   }
   return data;
}

static void
test_depth (void)
{
   static const struct {
      unsigned n;
      int32_t code;
   } cases[] = {{1, 0}, {199, 0}, {200, 0}, {201, 15}, {1000, 15}};

   for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      size_t len = 0;
      uint8_t *data = nested (cases[i].n, &len);
      CU_ASSERT_EQUAL (check (data, len, 200), cases[i].code);
      free (data);
   }
}

static void
test_lies (void)
{
   static const struct {
      size_t len;
      uint8_t data[24];
   } cases[] = {
      {5, {6, 0, 0, 0, 0}}, /* longer than there is */
      {5, {4, 0, 0, 0, 0}}, /* shorter than possible */
      {5, {0xFF, 0xFF, 0xFF, 0xFF, 0}},
      {5, {5, 0, 0, 0, 1}}, /* no terminator */
      {9, {9, 0, 0, 0, 8, 'a', 0, 2, 0}}, /* boolean 2 */
      {13, {13, 0, 0, 0, 2, 'a', 0, 0, 0, 0, 0, 0, 0}}, /* string of length 0 */
      {13, {13, 0, 0, 0, 2, 'a', 0, 2, 0, 0, 0, 0, 0}}, /* string that takes the document's terminator */
      {13, {13, 0, 0, 0, 2, 'a', 0, 1, 0, 0, 0, 'x', 0}}, /* string without its NUL */
      {13, {13, 0, 0, 0, 5, 'a', 0, 1, 0, 0, 0, 0, 0}}, /* binary beyond the end */
      {13, {13, 0, 0, 0, 5, 'a', 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0}}, /* binary of negative length */
      {15, {15, 0, 0, 0, 5, 'a', 0, 2, 0, 0, 0, 2, 0, 0, 0}}, /* subtype 2 without room for its inner length */
      {17, {17, 0, 0, 0, 5, 'a', 0, 4, 0, 0, 0, 2, 1, 0, 0, 0, 0}}, /* subtype 2 with a wrong one */
      {8, {8, 0, 0, 0, 0x0A, 'a', 'b', 0}}, /* name runs into the end */
      {8, {8, 0, 0, 0, 0x14, 'a', 0, 0}}, /* unknown type */
      {13, {13, 0, 0, 0, 3, 'a', 0, 6, 0, 0, 0, 0, 0}}, /* inner document one byte too long */
      {9, {9, 0, 0, 0, 0x0B, 'a', 0, 'b', 0}}, /* regular expression without options */
   };

   for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      CU_ASSERT_EQUAL (check (cases[i].data, cases[i].len, 200), 22);
   }
}

/* As in mongod: bytes after the document are the caller's affair, strings need not be UTF-8, names may repeat. */
static void
test_tolerated (void)
{
   static const uint8_t trailing[] = {5, 0, 0, 0, 0, 9, 9};
   static const uint8_t not_utf8[] = {15, 0, 0, 0, 2, 'a', 0, 3, 0, 0, 0, 0xC3, 0x28, 0, 0};
   static const uint8_t twice[] = {11, 0, 0, 0, 0x0A, 'a', 0, 0x0A, 'a', 0, 0};

   CU_ASSERT_EQUAL (check (trailing, sizeof trailing, 200), 0);
   CU_ASSERT_EQUAL (check (not_utf8, sizeof not_utf8, 200), 0);
   CU_ASSERT_EQUAL (check (twice, sizeof twice, 200), 0);
}

const fg_test fg_tests[] = {
   {"every_type_and_truncation", test_every_type}, {"depth", test_depth}, {"lying_lengths", test_lies},
   {"tolerated_as_by_mongod", test_tolerated},     {NULL, NULL},
};

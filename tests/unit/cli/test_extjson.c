/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"

#include "cli/extjson.h"

#include <bson/bson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const fg_suite_name = "cli.extjson";

/* The bytes of {"v": <text>} in hexadecimal, without the document's length, the name and the terminators: type and value. "" when it cannot be read. */
static const char *
value_of (const char *text)
{
   static char hex[512];
   char whole[1024];
   fg_buf out = {0};
   size_t position = 0;

   hex[0] = '\0';
   snprintf (whole, sizeof whole, "{\"v\": %s}", text);
   if (fg_extjson_parse (whole, strlen (whole), &out, &position, NULL)) {
      CU_ASSERT_EQUAL (fg_read_u32le (out.data), out.len);
      CU_ASSERT_EQUAL (out.data[out.len - 1], 0);
      for (size_t i = 4; i < out.len - 1; i++) {
         if (i == 5 || i == 6) { /* the name */
            continue;
         }
         snprintf (hex + strlen (hex), sizeof hex - strlen (hex), "%02x", out.data[i]);
      }
   }
   fg_buf_free (&out);
   return hex;
}

#define IS(text, hex) CU_ASSERT_STRING_EQUAL (value_of (text), hex)
#define BAD(text) CU_ASSERT_STRING_EQUAL (value_of (text), "")

/* Every type, by its bytes. */
static void
every_type (void)
{
   IS ("{\"$numberDouble\": \"1.5\"}", "01000000000000f83f");
   IS ("{\"$numberDouble\": \"-Infinity\"}", "01000000000000f0ff");
   IS ("\"ab\"", "020300000061"
                 "6200");
   IS ("{\"a\": 1}", "030c0000001061000100000000");
   IS ("[1]", "040c0000001030000100000000");
   IS ("{\"$binary\": {\"base64\": \"AQI=\", \"subType\": \"06\"}}", "0502000000060102");
   IS ("{\"$binary\": {\"subType\": \"6\", \"base64\": \"AQI=\"}}", "0502000000060102");
   IS ("{\"$binary\": \"AQI=\", \"$type\": \"06\"}", "0502000000060102");
   IS ("{\"$binary\": {\"base64\": \"AQI=\", \"subType\": \"02\"}}", "050600000002020000000102");
   IS ("{\"$uuid\": \"00112233-4455-6677-8899-aabbccddeeff\"}", "05100000000400112233445566778899aabbccddeeff");
   IS ("{\"$undefined\": true}", "06");
   IS ("{\"$oid\": \"0123456789abcdef01234567\"}", "070123456789abcdef01234567");
   IS ("true", "0801");
   IS ("false", "0800");
   IS ("{\"$date\": {\"$numberLong\": \"-1\"}}", "09ffffffffffffffff");
   IS ("{\"$date\": \"1970-01-01T00:00:00.001Z\"}", "090100000000000000");
   IS ("{\"$date\": 5}", "090500000000000000");
   IS ("null", "0a");
   IS ("{\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"i\"}}", "0b61006900");
   IS ("{\"$code\": \"f\"}", "0d020000006600");
   IS ("{\"$code\": \"f\", \"$scope\": {}}", "0f0f0000000200000066000500000000");
   IS ("{\"$symbol\": \"f\"}", "0e020000006600");
   IS ("{\"$numberInt\": \"-1\"}", "10ffffffff");
   IS ("7", "1007000000");
   IS ("{\"$timestamp\": {\"t\": 1, \"i\": 2}}", "110200000001000000");
   IS ("{\"$numberLong\": \"7\"}", "120700000000000000");
   IS ("2147483648", "120000008000000000");
   IS ("{\"$numberDecimal\": \"1\"}", "1301000000000000000000000000004030");
   IS ("{\"$minKey\": 1}", "ff");
   IS ("{\"$maxKey\": 1}", "7f");
}

/* What is no wrapper stays an object, and what only looks like a type is refused. */
static void
wrappers_and_objects (void)
{
   IS ("{\"$type\": 2}", "031000000010247479706500020000"
                         "0000");
   IS ("{\"$regex\": \"a\", \"$options\": \"i\"}", "032300000002247265676578000200000061000224"
                                                   "6f7074696f6e7300020000006900"
                                                   "00");
   BAD ("{\"$oid\": \"0123\"}");
   BAD ("{\"$oid\": 1}");
   BAD ("{\"$oid\": \"0123456789abcdef01234567\", \"a\": 1}");
   BAD ("{\"$numberInt\": \"2147483648\"}");
   BAD ("{\"$numberInt\": \"1.5\"}");
   BAD ("{\"$numberLong\": \"9223372036854775808\"}");
   BAD ("{\"$numberDouble\": \"1x\"}");
   BAD ("{\"$numberDecimal\": \"x\"}");
   BAD ("{\"$binary\": {\"base64\": \"A\", \"subType\": \"06\"}}");
   BAD ("{\"$binary\": {\"base64\": \"AQI=\", \"subType\": \"100\"}}");
   BAD ("{\"$binary\": {\"base64\": \"AQI=\"}}");
   BAD ("{\"$uuid\": \"0011\"}");
   BAD ("{\"$date\": \"yesterday\"}");
   BAD ("{\"$timestamp\": {\"t\": -1, \"i\": 2}}");
   BAD ("{\"$timestamp\": {\"t\": 4294967296, \"i\": 2}}");
   BAD ("{\"$minKey\": 2}");
   BAD ("{\"$regularExpression\": {\"pattern\": \"a\\u0000\", \"options\": \"\"}}");
}

static void
strings (void)
{
   IS ("\"\"", "020100000000");
   IS ("\"\\u00e9\\n\\\"\\/\"", "0206000000c3a90a222f00");
   IS ("\"\\ud83d\\ude00\"", "0205000000f09f988000");
   IS ("\"a\\u0000b\"", "020400000061006200");
   BAD ("\"\\ud83d\"");
   BAD ("\"\\ude00\\ud83d\"");
   BAD ("\"\\ud83dx\"");
   BAD ("\"\\u12\"");
   BAD ("\"\\u12g4\"");
   BAD ("\"\\x\"");
   BAD ("\"a\nb\"");
   BAD ("\"\xc3\"");
   BAD ("\"\xed\xa0\x80\""); /* a surrogate in UTF-8 */
   BAD ("\"open");
}

static void
numbers (void)
{
   IS ("-0", "1000000000");
   IS ("-0.0", "010000000000000080");
   IS ("1e3", "010000000000408f40");
   IS ("9223372036854775807", "12ffffffffffffff7f");
   IS ("9223372036854775808", "01000000000000e043"); /* beyond a long: a double */
   BAD ("01");
   BAD ("1.");
   BAD (".5");
   BAD ("+1");
   BAD ("1e");
   BAD ("-");
   BAD ("0x10");
   BAD ("Infinity");
   BAD ("NaN");
}

/* Where and what, but never the text itself. */
static void
errors_say_where_and_quote_nothing (void)
{
   static const struct {
      const char *text;
      size_t position;
   } cases[] = {{"", 0},
                {"[]", 0},
                {"{\"secret\": 1", 12},
                {"{\"secret\": tru}", 11},
                {"{\"secret\" 1}", 10},
                {"{\"secret\": 1,}", 13},
                {"{\"secret\": 1} {}", 14},
                {"{secret: 1}", 1},
                {"{\"se\\u0000\": 1}", 11},
                {"{\"a\": [1 2]}", 9}};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      fg_buf out = {0};
      fg_error err = {0};
      size_t position = SIZE_MAX;
      CU_ASSERT_FALSE (fg_extjson_parse (cases[i].text, strlen (cases[i].text), &out, &position, &err));
      if (position != cases[i].position) {
         printf ("# %s: at %zu instead of %zu\n", cases[i].text, position, cases[i].position);
      }
      CU_ASSERT_EQUAL (position, cases[i].position);
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_BSON);
      CU_ASSERT_PTR_NULL (strstr (err.message, "secret"));
      fg_buf_free (&out);
   }
}

/* One level more than documents may have is read, as is one less than the limit; the next is refused, without recursion beyond it. */
static void
depth (void)
{
   for (unsigned levels = FG_EXTJSON_DEPTH - 1; levels <= FG_EXTJSON_DEPTH + 1; levels++) {
      char text[8 * (FG_EXTJSON_DEPTH + 2)] = "";
      char *at = text;
      fg_buf out = {0};
      fg_error err = {0};
      size_t position;
      for (unsigned i = 0; i < levels; i++) {
         memcpy (at, "{\"a\":", 5);
         at += 5;
      }
      *at++ = '1';
      memset (at, '}', levels);
      at += levels;
      bool ok = fg_extjson_parse (text, (size_t)(at - text), &out, &position, &err);
      CU_ASSERT_EQUAL (ok, levels <= FG_EXTJSON_DEPTH);
      fg_buf_free (&out);
   }
}

/* Names repeat, keep their order, and may be empty or have dots; white space is where JSON allows it. */
static void
names_and_space (void)
{
   static const char text[] = " \t\r\n{ \"a\" : 1 , \"a\" : 2 , \"\" : 3 , \"b.c\" : 4 }\n ";
   fg_buf out = {0};
   bson_t view;
   bson_iter_t iter;
   size_t position;
   char seen[64] = "";

   CU_ASSERT_TRUE_FATAL (fg_extjson_parse (text, sizeof text - 1, &out, &position, NULL));
   CU_ASSERT_TRUE_FATAL (bson_init_static (&view, out.data, out.len) && bson_iter_init (&iter, &view));
   while (bson_iter_next (&iter)) {
      snprintf (seen + strlen (seen), sizeof seen - strlen (seen), "%s=%d ", bson_iter_key (&iter),
                bson_iter_int32 (&iter));
   }
   CU_ASSERT_STRING_EQUAL (seen, "a=1 a=2 =3 b.c=4 ");
   fg_buf_free (&out);
}

/* What libbson prints, canonical or relaxed, is read back to the same bytes. */
static void
what_libbson_prints (void)
{
   bson_t doc = BSON_INITIALIZER, inner, array;
   bson_oid_t oid;
   bson_decimal128_t decimal;

   bson_oid_init_from_string (&oid, "0123456789abcdef01234567");
   CU_ASSERT_TRUE (bson_decimal128_from_string ("-1.50E+10", &decimal));
   BSON_APPEND_DOUBLE (&doc, "double", 0.1);
   BSON_APPEND_DOUBLE (&doc, "nan", (double)NAN);
   BSON_APPEND_UTF8 (&doc, "text", "\x01 caf\xc3\xa9 \xf0\x9f\x98\x80");
   BSON_APPEND_BINARY (&doc, "bin", BSON_SUBTYPE_ENCRYPTED, (const uint8_t *)"\x02xyz", 4);
   BSON_APPEND_OID (&doc, "oid", &oid);
   BSON_APPEND_BOOL (&doc, "bool", true);
   BSON_APPEND_DATE_TIME (&doc, "date", 1577836800123);
   BSON_APPEND_DATE_TIME (&doc, "old", -62135596800000);
   BSON_APPEND_REGEX (&doc, "re", "^a\"", "im");
   BSON_APPEND_CODE (&doc, "code", "f()");
   BSON_APPEND_SYMBOL (&doc, "symbol", "s");
   BSON_APPEND_INT32 (&doc, "int", -7);
   BSON_APPEND_TIMESTAMP (&doc, "ts", 4294967295u, 1);
   BSON_APPEND_DECIMAL128 (&doc, "decimal", &decimal);
   BSON_APPEND_MINKEY (&doc, "min");
   BSON_APPEND_MAXKEY (&doc, "max");
   BSON_APPEND_NULL (&doc, "null");
   BSON_APPEND_UNDEFINED (&doc, "undefined");
   BSON_APPEND_DOCUMENT_BEGIN (&doc, "document", &inner);
   BSON_APPEND_ARRAY_BEGIN (&inner, "array", &array);
   BSON_APPEND_INT64 (&array, "0", 1ll << 40);
   bson_append_array_end (&inner, &array);
   bson_append_document_end (&doc, &inner);
   for (int relaxed = 0; relaxed < 2; relaxed++) {
      fg_buf out = {0};
      size_t len, position;
      char *json = relaxed ? bson_as_relaxed_extended_json (&doc, &len) : bson_as_canonical_extended_json (&doc, &len);
      CU_ASSERT_PTR_NOT_NULL_FATAL (json);
      CU_ASSERT_TRUE (fg_extjson_parse (json, len, &out, &position, NULL));
      CU_ASSERT_EQUAL (out.len, doc.len);
      CU_ASSERT_TRUE (out.len == doc.len && memcmp (out.data, bson_get_data (&doc), out.len) == 0);
      fg_buf_free (&out);
      bson_free (json);
   }
   bson_destroy (&doc);
}

const fg_test fg_tests[] = {{"every_type", every_type},
                            {"wrappers_and_objects", wrappers_and_objects},
                            {"strings", strings},
                            {"numbers", numbers},
                            {"errors_say_where_and_quote_nothing", errors_say_where_and_quote_nothing},
                            {"depth", depth},
                            {"names_and_space", names_and_space},
                            {"what_libbson_prints", what_libbson_prints},
                            {NULL, NULL}};

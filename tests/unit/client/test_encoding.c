/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/encoding.h"
#include "client/kms/kms.h"
#include "tests/unit/client/vectors.h"

const char *const fg_suite_name = "client.encoding";

/* RFC 4648, section 10. */
static void
test_base64 (void)
{
   static const char *const pairs[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};

   for (size_t i = 0; i < 7; i++) {
      char text[32];
      uint8_t data[32];
      size_t n = 0;
      const char *plain = pairs[i][0];
      const char *encoded = pairs[i][1];
      CU_ASSERT_EQUAL (fg_base64_encode (FG_BASE64, (const uint8_t *)plain, strlen (plain), text), strlen (encoded));
      CU_ASSERT_STRING_EQUAL (text, encoded);
      CU_ASSERT_TRUE (fg_base64_decode (FG_BASE64, encoded, strlen (encoded), data, &n));
      CU_ASSERT_TRUE (n == strlen (plain) && memcmp (data, plain, n) == 0);
      CU_ASSERT_TRUE (fg_base64_decode (FG_BASE64, encoded, strcspn (encoded, "="), data, &n)); /* without padding */
      CU_ASSERT_EQUAL (n, strlen (plain));
   }
}

static void
test_base64_url_and_refusals (void)
{
   const uint8_t high[3] = {0xFB, 0xFF, 0xFE};
   char text[8];
   uint8_t out[8];
   size_t n = 0;

   CU_ASSERT_EQUAL (fg_base64_encode (FG_BASE64_URL, high, 3, text), 4);
   CU_ASSERT_STRING_EQUAL (text, "-__-");
   CU_ASSERT_EQUAL (fg_base64_encode (FG_BASE64_URL, high, 1, text), 2); /* no padding */
   CU_ASSERT_TRUE (fg_base64_decode (FG_BASE64_URL, "-__-", 4, out, &n) && memcmp (out, high, 3) == 0);
   CU_ASSERT_FALSE (fg_base64_decode (FG_BASE64, "-__-", 4, out, &n));
   CU_ASSERT_FALSE (fg_base64_decode (FG_BASE64, "A", 1, out, &n));
   CU_ASSERT_FALSE (fg_base64_decode (FG_BASE64, "AA=A", 4, out, &n));
   CU_ASSERT_FALSE (fg_base64_decode (FG_BASE64, "AA A", 4, out, &n));
   CU_ASSERT_FALSE (fg_base64_decode (FG_BASE64, "A===", 4, out, &n));
   CU_ASSERT_FALSE (fg_base64_decode (FG_BASE64, "====", 4, out, &n));
}

static bool
parses (const char *text)
{
   fg_json value;

   return fg_json_parse (text, strlen (text), &value);
}

static void
test_json (void)
{
   static const char text[] =
      " {\"a\": [1, {\"x\": \"no\"}], \"esc\\\"\": null, \"data\": {\"t\": \"v:1\\/x\", \"n\": 3599, \"s\": \"12\"}} ";
   fg_json root, data, found;
   char out[16];
   size_t n = 0;
   int64_t seconds = 0;

   CU_ASSERT_TRUE_FATAL (fg_json_parse (text, sizeof text - 1, &root));
   CU_ASSERT_FALSE (fg_json_member (&root, "x", &found)); /* not one of the root's own */
   CU_ASSERT_TRUE_FATAL (fg_json_member (&root, "data", &data));
   CU_ASSERT_TRUE_FATAL (fg_json_member (&data, "t", &found));
   CU_ASSERT_TRUE (fg_json_plain_string (&found, out, sizeof out, &n));
   CU_ASSERT_STRING_EQUAL (out, "v:1/x");
   CU_ASSERT_FALSE (fg_json_plain_string (&found, out, 5, &n));
   CU_ASSERT_TRUE (fg_json_member (&data, "n", &found) && fg_json_seconds (&found, &seconds) && seconds == 3599);
   CU_ASSERT_TRUE (fg_json_member (&data, "s", &found) && fg_json_seconds (&found, &seconds) && seconds == 12);
   CU_ASSERT_FALSE (fg_json_member (&found, "n", &root));
}

static void
test_bad_json (void)
{
   static const char *const bad[] = {"",      "{",          "}",     "{\"a\"}",          "{\"a\":}",    "{\"a\":1,}",
                                     "[1,]",  "{\"a\":1}x", "\"abc", "BADJSON",          "{\"a\":\"x}", "{a:1}",
                                     "[1 2]", "nul",        "\"\\",  "{\"a\":1 \"b\":2}"};
   char deep[200];

   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      CU_ASSERT_FALSE (parses (bad[i]));
   }
   memset (deep, '[', 100);
   memset (deep + 100, ']', 99);
   deep[199] = '\0';
   CU_ASSERT_FALSE (parses (deep));
   CU_ASSERT_TRUE (parses ("[[[]]]"));
   CU_ASSERT_TRUE (parses ("-1.5e3"));
}

static void
test_endpoints (void)
{
   static const char *const good[] = {"kms.example.com", "kms.example.com:8443", "https://kms.example.com/", "a.b"};
   static const char *const bad[] = {"",       "invalid endpoint", "localhost",   "a.b:", "a.b:0",    "a.b:65536",
                                     "a.b:1x", "a.b@c.d",          "a.b\r\nX: y", ":443", "https://", "a.b:1:2"};
   char host[64];

   for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
      CU_ASSERT_TRUE (fg_endpoint_check (good[i], false));
   }
   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      CU_ASSERT_FALSE (fg_endpoint_check (bad[i], false));
   }
   CU_ASSERT_TRUE (fg_endpoint_check ("localhost:5696", true));
   CU_ASSERT_TRUE (fg_endpoint_copy ("https://kms.example.com:8443/path?q", host, sizeof host));
   CU_ASSERT_STRING_EQUAL (host, "kms.example.com:8443");
   CU_ASSERT_FALSE (fg_endpoint_copy ("kms.example.com", host, 5));
}

const fg_test fg_tests[] = {
   {"base64", test_base64},       {"base64_url_and_refusals", test_base64_url_and_refusals},
   {"json", test_json},           {"bad_json", test_bad_json},
   {"endpoints", test_endpoints}, {NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/runner.h"

const char *const fg_suite_name = "base.memory";

static void
zero_wipes (void)
{
   uint8_t bytes[32];
   memset (bytes, 0xAA, sizeof bytes);
   fg_memzero (bytes, sizeof bytes);
   for (size_t i = 0; i < sizeof bytes; i++) {
      CU_ASSERT_EQUAL (bytes[i], 0);
   }
   fg_memzero (NULL, 0);
}

static void
ct_equal (void)
{
   const uint8_t a[] = {1, 2, 3, 4};
   for (size_t i = 0; i < sizeof a; i++) {
      uint8_t b[] = {1, 2, 3, 4};
      CU_ASSERT_TRUE (fg_ct_equal (a, b, sizeof a));
      b[i] ^= 0x80;
      CU_ASSERT_FALSE (fg_ct_equal (a, b, sizeof a));
   }
   CU_ASSERT_TRUE (fg_ct_equal (a, a, 0));
}

static void
little_endian (void)
{
   const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0x07, 0x88};
   CU_ASSERT_EQUAL (fg_read_u32le (bytes), 0x84030201u);
   CU_ASSERT_EQUAL (fg_read_i32le (bytes), (int32_t)0x84030201u);
   CU_ASSERT_EQUAL (fg_read_u64le (bytes), 0x8807060584030201u);
}

static void
buffer_grows (void)
{
   fg_buf buf = {0};
   for (int i = 0; i < 1000; i++) {
      fg_buf_printf (&buf, "%04d", i);
   }
   fg_buf_append_str (&buf, "end");
   CU_ASSERT_FALSE (buf.failed);
   CU_ASSERT_EQUAL (buf.len, 4003);
   CU_ASSERT_EQUAL (memcmp (buf.data + 3996, "0999end", 7), 0);
   fg_buf_free (&buf);
   CU_ASSERT_PTR_NULL (buf.data);
}

/* A size that cannot be had marks the buffer, which then stays as it was. */
static void
buffer_remembers_failure (void)
{
   fg_buf buf = {0};
   fg_buf_append_str (&buf, "kept");
   fg_buf_append (&buf, "x", SIZE_MAX - 2);
   CU_ASSERT_TRUE (buf.failed);
   fg_buf_append_str (&buf, "more");
   CU_ASSERT_EQUAL (buf.len, 4);
   fg_buf_free (&buf);
}

static void
json_string (const char *text, size_t len, const char *wanted)
{
   fg_buf buf = {0};
   fg_buf_append_json_string (&buf, text, len);
   CU_ASSERT_EQUAL (buf.len, strlen (wanted));
   CU_ASSERT_EQUAL (memcmp (buf.data, wanted, buf.len), 0);
   fg_buf_free (&buf);
}

static void
json_strings_are_escaped (void)
{
   json_string ("plain", 5, "\"plain\"");
   json_string ("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
   json_string ("\n\0\x7F", 3, "\"\\u000a\\u0000\\u007f\"");
   json_string ("\xC3\xA9\xF0\x9F\x94\x92", 6, "\"\xC3\xA9\xF0\x9F\x94\x92\"");
   json_string ("\xFFz", 2, "\"\xEF\xBF\xBDz\"");
   json_string ("\xC3", 1, "\"\xEF\xBF\xBD\"");
   json_string ("\xC0\x80", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
   json_string ("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

const fg_test fg_tests[] = {{"zero_wipes", zero_wipes},
                            {"ct_equal", ct_equal},
                            {"little_endian", little_endian},
                            {"buffer_grows", buffer_grows},
                            {"buffer_remembers_failure", buffer_remembers_failure},
                            {"json_strings_are_escaped", json_strings_are_escaped},
                            {NULL, NULL}};

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/runner.h"

#include <errno.h>

const char *const fg_suite_name = "base.error";

static void
sets_every_member (void)
{
   fg_error err;
   CU_ASSERT_FALSE (fg_error_set (&err, FG_ERROR_SERVER, 121, "a.b", "%s failed", "it"));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_SERVER);
   CU_ASSERT_EQUAL (err.code, 121);
   CU_ASSERT_STRING_EQUAL (err.path, "a.b");
   CU_ASSERT_STRING_EQUAL (err.message, "it failed");
   fg_error_clear (&err);
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_NONE);
   CU_ASSERT_STRING_EQUAL (err.message, "");
}

static void
null_error_is_legal (void)
{
   CU_ASSERT_FALSE (fg_error_set (NULL, FG_ERROR_USAGE, FG_E_INVALID, NULL, "x"));
   CU_ASSERT_FALSE (fg_error_set_errno (NULL, ENOENT, NULL, "x"));
   fg_error_clear (NULL);
}

/* A message cut in the middle of a character must stay valid UTF-8, wherever the cut falls. */
static void
long_messages_end_at_a_character (void)
{
   for (size_t pad = 0; pad < 4; pad++) {
      char text[2 * FG_ERROR_MESSAGE_MAX] = {0};
      fg_error err;
      memset (text, 'x', pad);
      for (size_t i = pad; i + 4 < sizeof text - 1; i += 4) {
         memcpy (text + i, "\xF0\x9F\x94\x92", 4);
      }
      fg_error_set (&err, FG_ERROR_USAGE, FG_E_INVALID, text, "%s", text);
      size_t len = strlen (err.message);
      CU_ASSERT (len < sizeof err.message && len > sizeof err.message - 8);
      CU_ASSERT_EQUAL ((len - pad) % 4, 0);
      CU_ASSERT_EQUAL ((strlen (err.path) - pad) % 4, 0);
   }
}

static void
errno_maps_to_codes (void)
{
   static const struct {
      int errnum;
      int32_t code;
   } cases[] = {{ENOSPC, FG_E_NO_SPACE}, {EDQUOT, FG_E_NO_SPACE}, {ENOENT, FG_E_NOT_FOUND},
                {EACCES, FG_E_DENIED},   {EPERM, FG_E_DENIED},    {ENOMEM, FG_E_NOMEM},
                {EIO, FG_E_IO}};
   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      fg_error err;
      fg_error_set_errno (&err, cases[i].errnum, "/some/file", "cannot open %s", "it");
      CU_ASSERT_EQUAL (err.code, cases[i].code);
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_SYSTEM);
      CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "cannot open it: "));
      CU_ASSERT (strlen (err.message) > strlen ("cannot open it: "));
   }
}

static void
code_names (void)
{
   char buf[24];
   CU_ASSERT_STRING_EQUAL (fg_server_code_name (121, buf, sizeof buf), "DocumentValidationFailure");
   CU_ASSERT_STRING_EQUAL (fg_server_code_name (9, buf, sizeof buf), "FailedToParse");
   CU_ASSERT_STRING_EQUAL (fg_server_code_name (201, buf, sizeof buf), "CannotBuildIndexKeys");
   CU_ASSERT_STRING_EQUAL (fg_server_code_name (40415, buf, sizeof buf), "IDLUnknownField");
   CU_ASSERT_STRING_EQUAL (fg_server_code_name (51091, buf, sizeof buf), "Location51091");
   CU_ASSERT_STRING_EQUAL (fg_server_code_name (51091, NULL, 0), "");
}

const fg_test fg_tests[] = {{"sets_every_member", sets_every_member},
                            {"null_error_is_legal", null_error_is_legal},
                            {"long_messages_end_at_a_character", long_messages_end_at_a_character},
                            {"errno_maps_to_codes", errno_maps_to_codes},
                            {"code_names", code_names},
                            {NULL, NULL}};

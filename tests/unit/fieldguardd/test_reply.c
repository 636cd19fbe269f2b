/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/internal.h"
#include "tests/unit/runner.h"

const char *const fg_suite_name = "fieldguardd.reply";

static fgd_reply reply;

static void
begin (void)
{
   memset (&reply, 0, sizeof reply);
   bson_init (&reply.body);
}

static int32_t
code (void)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, &reply.body, "code") ? bson_iter_int32 (&iter) : 0;
}

static double
ok (void)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, &reply.body, "ok") ? bson_iter_as_double (&iter) : -1;
}

static void
test_success (void)
{
   begin ();
   bson_append_int32 (&reply.body, "n", -1, 1);
   fgd_reply_complete (&reply);
   CU_ASSERT_EQUAL (ok (), 1.0);
   CU_ASSERT_EQUAL (bson_count_keys (&reply.body), 2);
   bson_destroy (&reply.body);
}

/* An error keeps what the command added, such as errInfo. */
static void
test_error (void)
{
   bson_iter_t iter;

   begin ();
   bson_append_utf8 (&reply.body, "errInfo", -1, "x", -1);
   fg_error_set (&reply.error, FG_ERROR_SERVER, 121, NULL, "Document failed validation");
   fgd_reply_complete (&reply);
   CU_ASSERT_EQUAL (ok (), 0.0);
   CU_ASSERT_EQUAL (code (), 121);
   CU_ASSERT_TRUE (bson_iter_init_find (&iter, &reply.body, "codeName"));
   CU_ASSERT_STRING_EQUAL (bson_iter_utf8 (&iter, NULL), "DocumentValidationFailure");
   CU_ASSERT_TRUE (bson_iter_init_find (&iter, &reply.body, "errInfo"));
   CU_ASSERT_EQUAL (bson_count_keys (&reply.body), 5);
   bson_destroy (&reply.body);
}

static void
test_other_domains (void)
{
   static const struct {
      fg_error_domain domain;
      int32_t code, expected;
   } cases[] = {
      {FG_ERROR_LIMIT, FG_E_NOMEM, 146}, {FG_ERROR_SYSTEM, FG_E_NO_SPACE, 14031}, {FG_ERROR_STORE, FG_E_CORRUPT, 1},
      {FG_ERROR_BSON, FG_E_INVALID, 22}, {FG_ERROR_LIMIT, FG_E_INTERRUPTED, 50},  {FG_ERROR_SYSTEM, FG_E_IO, 1},
   };

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      begin ();
      fg_error_set (&reply.error, cases[i].domain, cases[i].code, NULL, "why");
      fgd_reply_complete (&reply);
      CU_ASSERT_EQUAL (ok (), 0.0);
      CU_ASSERT_EQUAL (code (), cases[i].expected);
      bson_destroy (&reply.body);
   }
}

static void
test_too_large (void)
{
   static uint8_t big[FGD_MAX_BSON_SIZE];

   begin ();
   for (int i = 0; i < 2; i++) {
      bson_append_binary (&reply.body, "b", -1, BSON_SUBTYPE_BINARY, big, sizeof big);
   }
   fgd_reply_complete (&reply);
   CU_ASSERT_EQUAL (ok (), 0.0);
   CU_ASSERT_EQUAL (code (), 10334);
   CU_ASSERT (reply.body.len < 1000);
   bson_destroy (&reply.body);
}

const fg_test fg_tests[] = {
   {"success", test_success},
   {"error_keeps_additions", test_error},
   {"other_domains", test_other_domains},
   {"too_large", test_too_large},
   {NULL, NULL},
};

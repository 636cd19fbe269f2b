/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/certificate.h"
#include "tests/unit/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fg_suite_name = "client.certificate";

static char dir[64];

static void
new_dir (void)
{
   snprintf (dir, sizeof dir, "/tmp/fieldguard-certificates-XXXXXX");
   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (dir));
}

static void
remove_dir (void)
{
   char command[128];

   snprintf (command, sizeof command, "rm -rf '%s'", dir);
   CU_ASSERT_EQUAL (system (command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

static void
write_key (const char *path)
{
   int fd = open (path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

   CU_ASSERT_EQUAL (write (fd, "0123456789abcdef0123456789abcdef", 32), 32);
   close (fd);
}

static bool
append (const char *key, const char *json, fg_error *err)
{
   bson_t *param = bson_new_from_json ((const uint8_t *)json, -1, NULL);
   bool ok = fg_certificates_append (dir, key, &param, 1, err);

   bson_destroy (param);
   return ok;
}

static bool
count (void *ctx, const bson_t *param)
{
   bson_iter_t iter;

   *(int *)ctx = *(int *)ctx * 10 + (bson_iter_init_find (&iter, param, "n") ? bson_iter_int32 (&iter) : 9);
   return true;
}

static int
read_back (const char *key, fg_audit_finding expected, fg_error *err)
{
   fg_audit_report report = {.size = sizeof report};
   int seen = 0;

   if (!fg_certificates_read (dir, key, count, &seen, &report, err)) {
      return -1;
   }
   CU_ASSERT_EQUAL (report.finding, expected);
   return seen;
}

static void
test_chain (void)
{
   fg_error err = {0};
   char key[96];

   new_dir ();
   snprintf (key, sizeof key, "%s/key", dir);
   write_key (key);
   CU_ASSERT_EQUAL (read_back (key, FG_AUDIT_OK, &err), -1);
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   CU_ASSERT_TRUE (fg_certificates_ready (dir, key, &err));
   CU_ASSERT_TRUE (append (key, "{\"n\":1}", &err));
   CU_ASSERT_TRUE (append (key, "{\"n\":2}", &err));
   CU_ASSERT_TRUE (append (key, "{\"n\":3}", &err));
   CU_ASSERT_EQUAL (read_back (key, FG_AUDIT_OK, &err), 123);
   remove_dir ();
}

static void
test_change_is_seen (void)
{
   fg_error err = {0};
   char key[96];
   char command[256];

   new_dir ();
   snprintf (key, sizeof key, "%s/key", dir);
   write_key (key);
   CU_ASSERT_TRUE (append (key, "{\"n\":1}", &err));
   snprintf (command, sizeof command, "sed -i 's/\"n\" : 1/\"n\" : 7/' '%s/%s'", dir, FG_CERTIFICATES_FILE);
   CU_ASSERT_EQUAL (system (command), 0); /* NOLINT(cert-env33-c) */
   CU_ASSERT_EQUAL (read_back (key, FG_AUDIT_CHANGED, &err), 7);
   remove_dir ();
}

static void
test_no_room (void)
{
   fg_error err = {0};

   new_dir ();
   CU_ASSERT_EQUAL (chmod (dir, 0500), 0);
   if (geteuid () == 0) {
      CU_ASSERT_EQUAL (chmod (dir, 0700), 0);
      remove_dir ();
      CU_ASSERT_FALSE (append (NULL, "{\"n\":1}", &err)); /* no folder */
      return;
   }
   CU_ASSERT_FALSE (append (NULL, "{\"n\":1}", &err));
   CU_ASSERT_EQUAL (chmod (dir, 0700), 0);
   remove_dir ();
}

static void
test_parse (void)
{
   static const char good[] = "{\"atype\":\"fieldguard.shredding\",\"param\":{\"n\":1},\"seq\":1}";
   static const char no_param[] = "{\"atype\":\"fieldguard.shredding\",\"seq\":1}";
   static const char broken[] = "{\"atype\":\"fieldguard.shredding\",\"param\":{\"n\":";
   bson_t *param = NULL;

   CU_ASSERT_TRUE (fg_certificate_parse (good, sizeof good - 1, &param));
   CU_ASSERT_PTR_NOT_NULL (param);
   bson_destroy (param);
   CU_ASSERT_TRUE (fg_certificate_parse ("{\"atype\":\"other\"}", 17, &param));
   CU_ASSERT_PTR_NULL (param);
   CU_ASSERT_FALSE (fg_certificate_parse (no_param, sizeof no_param - 1, &param));
   CU_ASSERT_FALSE (fg_certificate_parse (broken, sizeof broken - 1, &param));
   CU_ASSERT_FALSE (fg_certificate_parse ("", 0, &param));
}

const fg_test fg_tests[] = {{"chain", test_chain},
                            {"change-is-seen", test_change_is_seen},
                            {"no-room", test_no_room},
                            {"parse", test_parse},
                            {NULL, NULL}};

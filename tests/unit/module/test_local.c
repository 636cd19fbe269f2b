/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/module/fixture.h"

#define SSN "\"validator\":{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{\"bsonType\":\"string\"}}}}}"
#define DOB "\"validator\":{\"$jsonSchema\":{\"properties\":{\"dob\":{\"encrypt\":{\"bsonType\":\"date\"}}}}}"

static char file[64];
static char file_setting[160];

static void
write_policy (const char *text, mode_t mode)
{
   snprintf (file, sizeof file, "/tmp/fg-policy-XXXXXX");
   int fd = mkstemp (file);
   CU_ASSERT_FATAL (fd >= 0);
   CU_ASSERT_FATAL (write (fd, text, strlen (text)) == (ssize_t)strlen (text));
   CU_ASSERT_FATAL (fchmod (fd, mode) == 0);
   close (fd);
   snprintf (file_setting, sizeof file_setting, "fieldguard.policyFile=%s", file);
}

static int
write_json (world *w, fg_collection *collection, const char *text)
{
   bson_t *doc = json (text);
   int code = write_raw (w, collection, bson_get_data (doc), doc->len, 0, true);

   bson_destroy (doc);
   return code;
}

static int
rename_to (world *w, fg_collection *collection, const char *ns)
{
   fg_ddl_request request = {.size = sizeof request, .ddl = FG_DDL_RENAME, .collection = collection, .target_ns = ns};
   fg_refusal refusal;

   if (!fg_loader_ddl_prepare (w->loader, &request, &refusal)) {
      keep_refusal (w, &refusal);
      return w->refusal.code;
   }
   fg_loader_ddl_apply (w->loader, &request);
   CU_ASSERT (fg_collection_set_ns (collection, ns, NULL));
   return 0;
}

static fg_collection *
create (world *w, const char *ns, const char *options)
{
   fg_collection *collection = fg_collection_new (ns, NULL, NULL);

   CU_ASSERT_FATAL (collection != NULL);
   CU_ASSERT_EQUAL (ddl (w, FG_DDL_CREATE, collection, options, NULL), 0);
   return collection;
}

static void
discard (world *w, fg_collection *collection)
{
   CU_ASSERT_EQUAL (ddl (w, FG_DDL_DROP, collection, NULL, NULL), 0);
   fg_collection_free (collection);
}

static void
rules_by_namespace (void)
{
   world w;

   write_policy ("{\"policies\":[{\"ns\":\"hr.*\"," SSN "},{\"ns\":\"*.p??ple\"," DOB "}]}", 0600);
   begin (&w, SETTINGS (file_setting));
   fg_collection *bare = create (&w, "hr.notes", NULL); /* implicitly created: no options at all */
   fg_collection *other = create (&w, "crm.people", "{}");
   fg_collection *outside = create (&w, "crm.notes", "{}");
   CU_ASSERT_EQUAL (write_json (&w, bare, PLAIN), 121);
   CU_ASSERT_EQUAL (write_json (&w, bare, "{\"dob\":1}"), 0);
   CU_ASSERT_EQUAL (write_json (&w, other, PLAIN), 0);
   CU_ASSERT_EQUAL (write_json (&w, other, "{\"dob\":1}"), 121);
   CU_ASSERT_EQUAL (write_json (&w, outside, "{\"dob\":1,\"ssn\":1}"), 0);
   CU_ASSERT_EQUAL (write_json (&w, w.people, "{\"dob\":1}"), 121); /* hr.people: declared, and both entries */
   CU_ASSERT_EQUAL (write_json (&w, w.people, PLAIN), 121);
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (2), 0), 0);
   discard (&w, bare);
   discard (&w, other);
   discard (&w, outside);
   end (&w);
   unlink (file);
}

/* Whatever is done to the collection, the file's rules stay with the name. */
static void
nothing_takes_them_away (void)
{
   world w;

   write_policy ("{\"policies\":[{\"ns\":\"hr.people\"," SSN "}]}", 0600);
   begin (&w, SETTINGS (file_setting, "fieldguard.ruleRemoval=allow"));
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, w.people, "{}", NULL), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   fg_collection *source = create (&w, "hr.new", "{}");
   CU_ASSERT_EQUAL (write_json (&w, source, PLAIN), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (rename_to (&w, source, "hr.people"), 0);
   CU_ASSERT_EQUAL (write_json (&w, source, PLAIN), 121);
   discard (&w, source);
   end (&w);
   unlink (file);
}

/* A host that renames without showing documents: nothing may come under a local rule unjudged. */
static void
renamed_to_unseen (void)
{
   world w;
   fg_error err = {0};

   write_policy ("{\"policies\":[{\"ns\":\"hr.people\"," SSN "}]}", 0600);
   CU_ASSERT_FATAL (begin_in (&w, FG_HOST_HAS_POST_IMAGE, SETTINGS (file_setting), &err));
   fg_collection *source = create (&w, "hr.new", "{}");
   CU_ASSERT_EQUAL (write_json (&w, source, PLAIN), 0);
   CU_ASSERT_EQUAL (rename_to (&w, source, "hr.people"), 72);
   CU_ASSERT_EQUAL (records (&w, "renameCollection", "renameRefused"), 1);
   CU_ASSERT_EQUAL (rename_to (&w, source, "hr.other"), 0);
   discard (&w, source);
   end (&w);
   CU_ASSERT_FATAL (begin_in (&w, FG_HOST_HAS_POST_IMAGE, SETTINGS (file_setting, "fieldguard.mode=audit"), &err));
   source = create (&w, "hr.new", "{}");
   CU_ASSERT_EQUAL (rename_to (&w, source, "hr.people"), 0);
   CU_ASSERT_EQUAL (records (&w, "renameCollection", "rulesMoved"), 1);
   discard (&w, source);
   end (&w);
   unlink (file);
}

static void
renamed_away (void)
{
   world w;

   write_policy ("{\"policies\":[{\"ns\":\"hr.people\"," DOB "}]}", 0600);
   begin (&w, SETTINGS (file_setting));
   CU_ASSERT_EQUAL (rename_to (&w, w.people, "hr.other"), 72); /* would leave the local rule behind */
   CU_ASSERT_EQUAL (write_json (&w, w.people, "{\"dob\":1}"), 121);
   end (&w);
   begin (&w, SETTINGS (file_setting, "fieldguard.ruleRemoval=audit"));
   CU_ASSERT_EQUAL (rename_to (&w, w.people, "hr.other"), 0);
   CU_ASSERT_EQUAL (records (&w, "renameCollection", "rulesRemoved"), 1);
   CU_ASSERT_EQUAL (write_json (&w, w.people, "{\"dob\":1}"), 0);
   CU_ASSERT_EQUAL (write_json (&w, w.people, PLAIN), 121); /* its own rule has come along */
   end (&w);
   unlink (file);
}

static void
expect_no_start (const char *piece)
{
   world w;
   fg_error err = {0};

   CU_ASSERT_FALSE (begin_with (&w, SETTINGS (file_setting), &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, piece));
   if (!strstr (err.message, piece)) {
      printf ("# %s\n", err.message);
   }
   end (&w);
}

static void
files_that_are_refused (void)
{
   static const struct {
      const char *text, *piece;
   } bad[] = {
      {"", "empty"},
      {"{", "policy file"},
      {"{}", "must be one object"},
      {"{\"policies\":[]}", "policies is empty"},
      {"{\"policies\":[1]}", "must hold objects"},
      {"{\"policies\":[{\"ns\":\"a.b\"," SSN "}],\"more\":1}", "must be one object"},
      {"{\"policies\":[{\"ns\":\"a.b\"," SSN ",\"validater\":{}}]}", "nothing else"},
      {"{\"policies\":[{" SSN "}]}", "needs ns"},
      {"{\"policies\":[{\"ns\":\"people\"," SSN "}]}", "needs ns"},
      {"{\"policies\":[{\"ns\":\"a.b\"}]}", "needs ns"},
      {"{\"policies\":[{\"ns\":\"a.b\",\"validator\":{\"x\":1}}]}", "no encryption rule"},
      {"{\"policies\":[{\"ns\":\"a.b\",\"validator\":{\"$jsonSchema\":{\"properties\":{\"a\":{\"encrypt\":7}}}}}]}",
       "entry 0"},
   };

   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      write_policy (bad[i].text, 0600);
      expect_no_start (bad[i].piece);
      unlink (file);
   }
}

static void
files_of_others (void)
{
   char link_name[80];

   write_policy ("{\"policies\":[{\"ns\":\"a.b\"," SSN "}]}", 0622);
   expect_no_start ("not be writable");
   CU_ASSERT (chmod (file, 0644) == 0);
   snprintf (link_name, sizeof link_name, "%s.link", file);
   CU_ASSERT (symlink (file, link_name) == 0);
   snprintf (file_setting, sizeof file_setting, "fieldguard.policyFile=%s", link_name);
   expect_no_start ("cannot open");
   unlink (link_name);
   snprintf (file_setting, sizeof file_setting, "fieldguard.policyFile=%s", "/tmp");
   expect_no_start ("not a regular file");
   if (geteuid () == 0) {
      CU_ASSERT (chown (file, 65534, 65534) == 0);
      snprintf (file_setting, sizeof file_setting, "fieldguard.policyFile=%s", file);
      expect_no_start ("owned by root");
   }
   unlink (file);
}

const char *const fg_suite_name = "module_local";
const fg_test fg_tests[] = {{"rules_by_namespace", rules_by_namespace},
                            {"nothing_takes_them_away", nothing_takes_them_away},
                            {"renamed_to_unseen", renamed_to_unseen},
                            {"renamed_away", renamed_away},
                            {"files_that_are_refused", files_that_are_refused},
                            {"files_of_others", files_of_others},
                            {NULL, NULL}};

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/module/fixture.h"

#define LOOSENED "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{}}}}}}"
#define MORE                                                                                                           \
   "{\"validator\":{\"$and\":[{\"$jsonSchema\":{\"properties\":{\"dob\":{\"encrypt\":{\"bsonType\":\"date\"}}}}},"     \
   "{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{\"bsonType\":\"string\",\"algorithm\":"                    \
   "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\",\"keyId\":[{\"$binary\":{\"base64\":\"AQEBAQEBAQEBAQEBAQEBAQ==\","        \
   "\"subType\":\"04\"}}]}}}}}]}}"

/* ruleRemoval x what the collMod leaves: the code, what is recorded, and whether plaintext is still refused afterwards. */
static void
rule_removal (void)
{
   static const struct {
      const char *attitude, *options;
      int code;
      const char *action;
      int plaintext;
   } matrix[] = {
      {"refuse", "{}", 72, "ruleRemovalRefused", 121},
      {"refuse", UNPROTECTED, 72, "ruleRemovalRefused", 121},
      {"refuse", LOOSENED, 72, "ruleRemovalRefused", 121},
      {"refuse", PROTECTED, 0, NULL, 121},
      {"refuse", MORE, 0, "rulesAdded", 121},
      {"audit", "{}", 0, "rulesRemoved", 0},
      {"audit", LOOSENED, 0, "rulesRemoved", 121},
      {"allow", "{}", 0, NULL, 0},
   };

   for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
      world w;
      char attitude[64];
      snprintf (attitude, sizeof attitude, "fieldguard.ruleRemoval=%s", matrix[i].attitude);
      begin (&w, SETTINGS (attitude));
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, w.people, matrix[i].options, NULL), matrix[i].code);
      CU_ASSERT_EQUAL (records (&w, "fieldguard.ddl", "collMod"), matrix[i].action ? 1 : 0);
      if (matrix[i].action) {
         char action[64];
         snprintf (action, sizeof action, "\"op\":\"collMod\",\"action\":\"%s\"", matrix[i].action);
         CU_ASSERT_EQUAL (records (&w, "fieldguard.ddl", action), 1);
      }
      CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), matrix[i].plaintext);
      end (&w);
   }
}

static void
refusal_names_the_path (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, w.people, LOOSENED, NULL), 72);
   CU_ASSERT_PTR_NOT_NULL (strstr (w.refusal.message, "ssn"));
   CU_ASSERT_PTR_NOT_NULL (strstr (w.refusal.message, "ruleRemoval"));
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, w.people, "{}", NULL), 72);
   CU_ASSERT_PTR_NOT_NULL (strstr (w.refusal.message, "ssn"));
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.ruleRemovalsRefused"), 2);
   end (&w);
}

static void
create_records_rules (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (records (&w, "\"op\":\"create\",\"action\":\"rulesAdded\"", "\"newRules\":1"), 1);
   fg_collection *other = fg_collection_new ("hr.other", NULL, NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, other, UNPROTECTED, NULL), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.ddl", "hr.other"), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, other, NULL, NULL), 0);
   fg_collection_free (other);
   end (&w);
}

static void
create_with_a_grammar_error (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   fg_collection *bad = fg_collection_new ("hr.bad", NULL, NULL);
   int code =
      ddl (&w, FG_DDL_CREATE, bad, "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"a\":{\"encrypt\":7}}}}}", NULL);
   CU_ASSERT_EQUAL (code, 14);
   CU_ASSERT_NOT_EQUAL (w.refusal.message[0], '\0');
   fg_collection_free (bad);
   end (&w);
}

static void
drop_and_create_again (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (records (&w, "\"action\":\"rulesDropped\"", "\"oldRules\":1"), 1);
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.protectedCollections"), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   end (&w);
}

/* A collection without rules takes the place of one with rules. */
static void
rename_over_rules (void)
{
   static const struct {
      const char *attitude, *source;
      int code;
   } matrix[] = {
      {"refuse", UNPROTECTED, 72}, {"audit", PROTECTED, 0}, {"audit", UNPROTECTED, 0}, {"allow", UNPROTECTED, 0}};

   for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
      world w;
      char attitude[64];
      snprintf (attitude, sizeof attitude, "fieldguard.ruleRemoval=%s", matrix[i].attitude);
      begin (&w, SETTINGS (attitude));
      fg_collection *source = fg_collection_new ("hr.new", NULL, NULL);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, source, matrix[i].source, NULL), 0);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_RENAME, source, NULL, w.people), matrix[i].code);
      CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0),
                       matrix[i].code ? 121 : 0); /* the target's own slot is empty once it is gone */
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, source, NULL, NULL), 0);
      fg_collection_free (source);
      end (&w);
   }
}

static void
rename_keeps_rules (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.ruleRemoval=audit"));
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_RENAME, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (records (&w, "renameCollection", "rulesMoved"), 1);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   end (&w);
}

/* Its name would be free for a collection without rules. */
static void
rename_away (void)
{
   static const struct {
      const char *attitude, *source;
      int code;
      const char *action;
   } matrix[] = {{"refuse", "hr.new", 72, "ruleRemovalRefused"},
                 {"audit", "hr.new", 0, "rulesMoved"},
                 {"allow", "hr.new", 0, "rulesMoved"},
                 {"refuse", "hr.tmp", 72, "ruleRemovalRefused"},
                 {"refuse", "hr.tmp12.convertToCapped.x", 72, "ruleRemovalRefused"},
                 {"refuse", "hr.tmp12345.other", 72, "ruleRemovalRefused"},
                 {"refuse", "hr.tmp.agg_out.0", 0, "rulesMoved"},
                 {"refuse", "hr.tmp12345.convertToCapped.people", 0, "rulesMoved"},
                 {"refuse", "hr.tmp12345.renameCollection", 0, "rulesMoved"}};

   for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
      world w;
      char attitude[64];
      snprintf (attitude, sizeof attitude, "fieldguard.ruleRemoval=%s", matrix[i].attitude);
      begin (&w, SETTINGS (attitude));
      fg_collection *source = fg_collection_new (matrix[i].source, NULL, NULL);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, source, PROTECTED, NULL), 0);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_RENAME, source, NULL, w.people), matrix[i].code);
      CU_ASSERT_EQUAL (records (&w, "renameCollection", matrix[i].action), 1);
      bson_t *plain = json (PLAIN);
      CU_ASSERT_EQUAL (write_raw (&w, source, bson_get_data (plain), plain->len, 0, true), 121);
      bson_destroy (plain);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, source, NULL, NULL), 0);
      fg_collection_free (source);
      end (&w);
   }
}

static void
capped_keeps_rules (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CONVERT_TO_CAPPED, w.people, NULL, NULL), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CONVERT_TO_CAPPED, w.people, "{\"capped\":true}", NULL), 72);
   end (&w);
}

static void
abandoned (void)
{
   world w;
   fg_ddl_request request = {.size = sizeof request, .ddl = FG_DDL_COLL_MOD};
   fg_refusal refusal;
   bson_t *options = json (MORE);

   begin (&w, NO_SETTINGS);
   request.collection = w.people;
   request.new_options = bson_get_data (options);
   request.new_options_len = options->len;
   CU_ASSERT (fg_loader_ddl_prepare (w.loader, &request, &refusal));
   fg_loader_ddl_abandon (w.loader, &request);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.ddl", "collMod"), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   bson_destroy (options);
   end (&w);
}

static void
off_vetoes_nothing (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.mode=off"));
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, w.people,
                         "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"a\":{\"encrypt\":7}}}}}", NULL),
                    0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   CU_ASSERT (fg_loader_set_setting (w.loader, "fieldguard.mode", "enforce", false, NULL, NULL));
   CU_ASSERT_EQUAL (write_doc (&w, json ("{\"x\":1}"), 0), 121);
   end (&w);
}

const char *const fg_suite_name = "module_ddl";
const fg_test fg_tests[] = {{"rule_removal", rule_removal},
                            {"refusal_names_the_path", refusal_names_the_path},
                            {"create_records_rules", create_records_rules},
                            {"create_with_a_grammar_error", create_with_a_grammar_error},
                            {"drop_and_create_again", drop_and_create_again},
                            {"rename_over_rules", rename_over_rules},
                            {"rename_keeps_rules", rename_keeps_rules},
                            {"rename_away", rename_away},
                            {"capped_keeps_rules", capped_keeps_rules},
                            {"abandoned", abandoned},
                            {"off_vetoes_nothing", off_vetoes_nothing},
                            {NULL, NULL}};

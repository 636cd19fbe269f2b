/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/module/fixture.h"

#define BYPASS FG_WRITE_BYPASS

static void
refused_and_on_record (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_STRING_EQUAL (w.refusal.message, "Document failed validation");
   CU_ASSERT_PTR_NOT_NULL (strstr (w.details, "\"propertyName\" : \"ssn\""));
   CU_ASSERT_PTR_NOT_NULL (strstr (w.details, "encrypt"));
   CU_ASSERT_PTR_NULL (strstr (w.details, "123-45"));
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", "\"result\":121"), 1);
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (2), 0), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json ("{\"x\":1}"), 0), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", ""), 1);
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.checked"), 3);
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.refused"), 1);
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.protectedCollections"), 1);
   end (&w);
}

/* The whole line but for its time, its seq and its mac; and never a value. */
static void
record_text (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), BYPASS), 121);
   char *text = audit_text (&w);
   CU_ASSERT_PTR_NOT_NULL (strstr (
      text,
      "\"local\":{\"ip\":\"127.0.0.2\",\"port\":27017},\"remote\":{\"ip\":\"127.0.0.1\",\"port\":1234},\"users\":[{"
      "\"user\":\"ann\\\"a\",\"db\":\"admin\"}],\"roles\":[],\"param\":{\"ns\":\"hr.people\",\"uuid\":{\"$uuid\":"
      "\"30313233-3435-3637-3839-616263646566\"},\"op\":\"insert\",\"phase\":\"stored\",\"mode\":\"enforce\","
      "\"bypass\":"
      "true,\"violations\":[{\"path\":\"ssn\",\"reason\":\"notEncrypted\",\"bsonType\":2,\"length\":"));
   CU_ASSERT_PTR_NULL (strstr (text, "123-45"));
   free (text);
   end (&w);
}

static void
every_line_is_json (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (1), 0), 121);
   char *text = audit_text (&w);
   char *rest = NULL;
   int n = 0;
   for (char *line = strtok_r (text, "\n", &rest); line; line = strtok_r (NULL, "\n", &rest), n++) {
      bson_destroy (json (line));
   }
   CU_ASSERT_EQUAL (n, 5); /* opening, start-up, rule added, two violations */
   free (text);
   end (&w);
}

/* mode x bypass x flag: who accepts plaintext, and what is on record. */
static void
mode_and_bypass (void)
{
   static const struct {
      const char *mode, *bypass;
      uint32_t flags;
      int code, recorded;
   } matrix[] = {
      {"enforce", "refuse", 0, 121, 1},   {"enforce", "refuse", BYPASS, 121, 1}, {"enforce", "audit", 0, 121, 1},
      {"enforce", "audit", BYPASS, 0, 1}, {"enforce", "allow", 0, 121, 1},       {"enforce", "allow", BYPASS, 0, 0},
      {"audit", "refuse", 0, 0, 1},       {"audit", "refuse", BYPASS, 0, 1},     {"audit", "allow", BYPASS, 0, 0},
      {"off", "refuse", 0, 0, 0},         {"off", "refuse", BYPASS, 0, 0},
   };

   for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
      world w;
      char mode[64], bypass[64];
      snprintf (mode, sizeof mode, "fieldguard.mode=%s", matrix[i].mode);
      snprintf (bypass, sizeof bypass, "fieldguard.bypass=%s", matrix[i].bypass);
      begin (&w, SETTINGS (mode, bypass));
      CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), matrix[i].flags), matrix[i].code);
      CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", matrix[i].code ? "\"result\":121" : "\"result\":0"),
                       matrix[i].recorded);
      CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", ""), matrix[i].recorded);
      end (&w);
   }
}

static void
accepted_but_rolled_back (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.mode=audit"));
   bson_t *doc = json (PLAIN);
   CU_ASSERT_EQUAL (write_raw (&w, w.people, bson_get_data (doc), doc->len, 0, false), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", ""), 0);
   CU_ASSERT_EQUAL (write_raw (&w, w.people, bson_get_data (doc), doc->len, 0, true), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", ""), 1);
   bson_destroy (doc);
   end (&w);
}

static void
host_cannot_refuse (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), FG_WRITE_CANNOT_REFUSE), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", "\"result\":0"), 1);
   end (&w);
}

static void
what_cannot_be_decided_is_refused (void)
{
   world w;
   static const uint8_t lying[] = {20, 0, 0, 0, 2, 's', 's', 'n', 0, 99, 0, 0, 0, 'x', 0};

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (write_raw (&w, w.people, lying, sizeof lying, 0, true), 121);
   CU_ASSERT_PTR_NOT_NULL (strstr (w.details, "reason"));
   CU_ASSERT_EQUAL (write_raw (&w, w.people, NULL, 0, 0, true), 121);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", "cannotDecide"), 2);
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.undecided"), 2);
   end (&w);
}

/* LOAD cannot be vetoed, so the collection takes no write. */
static void
unreadable_rules_refuse (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_LOAD, w.people,
                         "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"a\":{\"encrypt\":7}}}}}", NULL),
                    0);
   CU_ASSERT_PTR_NOT_NULL (strstr (w.logged, "cannot be read"));
   CU_ASSERT_EQUAL (write_doc (&w, json ("{\"x\":1}"), 0), 121);
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (2), 0), 121);
   end (&w);
}

static void
not_strict (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.strict=false"));
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (1), 0),
                    0); /* deterministic where random is declared: mongod does not look */
   CU_ASSERT (fg_loader_set_setting (w.loader, "fieldguard.strict", "true", false, &test_client, NULL));
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (1), 0), 121);
   CU_ASSERT_EQUAL (
      records (&w, "fieldguard.setting", "\"name\":\"fieldguard.strict\",\"old\":\"false\",\"new\":\"true\""), 1);
   end (&w);
}

static void
raising_the_mode (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.mode=off"));
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   CU_ASSERT (fg_loader_set_setting (w.loader, "fieldguard.mode", "enforce", false, &test_client, NULL));
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_FALSE (fg_loader_set_setting (w.loader, "fieldguard.mode", "off", false, &test_client, NULL));
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.setting", "fieldguard.mode"), 1);
   end (&w);
}

static void
a_huge_batch_is_counted (void)
{
   world w;
   fg_unit unit;
   fg_refusal refusal;
   bson_t *doc = json (PLAIN);

   begin (&w, NO_SETTINGS);
   fg_unit_begin (&unit, &test_client);
   for (int i = 0; i < 10050; i++) {
      CU_ASSERT_EQUAL (fg_loader_validate (w.loader, &unit, w.people, FG_OP_INSERT, FG_PHASE_STORED, 0,
                                           bson_get_data (doc), doc->len, NULL, 0, &refusal),
                       FG_VERDICT_REJECT);
      fg_refusal_release (&refusal);
   }
   fg_loader_committed (w.loader, &unit);
   CU_ASSERT (fg_loader_sync (w.loader, &refusal));
   CU_ASSERT_EQUAL (stat_of (&w, "fieldguard.auditRecords"), 2 + 10000 + 1);
   bson_destroy (doc);
   end (&w);
}

static void
without_audit_file (void)
{
   world w;

   begin (&w, SETTINGS ("", "fieldguard.mode=audit"));
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   CU_ASSERT_PTR_NOT_NULL (strstr (w.logged, "fieldguard.violation"));
   CU_ASSERT_PTR_NULL (strstr (w.logged, "123-45"));
   end (&w);
}

const char *const fg_suite_name = "module_validate";
const fg_test fg_tests[] = {{"refused_and_on_record", refused_and_on_record},
                            {"record_text", record_text},
                            {"every_line_is_json", every_line_is_json},
                            {"mode_and_bypass", mode_and_bypass},
                            {"accepted_but_rolled_back", accepted_but_rolled_back},
                            {"host_cannot_refuse", host_cannot_refuse},
                            {"what_cannot_be_decided_is_refused", what_cannot_be_decided_is_refused},
                            {"unreadable_rules_refuse", unreadable_rules_refuse},
                            {"not_strict", not_strict},
                            {"raising_the_mode", raising_the_mode},
                            {"a_huge_batch_is_counted", a_huge_batch_is_counted},
                            {"without_audit_file", without_audit_file},
                            {NULL, NULL}};

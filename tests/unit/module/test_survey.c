/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/module/fixture.h"

#include <dlfcn.h>
#include <stddef.h>

#define TWO_RULES                                                                                                      \
   "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{}},\"card\":{\"encrypt\":{}}}}}}"
#define ONE_RULE "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{}}}}}}"
#define TIGHTER "{\"validator\":{\"$jsonSchema\":{\"properties\":{\"ssn\":{\"encrypt\":{\"bsonType\":\"string\"}}}}}}"

typedef struct seen {
   char text[4096];
   int calls;
} seen;

static void
keep_report (void *ctx, const char *module, const uint8_t *doc, size_t len)
{
   seen *s = ctx;
   bson_t view;

   CU_ASSERT_FATAL (bson_init_static (&view, doc, len));
   char *text = bson_as_relaxed_extended_json (&view, NULL);
   snprintf (s->text, sizeof s->text, "%s %s", module, text);
   bson_free (text);
   s->calls++;
}

static void
show (fg_survey *survey, const char *text)
{
   bson_t *doc = json (text);

   fg_loader_survey_document (survey, bson_get_data (doc), doc->len);
   bson_destroy (doc);
}

/* Rules come to a collection that holds two plain documents, one of them in two places, and one that is in order. */
static void
counts_and_names_paths (void)
{
   world w;
   seen s = {0};

   begin (&w, NO_SETTINGS);
   fg_collection *plain = fg_collection_new ("hr.plain", (const uint8_t *)"fedcba9876543210", NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, plain, UNPROTECTED, NULL), 0);
   CU_ASSERT_PTR_NULL (fg_loader_survey_begin (w.loader, plain));
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, plain, TWO_RULES, NULL), 0);
   fg_survey *survey = fg_loader_survey_begin (w.loader, plain);
   CU_ASSERT_PTR_NOT_NULL_FATAL (survey);
   show (survey, "{\"ssn\":\"123-45-6789\",\"card\":\"4111111111111111\"}");
   show (survey, "{\"x\":1}");
   show (survey, "{\"card\":\"4111111111111111\"}");
   fg_loader_survey_end (survey, true, &test_client, keep_report, &s);
   CU_ASSERT_EQUAL (s.calls, 1);
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "fieldguard {"));
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"checked\" : 3, \"violating\" : 2, \"undecided\" : 0"));
   CU_ASSERT_PTR_NOT_NULL (
      strstr (s.text, "{ \"path\" : \"ssn\", \"documents\" : 1 }, { \"path\" : \"card\", \"documents\" : 2 }"));
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"complete\" : true, \"recorded\" : true"));
   CU_ASSERT_PTR_NULL (strstr (s.text, "4111"));
   CU_ASSERT_EQUAL (
      records (&w, "fieldguard.stored", "\"checked\":3,\"violating\":2,\"undecided\":0,\"complete\":true"), 1);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.stored", "66656463-6261-3938-3736-353433323130"), 1);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.stored", "\"ip\":\"127.0.0.1\""), 1);
   CU_ASSERT_EQUAL (records (&w, "4111", ""), 0);
   CU_ASSERT_PTR_NULL (fg_loader_survey_begin (w.loader, plain)); /* counted once */
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, plain, NULL, NULL), 0);
   fg_collection_free (plain);
   end (&w);
}

/* Only a collMod that adds or tightens a rule leaves something to count; nothing does in mode off. */
static void
what_leaves_something_to_count (void)
{
   static const struct {
      const char *mode, *from, *to;
      bool counts;
   } cases[] = {
      {"enforce", UNPROTECTED, ONE_RULE, true}, {"audit", UNPROTECTED, ONE_RULE, true},
      {"off", UNPROTECTED, ONE_RULE, false},    {"enforce", ONE_RULE, ONE_RULE, false},
      {"enforce", ONE_RULE, TIGHTER, true},     {"enforce", TWO_RULES, TWO_RULES, false},
      {"enforce", ONE_RULE, TWO_RULES, true},   {"enforce", UNPROTECTED, UNPROTECTED, false},
   };

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      world w;
      char mode[64];
      snprintf (mode, sizeof mode, "fieldguard.mode=%s", cases[i].mode);
      begin (&w, SETTINGS (mode));
      fg_collection *c = fg_collection_new ("hr.c", NULL, NULL);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, c, cases[i].from, NULL), 0);
      CU_ASSERT_PTR_NULL (fg_loader_survey_begin (w.loader, c)); /* a new collection holds nothing */
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, c, cases[i].to, NULL), 0);
      fg_survey *survey = fg_loader_survey_begin (w.loader, c);
      CU_ASSERT_EQUAL (survey != NULL, cases[i].counts);
      fg_loader_survey_end (survey, true, NULL, NULL, NULL);
      CU_ASSERT_EQUAL (records (&w, "fieldguard.stored", ""), cases[i].counts);
      CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, c, NULL, NULL), 0);
      fg_collection_free (c);
      end (&w);
   }
}

/* The survey goes on with the rules that it began with, whatever becomes of the collection. */
static void
outlives_the_collection (void)
{
   world w;
   seen s = {0};

   begin (&w, NO_SETTINGS);
   fg_collection *c = fg_collection_new ("hr.c", NULL, NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, c, UNPROTECTED, NULL), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, c, ONE_RULE, NULL), 0);
   fg_survey *survey = fg_loader_survey_begin (w.loader, c);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, c, NULL, NULL), 0);
   fg_collection_free (c);
   show (survey, PLAIN);
   fg_loader_survey_end (survey, false, NULL, keep_report, &s);
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"violating\" : 1"));
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"complete\" : false"));
   CU_ASSERT_EQUAL (records (&w, "fieldguard.stored", "\"complete\":false"), 1);
   end (&w);
}

/* What is not BSON breaks the rules for all that anyone knows. */
static void
undecided_counts_as_violating (void)
{
   static const uint8_t torn[] = {12, 0, 0, 0, 2, 's', 's', 'n', 0, 9, 0, 0};
   world w;
   seen s = {0};

   begin (&w, NO_SETTINGS);
   fg_collection *c = fg_collection_new ("hr.c", NULL, NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, c, UNPROTECTED, NULL), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, c, ONE_RULE, NULL), 0);
   fg_survey *survey = fg_loader_survey_begin (w.loader, c);
   fg_loader_survey_document (survey, torn, sizeof torn);
   fg_loader_survey_end (survey, true, NULL, keep_report, &s);
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"violating\" : 1, \"undecided\" : 1, \"paths\" : [  ]"));
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, c, NULL, NULL), 0);
   fg_collection_free (c);
   end (&w);
}

/* Twenty-one rules broken by one document: twenty are named. */
static void
names_the_first_twenty (void)
{
   world w;
   seen s = {0};
   char options[4096] = "{\"validator\":{\"$jsonSchema\":{\"properties\":{";
   char doc[4096] = "{";

   for (int i = 0; i < 21; i++) {
      size_t n = strlen (options), m = strlen (doc);
      snprintf (options + n, sizeof options - n, "%s\"f%d\":{\"encrypt\":{}}", i ? "," : "", i);
      snprintf (doc + m, sizeof doc - m, "%s\"f%d\":1", i ? "," : "", i);
   }
   strncat (options, "}}}}", sizeof options - strlen (options) - 1);
   strncat (doc, "}", sizeof doc - strlen (doc) - 1);
   begin (&w, NO_SETTINGS);
   fg_collection *c = fg_collection_new ("hr.c", NULL, NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, c, UNPROTECTED, NULL), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, c, options, NULL), 0);
   fg_survey *survey = fg_loader_survey_begin (w.loader, c);
   show (survey, doc);
   fg_loader_survey_end (survey, true, NULL, keep_report, &s);
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"f19\""));
   CU_ASSERT_PTR_NULL (strstr (s.text, "\"f20\""));
   CU_ASSERT_PTR_NOT_NULL (strstr (s.text, "\"truncated\" : true"));
   CU_ASSERT_EQUAL (records (&w, "fieldguard.stored", "\"truncated\":true"), 1);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, c, NULL, NULL), 0);
   fg_collection_free (c);
   end (&w);
}

/* A host that counts nothing loses nothing: the next collMod's survey stands for both. */
static void
an_uncounted_change_is_not_forgotten (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   fg_collection *c = fg_collection_new ("hr.c", NULL, NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_CREATE, c, UNPROTECTED, NULL), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, c, ONE_RULE, NULL), 0);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_COLL_MOD, c, ONE_RULE, NULL), 0);
   fg_survey *survey = fg_loader_survey_begin (w.loader, c);
   CU_ASSERT_PTR_NOT_NULL (survey);
   fg_loader_survey_end (survey, true, NULL, NULL, NULL);
   CU_ASSERT_EQUAL (ddl (&w, FG_DDL_DROP, c, NULL, NULL), 0);
   fg_collection_free (c);
   end (&w);
}

/* --- a host that knows nothing of surveys --------------------------------------------------------------------------------- */

static fg_hooks kept;
static void *kept_ctx;

static bool
keep_hooks (const fg_host *host, const fg_hooks *hooks, void *ctx, fg_error *err)
{
   (void)host;
   (void)err;
   memcpy (&kept, hooks, hooks->size < sizeof kept ? hooks->size : sizeof kept);
   kept_ctx = ctx;
   return true;
}

static bool
take_setting (const fg_host *host, const fg_setting_def *def, fg_error *err)
{
   (void)host;
   (void)def;
   (void)err;
   return true;
}

/* A host of ABI 1.0 refuses a table that is larger than its own: the module gives it one that ends where surveys begin. */
static void
hosts_of_the_first_abi (void)
{
   char path[512];
   fg_host host = {.size = sizeof host,
                   .abi_major = FG_ABI_MAJOR,
                   .name = "old",
                   .version = "1",
                   .add_hooks = keep_hooks,
                   .define_setting = take_setting};
   fg_module_init_fn init = NULL;
   fg_module_magic_fn magic = NULL;

   snprintf (path, sizeof path, "%s/lib/fieldguard.so", fg_test_build_dir ());
   void *object = dlopen (path, RTLD_NOW | RTLD_LOCAL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (object);
   void *symbol = dlsym (object, "fieldguard_module_init");
   memcpy (&init, &symbol, sizeof symbol);
   symbol = dlsym (object, "fieldguard_module_magic");
   memcpy (&magic, &symbol, sizeof symbol);
   CU_ASSERT_EQUAL (magic ()->abi_minor, 0);
   for (uint16_t minor = 0; minor <= FG_ABI_MINOR; minor++) {
      host.abi_minor = minor;
      memset (&kept, 0, sizeof kept);
      CU_ASSERT_TRUE_FATAL (init (&host, NULL));
      CU_ASSERT_EQUAL (kept.size, minor == 0 ? offsetof (fg_hooks, survey_begin) : sizeof kept);
      CU_ASSERT_EQUAL (kept.survey_begin != NULL, minor > 0);
      CU_ASSERT_PTR_NOT_NULL (kept.validate);
      kept.stop (kept_ctx);
   }
}

const char *const fg_suite_name = "module_survey";
const fg_test fg_tests[] = {{"counts_and_names_paths", counts_and_names_paths},
                            {"what_leaves_something_to_count", what_leaves_something_to_count},
                            {"outlives_the_collection", outlives_the_collection},
                            {"undecided_counts_as_violating", undecided_counts_as_violating},
                            {"names_the_first_twenty", names_the_first_twenty},
                            {"hosts_of_the_first_abi", hosts_of_the_first_abi},
                            {"an_uncounted_change_is_not_forgotten", an_uncounted_change_is_not_forgotten},
                            {NULL, NULL}};

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/loader/fixture.h"

static const uint8_t empty[] = {5, 0, 0, 0, 0};

typedef struct scene {
   fg_loader *loader;
   fg_collection *collection;
   fg_unit unit;
   fg_refusal refusal;
} scene;

/* Two probes, started, and a collection that both have put their marker into. */
static void
begin (scene *s)
{
   fg_ddl_request load = {.size = sizeof load, .ddl = FG_DDL_LOAD};

   s->loader = started_probes ();
   s->collection = fg_collection_new ("db.people", (const uint8_t *)"0123456789abcdef", NULL);
   CU_ASSERT_FATAL (s->collection != NULL);
   load.collection = s->collection;
   fg_loader_ddl_apply (s->loader, &load);
   fg_unit_begin (&s->unit, NULL);
   hush ();
}

static void
end (scene *s)
{
   fg_collection_free (s->collection);
   fg_loader_free (s->loader);
}

static fg_verdict
validate (scene *s, uint32_t flags)
{
   return fg_loader_validate (s->loader, &s->unit, s->collection, FG_OP_INSERT, FG_PHASE_STORED, flags, empty,
                              sizeof empty, NULL, 0, &s->refusal);
}

static void
expect_said (const char *text)
{
   CU_ASSERT_STRING_EQUAL (said, text);
   if (strcmp (said, text) != 0) {
      printf ("# said: %s\n", said);
   }
   hush ();
}

static void
order (void)
{
   scene s;

   begin (&s);
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_ALLOW);
   expect_said ("probeA validate\nprobeB validate\n");
   CU_ASSERT (fg_loader_prepare_commit (s.loader, &s.unit, &s.refusal));
   expect_said (""); /* nothing recorded: nobody is asked */
   fg_loader_committed (s.loader, &s.unit);
   expect_said ("probeA committed\nprobeB committed\n");
   fg_loader_committed (s.loader, &s.unit);
   expect_said ("");
   CU_ASSERT (fg_loader_sync (s.loader, &s.refusal));
   fg_loader_rotate (s.loader);
   expect_said ("probeA sync\nprobeB sync\nprobeA rotate\nprobeB rotate\n");
   fg_loader_stop (s.loader);
   expect_said ("probeB stop\nprobeA stop\n");
   fg_loader_stop (s.loader);
   expect_said ("");
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_REJECT);
   CU_ASSERT_EQUAL (s.refusal.code, 91);
   end (&s);
}

static void
first_refusal_wins (void)
{
   scene s;

   begin (&s);
   set (s.loader, "probeA.refuse", "validate");
   set (s.loader, "probeB.refuse", "validate");
   hush ();
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_REJECT);
   expect_said ("probeA validate\n");
   CU_ASSERT_EQUAL (s.refusal.code, 121);
   CU_ASSERT_STRING_EQUAL (s.refusal.message, "probeA says no");
   fg_refusal_release (&s.refusal);
   fg_refusal_release (&s.refusal);
   expect_said ("probeA released\n");
   fg_loader_rolled_back (s.loader, &s.unit);
   expect_said ("probeA rolledBack\nprobeB rolledBack without its slot\n");
   end (&s);
}

static void
later_module_still_refuses (void)
{
   scene s;

   begin (&s);
   set (s.loader, "probeB.refuse", "validate");
   hush ();
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_REJECT);
   expect_said ("probeA validate\nprobeB validate\n");
   fg_refusal_release (&s.refusal);
   end (&s);
}

static void
unknown_verdict_refuses (void)
{
   scene s;

   begin (&s);
   set (s.loader, "probeA.refuse", "nonsense");
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_REJECT);
   CU_ASSERT_EQUAL (s.refusal.code, 121);
   CU_ASSERT_STRING_EQUAL (s.refusal.message, "Document failed validation");
   end (&s);
}

static void
recording (void)
{
   scene s;

   begin (&s);
   set (s.loader, "probeA.refuse", "record");
   hush ();
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_ALLOW_AND_RECORD);
   CU_ASSERT_TRUE (s.unit.recorded);
   CU_ASSERT (fg_loader_prepare_commit (s.loader, &s.unit, &s.refusal));
   expect_said ("probeA validate\nprobeB validate\nprobeA prepareCommit\nprobeB prepareCommit\n");
   set (s.loader, "probeB.refuse", "prepareCommit");
   CU_ASSERT_FALSE (fg_loader_prepare_commit (s.loader, &s.unit, &s.refusal));
   CU_ASSERT_NOT_EQUAL (s.refusal.code, 0);
   CU_ASSERT_NOT_EQUAL (s.refusal.message[0], '\0');
   end (&s);
}

/* A node that applies what others have accepted: everybody is asked, nobody is heard, but it is on record. */
static void
host_cannot_refuse (void)
{
   scene s;

   begin (&s);
   set (s.loader, "probeA.refuse", "validate");
   hush ();
   CU_ASSERT_EQUAL (validate (&s, FG_WRITE_CANNOT_REFUSE), FG_VERDICT_ALLOW_AND_RECORD);
   CU_ASSERT_EQUAL (s.refusal.code, 0);
   CU_ASSERT_TRUE (s.unit.recorded);
   expect_said ("probeA validate\nprobeA released\nprobeB validate\n");
   end (&s);
}

static void
failing_sync (void)
{
   scene s;

   begin (&s);
   set (s.loader, "probeA.refuse", "sync");
   CU_ASSERT_FALSE (fg_loader_sync (s.loader, &s.refusal));
   CU_ASSERT_NOT_EQUAL (s.refusal.code, 0);
   end (&s);
}

static void
failing_start (void)
{
   fg_loader *loader = new_loader ();
   fg_error err = {0};

   load_probe (loader, "probe_a");
   load_probe (loader, "probe_b");
   CU_ASSERT (fg_loader_set_setting (loader, "probeB.refuse", "start", true, NULL, NULL));
   hush ();
   CU_ASSERT_FALSE (fg_loader_start (loader, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "probeB"));
   expect_said ("probeA start\nprobeB start\n");
   fg_loader_free (loader);
   expect_said ("probeB stop\nprobeA stop\n");
}

static void
ddl_veto (void)
{
   scene s;
   fg_ddl_request request = {.size = sizeof request, .ddl = FG_DDL_COLL_MOD};

   begin (&s);
   request.collection = s.collection;
   CU_ASSERT (fg_loader_ddl_prepare (s.loader, &request, &s.refusal));
   fg_loader_ddl_apply (s.loader, &request);
   expect_said ("probeA prepare\nprobeB prepare\nprobeA apply\nprobeB apply\n");
   memset (request.pending, 0, sizeof request.pending);
   CU_ASSERT (fg_loader_ddl_prepare (s.loader, &request, &s.refusal));
   fg_loader_ddl_abandon (s.loader, &request);
   fg_loader_ddl_abandon (s.loader, &request);
   expect_said ("probeA prepare\nprobeB prepare\nprobeB abandon\nprobeA abandon\n");
   set (s.loader, "probeB.refuse", "ddl");
   hush ();
   memset (request.pending, 0, sizeof request.pending);
   CU_ASSERT_FALSE (fg_loader_ddl_prepare (s.loader, &request, &s.refusal));
   CU_ASSERT_EQUAL (s.refusal.code, 72);
   CU_ASSERT_STRING_EQUAL (s.refusal.message, "probeB vetoes");
   expect_said ("probeA prepare\nprobeB prepare\nprobeA abandon\n");
   end (&s);
}

static void
no_modules (void)
{
   scene s = {.loader = new_loader ()};
   fg_ddl_request request = {.size = sizeof request, .ddl = FG_DDL_CREATE};

   s.collection = fg_collection_new ("db.c", NULL, NULL);
   request.collection = s.collection;
   CU_ASSERT (fg_loader_start (s.loader, NULL));
   CU_ASSERT (fg_loader_ddl_prepare (s.loader, &request, &s.refusal));
   fg_loader_ddl_apply (s.loader, &request);
   fg_unit_begin (&s.unit, NULL);
   CU_ASSERT_EQUAL (validate (&s, 0), FG_VERDICT_ALLOW);
   CU_ASSERT (fg_loader_prepare_commit (s.loader, &s.unit, &s.refusal));
   fg_loader_committed (s.loader, &s.unit);
   CU_ASSERT (fg_loader_sync (s.loader, &s.refusal));
   CU_ASSERT (fg_collection_set_ns (s.collection, "db.d", NULL));
   CU_ASSERT_STRING_EQUAL (fg_collection_ns (s.collection), "db.d");
   CU_ASSERT_FALSE (fg_collection_is_watched (s.collection));
   end (&s);
}

static void
stat_number (const fg_stat_sink *sink, const char *name, int64_t value)
{
   (void)sink;
   size_t n = strlen (said);
   snprintf (said + n, sizeof said - n, "%s=%lld\n", name, (long long)value);
}

static void
stat_text (const fg_stat_sink *sink, const char *name, const char *value)
{
   (void)sink;
   size_t n = strlen (said);
   snprintf (said + n, sizeof said - n, "%s=%s\n", name, value);
}

static void
stats_carry_the_modules_name (void)
{
   fg_loader *loader = started_probes ();
   const fg_stat_sink sink = {.size = sizeof sink, .int64 = stat_number, .text = stat_text};

   fg_loader_stats (loader, &sink);
   expect_said ("probeA.answer=42\nprobeA.deep.refuse=\nprobeB.answer=42\nprobeB.deep.refuse=\n");
   fg_loader_free (loader);
}

const char *const fg_suite_name = "loader_chain";
const fg_test fg_tests[] = {{"order", order},
                            {"first_refusal_wins", first_refusal_wins},
                            {"later_module_still_refuses", later_module_still_refuses},
                            {"unknown_verdict_refuses", unknown_verdict_refuses},
                            {"recording", recording},
                            {"host_cannot_refuse", host_cannot_refuse},
                            {"failing_sync", failing_sync},
                            {"failing_start", failing_start},
                            {"ddl_veto", ddl_veto},
                            {"no_modules", no_modules},
                            {"stats_carry_the_modules_name", stats_carry_the_modules_name},
                            {NULL, NULL}};

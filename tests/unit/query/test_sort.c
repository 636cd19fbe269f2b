/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/sort.h"
#include "tests/unit/query/helper.h"
#include "tests/unit/runner.h"

const char *const fg_suite_name = "query-sort";

#define ORDER(docs, spec, limit, wanted) CU_ASSERT_EQUAL (try_sort (docs, spec, limit, wanted), 0)
#define REFUSED(docs, spec, code) CU_ASSERT_EQUAL (try_sort (docs, spec, 0, NULL), code)

static void
scalars (void)
{
   ORDER ("{'':[{'a':2},{'a':1},{'a':3}]}", "{'a':1}", 0, "{'':[{'a':1},{'a':2},{'a':3}]}");
   ORDER ("{'':[{'a':2},{'a':1},{'a':3}]}", "{'a':-1}", 2, "{'':[{'a':3},{'a':2}]}");
   ORDER ("{'':[{'a':'x'},{'b':1},{'a':1},{'a':null},{'a':{}},{'a':true}]}", "{'a':1}", 0,
          "{'':[{'b':1},{'a':null},{'a':1},{'a':'x'},{'a':{}},{'a':true}]}");
   ORDER ("{'':[{'a':1,'b':1},{'a':1,'b':2},{'a':0,'b':3}]}", "{'a':1,'b':-1}", 0,
          "{'':[{'a':0,'b':3},{'a':1,'b':2},{'a':1,'b':1}]}");
   ORDER ("{'':[{'a':1,'i':0},{'a':1.0,'i':1},{'a':1,'i':2}]}", "{'a':1}", 2, "{'':[{'a':1,'i':0},{'a':1.0,'i':1}]}");
   ORDER ("{'':[{'a':{'b':2}},{'a':{'b':1}}]}", "{'a.b':1}", 0, "{'':[{'a':{'b':1}},{'a':{'b':2}}]}");
   ORDER ("{'':[{'a':2},{'a':1}]}", "{}", 0, "{'':[{'a':2},{'a':1}]}");
}

static void
arrays (void)
{
   ORDER ("{'':[{'a':[5,1]},{'a':2}]}", "{'a':1}", 0, "{'':[{'a':[5,1]},{'a':2}]}");
   ORDER ("{'':[{'a':2},{'a':[5,1]}]}", "{'a':-1}", 0, "{'':[{'a':[5,1]},{'a':2}]}");
   ORDER ("{'':[{'a':null},{'a':[]},{'b':1}]}", "{'a':1}", 0, "{'':[{'a':[]},{'a':null},{'b':1}]}");
   ORDER ("{'':[{'a':[{'b':3},{'b':1}]},{'a':{'b':2}}]}", "{'a.b':1}", 0,
          "{'':[{'a':[{'b':3},{'b':1}]},{'a':{'b':2}}]}");
   ORDER ("{'':[{'a':[9,1]},{'a':[3,8]}]}", "{'a.1':1}", 0, "{'':[{'a':[9,1]},{'a':[3,8]}]}");
   /* The keys of one document go together: (1,5) and (2,1), never (1,1). */
   ORDER ("{'':[{'i':1,'a':[{'b':1,'c':5},{'b':2,'c':1}]},{'i':2,'a':[{'b':1,'c':3}]}]}", "{'a.b':1,'a.c':1}", 0,
          "{'':[{'i':2,'a':[{'b':1,'c':3}]},{'i':1,'a':[{'b':1,'c':5},{'b':2,'c':1}]}]}");
   ORDER ("{'':[{'a':[[7]]},{'a':8}]}", "{'a':1}", 0, "{'':[{'a':8},{'a':[[7]]}]}");
   ORDER ("{'':[{'a':[[5,1],7]},{'a':[[4]]}]}", "{'a.0.0':1}", 0, "{'':[{'a':[[4]]},{'a':[[5,1],7]}]}");
   ORDER ("{'':[{'a':[{'b':2},{'b':0}]},{'a':[{'b':1}]}]}", "{'a.0.b':1}", 0,
          "{'':[{'a':[{'b':1}]},{'a':[{'b':2},{'b':0}]}]}");
   REFUSED ("{'':[{'a':[1],'b':[2]}]}", "{'a':1,'b':1}", 2);
   CU_ASSERT_STRING_EQUAL (last_message (), "cannot sort with keys that are parallel arrays");
   REFUSED ("{'':[{'a':[{'0':1}]}]}", "{'a.0':1}", 16746);
}

static void
patterns_refused (void)
{
   REFUSED ("{'':[]}", "{'a':'x'}", 15974);
   REFUSED ("{'':[]}", "{'a':2}", 15975);
   REFUSED ("{'':[]}", "{'a':0}", 15975);
   REFUSED ("{'':[]}", "{'a':{'x':1}}", 17312);
   REFUSED ("{'':[]}", "{'a':{'$meta':'textScore'}}", 40218);
   REFUSED ("{'':[]}", "{'':1}", 40352);
   REFUSED ("{'':[]}", "{'a.':1}", 40353);
   REFUSED ("{'':[]}", "{'$a':1}", 16410);
   REFUSED ("{'':[]}", "{'$natural':7}", 2);
   REFUSED ("{'':[]}", "{'a':1,'b':1,'a':1}", 7472500);
}

static void
natural_order (void)
{
   static const uint8_t backwards[] = {23,  0,   0,   0, 0x10, '$', 'n', 'a', 't', 'u',
                                       'r', 'a', 'l', 0, 255,  255, 255, 255, 0};
   uint8_t spec[sizeof backwards];
   fg_error err;
   memcpy (spec, backwards, sizeof spec);
   spec[0] = sizeof spec;
   fgd_sort *sort = fgd_sort_compile (spec, sizeof spec, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (sort);
   CU_ASSERT_EQUAL (fgd_sort_natural (sort), -1);
   CU_ASSERT_EQUAL (fgd_sort_fields (sort), 0);
   fgd_sort_free (sort);
}

static void
memory_limit (void)
{
   static const uint8_t spec[] = {12, 0, 0, 0, 0x10, 'a', 0, 1, 0, 0, 0, 0};
   fg_error err;
   fgd_sort *sort = fgd_sort_compile (spec, sizeof spec, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (sort);
   fgd_sorter *sorter = fgd_sorter_new (sort, 0, 1000, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (sorter);
   int added = 0;
   while (added < 1000 && fgd_sorter_add (sorter, spec, sizeof spec, 0, &err)) {
      added++;
   }
   CU_ASSERT_EQUAL (err.code, 292);
   CU_ASSERT_TRUE (added > 2 && added < 100);
   fgd_sorter_free (sorter);
   /* A limit keeps memory bounded, whatever comes in. */
   sorter = fgd_sorter_new (sort, 3, 1000, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (sorter);
   for (added = 0; added < 1000 && fgd_sorter_add (sorter, spec, sizeof spec, 0, &err);) {
      added++;
   }
   CU_ASSERT_EQUAL (added, 1000);
   fgd_sorter_free (sorter);
   fgd_sort_free (sort);
}

const fg_test fg_tests[] = {{"scalars", scalars},
                            {"arrays", arrays},
                            {"patterns_refused", patterns_refused},
                            {"natural_order", natural_order},
                            {"memory_limit", memory_limit},
                            {NULL, NULL}};

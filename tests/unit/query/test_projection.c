/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/query/helper.h"
#include "tests/unit/runner.h"

#include <stddef.h>
#include <stdint.h>

const char *const fg_suite_name = "query-projection";

#define GIVES(doc, spec, wanted) CU_ASSERT_EQUAL (try_project (doc, spec, wanted), 0)
#define REFUSED(doc, spec, code) CU_ASSERT_EQUAL (try_project (doc, spec, NULL), code)

static const char DOC[] = "{'_id':1,'a':{'b':1,'c':2},'l':[{'b':1,'c':2},5,[{'b':3,'c':4}]],'s':'x'}";

static void
inclusion (void)
{
   GIVES (DOC, "{}", DOC);
   GIVES (DOC, "{'s':1}", "{'_id':1,'s':'x'}");
   GIVES (DOC, "{'s':true,'_id':0}", "{'s':'x'}");
   GIVES (DOC, "{'_id':1}", "{'_id':1}");
   GIVES (DOC, "{'a.b':1}", "{'_id':1,'a':{'b':1}}");
   GIVES (DOC, "{'a':{'b':1}}", "{'_id':1,'a':{'b':1}}");
   GIVES (DOC, "{'l.b':1}", "{'_id':1,'l':[{'b':1},[{'b':3}]]}");
   GIVES (DOC, "{'s.t':1}", "{'_id':1}");
   GIVES (DOC, "{'l.0':1}", "{'_id':1,'l':[{},[{}]]}");
}

static void
exclusion (void)
{
   GIVES (DOC, "{'l':0,'a.b':0}", "{'_id':1,'a':{'c':2},'s':'x'}");
   GIVES (DOC, "{'_id':0}", "{'a':{'b':1,'c':2},'l':[{'b':1,'c':2},5,[{'b':3,'c':4}]],'s':'x'}");
   GIVES (DOC, "{'_id':1,'a':0,'l':0}", "{'_id':1,'s':'x'}");
   GIVES (DOC, "{'l.b':0,'a':0}", "{'_id':1,'l':[{'c':2},5,[{'c':4}]],'s':'x'}");
}

static void
computed (void)
{
   GIVES (DOC, "{'s':1,'n':{'$add':['$a.b','$a.c']}}", "{'_id':1,'s':'x','n':3}");
   GIVES (DOC, "{'n':'$l.b'}", "{'_id':1,'n':[1]}");
   GIVES (DOC, "{'n':'text'}", "{'_id':1,'n':'text'}");
   GIVES (DOC, "{'n':'$nothing'}", "{'_id':1}");
}

static void
slices (void)
{
   static const char doc[] = "{'_id':1,'a':[1,2,3,4],'b':2}";
   GIVES (doc, "{'a':{'$slice':2}}", "{'_id':1,'a':[1,2],'b':2}");
   GIVES (doc, "{'a':{'$slice':-1}}", "{'_id':1,'a':[4],'b':2}");
   GIVES (doc, "{'a':{'$slice':[1,2]}}", "{'_id':1,'a':[2,3],'b':2}");
   GIVES (doc, "{'a':{'$slice':[-3,2]}}", "{'_id':1,'a':[2,3],'b':2}");
   GIVES (doc, "{'a':{'$slice':9}}", doc);
   GIVES (doc, "{'a':{'$slice':1},'_id':0}", "{'a':[1],'b':2}");
   GIVES (doc, "{'a':{'$slice':1},'b':0}", "{'_id':1,'a':[1]}");
   GIVES (doc, "{'a':{'$slice':1},'_id':1,'c':1}", "{'_id':1,'a':[1]}");
   GIVES ("{'x':{'a':[1,2]}}", "{'x.a':{'$slice':1}}", "{'x':{'a':[1]}}");
   REFUSED (doc, "{'a':{'$slice':'x'}}", 28667);
   REFUSED (doc, "{'a':{'$slice':[1,0]}}", 28724);
}

static void
elem_match_and_positional (void)
{
   static const char doc[] = "{'_id':1,'a':[{'b':1},{'b':2}],'c':3}";
   GIVES (doc, "{'a':{'$elemMatch':{'b':2}},'c':1}", "{'_id':1,'c':3,'a':[{'b':2}]}");
   GIVES (doc, "{'a':{'$elemMatch':{'b':7}}}", "{'_id':1}");
   GIVES ("{'_id':1,'a':[1,5,9]}", "{'a':{'$elemMatch':{'$gt':4}}}", "{'_id':1,'a':[5]}");
   CU_ASSERT_EQUAL (try_project_at (doc, "{'a.$':1}", 1, "{'_id':1,'a':[{'b':2}]}"), 0);
   CU_ASSERT_EQUAL (try_project_at (doc, "{'a.$':1}", SIZE_MAX, NULL), 51246);
   CU_ASSERT_EQUAL (try_project_at (doc, "{'a.$':1}", 2, NULL), 51247);
   CU_ASSERT_EQUAL (try_project_at (doc, "{'a.$':0}", 0, NULL), 31395);
   REFUSED (doc, "{'a.$':1,'c.$':1}", 31276);
   REFUSED (doc, "{'a.$':1,'c':{'$elemMatch':{}}}", 31256);
   REFUSED (doc, "{'c':{'$elemMatch':{}},'a.$':1}", 31255);
   REFUSED (doc, "{'a.b':{'$elemMatch':{}}}", 31275);
   REFUSED (doc, "{'a':{'$elemMatch':1}}", 31274);
}

static void
refused (void)
{
   REFUSED (DOC, "{'a':1,'s':0}", 31254);
   CU_ASSERT_STRING_EQUAL (last_message (), "Cannot do exclusion on field s in inclusion projection");
   REFUSED (DOC, "{'a':0,'s':1}", 31253);
   REFUSED (DOC, "{'a':1,'a.b':1}", 31249);
   REFUSED (DOC, "{'a.b':1,'a':1}", 31250);
   REFUSED (DOC, "{'a':0,'n':'$s'}", 31310);
   REFUSED (DOC, "{'a':{}}", 51270);
   REFUSED (DOC, "{'':1}", 40352);
   REFUSED (DOC, "{'a.':1}", 40353);
   REFUSED (DOC, "{'a..b':1}", 15998);
   REFUSED (DOC, "{'$a':1}", 16410);
   REFUSED (DOC, "{'a':{'$foo':1}}", 31325);
   REFUSED (DOC, "{'a':{'$cond':{'if':1,'then':2}}}", 17082);
}

const fg_test fg_tests[] = {{"inclusion", inclusion},
                            {"exclusion", exclusion},
                            {"computed", computed},
                            {"slices", slices},
                            {"elem_match_and_positional", elem_match_and_positional},
                            {"refused", refused},
                            {NULL, NULL}};

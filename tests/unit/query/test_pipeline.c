/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/pipeline.h"
#include "tests/integration/queries/extjson.h"
#include "tests/unit/query/helper.h"
#include "tests/unit/runner.h"

const char *const fg_suite_name = "query-pipeline";

#define GIVES(docs, stages, wanted) CU_ASSERT_EQUAL (try_pipeline (docs, stages, wanted), 0)
#define REFUSED(docs, stages, code) CU_ASSERT_EQUAL (try_pipeline (docs, stages, NULL), code)

static const char NUMBERS[] = "{'':[{'k':'a','n':1},{'k':'b','n':5},{'k':'a','n':3},{'n':2}]}";

static void
simple_stages (void)
{
   GIVES (NUMBERS, "[]", NUMBERS);
   GIVES (NUMBERS, "[{'$match':{'n':{'$gt':2}}}]", "{'':[{'k':'b','n':5},{'k':'a','n':3}]}");
   GIVES (NUMBERS, "[{'$sort':{'n':-1}},{'$skip':1},{'$limit':2}]", "{'':[{'k':'a','n':3},{'n':2}]}");
   GIVES (NUMBERS, "[{'$limit':1},{'$project':{'k':1}}]", "{'':[{'k':'a'}]}");
   GIVES (NUMBERS, "[{'$limit':1},{'$set':{'m':{'$multiply':['$n',2]},'k':'$$REMOVE'}}]", "{'':[{'n':1,'m':2}]}");
   GIVES (NUMBERS, "[{'$limit':1},{'$addFields':{'x.y':7}},{'$unset':['k','n']}]", "{'':[{'x':{'y':7}}]}");
   GIVES (NUMBERS, "[{'$count':'c'}]", "{'':[{'c':4}]}");
   GIVES ("{'':[]}", "[{'$count':'c'}]", "{'':[]}");
   GIVES ("{'':[{'a':{'b':1}}]}", "[{'$replaceRoot':{'newRoot':'$a'}}]", "{'':[{'b':1}]}");
   GIVES ("{'':[{'a':1}]}", "[{'$replaceWith':{'z':'$a'}}]", "{'':[{'z':1}]}");
   GIVES ("{'':[{'a':[1,{'b':1}]}]}", "[{'$set':{'a.b':2}}]", "{'':[{'a':[{'b':2},{'b':2}]}]}");
}

static void
groups (void)
{
   GIVES (NUMBERS, "[{'$group':{'_id':'$k','s':{'$sum':'$n'},'c':{'$sum':1}}}]",
          "{'':[{'_id':'a','s':4,'c':2},{'_id':'b','s':5,'c':1},{'_id':null,'s':2,'c':1}]}");
   GIVES (NUMBERS,
          "[{'$group':{'_id':null,'a':{'$avg':'$n'},'lo':{'$min':'$n'},'hi':{'$max':'$n'},'c':{'$count':{}}}}]",
          "{'':[{'_id':null,'a':2.75,'lo':1,'hi':5,'c':4}]}");
   GIVES (NUMBERS,
          "[{'$group':{'_id':1,'f':{'$first':'$k'},'l':{'$last':'$k'},'p':{'$push':'$k'},'s':{'$addToSet':'$k'}}}]",
          "{'':[{'_id':1,'f':'a','l':null,'p':['a','b','a'],'s':['a','b']}]}");
   GIVES ("{'':[{'n':1},{'n':1.0},{'n':{'$numberLong':'1'}}]}", "[{'$group':{'_id':'$n','c':{'$sum':1}}}]",
          "{'':[{'_id':1,'c':3}]}");
   GIVES ("{'':[{'n':2147483647},{'n':1},{'n':'x'}]}", "[{'$group':{'_id':null,'s':{'$sum':'$n'},'a':{'$avg':'$z'}}}]",
          "{'':[{'_id':null,'s':{'$numberLong':'2147483648'},'a':null}]}");
   GIVES ("{'':[{'n':0.1},{'n':0.2},{'n':0.3},{'n':-0.6}]}",
          "[{'$group':{'_id':null,'s':{'$sum':'$n'}}},{'$match':{'s':{'$lt':1e-16}}},{'$count':'c'}]",
          "{'':[{'c':1}]}");
   GIVES ("{'':[{'n':1},{'n':{'$numberDecimal':'0.5'}}]}",
          "[{'$group':{'_id':null,'s':{'$sum':'$n'},'a':{'$avg':'$n'}}}]",
          "{'':[{'_id':null,'s':{'$numberDecimal':'1.5'},'a':{'$numberDecimal':'0.75'}}]}");
   GIVES (NUMBERS, "[{'$sortByCount':'$k'},{'$limit':1}]", "{'':[{'_id':'a','count':2}]}");
   GIVES (NUMBERS, "[{'$group':{'_id':{'k':'$k'},'n':{'$sum':'$n'}}},{'$limit':1}]", "{'':[{'_id':{'k':'a'},'n':4}]}");
}

static void
unwinding (void)
{
   static const char docs[] = "{'':[{'i':1,'a':[7,8]},{'i':2,'a':[]},{'i':3},{'i':4,'a':9},{'i':5,'a':null}]}";
   GIVES (docs, "[{'$unwind':'$a'}]", "{'':[{'i':1,'a':7},{'i':1,'a':8},{'i':4,'a':9}]}");
   GIVES (docs, "[{'$unwind':{'path':'$a','preserveNullAndEmptyArrays':true,'includeArrayIndex':'x'}}]",
          "{'':[{'i':1,'a':7,'x':{'$numberLong':'0'}},{'i':1,'a':8,'x':{'$numberLong':'1'}},{'i':2,'x':null},{'i':3,'x'"
          ":null},"
          "{'i':4,'a':9,'x':null},{'i':5,'a':null,'x':null}]}");
   GIVES ("{'':[{'o':{'a':[1,2],'b':3}}]}", "[{'$unwind':'$o.a'}]", "{'':[{'o':{'a':1,'b':3}},{'o':{'a':2,'b':3}}]}");
   REFUSED (docs, "[{'$unwind':'a'}]", 28818);
   REFUSED (docs, "[{'$unwind':{'path':1}}]", 28808);
   REFUSED (docs, "[{'$unwind':{'path':'$a','foo':1}}]", 28811);
   REFUSED (docs, "[{'$unwind':{}}]", 28812);
   REFUSED (docs, "[{'$unwind':1}]", 15981);
}

static void
refused (void)
{
   REFUSED (NUMBERS, "[{'$foo':1}]", 40324);
   CU_ASSERT_STRING_EQUAL (last_message (), "Unrecognized pipeline stage name: '$foo'");
   REFUSED (NUMBERS, "[{'$lookup':{}}]", 40324);
   REFUSED (NUMBERS, "[{}]", 40323);
   REFUSED (NUMBERS, "[{'$match':{},'$limit':1}]", 40323);
   REFUSED (NUMBERS, "[7]", 14);
   REFUSED (NUMBERS, "[{'$match':1}]", 15959);
   REFUSED (NUMBERS, "[{'$limit':0}]", 15958);
   REFUSED (NUMBERS, "[{'$limit':-1}]", 5107201);
   REFUSED (NUMBERS, "[{'$skip':'x'}]", 5107200);
   REFUSED (NUMBERS, "[{'$sort':{}}]", 15976);
   REFUSED (NUMBERS, "[{'$sort':1}]", 15973);
   REFUSED (NUMBERS, "[{'$count':'$c'}]", 40158);
   REFUSED (NUMBERS, "[{'$count':''}]", 40157);
   REFUSED (NUMBERS, "[{'$count':'a.b'}]", 40160);
   REFUSED (NUMBERS, "[{'$project':{}}]", 51272);
   REFUSED (NUMBERS, "[{'$project':{'a':1,'b':0}}]", 31254);
   REFUSED (NUMBERS, "[{'$addFields':{'a':1,'a.b':2}}]", 40176);
   REFUSED (NUMBERS, "[{'$project':{'a':{'$foo':1}}}]", 31325);
   CU_ASSERT_STRING_EQUAL (last_message (), "Invalid $project :: caused by :: Unknown expression $foo");
   REFUSED (NUMBERS, "[{'$project':{'a':{'$add':[1,{'$foo':1}]}}}]", 168);
   REFUSED (NUMBERS, "[{'$set':{'a':{'$foo':1}}}]", 168);
   REFUSED (NUMBERS, "[{'$unset':1}]", 31002);
   REFUSED (NUMBERS, "[{'$group':{'s':{'$sum':1}}}]", 15955);
   REFUSED (NUMBERS, "[{'$group':{'_id':1,'s':1}}]", 40234);
   REFUSED (NUMBERS, "[{'$group':{'_id':1,'s':{'$foo':1}}}]", 15952);
   REFUSED (NUMBERS, "[{'$group':{'_id':1,'a.b':{'$sum':1}}}]", 40235);
   REFUSED (NUMBERS, "[{'$group':{'_id':1,'a':{'$sum':[1,2]}}}]", 40237);
   REFUSED (NUMBERS, "[{'$replaceRoot':{}}]", 40414);
   REFUSED (NUMBERS, "[{'$replaceRoot':{'newRoot':'$n'}}]", 40228);
   REFUSED (NUMBERS, "[{'$out':'x'},{'$limit':1}]", 40601);
   REFUSED (NUMBERS, "[{'$sortByCount':'k'}]", 40148);
}

static void
expressions (void)
{
   static const char one[] =
      "{'':[{'a':3,'b':-2.5,'s':'Ab','l':[1,2,3],'n':null,'d':{'$date':{'$numberLong':'1000'}}}]}";
#define EXPR(expr, wanted) GIVES (one, "[{'$replaceWith':{'v':" expr "}}]", "{'':[{'v':" wanted "}]}")
#define EXPR_REFUSED(expr, code) REFUSED (one, "[{'$replaceWith':{'v':" expr "}}]", code)
   EXPR ("{'$add':['$a',1,{'$literal':2}]}", "6");
   EXPR ("{'$add':['$d',500]}", "{'$date':{'$numberLong':'1500'}}");
   EXPR ("{'$add':['$a','$n']}", "null");
   EXPR ("{'$subtract':['$a',5]}", "-2");
   EXPR ("{'$subtract':['$d','$d']}", "{'$numberLong':'0'}");
   EXPR ("{'$subtract':[0,-2147483648]}", "{'$numberLong':'2147483648'}");
   EXPR ("{'$multiply':['$a','$b']}", "-7.5");
   EXPR ("{'$divide':['$a',2]}", "1.5");
   EXPR ("{'$mod':['$a',2]}", "1");
   EXPR ("{'$abs':'$b'}", "2.5");
   EXPR ("{'$floor':'$b'}", "-3.0");
   EXPR ("{'$ceil':'$b'}", "-2.0");
   EXPR ("{'$concat':['$s','-','x']}", "'Ab-x'");
   EXPR ("{'$toLower':'$s'}", "'ab'");
   EXPR ("{'$toUpper':'$zz'}", "''");
   EXPR ("{'$strLenCP':'$s'}", "2");
   EXPR ("{'$cond':[{'$gt':['$a',2]},'big','small']}", "'big'");
   EXPR ("{'$cond':{'if':'$n','then':1,'else':2}}", "2");
   EXPR ("{'$ifNull':['$n','$zz',7]}", "7");
   EXPR ("{'$switch':{'branches':[{'case':{'$eq':['$a',3]},'then':'three'}],'default':0}}", "'three'");
   EXPR ("{'$and':[1,'$a',true]}", "true");
   EXPR ("{'$or':[0,'$n']}", "false");
   EXPR ("{'$not':['$n']}", "true");
   EXPR ("{'$cmp':['$a',4]}", "-1");
   EXPR ("{'$eq':['$a',3.0]}", "true");
   EXPR ("{'$in':[2,'$l']}", "true");
   EXPR ("{'$size':'$l'}", "3");
   EXPR ("{'$arrayElemAt':['$l',-1]}", "3");
   EXPR ("{'$first':'$l'}", "1");
   EXPR ("{'$slice':['$l',-2]}", "[2,3]");
   EXPR ("{'$slice':['$l',1,1]}", "[2]");
   EXPR ("{'$concatArrays':['$l',[9]]}", "[1,2,3,9]");
   EXPR ("{'$isArray':'$l'}", "true");
   EXPR ("{'$map':{'input':'$l','as':'x','in':{'$add':['$$x','$a']}}}", "[4,5,6]");
   EXPR ("{'$filter':{'input':'$l','cond':{'$ne':['$$this',2]}}}", "[1,3]");
   EXPR ("{'$let':{'vars':{'x':4},'in':{'$multiply':['$$x','$$x']}}}", "16");
   EXPR ("{'$mergeObjects':[{'p':1,'q':2},{'p':3},'$n']}", "{'p':3,'q':2}");
   EXPR ("{'$type':'$zz'}", "'missing'");
   EXPR ("{'$sum':'$l'}", "6");
   EXPR ("{'$max':['$a','$b']}", "3");
   EXPR ("['$a','$zz']", "[3,null]");
   EXPR ("{'p':'$a','q':'$zz'}", "{'p':3}");
   EXPR_REFUSED ("{'$add':['$s',1]}", 14);
   EXPR_REFUSED ("{'$subtract':[1]}", 16020);
   EXPR_REFUSED ("{'$divide':[1,0]}", 2);
   EXPR_REFUSED ("{'$mod':[1,0]}", 16610);
   EXPR_REFUSED ("{'$concat':['$a']}", 16702);
   EXPR_REFUSED ("{'$size':'$a'}", 17124);
   EXPR_REFUSED ("{'$in':[1,'$a']}", 40081);
   EXPR_REFUSED ("{'$arrayElemAt':['$a',0]}", 28689);
   EXPR_REFUSED ("{'$switch':{'branches':[{'case':false,'then':1}]}}", 40066);
   EXPR_REFUSED ("{'$switch':{'branches':[]}}", 40068);
   EXPR_REFUSED ("{'$map':{'input':'$a','in':1}}", 16883);
   EXPR_REFUSED ("{'$mergeObjects':'$a'}", 40400);
   EXPR_REFUSED ("'$$nobody'", 17276);
   EXPR_REFUSED ("{'$add':1,'$subtract':2}", 15983);
   EXPR_REFUSED ("'$a..b'", 15998);
   EXPR_REFUSED ("'$a.'", 40353);
   EXPR_REFUSED ("{'a.b':1}", 16412);
}

static fgd_pipeline *
compile (const char *text, fg_buf *doc, fg_error *err)
{
   fgd_element element;
   if (!fg_test_extjson (text, doc) || !fgd_find (doc->data, doc->len, "p", 1, &element)) {
      return NULL;
   }
   return fgd_pipeline_compile (element.value.data, element.value.len, NULL, 0, err);
}

static void
targets (void)
{
   fg_buf doc = {0};
   fg_error err;
   const uint8_t *filter = NULL;
   size_t len = 0;
   fgd_pipeline *pipeline =
      compile ("{\"p\":[{\"$match\":{\"a\":1}},{\"$out\":{\"db\":\"d\",\"coll\":\"c\"}}]}", &doc, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (pipeline);
   const fgd_target *target = fgd_pipeline_target (pipeline);
   CU_ASSERT_EQUAL (target->kind, FGD_TARGET_OUT);
   CU_ASSERT_STRING_EQUAL (target->db, "d");
   CU_ASSERT_STRING_EQUAL (target->collection, "c");
   CU_ASSERT_TRUE (fgd_pipeline_leading_match (pipeline, &filter, &len));
   CU_ASSERT_EQUAL (len, 12);
   fgd_pipeline_free (pipeline);
   pipeline = compile ("{\"p\":[{\"$merge\":{\"into\":\"c\",\"on\":[\"a\",\"b\"],\"whenMatched\":\"replace\","
                       "\"whenNotMatched\":\"discard\"}}]}",
                       &doc, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (pipeline);
   target = fgd_pipeline_target (pipeline);
   CU_ASSERT_EQUAL (target->kind, FGD_TARGET_MERGE);
   CU_ASSERT_PTR_NULL (target->db);
   CU_ASSERT_EQUAL_FATAL (target->n_on, 2);
   CU_ASSERT_STRING_EQUAL (target->on[1], "b");
   CU_ASSERT_EQUAL (target->when_matched, FGD_MATCHED_REPLACE);
   CU_ASSERT_TRUE (target->on_given);
   CU_ASSERT_EQUAL (target->when_not_matched, FGD_NOT_MATCHED_DISCARD);
   CU_ASSERT_FALSE (fgd_pipeline_leading_match (pipeline, &filter, &len));
   fgd_pipeline_free (pipeline);
   CU_ASSERT_PTR_NULL (compile ("{\"p\":[{\"$merge\":{\"into\":\"c\",\"whenMatched\":\"foo\"}}]}", &doc, &err));
   CU_ASSERT_EQUAL (err.code, 2);
   CU_ASSERT_PTR_NULL (compile ("{\"p\":[{\"$merge\":{\"into\":\"c\",\"whenMatched\":\"keepExisting\","
                                "\"whenNotMatched\":\"discard\"}}]}",
                                &doc, &err));
   CU_ASSERT_EQUAL (err.code, 51181);
   CU_ASSERT_PTR_NULL (compile ("{\"p\":[{\"$merge\":{}}]}", &doc, &err));
   CU_ASSERT_EQUAL (err.code, 40414);
   CU_ASSERT_PTR_NULL (compile ("{\"p\":[{\"$out\":1}]}", &doc, &err));
   CU_ASSERT_EQUAL (err.code, 16990);
   fg_buf_free (&doc);
}

/* Values stay values: what looks like an expression inside a document is wrapped. */
static void
variables (void)
{
   fg_buf doc = {0};
   fg_buf input = {0};
   fg_buf wanted = {0};
   fg_buf got = {0};
   fg_error err;
   fgd_pipeline *pipeline = compile ("{\"p\":[{\"$merge\":{\"into\":\"c\",\"whenMatched\":[{\"$set\":{\"a\":\"$$x\"}}],"
                                     "\"let\":{\"x\":\"$s\",\"gone\":\"$missing\",\"one\":{\"$add\":[1,\"$n\"]}}}}]}",
                                     &doc, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (pipeline);
   CU_ASSERT_EQUAL (fgd_pipeline_target (pipeline)->when_matched, FGD_MATCHED_PIPELINE);
   CU_ASSERT_TRUE_FATAL (fg_test_extjson ("{\"s\":\"$n\",\"n\":{\"$numberInt\":\"2\"}}", &input));
   CU_ASSERT_TRUE_FATAL (fg_test_extjson ("{\"x\":{\"$literal\":\"$n\"},\"one\":{\"$literal\":{\"$numberInt\":\"3\"}},"
                                          "\"new\":{\"$literal\":{\"s\":\"$n\",\"n\":{\"$numberInt\":\"2\"}}}}",
                                          &wanted));
   CU_ASSERT_TRUE (fgd_pipeline_variables (pipeline, input.data, input.len, 0, &got, &err));
   CU_ASSERT_EQUAL_FATAL (got.len, wanted.len);
   CU_ASSERT_EQUAL (memcmp (got.data, wanted.data, got.len), 0);
   fgd_pipeline_free (pipeline);
   CU_ASSERT_PTR_NULL (compile ("{\"p\":[{\"$merge\":{\"into\":\"c\",\"whenMatched\":[{\"$set\":{\"a\":\"$$new\"}}],"
                                "\"whenNotMatched\":\"discard\",\"let\":{\"x\":1}}}]}",
                                &doc, &err));
   CU_ASSERT_EQUAL (err.code, 17276);
   fg_buf_free (&doc);
   fg_buf_free (&input);
   fg_buf_free (&wanted);
   fg_buf_free (&got);
}

static void
distinct_is (const char *docs, const char *path, const char *wanted)
{
   fg_buf all = {0}, want = {0}, got = {0};
   fg_error err;
   fgd_walk walk;
   fgd_element element;
   fgd_distinct *distinct = fgd_distinct_new (path, &err);
   CU_ASSERT_TRUE_FATAL (fg_test_extjson (docs, &all) && fg_test_extjson (wanted, &want) && distinct != NULL);
   fgd_walk_begin (&walk, all.data, all.len);
   while (fgd_walk_next (&walk, &element)) {
      CU_ASSERT_TRUE (fgd_distinct_add (distinct, element.value.data, element.value.len, &err));
   }
   CU_ASSERT_TRUE (fgd_distinct_values (distinct, &got, &err));
   CU_ASSERT_TRUE (fgd_find (want.data, want.len, "v", 1, &element) && element.value.len == got.len &&
                   memcmp (element.value.data, got.data, got.len) == 0);
   fgd_distinct_free (distinct);
   fg_buf_free (&all);
   fg_buf_free (&want);
   fg_buf_free (&got);
}

static void
distinct_values (void)
{
   distinct_is ("{\"0\":{\"a\":1},\"1\":{\"a\":[1.0,2,[3]]},\"2\":{},\"3\":{\"a\":null}}", "a",
                "{\"v\":[1,2,[3],null]}");
   distinct_is ("{\"0\":{\"a\":[{\"b\":1},{\"b\":[2,3]},7]}}", "a.b", "{\"v\":[1,2,3]}");
   distinct_is ("{\"0\":{\"a\":[{\"b\":1},{\"b\":2}]}}", "a.1.b", "{\"v\":[2]}");
   distinct_is ("{\"0\":{\"a\":[]}}", "a", "{\"v\":[]}");
}

const fg_test fg_tests[] = {{"simple_stages", simple_stages},
                            {"groups", groups},
                            {"unwinding", unwinding},
                            {"refused", refused},
                            {"expressions", expressions},
                            {"targets", targets},
                            {"variables", variables},
                            {"distinct_values", distinct_values},
                            {NULL, NULL}};

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/update.h"
#include "tests/unit/query/helper.h"
#include "tests/unit/runner.h"

#include <stdlib.h>

const char *const fg_suite_name = "query-update";

#define UPDATE(doc, u, wanted) CU_ASSERT_EQUAL (try_update (doc, u, wanted), 0)
#define NOTHING(doc, u) CU_ASSERT_EQUAL (try_update (doc, u, doc), SAME)
#define REFUSED(doc, u, code) CU_ASSERT_EQUAL (try_update (doc, u, NULL), code)

static void
set_and_unset (void)
{
   UPDATE ("{'_id':1,'a':1}", "{'$set':{'a':2}}", "{'_id':1,'a':2}");
   UPDATE ("{'_id':1,'a':1}", "{'$set':{'a':1.0}}", "{'_id':1,'a':1.0}");
   NOTHING ("{'_id':1,'a':1}", "{'$set':{'a':1}}");
   NOTHING ("{'_id':1,'a':1}", "{'$set':{}}");
   UPDATE ("{'_id':1}", "{'$set':{'b.c':1,'a':2,'b.a':3}}", "{'_id':1,'a':2,'b':{'a':3,'c':1}}");
   UPDATE ("{'_id':1}", "{'$set':{'f10':1,'10':2,'9':3}}", "{'_id':1,'9':3,'10':2,'f10':1}");
   UPDATE ("{'_id':1,'a':[1]}", "{'$set':{'a.3':9}}", "{'_id':1,'a':[1,null,null,9]}");
   UPDATE ("{'_id':1,'a':[1]}", "{'$set':{'a.1.b.0':9}}", "{'_id':1,'a':[1,{'b':{'0':9}}]}");
   UPDATE ("{'a':1}", "{'$set':{'_id':5}}", "{'_id':5,'a':1}");
   UPDATE ("{'_id':1,'a':[1,2]}", "{'$unset':{'a.0':''}}", "{'_id':1,'a':[null,2]}");
   UPDATE ("{'_id':1,'a':{'b':1,'c':2}}", "{'$unset':{'a.b':''}}", "{'_id':1,'a':{'c':2}}");
   NOTHING ("{'_id':1,'a':3}", "{'$unset':{'a.b':'','x':1}}");
   NOTHING ("{'_id':1,'a':3}", "{'$setOnInsert':{'a.b':7}}");
}

static void
set_refused (void)
{
   REFUSED ("{'_id':1,'a':3}", "{'$set':{'a.b':7}}", 28);
   REFUSED ("{'_id':1,'a':null}", "{'$set':{'a.b':7}}", 28);
   REFUSED ("{'_id':1,'a':[]}", "{'$set':{'a.b':7}}", 28);
   CU_ASSERT_STRING_EQUAL (last_message (), "Cannot create field 'b' in element {a: ###}");
   REFUSED ("{'_id':1,'a':[]}", "{'$set':{'a.1500001':7}}", 34);
   REFUSED ("{'_id':1}", "{'$set':{'_id':2}}", 66);
   REFUSED ("{'_id':{'x':1}}", "{'$set':{'_id.x':2}}", 66);
   REFUSED ("{'_id':1}", "{'$unset':{'_id':1}}", 66);
   REFUSED ("{'_id':1}", "{'$rename':{'_id':'b'}}", 66);
   REFUSED ("{'a':1}", "{'$set':{'_id':[1]}}", 53);
   REFUSED ("{'_id':1}", "{'$set':{'':1}}", 56);
   REFUSED ("{'_id':1}", "{'$set':{'a..b':1}}", 56);
   REFUSED ("{'_id':1}", "{'$set':{'a.$x':1}}", 52);
   REFUSED ("{'_id':1}", "{'$set':{'a':1,'a.b':1}}", 40);
   REFUSED ("{'_id':1}", "{'$set':{'a.b':1},'$inc':{'a':1}}", 40);
   CU_ASSERT_STRING_EQUAL (last_message (), "Updating the path 'a.b' would create a conflict at 'a'");
   REFUSED ("{'_id':1}", "{'$set':{'a.$[].b':1,'a.c':1}}", 40);
   REFUSED ("{'_id':1}", "{'$foo':{'a':1}}", 9);
   CU_ASSERT_STRING_EQUAL (
      last_message (),
      "Unknown modifier: $foo. Expected a valid update modifier or pipeline-style update specified as an array");
   REFUSED ("{'_id':1}", "{'$set':1}", 9);
   REFUSED ("{'_id':1}", "{'$set':{'a':1},'b':1}", 9);
}

static void
arithmetic (void)
{
   UPDATE ("{'a':1}", "{'$inc':{'a':2}}", "{'a':3}");
   UPDATE ("{'a':2147483647}", "{'$inc':{'a':1}}", "{'a':{'$numberLong':'2147483648'}}");
   UPDATE ("{'a':1}", "{'$inc':{'a':1.5}}", "{'a':2.5}");
   UPDATE ("{'a':{'$numberDecimal':'0.1'}}", "{'$inc':{'a':{'$numberDecimal':'0.2'}}}",
           "{'a':{'$numberDecimal':'0.3'}}");
   UPDATE ("{'a':2.5}", "{'$inc':{'a':{'$numberDecimal':'1'}}}", "{'a':{'$numberDecimal':'3.50000000000000'}}");
   UPDATE ("{}", "{'$inc':{'a':{'$numberLong':'4'}}}", "{'a':{'$numberLong':'4'}}");
   UPDATE ("{}", "{'$mul':{'a':{'$numberLong':'4'}}}", "{'a':{'$numberLong':'0'}}");
   UPDATE ("{}", "{'$mul':{'a':2.5}}", "{'a':0.0}");
   UPDATE ("{'a':3}", "{'$mul':{'a':-2}}", "{'a':-6}");
   UPDATE ("{'a':65536}", "{'$mul':{'a':65536}}", "{'a':{'$numberLong':'4294967296'}}");
   NOTHING ("{'a':3}", "{'$inc':{'a':0}}");
   NOTHING ("{'a':3}", "{'$mul':{'a':1}}");
   REFUSED ("{'a':{'$numberLong':'9223372036854775807'}}", "{'$inc':{'a':1}}", 2);
   REFUSED ("{'a':{'$numberLong':'9223372036854775807'}}", "{'$mul':{'a':2}}", 2);
   REFUSED ("{'a':'x'}", "{'$inc':{'a':1}}", 14);
   REFUSED ("{'a':1}", "{'$inc':{'a':'x'}}", 14);
   CU_ASSERT_STRING_EQUAL (last_message (), "Cannot increment with non-numeric argument: {a: ###}");
   UPDATE ("{'a':12}", "{'$bit':{'a':{'and':10}}}", "{'a':8}");
   UPDATE ("{'a':12}", "{'$bit':{'a':{'or':{'$numberLong':'1'}}}}", "{'a':{'$numberLong':'13'}}");
   UPDATE ("{}", "{'$bit':{'a':{'xor':5}}}", "{'a':5}");
   REFUSED ("{'a':1.5}", "{'$bit':{'a':{'and':1}}}", 2);
   REFUSED ("{'a':1}", "{'$bit':{'a':{'nand':1}}}", 2);
   REFUSED ("{'a':1}", "{'$bit':{'a':{}}}", 2);
   REFUSED ("{'a':1}", "{'$bit':{'a':{'and':1.0}}}", 2);
}

static void
comparing_and_dates (void)
{
   UPDATE ("{'a':5}", "{'$min':{'a':3}}", "{'a':3}");
   NOTHING ("{'a':5}", "{'$min':{'a':7}}");
   NOTHING ("{'a':5}", "{'$max':{'a':5.0}}");
   UPDATE ("{'a':5}", "{'$max':{'a':'x'}}", "{'a':'x'}");
   UPDATE ("{'a':{'b':1}}", "{'$max':{'a.c':1}}", "{'a':{'b':1,'c':1}}");
   UPDATE ("{}", "{'$currentDate':{'a':true}}", "{'a':{'$date':{'$numberLong':'1700000000000'}}}");
   UPDATE ("{'a':1}", "{'$currentDate':{'a':{'$type':'timestamp'}}}", "{'a':{'$timestamp':{'t':1700000000,'i':1}}}");
   REFUSED ("{}", "{'$currentDate':{'a':{'$type':'time'}}}", 2);
   REFUSED ("{}", "{'$currentDate':{'a':{'type':'date'}}}", 2);
   REFUSED ("{}", "{'$currentDate':{'a':1}}", 2);
}

static void
pushing (void)
{
   UPDATE ("{}", "{'$push':{'a':1}}", "{'a':[1]}");
   UPDATE ("{'a':[1]}", "{'$push':{'a':[2]}}", "{'a':[1,[2]]}");
   UPDATE ("{'a':[1,2]}", "{'$push':{'a':{'$each':[8,9],'$position':1}}}", "{'a':[1,8,9,2]}");
   UPDATE ("{'a':[1,2]}", "{'$push':{'a':{'$each':[8],'$position':-1}}}", "{'a':[1,8,2]}");
   UPDATE ("{'a':[3,1]}", "{'$push':{'a':{'$each':[2],'$sort':-1,'$slice':2}}}", "{'a':[3,2]}");
   UPDATE ("{'a':[3,1]}", "{'$push':{'a':{'$each':[2],'$slice':-2}}}", "{'a':[1,2]}");
   UPDATE ("{'a':[3,1]}", "{'$push':{'a':{'$each':[],'$slice':0}}}", "{'a':[]}");
   UPDATE ("{'a':[{'b':2},{'b':1},5]}", "{'$push':{'a':{'$each':[],'$sort':{'b':1}}}}", "{'a':[5,{'b':1},{'b':2}]}");
   UPDATE ("{}", "{'$push':{'a':{'$each':[]}}}", "{'a':[]}");
   NOTHING ("{'a':[1]}", "{'$push':{'a':{'$each':[]}}}");
   REFUSED ("{'a':1}", "{'$push':{'a':1}}", 2);
   REFUSED ("{'a':[]}", "{'$push':{'a':{'$each':1}}}", 2);
   REFUSED ("{'a':[]}", "{'$push':{'a':{'$each':[],'$foo':1}}}", 2);
   REFUSED ("{'a':[]}", "{'$push':{'a':{'$each':[],'$sort':2}}}", 2);
   REFUSED ("{'a':[]}", "{'$push':{'a':{'$each':[],'$slice':'x'}}}", 2);
   REFUSED ("{'a':[]}", "{'$push':{'a':{'$each':[],'$position':1.5}}}", 2);
   UPDATE ("{'a':[1]}", "{'$addToSet':{'a':{'$each':[1.0,2,2]}}}", "{'a':[1,2]}");
   UPDATE ("{'a':[]}", "{'$addToSet':{'a':[1]}}", "{'a':[[1]]}");
   NOTHING ("{'a':[{'x':1,'y':2}]}", "{'$addToSet':{'a':{'x':1,'y':2}}}");
   UPDATE ("{'a':[{'x':1,'y':2}]}", "{'$addToSet':{'a':{'y':2,'x':1}}}", "{'a':[{'x':1,'y':2},{'y':2,'x':1}]}");
   REFUSED ("{'a':{}}", "{'$addToSet':{'a':1}}", 2);
   REFUSED ("{'a':[]}", "{'$addToSet':{'a':{'$each':1}}}", 14);
}

static void
pulling (void)
{
   UPDATE ("{'a':[1,2,1,[1]]}", "{'$pull':{'a':1}}", "{'a':[2,[1]]}");
   UPDATE ("{'a':[1,5,9]}", "{'$pull':{'a':{'$gt':4}}}", "{'a':[1]}");
   UPDATE ("{'a':[{'b':1,'c':2},{'b':2},3]}", "{'$pull':{'a':{'b':1}}}", "{'a':[{'b':2},3]}");
   UPDATE ("{'a':[{'b':1},{},3]}", "{'$pull':{'a':{}}}", "{'a':[3]}");
   UPDATE ("{'a':[1,2,3]}", "{'$pull':{'a':{'$in':[1,3]}}}", "{'a':[2]}");
   NOTHING ("{'a':[2]}", "{'$pull':{'a':1}}");
   NOTHING ("{'b':[2]}", "{'$pull':{'a':1}}");
   REFUSED ("{'a':3}", "{'$pull':{'a':3}}", 2);
   REFUSED ("{'a':3}", "{'$pull':{'a.b':3}}", 28);
   REFUSED ("{'a':[]}", "{'$pull':{'a':{'$in':3}}}", 2);
   UPDATE ("{'a':[1,2.0,3]}", "{'$pullAll':{'a':[2,3]}}", "{'a':[1]}");
   REFUSED ("{'a':[]}", "{'$pullAll':{'a':3}}", 2);
   UPDATE ("{'a':[1,2]}", "{'$pop':{'a':1}}", "{'a':[1]}");
   UPDATE ("{'a':[1,2]}", "{'$pop':{'a':-1}}", "{'a':[2]}");
   NOTHING ("{'a':[]}", "{'$pop':{'a':1}}");
   REFUSED ("{'a':1}", "{'$pop':{'a':1}}", 14);
   REFUSED ("{'a':[]}", "{'$pop':{'a':3}}", 9);
   REFUSED ("{'a':[]}", "{'$pop':{'a':'x'}}", 9);
}

static void
renaming (void)
{
   UPDATE ("{'a':1,'b':2}", "{'$rename':{'a':'c'}}", "{'b':2,'c':1}");
   UPDATE ("{'a':1,'b':2}", "{'$rename':{'a':'b'}}", "{'b':1}");
   UPDATE ("{'a':{'x':1}}", "{'$rename':{'a.x':'b.y'}}", "{'a':{},'b':{'y':1}}");
   NOTHING ("{'a':1}", "{'$rename':{'z':'c'}}");
   REFUSED ("{'a':1}", "{'$rename':{'a':'a'}}", 2);
   REFUSED ("{'a':1}", "{'$rename':{'a':'a.b'}}", 2);
   REFUSED ("{'a':1}", "{'$rename':{'a':7}}", 2);
   REFUSED ("{'a':1}", "{'$rename':{'a.b':'c'}}", 28);
   REFUSED ("{'a':[1]}", "{'$rename':{'a.0':'c'}}", 2);
   REFUSED ("{'a':[1],'b':1}", "{'$rename':{'b':'a.0'}}", 2);
   REFUSED ("{'a':1}", "{'$rename':{'a.$[]':'c'}}", 2);
   REFUSED ("{'a':1}", "{'$rename':{'a':'b'},'$set':{'b':1}}", 40);
}

static void
array_parts (void)
{
   CU_ASSERT_EQUAL (try_update_at ("{'a':[1,2,3]}", "{'$set':{'a.$':9}}", NULL, 1, "{'a':[1,9,3]}"), 0);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[1]}", "{'$set':{'a.$':9}}", NULL, SIZE_MAX, NULL), 2);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[1,2]}", "{'$inc':{'a.$[]':1}}", NULL, SIZE_MAX, "{'a':[2,3]}"), 0);
   CU_ASSERT_EQUAL (
      try_update_at ("{'a':[1,5,7]}", "{'$set':{'a.$[x]':0}}", "[{'x':{'$gte':5}}]", SIZE_MAX, "{'a':[1,0,0]}"), 0);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[{'b':1},{'b':2}]}", "{'$set':{'a.$[x].c':0}}", "[{'x.b':2}]", SIZE_MAX,
                                   "{'a':[{'b':1},{'b':2,'c':0}]}"),
                    0);
   CU_ASSERT_EQUAL (
      try_update_at ("{'a':[[1],[2,3]]}", "{'$inc':{'a.$[].$[]':1}}", NULL, SIZE_MAX, "{'a':[[2],[3,4]]}"), 0);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[{}]}", "{'$set':{'a.$[i].z':1,'a.$[j].b':2}}", "[{'i':{}},{'j':{}}]",
                                   SIZE_MAX, "{'a':[{'b':2,'z':1}]}"),
                    0);
   CU_ASSERT_EQUAL (
      try_update_at ("{'a':[{}]}", "{'$set':{'a.$[i].z':1,'a.$[j].z':2}}", "[{'i':{}},{'j':{}}]", SIZE_MAX, NULL), 40);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[5]}", "{'$set':{'a.$[x]':0}}", NULL, SIZE_MAX, NULL), 2);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[5]}", "{'$set':{'a.$[x]':0}}", "[{'x':5},{'y':5}]", SIZE_MAX, NULL), 9);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[5]}", "{'$set':{'a.$[x]':0}}", "[{'x':5},{'x':6}]", SIZE_MAX, NULL), 9);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[5]}", "{'$set':{'a.$[x]':0}}", "[{'x':5,'y':6}]", SIZE_MAX, NULL), 9);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[5]}", "{'$set':{'a.$[x]':0}}", "[{}]", SIZE_MAX, NULL), 9);
   CU_ASSERT_EQUAL (try_update_at ("{'a':[5]}", "{'$set':{'a.$[Xy]':0}}", "[{'Xy':5}]", SIZE_MAX, NULL), 2);
   CU_ASSERT_EQUAL (try_update_at ("{'a':5}", "{'$set':{'a.$[]':0}}", NULL, SIZE_MAX, NULL), 2);
   CU_ASSERT_EQUAL (try_update_at ("{}", "{'$set':{'a.$[]':0}}", NULL, SIZE_MAX, NULL), 2);
   CU_ASSERT_EQUAL (try_update_at ("{}", "{'$set':{'$[]':0}}", NULL, SIZE_MAX, NULL), 2);
   CU_ASSERT_EQUAL (try_update_at ("{}", "{'a':1}", "[{'x':1}]", SIZE_MAX, NULL), 9);
   CU_ASSERT_EQUAL (try_update_at ("{}", "[{'$set':{'a':1}}]", "[{'x':1}]", SIZE_MAX, NULL), 9);
}

static void
replacing (void)
{
   UPDATE ("{'_id':1,'a':1}", "{'b':2}", "{'_id':1,'b':2}");
   UPDATE ("{'_id':1,'a':1}", "{'b':2,'_id':1}", "{'_id':1,'b':2}");
   UPDATE ("{'_id':1,'a':1}", "{}", "{'_id':1}");
   NOTHING ("{'_id':1,'a':1}", "{'_id':1,'a':1}");
   UPDATE ("{'_id':1}", "{'t':{'$timestamp':{'t':0,'i':0}}}", "{'_id':1,'t':{'$timestamp':{'t':1700000000,'i':1}}}");
   REFUSED ("{'_id':1}", "{'_id':2}", 66);
   REFUSED ("{'_id':1}", "{'a':1,'$set':{'b':1}}", 52);
   REFUSED ("{'_id':1}", "1", 9);
}

static void
pipelines (void)
{
   UPDATE ("{'_id':1,'a':2}", "[{'$set':{'b':{'$add':['$a',1]}}},{'$unset':'a'}]", "{'_id':1,'b':3}");
   UPDATE ("{'_id':1,'a':2}", "[{'$replaceWith':{'c':'$a'}}]", "{'_id':1,'c':2}");
   UPDATE ("{'_id':1,'a':{'x':2}}", "[{'$replaceRoot':{'newRoot':'$a'}}]", "{'_id':1,'x':2}");
   UPDATE ("{'_id':1,'a':2,'b':3}", "[{'$project':{'b':1}}]", "{'_id':1,'b':3}");
   NOTHING ("{'_id':1,'a':2}", "[{'$unset':'zz'}]");
   REFUSED ("{'_id':1}", "[{'$set':{'_id':2}}]", 66);
   REFUSED ("{'_id':1}", "[{'$replaceWith':{'$literal':{'$x':1}}}]", 52);
   REFUSED ("{'_id':1}", "[{'$set':{'a':{}}}]", 40180);
   REFUSED ("{'_id':1}", "[{'$match':{}}]", 72);
   REFUSED ("{'_id':1}", "[{'$out':'x'}]", 72);
   REFUSED ("{'_id':1}", "[{'$foo':{}}]", 40324);
   REFUSED ("{'_id':1}", "[{'$replaceWith':1}]", 40228);
   REFUSED ("{'_id':1}", "[{'$set':{'a':{'$foo':1}}}]", 168);
   REFUSED ("{'_id':1}", "[1]", 14);
}

static void
upserting (void)
{
   CU_ASSERT_EQUAL (try_upsert ("{'b.c':1,'a':{'$eq':2},'n':{'$gt':1}}", "{'$set':{'z':1}}",
                                "{'_id':{'$oid':'012345678901234567890123'},'a':2,'b':{'c':1},'z':1}"),
                    0);
   CU_ASSERT_EQUAL (try_upsert ("{'_id':7}", "{'$setOnInsert':{'z':1}}", "{'_id':7,'z':1}"), 0);
   CU_ASSERT_EQUAL (try_upsert ("{'$and':[{'a':1},{'_id':7}]}", "{'$inc':{'z':1}}", "{'_id':7,'a':1,'z':1}"), 0);
   CU_ASSERT_EQUAL (try_upsert ("{'a':1,'_id':7}", "{'x':1}", "{'_id':7,'x':1}"), 0);
   CU_ASSERT_EQUAL (try_upsert ("{'a':1}", "{'x':1,'_id':3}", "{'_id':3,'x':1}"), 0);
   CU_ASSERT_EQUAL (try_upsert ("{'a':{'$in':[4]},'_id':1}", "{'$set':{'b':1}}", "{'_id':1,'a':4,'b':1}"), 0);
   CU_ASSERT_EQUAL (try_upsert ("{'_id':1,'a':2}", "[{'$set':{'b':'$a'}}]", "{'_id':1,'a':2,'b':2}"), 0);
   CU_ASSERT_EQUAL (try_upsert ("{'_id':1}", "{'$set':{'_id':2}}", NULL), 66);
   CU_ASSERT_EQUAL (try_upsert ("{'_id':1}", "{'_id':2}", NULL), 66);
   CU_ASSERT_EQUAL (try_upsert ("{'a':1,'$and':[{'a':2}]}", "{'$set':{'b':2}}", NULL), 54);
   CU_ASSERT_EQUAL (try_upsert ("{'a':1,'a.b':2}", "{'$set':{'b':2}}", NULL), 54);
   CU_ASSERT_EQUAL (try_upsert ("{'a':{'$all':[1,2]}}", "{'$set':{'b':2}}", NULL), 54);
   CU_ASSERT_EQUAL (try_upsert ("{'a':1}", "{'$set':{'a.b':2}}", NULL), 28);
}

/* A document of the given nesting: {"a": {"a": ... {}}}. */
static void
nested (fg_buf *out, unsigned depth)
{
   size_t at = fgd_put_begin (out);
   size_t places[400];
   for (unsigned i = 1; i < depth; i++) {
      places[i] = fgd_put_open (out, FGD_T_OBJECT, "a", 1);
   }
   for (unsigned i = depth; i-- > 1;) {
      fgd_put_end (out, places[i]);
   }
   fgd_put_end (out, at);
}

static int
set_on (const fg_value *operand, const uint8_t *doc, size_t len)
{
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   fg_buf spec = {0}, out = {0};
   fg_error err;
   bool modified;
   fg_error_clear (&err);
   size_t at = fgd_put_begin (&spec);
   size_t inner = fgd_put_open (&spec, FGD_T_OBJECT, "$set", 4);
   fgd_put_value (&spec, "a", 1, operand);
   fgd_put_end (&spec, inner);
   fgd_put_end (&spec, at);
   fg_value u = {FGD_T_OBJECT, spec.data, spec.len};
   fgd_update *update = fgd_update_compile (&u, NULL, 0, NULL, 0, &err);
   bool ok = update && fgd_update_apply (update, doc, len, &context, &out, &modified, &err);
   fgd_update_free (update);
   fg_buf_free (&spec);
   fg_buf_free (&out);
   return ok ? 0 : err.domain == FG_ERROR_SERVER ? err.code : -(int)err.domain;
}

static void
limits (void)
{
   static const uint8_t empty[5] = {5, 0, 0, 0, 0};
   fg_buf deep = {0}, big = {0};
   nested (&deep, 179);
   CU_ASSERT_EQUAL (set_on (&(fg_value){FGD_T_OBJECT, deep.data, deep.len}, empty, 5), 0);
   fg_buf_free (&deep);
   nested (&deep, 180);
   CU_ASSERT_EQUAL (set_on (&(fg_value){FGD_T_OBJECT, deep.data, deep.len}, empty, 5), 15);
   fg_buf_free (&deep);
   nested (&deep, 300);
   CU_ASSERT_EQUAL (set_on (&(fg_value){FGD_T_OBJECT, deep.data, deep.len}, empty, 5), -(int)FG_ERROR_BSON);
   fg_buf_free (&deep);
   big.data = calloc (1, FGD_MAX_DOCUMENT);
   CU_ASSERT_PTR_NOT_NULL_FATAL (big.data);
   uint32_t n = FGD_MAX_DOCUMENT - 5;
   for (int i = 0; i < 4; i++) {
      big.data[i] = (uint8_t)(n >> (8 * i));
   }
   CU_ASSERT_EQUAL (set_on (&(fg_value){FGD_T_BINARY, big.data, n + 5u}, empty, 5), 17419);
   free (big.data);
}

static void
hostile_documents (void)
{
   static const uint8_t lying[] = {12, 0, 0, 0, 0x10, 'a', 0, 1, 0, 0, 0, 0};
   static const uint8_t one[4] = {1, 0, 0, 0};
   fg_value operand = {FGD_T_INT32, one, 4};
   for (size_t len = 0; len < sizeof lying; len++) {
      CU_ASSERT_EQUAL (set_on (&operand, lying, len), -(int)FG_ERROR_BSON);
   }
   CU_ASSERT_EQUAL (set_on (&operand, lying, sizeof lying), 0);
   static const uint8_t long_string[] = {17, 0, 0, 0, 2, 'a', 0, 255, 255, 255, 127, 'x', 'x', 'x', 'x', 0, 0};
   CU_ASSERT_EQUAL (set_on (&operand, long_string, sizeof long_string), -(int)FG_ERROR_BSON);
   static const uint8_t no_type[] = {12, 0, 0, 0, 0x40, 'a', 0, 1, 0, 0, 0, 0};
   CU_ASSERT_EQUAL (set_on (&operand, no_type, sizeof no_type), -(int)FG_ERROR_BSON);
}

const fg_test fg_tests[] = {{"set_and_unset", set_and_unset},
                            {"set_refused", set_refused},
                            {"arithmetic", arithmetic},
                            {"comparing_and_dates", comparing_and_dates},
                            {"pushing", pushing},
                            {"pulling", pulling},
                            {"renaming", renaming},
                            {"array_parts", array_parts},
                            {"replacing", replacing},
                            {"pipelines", pipelines},
                            {"upserting", upserting},
                            {"limits", limits},
                            {"hostile_documents", hostile_documents},
                            {NULL, NULL}};

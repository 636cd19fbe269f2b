/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.parse_query";

static void
comparison (void)
{
   CU_ASSERT_EQUAL (match ("{\"a\": 1}", "{\"a\": {\"$numberLong\": \"1\"}}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$gt\": 1}}", "{\"a\": \"x\"}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": null}", "{}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": null}", "{\"a\": {\"$undefined\": true}}"), 0); /* since 8.0 */
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$gte\": null}}", "{}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$gt\": null}}", "{}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$lt\": {\"$maxKey\": 1}}}", "{\"a\": \"x\"}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$gt\": {\"$maxKey\": 1}}}", "{\"a\": \"x\"}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$numberDouble\": \"NaN\"}}", "{\"a\": {\"$numberDecimal\": \"NaN\"}}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$lt\": {\"$numberDouble\": \"NaN\"}}}", "{\"a\": 1}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$gte\": {\"$numberDouble\": \"NaN\"}}}", "{\"a\": 1}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$ne\": 1}}", "{\"a\": [1, 2]}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"b\": 1, \"c\": 2}}", "{\"a\": {\"c\": 2, \"b\": 1}}"), 0);
}

static void
paths_and_arrays (void)
{
   CU_ASSERT_EQUAL (match ("{\"a\": 2}", "{\"a\": [1, 2]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": [1, 2]}", "{\"a\": [1, 2]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": [1, 2]}", "{\"a\": [[1, 2]]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.b\": 1}", "{\"a\": [{\"b\": 2}, {\"b\": [3, 1]}]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.b\": null}", "{\"a\": [1, 2]}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a.b\": null}", "{\"a\": [{\"b\": 1}, {}]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.b\": null}", "{\"a\": 5}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.1\": 2}", "{\"a\": [1, 2]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.0.b\": 1}", "{\"a\": [{\"b\": 1}]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.0\": 1}", "{\"a\": [{\"0\": 1}]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.0.1\": 5}", "{\"a\": [[4, 5]]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a.0\": 4}", "{\"a\": [[4, 5]]}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": 1}", "{\"a\": 1, \"a\": 2}"), 1); /* the first of a name */
   CU_ASSERT_EQUAL (match ("{\"a\": 2}", "{\"a\": 1, \"a\": 2}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a.b\": 1}", "{\"a.b\": 1}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a..b\": 1}", "{\"a\": {\"\": {\"b\": 1}}}"), 1);
}

static void
operators (void)
{
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$in\": [1, null]}}", "{}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$in\": [{\"$regularExpression\": {\"pattern\": \"^x\", \"options\": \"i\"}}]}}",
                           "{\"a\": \"Xy\"}"),
                    1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$nin\": [1]}}", "{\"a\": [1]}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$exists\": false}}", "{\"a\": null}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"#type\": \"number\"}}", "{\"a\": {\"$numberDecimal\": \"1\"}}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"#type\": [\"array\", 2]}}", "{\"a\": [1]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"#type\": -1}}", "{\"a\": {\"$minKey\": 1}}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$mod\": [4, 1]}}", "{\"a\": 5.7}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$mod\": [4, -1]}}", "{\"a\": -5}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$mod\": [-1, 0]}}", "{\"a\": {\"$numberLong\": \"-9223372036854775808\"}}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$size\": 2}}", "{\"a\": [1, 2]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$size\": 2}}", "{\"a\": [[1, 2]]}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$all\": [1, 2]}}", "{\"a\": [2, 3, 1]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$all\": []}}", "{\"a\": []}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$elemMatch\": {\"$gt\": 1, \"$lt\": 3}}}", "{\"a\": [0, 4]}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$gt\": 1, \"$lt\": 3}}", "{\"a\": [0, 4]}"), 1);
   CU_ASSERT_EQUAL (
      match ("{\"a\": {\"$elemMatch\": {\"b\": 1, \"c\": 2}}}", "{\"a\": [{\"b\": 1}, {\"b\": 1, \"c\": 2}]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$elemMatch\": {\"$not\": {\"$gt\": 1}}}}", "{\"a\": [5, 1]}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$not\": {\"$gt\": 1}}}", "{}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"#regex\": \"^b\", \"#options\": \"m\"}}", "{\"a\": \"a\\nb\"}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"#regex\": \"^b\"}}", "{\"a\": \"a\\nb\"}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$bitsAllSet\": [0, 2]}}", "{\"a\": 5}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$bitsAllSet\": [200]}}", "{\"a\": -1}"), 1);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$bitsAnyClear\": 5}}", "{\"a\": 5}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$bitsAllClear\": 5}}", "{\"a\": 2.0}"), 1);
   CU_ASSERT_EQUAL (
      match ("{\"a\": {\"$bitsAllSet\": 1}}", "{\"a\": {\"$binary\": {\"base64\": \"AQ==\", \"subType\": \"00\"}}}"),
      1);
   CU_ASSERT_EQUAL (match ("{\"$nor\": [{\"a\": 1}, {\"b\": 1}]}", "{\"a\": 2}"), 1);
   CU_ASSERT_EQUAL (match ("{\"$comment\": \"x\", \"$alwaysFalse\": 1}", "{}"), 0);
   CU_ASSERT_EQUAL (match ("{\"a\": {\"$ref\": \"c\", \"$id\": 1}}", "{\"a\": {\"$ref\": \"c\", \"$id\": 1}}"), 1);
}

static void
errors (void)
{
   CU_ASSERT_EQUAL (compile_code ("{\"$foo\": 1}", NULL), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$foo\": 1}}", "unknown operator: $foo"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"$and\": 1}", "$and must be an array"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"$or\": []}", "$and/$or/$nor must be a nonempty array"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"$nor\": [1]}", "$or/$and/$nor entries need to be full objects"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$in\": 1}}", "$in needs an array"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$in\": [{\"$gt\": 1}]}}", "cannot nest $ under $in"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$mod\": [0, 1]}}", "divisor cannot be 0"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$mod\": [1]}}", "malformed mod, not enough elements"), 2);
   CU_ASSERT_EQUAL (
      compile_code ("{\"a\": {\"$size\": 1.5}}", "Failed to parse $size. Expected an integer: $size: 1.5"), 2);
   CU_ASSERT_EQUAL (
      compile_code ("{\"a\": {\"$size\": -1}}", "Failed to parse $size. Expected a non-negative number in: $size: -1"),
      2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$not\": {}}}", "$not cannot be empty"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$not\": 1}}", "$not needs a regex or a document"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#options\": \"i\"}}", "$options needs a $regex"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#regex\": \"(\"}}", NULL), 51091);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#regex\": \"a\", \"#options\": \"q\"}}", NULL), 51108);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#regex\": \"a\\u0000b\"}}", NULL), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#type\": \"integer\"}}", "Unknown type name alias: integer"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#type\": 99}}", "Invalid numerical type code: 99"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"#type\": []}}", NULL), 9);
   CU_ASSERT_EQUAL (
      compile_code ("{\"a\": {\"$ne\": {\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"\"}}}}", NULL), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$gt\": {\"$undefined\": true}}}", "cannot compare to undefined"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"$where\": \"1\"}", "$where is not allowed in this context"), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"$expr\": true}", NULL), 224);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$geoWithin\": {}}}", NULL), 224);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$elemMatch\": {\"$jsonSchema\": {}}}}", NULL), 2);
   CU_ASSERT_EQUAL (compile_code ("{\"a\": {\"$elemMatch\": {\"$and\": [{\"$jsonSchema\": {}}]}}}", NULL), 224);
}

static void
contexts (void)
{
   fg_error err = {0};
   fg_matcher *partial =
      compile_in ("{\"a\": {\"$gt\": 1}, \"$and\": [{\"b\": {\"$exists\": true}}]}", FG_MATCHER_PARTIAL, &err);
   CU_ASSERT_PTR_NOT_NULL (partial);
   fg_matcher_free (partial);
   CU_ASSERT_PTR_NULL (compile_in ("{\"a\": {\"$exists\": false}}", FG_MATCHER_PARTIAL, &err));
   CU_ASSERT_EQUAL (err.code, 67);
   CU_ASSERT_PTR_NULL (compile_in ("{\"$jsonSchema\": {}}", FG_MATCHER_PARTIAL, &err));
   CU_ASSERT_EQUAL (err.code, 224);
}

static int
pull (const char *predicate, fg_value value)
{
   fg_error err = {0};
   fg_matcher *matcher = compile_in (predicate, FG_MATCHER_PULL, &err);
   int result = matcher ? (int)fg_matcher_check_value (matcher, &value, &err) : -2;
   fg_matcher_free (matcher);
   return result;
}

static void
bare_values (void)
{
   static const uint8_t five[] = {5, 0, 0, 0};
   fg_value number = {0x10, five, sizeof five};
   bson_t *doc = from_json ("{\"a\": 1}");

   CU_ASSERT_EQUAL (pull ("{\"$gt\": 3}", number), 1);
   CU_ASSERT_EQUAL (pull ("{\"$gt\": 7}", number), 0);
   CU_ASSERT_EQUAL (pull ("{\"$in\": [5]}", number), 1);
   CU_ASSERT_EQUAL (pull ("{\"a\": 1}", number), 0);
   CU_ASSERT_EQUAL (pull ("{\"a\": 1}", fg_value_of_document (bson_get_data (doc), doc->len)), 1);
   CU_ASSERT_EQUAL (pull ("{\"$or\": [{\"a\": 1}]}", fg_value_of_document (bson_get_data (doc), doc->len)), 1);
   bson_destroy (doc);
}

static size_t
position (const char *predicate, const char *document)
{
   fg_error err = {0};
   fg_matcher *matcher = compile_in (predicate, FG_MATCHER_FIND, &err);
   bson_t *doc = from_json (document);
   size_t index = 77;
   CU_ASSERT_EQUAL (fg_matcher_check_positional (matcher, bson_get_data (doc), doc->len, &index, &err), FG_MATCH_YES);
   fg_matcher_free (matcher);
   bson_destroy (doc);
   return index;
}

static void
positional (void)
{
   CU_ASSERT_EQUAL (position ("{\"a\": 2}", "{\"a\": [1, 2]}"), 1);
   CU_ASSERT_EQUAL (position ("{\"a\": 2}", "{\"a\": 2}"), SIZE_MAX);
   CU_ASSERT_EQUAL (position ("{\"a.b\": 7}", "{\"a\": [{\"b\": 1}, {\"b\": 2}, {\"b\": [6, 7]}]}"), 2);
   CU_ASSERT_EQUAL (position ("{\"a\": {\"$elemMatch\": {\"b\": 2}}}", "{\"a\": [{\"b\": 1}, {\"b\": 2}]}"), 1);
   CU_ASSERT_EQUAL (position ("{\"x\": 1, \"a\": {\"$gte\": 2}}", "{\"x\": 1, \"a\": [1, 2, 3]}"), 1);
   CU_ASSERT_EQUAL (position ("{\"$or\": [{\"a\": 2}]}", "{\"a\": [1, 2]}"), SIZE_MAX);
   CU_ASSERT_EQUAL (position ("{\"a\": [1, 2]}", "{\"a\": [1, 2]}"), SIZE_MAX);
}

static char seen[256];

static bool
note (void *ctx, const char *path, const fg_value *value)
{
   int *left = ctx;
   size_t n = strlen (seen);
   snprintf (seen + n, sizeof seen - n, "%s:%d ", path, value->type);
   return --*left > 0;
}

static void
equalities (void)
{
   fg_error err = {0};
   int left = 100;
   fg_matcher *matcher = compile_in ("{\"a\": 1, \"b.c\": {\"$eq\": \"x\"}, \"$and\": [{\"d\": null}], \"e\": "
                                     "{\"$gt\": 1}, \"$or\": [{\"f\": 1}, {\"g\": 1}], \"h\": {\"$all\": [3]}}",
                                     FG_MATCHER_FIND, &err);
   seen[0] = '\0';
   fg_matcher_visit_equalities (matcher, note, &left);
   CU_ASSERT_STRING_EQUAL (seen, "a:16 b.c:2 d:10 h:16 ");
   left = 1;
   seen[0] = '\0';
   fg_matcher_visit_equalities (matcher, note, &left);
   CU_ASSERT_STRING_EQUAL (seen, "a:16 ");
   fg_matcher_free (matcher);
}

const fg_test fg_tests[] = {{"comparison", comparison},
                            {"paths_and_arrays", paths_and_arrays},
                            {"operators", operators},
                            {"errors", errors},
                            {"contexts", contexts},
                            {"bare_values", bare_values},
                            {"positional", positional},
                            {"equalities", equalities},
                            {NULL, NULL}};

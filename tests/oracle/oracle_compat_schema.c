/* SPDX-License-Identifier: Apache-2.0 */

/* A schema: its keywords, each a predicate of its own over a path, and what they apply to. */

#include "tests/oracle/oracle_compat.h"

#include <string.h>

static bool
one_type (const bson_iter_t *value, void *arg)
{
   return value && oracle_types_have (arg, bson_iter_type (value));
}

bool
oracle_has_type (place at, const oracle_types *types)
{
   oracle_types copy = *types;
   return oracle_any (at.doc, at.path, false, one_type, &copy);
}

bool
oracle_exists (const bson_iter_t *value, void *arg)
{
   (void)arg;
   return value != NULL;
}

/* A value on its own: a document of one field of it. */
bool
oracle_check_alone (const bson_iter_t *schema_value, const bson_iter_t *value, const keyword *k)
{
   if (bson_iter_type (schema_value) == BSON_TYPE_BOOL) {
      return bson_iter_bool (schema_value);
   }
   bson_t alone = BSON_INITIALIZER, schema;
   bson_append_iter (&alone, "i", 1, value);
   oracle_sub (schema_value, &schema);
   bool holds = oracle_check_schema (&schema, (place){&alone, "i", k->at.refused});
   bson_destroy (&alone);
   return holds;
}

typedef enum applies { NUMBERS, STRINGS, ARRAYS, OBJECTS } applies;

/* A keyword for one type: with exactly one type stated it is that or nothing; otherwise values of other types pass. */
static bool
restricted (const oracle_types *stated, applies what, place at, bool leaf_arrays, oracle_test test, keyword *k)
{
   static const bson_type_t types[] = {0, BSON_TYPE_UTF8, BSON_TYPE_ARRAY, BSON_TYPE_DOCUMENT};
   oracle_types wanted = {true, what == NUMBERS, what == NUMBERS ? 0 : oracle_type_bit (types[what])};
   bool single = stated->stated && (stated->number ? stated->bits == 0 : (stated->bits & (stated->bits - 1)) == 0);

   if (single) {
      bool numeric = false;
      for (unsigned t = 1; t < 20; t++) {
         numeric = numeric || (oracle_is_number (t) && stated->bits == oracle_type_bit (t));
      }
      bool applies_here = what == NUMBERS ? stated->number || numeric : !stated->number && stated->bits == wanted.bits;
      bool passes = oracle_any (at.doc, at.path, leaf_arrays, test,
                                k); /* asked even where it does not count: what it meets does */
      return !applies_here || passes;
   }
   return !oracle_has_type (at, &wanted) || oracle_any (at.doc, at.path, leaf_arrays, test, k);
}

static bool
restricted_object (const oracle_types *stated, place at, bool (*test) (const keyword *, const bson_t *), keyword *k)
{
   k->object = test;
   return at.path ? restricted (stated, OBJECTS, at, false, oracle_object_match, k) : test (k, at.doc);
}

/* Keywords of one value: they say nothing about the document as a whole. */
static bool
value_keywords (const bson_t *schema, const oracle_types *stated, place at)
{
   static const struct {
      const char *name;
      applies what;
      bool leaf_arrays;
      oracle_test test;
   } table[] = {{"maximum", NUMBERS, true, oracle_maximum},        {"minimum", NUMBERS, true, oracle_minimum},
                {"multipleOf", NUMBERS, true, oracle_multiple_of}, {"maxLength", STRINGS, true, oracle_length},
                {"minLength", STRINGS, true, oracle_length},       {"pattern", STRINGS, true, oracle_pattern},
                {"minItems", ARRAYS, false, oracle_item_count},    {"maxItems", ARRAYS, false, oracle_item_count}};
   bson_iter_t it;
   bool holds = true;

   for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      if (oracle_find (schema, table[i].name, &it)) {
         keyword k = {&it, schema, at, NULL, 0};
         holds = restricted (stated, table[i].what, at, table[i].leaf_arrays, table[i].test, &k) && holds;
      }
   }
   if (oracle_find (schema, "uniqueItems", &it) && bson_iter_bool (&it)) {
      keyword k = {&it, schema, at, NULL, 0};
      holds = restricted (stated, ARRAYS, at, false, oracle_unique_items, &k) && holds;
   }
   return holds;
}

/* Every position of the list is a predicate of its own; together they are one restriction. */
static bool
positions (const bson_iter_t *items, const bson_t *schema, const oracle_types *stated, place at, int64_t *n)
{
   bson_iter_t it;
   bool holds = true;
   bson_iter_recurse (items, &it);
   for (*n = 0; bson_iter_next (&it); ++*n) {
      keyword k = {&it, schema, at, NULL, *n};
      holds = restricted (stated, ARRAYS, at, false, oracle_item_at, &k) && holds;
   }
   return holds;
}

static bool
item_keywords (const bson_t *schema, const oracle_types *stated, place at)
{
   bson_iter_t items, additional;
   bool holds = true;
   int64_t n;

   if (!oracle_find (schema, "items", &items)) {
      return true;
   }
   if (bson_iter_type (&items) == BSON_TYPE_DOCUMENT) {
      keyword k = {&items, schema, at, NULL, 0};
      return restricted (stated, ARRAYS, at, false, oracle_items_from, &k);
   }
   holds = positions (&items, schema, stated, at, &n);
   if (oracle_find (schema, "additionalItems", &additional)) {
      keyword k = {&additional, schema, at, NULL, n};
      holds = restricted (stated, ARRAYS, at, false, oracle_items_from, &k) && holds;
   }
   return holds;
}

static bool
object_keywords (const bson_t *schema, const oracle_types *stated, place at)
{
   static const struct {
      const char *name;
      bool (*test) (const keyword *, const bson_t *);
   } table[] = {{"required", oracle_required},
                {"properties", oracle_properties},
                {"minProperties", oracle_property_count},
                {"maxProperties", oracle_property_count}};
   bson_iter_t it;
   bool holds = true;

   for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      if (oracle_find (schema, table[i].name, &it)) {
         keyword k = {&it, schema, at, NULL, 0};
         holds = restricted_object (stated, at, table[i].test, &k) && holds;
      }
   }
   if (oracle_find (schema, "patternProperties", &it) || oracle_find (schema, "additionalProperties", &it)) {
      keyword k = {&it, schema, at, NULL, 0};
      holds = restricted_object (stated, at, oracle_allowed_properties, &k) && holds;
   }
   return !(oracle_find (schema, "dependencies", &it) && !oracle_dependencies (&it, schema, at)) && holds;
}

/* What is not there is as undefined. */
static bool
is_member (const bson_iter_t *value, void *arg)
{
   const bson_iter_t *member = arg;
   return value ? oracle_equal (value, member, false) : bson_iter_type (member) == BSON_TYPE_UNDEFINED;
}

static bool
enumeration (const bson_iter_t *list, place at)
{
   bson_iter_t member;
   bson_t whole = BSON_INITIALIZER;
   bool found = false;

   if (!at.path) {
      bson_append_document (&whole, "i", 1, at.doc);
   }
   bson_iter_recurse (list, &member);
   while (!found && bson_iter_next (&member)) {
      found = at.path ? oracle_any (at.doc, at.path, false, is_member, &member)
                      : bson_iter_type (&member) == BSON_TYPE_DOCUMENT &&
                           oracle_any (&whole, "i", false, is_member, &member);
   }
   bson_destroy (&whole);
   return found;
}

/* How many of the schemas hold; *n is how many there are. */
static int
count_holding (const bson_iter_t *list, place at, int *n)
{
   bson_iter_t it;
   bson_t schema;
   int holding = 0;
   bson_iter_recurse (list, &it);
   for (*n = 0; bson_iter_next (&it); ++*n) {
      oracle_sub (&it, &schema);
      holding += oracle_check_schema (&schema, at);
   }
   return holding;
}

static bool
logical_keywords (const bson_t *schema, place at)
{
   bson_iter_t it;
   bson_t sub;
   int n;
   bool holds = true;

   if (oracle_find (schema, "allOf", &it)) {
      int holding = count_holding (&it, at, &n);
      holds = holding == n && holds;
   }
   if (oracle_find (schema, "anyOf", &it)) {
      holds = count_holding (&it, at, &n) > 0 && holds;
   }
   if (oracle_find (schema, "oneOf", &it)) {
      holds = count_holding (&it, at, &n) == 1 && holds;
   }
   if (oracle_find (schema, "not", &it)) {
      oracle_sub (&it, &sub);
      holds = !oracle_check_schema (&sub, at) && holds;
   }
   return !(oracle_find (schema, "enum", &it) && !enumeration (&it, at)) && holds;
}

static oracle_types
stated_types (const bson_t *schema)
{
   bson_iter_t it;
   oracle_types types = {false, false, 0};
   if (oracle_find (schema, "type", &it)) {
      oracle_types_parse (&it, true, false, &types);
   } else if (oracle_find (schema, "bsonType", &it)) {
      oracle_types_parse (&it, false, false, &types);
   } else if (oracle_find (schema, "encrypt", &it)) {
      types = (oracle_types){true, false, oracle_type_bit (BSON_TYPE_BINARY)};
   }
   return types;
}

bool
oracle_check_schema (const bson_t *schema, place at)
{
   oracle_types stated = stated_types (schema);
   bson_iter_t it;
   bool holds = true;

   if (!at.path) {
      holds = !stated.stated || oracle_types_have (&stated, BSON_TYPE_DOCUMENT);
   }
   if (at.path) {
      holds = (!stated.stated || oracle_has_type (at, &stated)) && holds;
      holds = value_keywords (schema, &stated, at) && holds;
      holds = item_keywords (schema, &stated, at) && holds;
      if (oracle_find (schema, "encrypt", &it)) {
         holds = oracle_encrypt (&it, schema, at) && holds;
      }
   }
   holds = object_keywords (schema, &stated, at) && holds;
   return logical_keywords (schema, at) && holds;
}

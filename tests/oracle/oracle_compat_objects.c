/* SPDX-License-Identifier: Apache-2.0 */

/* Keywords of objects. */

#include "tests/oracle/oracle_compat.h"

#include <string.h>

bool
oracle_object_match (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_t object;
   if (!value || bson_iter_type (value) != BSON_TYPE_DOCUMENT) {
      return false;
   }
   oracle_sub (value, &object);
   return k->object (k, &object);
}

static bool
names_exist (const bson_iter_t *names, const bson_t *object)
{
   bson_iter_t name;
   bson_iter_recurse (names, &name);
   while (bson_iter_next (&name)) {
      if (!oracle_any (object, bson_iter_utf8 (&name, NULL), false, oracle_exists, NULL)) {
         return false;
      }
   }
   return true;
}

bool
oracle_required (const keyword *k, const bson_t *object)
{
   return names_exist (k->it, object);
}

static bool
is_required (const bson_t *schema, const char *name)
{
   bson_iter_t names, it;
   if (!oracle_find (schema, "required", &names)) {
      return false;
   }
   bson_iter_recurse (&names, &it);
   while (bson_iter_next (&it)) {
      if (strcmp (bson_iter_utf8 (&it, NULL), name) == 0) {
         return true;
      }
   }
   return false;
}

bool
oracle_properties (const keyword *k, const bson_t *object)
{
   bson_iter_t property;
   bson_t schema;
   bool holds = true;

   bson_iter_recurse (k->it, &property);
   while (bson_iter_next (&property)) {
      const char *name = bson_iter_key (&property);
      oracle_sub (&property, &schema);
      bool one = oracle_check_schema (&schema, (place){object, name, k->at.refused});
      one = one || (!is_required (k->schema, name) && !oracle_any (object, name, false, oracle_exists, NULL));
      holds = holds && one;
   }
   return holds;
}

/* patternProperties and additionalProperties together: k->it is either. */
bool
oracle_allowed_properties (const keyword *k, const bson_t *object)
{
   bson_iter_t field, patterns, it, named;
   bool holds = true;
   bool has_patterns = oracle_find (k->schema, "patternProperties", &patterns);
   bson_t properties_doc;
   bool has_properties = oracle_find (k->schema, "properties", &it);
   if (has_properties) {
      oracle_sub (&it, &properties_doc);
   }
   bson_iter_t additional;
   bool has_additional = oracle_find (k->schema, "additionalProperties", &additional);

   bson_iter_init (&field, object);
   while (bson_iter_next (&field)) {
      const char *name = bson_iter_key (&field);
      bool other = !has_properties || !oracle_find (&properties_doc, name, &named);
      if (has_patterns) {
         bson_iter_recurse (&patterns, &it);
         while (bson_iter_next (&it)) {
            if (oracle_pattern_matches (bson_iter_key (&it), strlen (bson_iter_key (&it)), false, name,
                                        strlen (name))) {
               other = false;
               holds = oracle_check_alone (&it, &field, k) && holds;
            }
         }
      }
      if (other && has_additional) {
         holds = oracle_check_alone (&additional, &field, k) && holds;
      }
   }
   return holds;
}

bool
oracle_property_count (const keyword *k, const bson_t *object)
{
   int64_t count, n = bson_count_keys (object);
   oracle_number_as_count (k->it, &count);
   return strcmp (bson_iter_key (k->it), "maxProperties") == 0 ? n <= count : n >= count;
}

/* Whether the place holds an object in which the member of dependencies has something to say, and (names) whether its names are all there. */
static bool
dependency_stands (const keyword *k, const bson_t *object)
{
   return oracle_any (object, bson_iter_key (k->it), false, oracle_exists, NULL);
}

static bool
dependency_name (const keyword *k, const bson_t *object)
{
   return oracle_any (object, bson_iter_utf8 (k->it, NULL), false, oracle_exists, NULL);
}

static bool
object_at (keyword *k, bool (*test) (const keyword *, const bson_t *))
{
   k->object = test;
   return k->at.path ? oracle_any (k->at.doc, k->at.path, false, oracle_object_match, k) : test (k, k->at.doc);
}

bool
oracle_dependencies (const bson_iter_t *list, const bson_t *schema, place at)
{
   bson_iter_t it, name;
   bson_t sub;
   bool holds = true;

   bson_iter_recurse (list, &it);
   while (bson_iter_next (&it)) {
      keyword k = {&it, schema, at, NULL, 0};
      if (bson_iter_type (&it) == BSON_TYPE_UTF8 || !object_at (&k, dependency_stands)) {
         continue;
      }
      if (bson_iter_type (&it) == BSON_TYPE_DOCUMENT) {
         oracle_sub (&it, &sub);
         holds = oracle_check_schema (&sub, at) && holds;
         continue;
      }
      bson_iter_recurse (&it, &name);
      while (bson_iter_next (&name)) {
         keyword n = {&name, schema, at, NULL, 0};
         holds = object_at (&n, dependency_name) && holds;
      }
   }
   return holds;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The rules of collection options: every encrypt that stands under no negation, and every entry of encryptedFields. */

#include "tests/oracle/oracle_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known on the way down to an encrypt. */
typedef struct way {
   unsigned n;
   step steps[ORACLE_STEPS];
   bool has_algorithm, has_key;
   bson_iter_t algorithm, key;
} way;

static void from_schema (oracle_policy *policy, formula *all, const bson_t *schema, const way *above);

static formula *
add (formula *parent, formula_kind kind)
{
   formula *f = calloc (1, sizeof *f);
   if (!f) {
      abort ();
   }
   f->kind = kind;
   if (parent) {
      f->next = parent->children;
      parent->children = f;
   }
   return f;
}

static rule *
add_rule (oracle_policy *policy, formula *all, const way *w)
{
   rule *r = calloc (1, sizeof *r);
   if (!r || policy->n_rules == ORACLE_RULES) {
      abort ();
   }
   memcpy (r->steps, w->steps, sizeof w->steps);
   r->n_steps = w->n;
   r->any_key = true;
   add (all, RULE)->rule = policy->n_rules;
   policy->rules[policy->n_rules++] = r;
   return r;
}

/* The way one step further, into the schema that value holds. */
static void
follow (oracle_policy *policy, formula *all, const way *w, step next, const bson_iter_t *value)
{
   way longer = *w;
   bson_t schema;
   if (longer.n == ORACLE_STEPS) {
      abort ();
   }
   longer.steps[longer.n++] = next;
   oracle_sub (value, &schema);
   from_schema (policy, all, &schema, &longer);
}

static step
named (step_kind kind, const char *text, size_t len, bool through)
{
   step s = {.kind = kind, .through = through};
   memcpy (s.text, text, len < 31 ? len : 31);
   return s;
}

static void
from_property (oracle_policy *policy, formula *all, const way *w, const bson_iter_t *property)
{
   const char *name = bson_iter_key (property), *dot;
   way longer = *w;
   bool through = false;
   for (; (dot = strchr (name, '.')); name = dot + 1, through = true) {
      longer.steps[longer.n++] = named (STEP_NAME, name, (size_t)(dot - name), through);
   }
   follow (policy, all, &longer, named (STEP_NAME, name, strlen (name), through), property);
}

static void
from_names (oracle_policy *policy, formula *all, const bson_t *schema, const way *w)
{
   bson_iter_t it, member;
   if (oracle_find (schema, "properties", &it)) {
      bson_iter_recurse (&it, &member);
      while (bson_iter_next (&member)) {
         from_property (policy, all, w, &member);
      }
   }
   if (oracle_find (schema, "patternProperties", &it)) {
      bson_iter_recurse (&it, &member);
      while (bson_iter_next (&member)) {
         const char *text = bson_iter_key (&member);
         follow (policy, all, w, named (STEP_PATTERN, text, strlen (text), false), &member);
      }
   }
   if (oracle_find (schema, "additionalProperties", &it) && bson_iter_type (&it) == BSON_TYPE_DOCUMENT) {
      step other = {.kind = STEP_OTHER, .schema = bson_get_data (schema), .schema_len = schema->len};
      follow (policy, all, w, other, &it);
   }
}

static void
from_items (oracle_policy *policy, formula *all, const bson_t *schema, const way *w)
{
   bson_iter_t it, member;
   unsigned n = 0;
   if (!oracle_find (schema, "items", &it)) {
      return;
   }
   if (bson_iter_type (&it) == BSON_TYPE_DOCUMENT) {
      follow (policy, all, w, (step){.kind = STEP_ITEMS}, &it);
      return;
   }
   bson_iter_recurse (&it, &member);
   for (; bson_iter_next (&member); n++) {
      follow (policy, all, w, (step){.kind = STEP_ITEM, .index = n}, &member);
   }
   if (oracle_find (schema, "additionalItems", &it) && bson_iter_type (&it) == BSON_TYPE_DOCUMENT) {
      follow (policy, all, w, (step){.kind = STEP_ITEMS, .index = n}, &it);
   }
}

static void
from_logic (oracle_policy *policy, formula *all, const bson_t *schema, const way *w)
{
   static const char *const alternatives[] = {"anyOf", "oneOf"};
   bson_iter_t it, member;
   bson_t sub;

   if (oracle_find (schema, "allOf", &it)) {
      bson_iter_recurse (&it, &member);
      while (bson_iter_next (&member)) {
         oracle_sub (&member, &sub);
         from_schema (policy, all, &sub, w);
      }
   }
   for (unsigned i = 0; i < 2; i++) {
      if (oracle_find (schema, alternatives[i], &it)) {
         formula *one_of = add (all, ONE_OF);
         bson_iter_recurse (&it, &member);
         while (bson_iter_next (&member)) {
            oracle_sub (&member, &sub);
            from_schema (policy, add (one_of, ALL_OF), &sub, w);
         }
      }
   }
   if (oracle_find (schema, "dependencies", &it)) {
      bson_iter_recurse (&it, &member);
      while (bson_iter_next (&member)) {
         if (bson_iter_type (&member) == BSON_TYPE_DOCUMENT) {
            formula *one_of = add (all, ONE_OF);
            add (one_of, ALL_OF);
            oracle_sub (&member, &sub);
            from_schema (policy, add (one_of, ALL_OF), &sub, w);
         }
      }
   }
}

/* A keyId that says something: an array that names no key is as if it were not there. */
static bool
find_key (const bson_t *members, bson_iter_t *key)
{
   bson_t keys;
   if (!oracle_find (members, "keyId", key)) {
      return false;
   }
   if (bson_iter_type (key) != BSON_TYPE_ARRAY) {
      return true;
   }
   oracle_sub (key, &keys);
   return !bson_empty (&keys);
}

static void
from_encrypt (oracle_policy *policy, formula *all, const bson_t *members, const way *w)
{
   bson_iter_t it, algorithm, key;
   bool has_algorithm = oracle_find (members, "algorithm", &algorithm), has_key = find_key (members, &key);
   rule *r = add_rule (policy, all, w);

   if (!has_algorithm && w->has_algorithm) {
      has_algorithm = true;
      algorithm = w->algorithm;
   }
   if (!has_key && w->has_key) {
      has_key = true;
      key = w->key;
   }
   r->first_bytes = 1u << 1 | 1u << 2;
   if (has_algorithm) {
      r->first_bytes = strstr (bson_iter_utf8 (&algorithm, NULL), "Random") ? 1u << 2 : 1u << 1;
   }
   if (has_key && bson_iter_type (&key) == BSON_TYPE_ARRAY) {
      bson_t keys;
      oracle_sub (&key, &keys);
      r->keys = bson_copy (&keys);
      r->any_key = false;
   }
   if (oracle_find (members, "bsonType", &it)) {
      oracle_types_parse (&it, false, true, &r->types);
   }
}

static void
from_schema (oracle_policy *policy, formula *all, const bson_t *schema, const way *above)
{
   way here = *above;
   bson_iter_t it, member;
   bson_t members;

   if (oracle_find (schema, "encryptMetadata", &it)) {
      oracle_sub (&it, &members);
      if (oracle_find (&members, "algorithm", &member)) {
         here.has_algorithm = true;
         here.algorithm = member;
      }
      if (find_key (&members, &member)) {
         here.has_key = true;
         here.key = member;
      }
   }
   if (oracle_find (schema, "encrypt", &it)) {
      oracle_sub (&it, &members);
      from_encrypt (policy, all, &members, &here);
   }
   from_names (policy, all, schema, &here);
   from_items (policy, all, schema, &here);
   from_logic (policy, all, schema, &here);
}

static void
from_query (oracle_policy *policy, formula *all, const bson_t *query)
{
   bson_iter_t it, member;
   bson_t sub;
   way nowhere = {0};

   bson_iter_init (&it, query);
   while (bson_iter_next (&it)) {
      const char *name = bson_iter_key (&it);
      if (strcmp (name, "$jsonSchema") == 0) {
         oracle_sub (&it, &sub);
         from_schema (policy, all, &sub, &nowhere);
      } else if (strcmp (name, "$and") == 0 || strcmp (name, "$or") == 0) {
         formula *one_of = name[1] == 'o' ? add (all, ONE_OF) : NULL;
         bson_iter_recurse (&it, &member);
         while (bson_iter_next (&member)) {
            oracle_sub (&member, &sub);
            from_query (policy, one_of ? add (one_of, ALL_OF) : all, &sub);
         }
      }
   }
}

static unsigned
payload_of (const bson_t *field)
{
   bson_iter_t it, kind;
   if (!oracle_find (field, "queries", &it) || !bson_iter_recurse (&it, &kind) ||
       !bson_iter_find (&kind, "queryType")) {
      return 16;
   }
   const char *name = bson_iter_utf8 (&kind, NULL);
   return strcmp (name, "equality") == 0 ? 14 : strcmp (name, "range") == 0 ? 15 : 17;
}

static void
from_field (oracle_policy *policy, const bson_t *field)
{
   bson_iter_t it;
   way w = {0};
   oracle_find (field, "path", &it);
   const char *path = bson_iter_utf8 (&it, NULL), *dot;
   for (; (dot = strchr (path, '.')); path = dot + 1) {
      w.steps[w.n++] = named (STEP_NAME, path, (size_t)(dot - path), false);
   }
   w.steps[w.n++] = named (STEP_NAME, path, strlen (path), false);
   rule *r = add_rule (policy, policy->all, &w);
   r->field = true;
   r->first_bytes = 1u << payload_of (field);
   r->any_key = false;
   r->keys = bson_new ();
   if (oracle_find (field, "keyId", &it)) {
      bson_append_iter (r->keys, "0", 1, &it);
   }
   if (oracle_find (field, "bsonType", &it)) {
      oracle_types_parse (&it, false, false, &r->types);
   }
}

oracle_policy *
oracle_policy_new (const bson_t *options)
{
   bson_iter_t it, fields;
   bson_t sub;
   oracle_policy *policy = calloc (1, sizeof *policy);
   if (!policy) {
      abort ();
   }
   policy->all = add (NULL, ALL_OF);
   if (oracle_find (options, "validator", &it)) {
      oracle_sub (&it, &sub);
      from_query (policy, policy->all, &sub);
   }
   if (oracle_find (options, "encryptedFields", &it) && bson_iter_recurse (&it, &fields) &&
       bson_iter_find (&fields, "fields")) {
      bson_iter_recurse (&fields, &it);
      while (bson_iter_next (&it)) {
         oracle_sub (&it, &sub);
         from_field (policy, &sub);
      }
   }
   return policy;
}

static void
free_formula (formula *f)
{
   while (f) {
      formula *next = f->next;
      free_formula (f->children);
      free (f);
      f = next;
   }
}

void
oracle_policy_free (oracle_policy *policy)
{
   for (unsigned i = 0; i < policy->n_rules; i++) {
      bson_destroy (policy->rules[i]->keys);
      free (policy->rules[i]);
   }
   free_formula (policy->all);
   free (policy);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/walk.h"

#include <bson/bson.h>

/*
 * errInfo.details in mongod's shape. The violations are collected in document order; neighbours that share a way share the objects around them. Only
 * names that a rule spells appear: a name that the document supplied is "*".
 */

#define MAX_HITS 64u
#define MAX_STEPS 4096u

typedef struct kept_hit {
   uint32_t first; /* of its steps */
   uint32_t n;
   fg_reason reason;
   fg_policy_kind kind;
} kept_hit;

typedef struct collection {
   kept_hit hits[MAX_HITS];
   fg_step steps[MAX_STEPS];
   uint32_t n_hits;
   uint32_t n_steps;
   bool truncated;
} collection;

static bool
collect (void *ctx, const fg_hit *hit)
{
   collection *all = ctx;

   if (all->n_hits == MAX_HITS || hit->n_steps > MAX_STEPS - all->n_steps) {
      all->truncated = true;
      return false;
   }
   all->hits[all->n_hits++] = (kept_hit){all->n_steps, (uint32_t)hit->n_steps, hit->reason, hit->kind};
   if (hit->n_steps) {
      memcpy (all->steps + all->n_steps, hit->steps, hit->n_steps * sizeof *hit->steps);
   }
   all->n_steps += (uint32_t)hit->n_steps;
   return true;
}

/* The hits from `first` on that belong to one kind of rule; they are moved to the front in their order. */
static uint32_t
partition (collection *all, fg_policy_kind kind, uint32_t first)
{
   for (uint32_t i = first; i < all->n_hits; i++) {
      if (all->hits[i].kind == kind) {
         kept_hit hit = all->hits[i];
         memmove (all->hits + first + 1, all->hits + first, (i - first) * sizeof hit);
         all->hits[first++] = hit;
      }
   }
   return first;
}

static const fg_step *
step_at (const collection *all, uint32_t hit, uint32_t depth)
{
   return depth < all->hits[hit].n ? all->steps + all->hits[hit].first + depth : NULL;
}

/* The same where the caller knows that there is one. */
static const fg_step *
known_step (const collection *all, uint32_t hit, uint32_t depth)
{
   return all->steps + all->hits[hit].first + depth;
}

static bool
same_step (const fg_step *a, const fg_step *b)
{
   if (!a || !b || a->kind != b->kind) {
      return false;
   }
   return a->kind == FG_STEP_WILD || (a->kind == FG_STEP_ITEM && a->index == b->index) ||
          (a->kind == FG_STEP_NAME && a->len == b->len && memcmp (a->name, b->name, a->len) == 0);
}

/* libbson's arrays want their positions as names. */
typedef struct array_writer {
   bson_t *array;
   uint32_t n;
} array_writer;

static bool
begin_member (array_writer *writer, bson_t *member)
{
   char buffer[16];
   const char *key;
   size_t len = bson_uint32_to_string (writer->n++, &key, buffer, sizeof buffer);
   return bson_append_document_begin (writer->array, key, (int)len, member);
}

static bool explain_level (const collection *all, array_writer *out, uint32_t from, uint32_t to, uint32_t depth);

/* {propertyName, details: [...]} */
static bool
explain_property (const collection *all, array_writer *out, uint32_t from, uint32_t to, uint32_t depth)
{
   const fg_step *step = known_step (all, from, depth);
   const char *name = step->kind == FG_STEP_NAME ? step->name : "*";
   int len = step->kind == FG_STEP_NAME ? (int)step->len : 1;
   bson_t member, details;
   array_writer inner = {&details, 0};

   return begin_member (out, &member) && bson_append_utf8 (&member, "propertyName", -1, name, len) &&
          bson_append_array_begin (&member, "details", -1, &details) &&
          explain_level (all, &inner, from, to, depth + 1) && bson_append_array_end (&member, &details) &&
          bson_append_document_end (out->array, &member);
}

/* The neighbours from..to all stand below names (or all below names of the document's): one object for them together. */
static bool
explain_names (const collection *all, array_writer *out, uint32_t from, uint32_t to, uint32_t depth)
{
   bool named = known_step (all, from, depth)->kind == FG_STEP_NAME;
   bson_t object, list;
   array_writer inner = {&list, 0};
   bool ok = begin_member (out, &object) &&
             BSON_APPEND_UTF8 (&object, "operatorName", named ? "properties" : "patternProperties") &&
             bson_append_array_begin (&object, named ? "propertiesNotSatisfied" : "details", -1, &list);

   for (uint32_t i = from, next; ok && i < to; i = next) {
      for (next = i + 1; next < to && same_step (step_at (all, i, depth), step_at (all, next, depth)); next++) {
      }
      ok = explain_property (all, &inner, i, next, depth);
   }
   return ok && bson_append_array_end (&object, &list) && bson_append_document_end (out->array, &object);
}

static bool
explain_item (const collection *all, array_writer *out, uint32_t from, uint32_t to, uint32_t depth)
{
   bson_t object, details;
   array_writer inner = {&details, 0};

   return begin_member (out, &object) && BSON_APPEND_UTF8 (&object, "operatorName", "items") &&
          BSON_APPEND_UTF8 (&object, "reason", "At least one item did not match the sub-schema") &&
          BSON_APPEND_INT32 (&object, "itemIndex", (int32_t)known_step (all, from, depth)->index) &&
          bson_append_array_begin (&object, "details", -1, &details) &&
          explain_level (all, &inner, from, to, depth + 1) && bson_append_array_end (&object, &details) &&
          bson_append_document_end (out->array, &object);
}

static const char *
reason_text (const kept_hit *hit)
{
   if (hit->kind == FG_POLICY_QE && hit->reason == FG_REASON_WRONG_TYPE) {
      return "Queryable Encryption encrypted value has wrong type";
   }
   return fg_reason_text (hit->reason);
}

static bool
explain_leaf (const collection *all, array_writer *out, uint32_t hit)
{
   const kept_hit *self = all->hits + hit;
   bson_t object;

   return begin_member (out, &object) &&
          BSON_APPEND_UTF8 (&object, "operatorName", self->kind == FG_POLICY_QE ? "fle2Encrypt" : "encrypt") &&
          BSON_APPEND_UTF8 (&object, "reason", reason_text (self)) && bson_append_document_end (out->array, &object);
}

/* Writes what stands in one `details` array. Depth is bounded by that of the rules. */
static bool
explain_level (const collection *all, array_writer *out, uint32_t from, uint32_t to, uint32_t depth)
{
   bool ok = true;

   for (uint32_t i = from, next; ok && i < to; i = next) {
      const fg_step *step = step_at (all, i, depth);
      next = i + 1;
      if (!step) {
         ok = explain_leaf (all, out, i);
         continue;
      }
      bool item = step->kind == FG_STEP_ITEM;
      for (; next < to; next++) {
         const fg_step *other = step_at (all, next, depth);
         if (!other || (item ? !same_step (step, other) : other->kind != step->kind)) {
            break;
         }
      }
      ok = item ? explain_item (all, out, i, next, depth) : explain_names (all, out, i, next, depth);
   }
   return ok;
}

static bool
explain_kind (const collection *all, bson_t *out, const char *name, uint32_t from, uint32_t to)
{
   bson_t rules;
   array_writer writer = {&rules, 0};

   return BSON_APPEND_UTF8 (out, "operatorName", name) &&
          bson_append_array_begin (out, "schemaRulesNotSatisfied", -1, &rules) &&
          explain_level (all, &writer, from, to, 0) && bson_append_array_end (out, &rules);
}

/* Both kinds at once, as mongod shows a validator beside its implicit one. */
static bool
explain_both (const collection *all, bson_t *details, uint32_t middle)
{
   static const char *const names[] = {"$jsonSchema", "implicitFLESchema"};
   bson_t clauses, clause, inner;
   array_writer writer = {&clauses, 0};
   bool ok = BSON_APPEND_UTF8 (details, "operatorName", "$and") &&
             bson_append_array_begin (details, "clausesNotSatisfied", -1, &clauses);

   for (int32_t i = 0; ok && i < 2; i++) {
      ok = begin_member (&writer, &clause) && BSON_APPEND_INT32 (&clause, "index", i) &&
           bson_append_document_begin (&clause, "details", -1, &inner) &&
           explain_kind (all, &inner, names[i], i == 0 ? 0 : middle, i == 0 ? middle : all->n_hits) &&
           bson_append_document_end (&clause, &inner) && bson_append_document_end (&clauses, &clause);
   }
   return ok && bson_append_array_end (details, &clauses);
}

bool
fg_policy_explain (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase, bson_t *details,
                   fg_error *err)
{
   collection *all = malloc (sizeof *all);
   bool ok = false;

   if (!all) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory while explaining a refusal");
   }
   all->n_hits = all->n_steps = 0;
   all->truncated = false;
   fg_check verdict = fg_policy_walk_document (policy, doc, len, phase, collect, all, err);
   if (verdict == FG_CHECK_ERROR && all->n_hits == 0) {
      all->hits[all->n_hits++] = (kept_hit){0, 0, FG_REASON_CANNOT_DECIDE, FG_POLICY_CSFLE};
   }
   uint32_t middle = partition (all, FG_POLICY_CSFLE, 0);
   if (middle > 0 && middle < all->n_hits) {
      ok = explain_both (all, details, middle);
   } else {
      ok = explain_kind (all, details, middle ? "$jsonSchema" : "implicitFLESchema", 0, all->n_hits);
   }
   ok = ok && (!all->truncated || BSON_APPEND_BOOL (details, "truncated", true));
   if (!ok) {
      (void)fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "detailed error was too large");
   }
   free (all);
   return ok;
}

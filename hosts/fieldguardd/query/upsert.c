/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

/*
 * What an upsert takes over from its filter: the equalities that the filter states for certain. Those are {a: v} and {a: {$eq: v}}, $in with one value, $all (each of
 * its values), inside $and, and inside an $or with one clause.
 */

typedef struct seeds {
   fgd_leaf *leaves; /* path and value of each */
   size_t n;
   size_t cap;
   fgd_arena *arena;
   bool only_id;
} seeds;

static bool
is_id_path (const char *name, size_t len)
{
   return len >= 3 && memcmp (name, "_id", 3) == 0 && (len == 3 || name[3] == '.');
}

static bool
add_seed (seeds *s, const fgd_element *field, const fg_value *value, fg_error *err)
{
   if (field->name_len == 0 || (s->only_id && !is_id_path (field->name, field->name_len))) {
      return true;
   }
   if (s->n == s->cap) {
      size_t cap = s->cap ? s->cap * 2 : 8;
      fgd_leaf *leaves = fgd_arena_alloc (s->arena, cap * sizeof *leaves);
      if (!leaves) {
         return fgd_no_memory (err);
      }
      if (s->n > 0) {
         memcpy (leaves, s->leaves, s->n * sizeof *leaves);
      }
      s->leaves = leaves;
      s->cap = cap;
   }
   fgd_leaf *leaf = &s->leaves[s->n++];
   *leaf = (fgd_leaf){.operand = *value};
   return fgd_path_parse (s->arena, field->name, field->name_len, &leaf->path, err);
}

static bool
is_condition (const fg_value *value)
{
   fgd_walk walk;
   fgd_element first;
   if (value->type != FGD_T_OBJECT) {
      return false;
   }
   fgd_walk_begin (&walk, value->data, value->len);
   return fgd_walk_next (&walk, &first) && first.name[0] == '$' && strcmp (first.name, "$ref") != 0 &&
          strcmp (first.name, "$id") != 0 && strcmp (first.name, "$db") != 0;
}

/* The values of $all: each is an equality, unless it is a pattern or an $elemMatch. */
static bool
add_all (seeds *s, const fgd_element *field, const fg_value *array, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, array->data, array->len);
   while (fgd_walk_next (&walk, &element)) {
      if (element.value.type != FGD_T_REGEX && !is_condition (&element.value) &&
          !add_seed (s, field, &element.value, err)) {
         return false;
      }
   }
   return true;
}

static bool
add_conditions (seeds *s, const fgd_element *field, fg_error *err)
{
   fgd_walk walk;
   fgd_element condition;
   fgd_walk_begin (&walk, field->value.data, field->value.len);
   while (fgd_walk_next (&walk, &condition)) {
      const fg_value *value = &condition.value;
      bool ok = true;
      if (strcmp (condition.name, "$eq") == 0) {
         ok = add_seed (s, field, value, err);
      } else if (strcmp (condition.name, "$all") == 0 && value->type == FGD_T_ARRAY) {
         ok = add_all (s, field, value, err);
      } else if (strcmp (condition.name, "$in") == 0 && value->type == FGD_T_ARRAY &&
                 fgd_count (value->data, value->len) == 1) {
         ok = add_all (s, field, value, err);
      }
      if (!ok) {
         return false;
      }
   }
   return true;
}

/* Bounded by the depth of a well-formed document. */
static bool
collect (seeds *s, const uint8_t *filter, size_t len, fg_error *err)
{
   fgd_walk walk;
   fgd_element field;
   fgd_walk_begin (&walk, filter, len);
   while (fgd_walk_next (&walk, &field)) {
      bool is_and = strcmp (field.name, "$and") == 0;
      bool is_or = strcmp (field.name, "$or") == 0;
      bool ok = true;
      if ((is_and || is_or) && field.value.type == FGD_T_ARRAY) {
         fgd_walk clauses;
         fgd_element clause;
         bool follow = is_and || fgd_count (field.value.data, field.value.len) == 1;
         fgd_walk_begin (&clauses, field.value.data, field.value.len);
         while (ok && follow && fgd_walk_next (&clauses, &clause)) {
            ok = clause.value.type != FGD_T_OBJECT || collect (s, clause.value.data, clause.value.len, err);
         }
      } else if (field.name[0] == '$') {
         continue;
      } else if (is_condition (&field.value)) {
         ok = add_conditions (s, &field, err);
      } else if (field.value.type != FGD_T_REGEX) {
         ok = add_seed (s, &field, &field.value, err);
      }
      if (!ok) {
         return false;
      }
   }
   return true;
}

static bool
check_single (const seeds *s, fg_error *err)
{
   fg_error conflict;
   if (fgd_leaves_sort (s->leaves, s->n, false, &conflict)) {
      return true;
   }
   for (size_t i = 1; i < s->n; i++) {
      const fgd_path *a = &s->leaves[i - 1].path;
      const fgd_path *b = &s->leaves[i].path;
      if (fgd_path_compare (a, b) == 0) {
         return fgd_fail (err, FGD_NOT_SINGLE, "cannot infer query fields to set, path '%s' is matched twice", a->text);
      }
      if (b->text_len > a->text_len && memcmp (a->text, b->text, a->text_len) == 0 && b->text[a->text_len] == '.') {
         return fgd_fail (err, FGD_NOT_SINGLE, "cannot infer query fields to set, both paths '%s' and '%s' are matched",
                          b->text, a->text);
      }
   }
   return fgd_fail (err, FGD_NOT_SINGLE, "cannot infer query fields to set");
}

bool
fgd_upsert_seed (const uint8_t *filter, size_t len, bool only_id, fgd_tree *tree, fg_error *err)
{
   seeds s = {.arena = &tree->arena, .only_id = only_id};
   if (!collect (&s, filter, len, err) || !check_single (&s, err)) {
      return false;
   }
   for (size_t i = 0; i < s.n; i++) {
      if (!fgd_tree_set_path (tree, &s.leaves[i].path, &s.leaves[i].operand, err)) {
         return false;
      }
   }
   return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/stages.h"
#include "hosts/fieldguardd/query/total.h"
#include "hosts/fieldguardd/query/value_set.h"

#include <stdlib.h>

/* $group. Groups come out in the order in which they were first met (mongod promises none). */

/* --- reading the specification ---------------------------------------------------------------------------------------------- */

static const struct {
   const char *name;
   fgd_accumulator what;
} accumulators[] = {
   {"$sum", FGD_ACC_SUM},     {"$avg", FGD_ACC_AVG},   {"$min", FGD_ACC_MIN},   {"$max", FGD_ACC_MAX},
   {"$first", FGD_ACC_FIRST}, {"$last", FGD_ACC_LAST}, {"$push", FGD_ACC_PUSH}, {"$addToSet", FGD_ACC_ADD_TO_SET},
   {"$count", FGD_ACC_COUNT}};

static bool
read_accumulator (fgd_stages *stages, fgd_group_field *field, const fgd_element *element, fg_error *err)
{
   fgd_walk walk;
   fgd_element op;
   if (memchr (element->name, '.', element->name_len)) {
      return fgd_fail (err, 40235, "The field name '%s' cannot contain '.'", element->name);
   }
   if (element->name[0] == '$') {
      return fgd_fail (err, 40236, "The field name '%s' cannot be an operator name", element->name);
   }
   fgd_walk_begin (&walk, element->value.data, element->value.type == FGD_T_OBJECT ? element->value.len : 0);
   if (!fgd_walk_next (&walk, &op) || op.name[0] != '$') {
      return fgd_fail (err, 40234, "The field '%s' must be an accumulator object", element->name);
   }
   if (fgd_count (element->value.data, element->value.len) != 1) {
      return fgd_fail (err, 40238, "The field '%s' must specify one accumulator", element->name);
   }
   field->name = element->name;
   for (size_t i = 0; i < sizeof accumulators / sizeof accumulators[0]; i++) {
      if (strcmp (op.name, accumulators[i].name) != 0) {
         continue;
      }
      field->what = accumulators[i].what;
      if (field->what == FGD_ACC_COUNT) {
         bool empty = op.value.type == FGD_T_OBJECT && fgd_count (op.value.data, op.value.len) == 0;
         return empty ? true : fgd_fail (err, FGD_TYPE_MISMATCH, "$count takes no arguments, i.e. $count:{}");
      }
      if (op.value.type == FGD_T_ARRAY && fgd_count (op.value.data, op.value.len) != 1) {
         return fgd_fail (err, 40237, "The %s accumulator is a unary operator", op.name);
      }
      fgd_element only = op;
      if (op.value.type == FGD_T_ARRAY) {
         (void)fgd_find (op.value.data, op.value.len, "0", 1, &only);
      }
      field->expr = fgd_expr_compile (&stages->scope, &only.value, err);
      return field->expr != NULL;
   }
   return fgd_fail (err, 15952, "unknown group operator '%s'", op.name);
}

bool
fgd_stage_parse_group (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   stage->kind = FGD_STAGE_GROUP;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 15947, "a group's fields must be specified in an object");
   }
   stage->groups = fgd_arena_alloc (&stages->arena, (fgd_count (spec->data, spec->len) + 1) * sizeof *stage->groups);
   if (!stage->groups) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (!fgd_is (element.name, element.name_len, "_id")) {
         if (!read_accumulator (stages, &stage->groups[stage->n_groups++], &element, err)) {
            return false;
         }
         continue;
      }
      if (stage->expr) {
         return fgd_fail (err, 15948, "a group's _id may only be specified once");
      }
      stage->expr = fgd_expr_compile (&stages->scope, &element.value, err);
      if (!stage->expr) {
         return false;
      }
   }
   return stage->expr ? true : fgd_fail (err, 15955, "a group specification must include an _id");
}

/* --- at work -------------------------------------------------------------------------------------------------------------------- */

typedef struct state {
   fgd_total total;
   fg_value value; /* $min, $max, $first, $last: lies in bytes */
   uint8_t *bytes;
   bool any;
   fg_buf list; /* $push: elements as they will stand in the array */
   size_t n;
   fgd_value_set set;
} state;

struct fgd_grouper {
   const fgd_stage *stage;
   int64_t now_ms;
   fgd_value_set keys;
   state **groups; /* one array of n_groups states for each key */
   size_t cap;
   size_t bytes;
   size_t next;
};

fgd_grouper *
fgd_grouper_new (const fgd_stage *stage, int64_t now_ms, fg_error *err)
{
   fgd_grouper *grouper = calloc (1, sizeof *grouper);
   if (!grouper) {
      fgd_no_memory (err);
      return NULL;
   }
   grouper->stage = stage;
   grouper->now_ms = now_ms;
   return grouper;
}

static void
free_group (const fgd_grouper *grouper, state *group)
{
   for (size_t i = 0; group && i < grouper->stage->n_groups; i++) {
      free (group[i].bytes);
      fg_buf_free (&group[i].list);
      fgd_value_set_clear (&group[i].set);
   }
   free (group);
}

void
fgd_grouper_free (fgd_grouper *grouper)
{
   if (!grouper) {
      return;
   }
   for (size_t i = 0; i < grouper->cap; i++) {
      free_group (grouper, grouper->groups[i]);
   }
   free (grouper->groups);
   fgd_value_set_clear (&grouper->keys);
   free (grouper);
}

static bool
keep_value (fgd_grouper *grouper, state *s, const fg_value *value, fg_error *err)
{
   uint8_t *copy = malloc (value->len + 1);
   if (!copy) {
      return fgd_no_memory (err);
   }
   if (value->len > 0) {
      memcpy (copy, value->data, value->len);
   }
   grouper->bytes += value->len;
   grouper->bytes -= s->any ? s->value.len : 0;
   free (s->bytes);
   s->bytes = copy;
   s->value = (fg_value){value->type, copy, value->len};
   s->any = true;
   return true;
}

static bool
accumulate_list (fgd_grouper *grouper, state *s, fgd_accumulator what, const fg_value *value, fg_error *err)
{
   char name[24];
   bool fresh = false;
   size_t before = what == FGD_ACC_PUSH ? s->list.len : s->set.bytes;
   if (value->type == 0) {
      return true;
   }
   if (what == FGD_ACC_PUSH) {
      size_t len = fgd_index_name (s->n++, name);
      fgd_put_value (&s->list, name, len, value);
      grouper->bytes += s->list.len - before;
      return s->list.failed ? fgd_no_memory (err) : true;
   }
   if (fgd_value_set_add (&s->set, value, &fresh) == SIZE_MAX) {
      return fgd_no_memory (err);
   }
   grouper->bytes += s->set.bytes - before;
   return true;
}

static bool
accumulate (fgd_grouper *grouper, state *s, fgd_accumulator what, const fg_value *value, fg_error *err)
{
   bool nothing = fgd_is_nullish (value);
   switch (what) {
   case FGD_ACC_SUM:
   case FGD_ACC_AVG:
      fgd_total_add (&s->total, value);
      return true;
   case FGD_ACC_COUNT:
      s->n++;
      return true;
   case FGD_ACC_MIN:
      return nothing || (s->any && fg_value_compare (value, &s->value) >= 0) ? true
                                                                             : keep_value (grouper, s, value, err);
   case FGD_ACC_MAX:
      return nothing || (s->any && fg_value_compare (value, &s->value) <= 0) ? true
                                                                             : keep_value (grouper, s, value, err);
   case FGD_ACC_FIRST:
      return s->any ? true : keep_value (grouper, s, value, err);
   case FGD_ACC_LAST:
      return keep_value (grouper, s, value, err);
   case FGD_ACC_PUSH:
   case FGD_ACC_ADD_TO_SET:
   default:
      return accumulate_list (grouper, s, what, value, err);
   }
}

static bool
room_for_group (fgd_grouper *grouper, size_t place, fg_error *err)
{
   if (place >= grouper->cap) {
      size_t cap = grouper->cap ? grouper->cap * 2 : 16;
      state **groups = realloc (grouper->groups, cap * sizeof (state *));
      if (!groups) {
         return fgd_no_memory (err);
      }
      memset (groups + grouper->cap, 0, (cap - grouper->cap) * sizeof (state *));
      grouper->groups = groups;
      grouper->cap = cap;
   }
   size_t n = grouper->stage->n_groups + 1;
   grouper->groups[place] = calloc (n, sizeof (state));
   grouper->bytes += n * sizeof (state);
   return grouper->groups[place] ? true : fgd_no_memory (err);
}

static bool
add_document (fgd_grouper *grouper, fgd_eval *eval, fg_error *err)
{
   const fgd_stage *stage = grouper->stage;
   fg_value key;
   bool fresh = false;
   if (!fgd_expr_eval (eval, stage->expr, &key, err)) {
      return false;
   }
   key = key.type == 0 ? fgd_make_null () : key;
   /* The slot first, so that every key in the set has one, also when memory runs out between the two. */
   if (grouper->keys.n >= grouper->cap || !grouper->groups[grouper->keys.n]) {
      if (!room_for_group (grouper, grouper->keys.n, err)) {
         return false;
      }
   }
   size_t place = fgd_value_set_add (&grouper->keys, &key, &fresh);
   if (place == SIZE_MAX) {
      return fgd_no_memory (err);
   }
   for (size_t i = 0; i < stage->n_groups; i++) {
      const fgd_group_field *field = &stage->groups[i];
      fg_value value = {0, NULL, 0};
      if ((field->expr && !fgd_expr_eval (eval, field->expr, &value, err)) ||
          !accumulate (grouper, &grouper->groups[place][i], field->what, &value, err)) {
         return false;
      }
   }
   return true;
}

bool
fgd_grouper_add (fgd_grouper *grouper, const uint8_t *doc, size_t len, fg_error *err)
{
   fgd_arena arena = {0};
   fgd_eval eval;
   fgd_eval_init (&eval, &arena, doc, len, grouper->now_ms);
   bool ok = add_document (grouper, &eval, err);
   fgd_arena_free (&arena);
   if (ok && grouper->bytes + grouper->keys.bytes > FGD_SORT_MEMORY) {
      return fgd_fail (
         err, FGD_NO_DISK_USE,
         "Exceeded memory limit for $group, but didn't allow external sort. Pass allowDiskUse:true to opt in.");
   }
   return ok;
}

/* --- results ---------------------------------------------------------------------------------------------------------------------- */

static void
put_number (const char *name, const fgd_number *number, fg_buf *out)
{
   fgd_arena arena = {0};
   fg_value value = fgd_number_make (&arena, number);
   out->failed = out->failed || arena.failed;
   if (!arena.failed) {
      fgd_put_value (out, name, strlen (name), &value);
   }
   fgd_arena_free (&arena);
}

static void
put_list (const char *name, const state *s, fgd_accumulator what, fg_buf *out)
{
   char index[24];
   size_t at = fgd_put_open (out, FGD_T_ARRAY, name, strlen (name));
   if (what == FGD_ACC_PUSH && s->list.len > 0) {
      fg_buf_append (out, s->list.data, s->list.len);
   }
   for (size_t i = 0; i < s->set.n; i++) {
      size_t len = fgd_index_name (i, index);
      fgd_put_value (out, index, len, s->set.items[i]);
   }
   fgd_put_end (out, at);
}

static void
put_result (const fgd_group_field *field, const state *s, fg_buf *out)
{
   fg_value null = fgd_make_null ();
   fgd_number number = {.type = FGD_T_INT32, .i = (int64_t)s->n};
   switch (field->what) {
   case FGD_ACC_SUM:
      number = fgd_total_sum (&s->total);
      break;
   case FGD_ACC_AVG:
      if (s->total.n == 0) {
         fgd_put_value (out, field->name, strlen (field->name), &null);
         return;
      }
      number = fgd_total_average (&s->total);
      break;
   case FGD_ACC_COUNT:
      number.type = s->n > INT32_MAX ? FGD_T_INT64 : FGD_T_INT32;
      break;
   case FGD_ACC_MIN:
   case FGD_ACC_MAX:
   case FGD_ACC_FIRST:
   case FGD_ACC_LAST:
      fgd_put_value (out, field->name, strlen (field->name), s->any && s->value.type != 0 ? &s->value : &null);
      return;
   case FGD_ACC_PUSH:
   case FGD_ACC_ADD_TO_SET:
   default:
      put_list (field->name, s, field->what, out);
      return;
   }
   put_number (field->name, &number, out);
}

bool
fgd_grouper_next (fgd_grouper *grouper, fg_buf *out, bool *failed, fg_error *err)
{
   const fgd_stage *stage = grouper->stage;
   fgd_buf_reset (out);
   *failed = false;
   if (grouper->next >= grouper->keys.n) {
      return false;
   }
   size_t at = fgd_put_begin (out);
   fgd_put_value (out, "_id", 3, grouper->keys.items[grouper->next]);
   for (size_t i = 0; i < stage->n_groups; i++) {
      put_result (&stage->groups[i], &grouper->groups[grouper->next][i], out);
   }
   fgd_put_end (out, at);
   grouper->next++;
   if (out->failed) {
      *failed = true;
      return fgd_no_memory (err);
   }
   if (out->len > FGD_MAX_DOCUMENT) {
      *failed = true;
      return fgd_fail (err, 10334, "BSONObj size is invalid: a group's document is larger than %u", FGD_MAX_DOCUMENT);
   }
   return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/number.h"
#include "hosts/fieldguardd/query/update_private.h"

/* $inc, $mul and $bit. */

static bool
number_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   (void)update;
   if (fgd_is_number (&leaf->operand)) {
      return true;
   }
   const fgd_part *last = &leaf->path.parts[leaf->path.n - 1];
   return fgd_fail (err, FGD_TYPE_MISMATCH, "Cannot %s with non-numeric argument: {%.*s: ###}",
                    strcmp (leaf->op->name, "$inc") == 0 ? "increment" : "multiply", (int)last->len, last->name);
}

static bool
put_number (fgd_update_run *run, fgd_node *node, const fgd_number *number, bool *changed, fg_error *err)
{
   fg_value old = {node->type, node->data, node->len};
   fg_value value = fgd_number_make (&run->tree.arena, number);
   if (value.type == 0) {
      return fgd_no_memory (err);
   }
   if (!fgd_identical (&old, &value)) {
      fgd_node_set (node, &value);
      *changed = true;
   }
   return true;
}

static bool
arithmetic_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   bool increment = strcmp (leaf->op->name, "$inc") == 0;
   const fgd_part *last = &leaf->path.parts[leaf->path.n - 1];
   fgd_node *node = &parent->kids[at];
   fg_value old = {node->type, node->data, node->len};
   fgd_number a;
   fgd_number b;
   fgd_number result;
   if (!fgd_number_read (&old, &a)) {
      return fgd_fail (
         err, FGD_TYPE_MISMATCH,
         "Cannot apply %s to a value of non-numeric type. {_id: ###} has the field '%.*s' of non-numeric type %s",
         leaf->op->name, (int)last->len, last->name, fgd_type_name (node->type));
   }
   if (!fgd_number_read (&leaf->operand, &b) ||
       !(increment ? fgd_number_add (&a, &b, &result) : fgd_number_multiply (&a, &b, &result))) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "Failed to apply %s operations to current value ((NumberLong)###) for document {_id: ###}",
                       leaf->op->name);
   }
   return put_number (run, node, &result, changed, err);
}

static bool
inc_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   (void)run;
   (void)err;
   fgd_node_set (fresh, &leaf->operand);
   return true;
}

/* A missing field times anything is 0 of the type that 0 (an int) times the operand has. */
static bool
mul_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   fgd_number zero = {.type = FGD_T_INT32};
   fgd_number by;
   bool changed = false;
   if (!fgd_number_read (&leaf->operand, &by) || !fgd_number_multiply (&zero, &by, &zero)) {
      return fgd_fail (err, FGD_BAD_VALUE, "Failed to apply $mul");
   }
   return put_number (run, fresh, &zero, &changed, err);
}

/* $bit: {and: n}, {or: n}, {xor: n}, in order. */

typedef struct bit_step {
   char what; /* a, o, x */
   bool is_long;
   int64_t by;
} bit_step;

typedef struct bit_steps {
   size_t n;
   bit_step step[];
} bit_steps;

static bool
bit_step_read (const fgd_element *element, bit_step *step, fg_error *err)
{
   static const char *const names[] = {"and", "or", "xor"};
   step->what = 0;
   for (size_t i = 0; i < 3; i++) {
      step->what = fgd_is (element->name, element->name_len, names[i]) ? names[i][0] : step->what;
   }
   if (!step->what) {
      return fgd_fail (
         err, FGD_BAD_VALUE,
         "The $bit modifier only supports 'and', 'or', and 'xor', not '%s' which is an unknown operator: {%s: ###}",
         element->name, element->name);
   }
   if (element->value.type != FGD_T_INT32 && element->value.type != FGD_T_INT64) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "The $bit modifier field must be an Integer(32/64 bit); a '%s' is not supported here: {%s: ###}",
                       fgd_type_name (element->value.type), element->name);
   }
   step->is_long = element->value.type == FGD_T_INT64;
   return fgd_to_int64 (&element->value, &step->by);
}

static bool
bit_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (leaf->operand.type != FGD_T_OBJECT) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "The $bit modifier is not compatible with a %s. You must pass in an embedded document: {$bit: "
                       "{field: {and/or/xor: #}}",
                       fgd_type_name (leaf->operand.type));
   }
   size_t n = fgd_count (leaf->operand.data, leaf->operand.len);
   if (n == 0) {
      return fgd_fail (
         err, FGD_BAD_VALUE,
         "You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}");
   }
   bit_steps *steps = fgd_arena_alloc (&update->arena, sizeof *steps + n * sizeof steps->step[0]);
   if (!steps) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   while (steps->n < n && fgd_walk_next (&walk, &element)) {
      if (!bit_step_read (&element, &steps->step[steps->n++], err)) {
         return false;
      }
   }
   leaf->extra = steps;
   return true;
}

static void
bit_run (const bit_steps *steps, fgd_number *number)
{
   for (size_t i = 0; i < steps->n; i++) {
      const bit_step *step = &steps->step[i];
      number->type = step->is_long ? FGD_T_INT64 : number->type;
      number->i = step->what == 'a'   ? number->i & step->by
                  : step->what == 'o' ? number->i | step->by
                                      : number->i ^ step->by;
   }
}

static bool
bit_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   const fgd_part *last = &leaf->path.parts[leaf->path.n - 1];
   fgd_node *node = &parent->kids[at];
   fg_value old = {node->type, node->data, node->len};
   fgd_number number;
   if ((node->type != FGD_T_INT32 && node->type != FGD_T_INT64) || !fgd_number_read (&old, &number)) {
      return fgd_fail (
         err, FGD_BAD_VALUE,
         "Cannot apply $bit to a value of non-integral type.{_id: ###} has the field %.*s of non-integer type %s",
         (int)last->len, last->name, fgd_type_name (node->type));
   }
   bit_run (leaf->extra, &number);
   return put_number (run, node, &number, changed, err);
}

static bool
bit_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   fgd_number number = {.type = FGD_T_INT32};
   bool changed = false;
   bit_run (leaf->extra, &number);
   return put_number (run, fresh, &number, &changed, err);
}

const fgd_operator fgd_operators_arithmetic[] = {
   {.name = "$inc", .init = number_init, .modify = arithmetic_modify, .create = inc_create},
   {.name = "$mul", .init = number_init, .modify = arithmetic_modify, .create = mul_create},
   {.name = "$bit", .init = bit_init, .modify = bit_modify, .create = bit_create},
   {.name = NULL},
};

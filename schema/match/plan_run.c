/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/plan.h"

#include "base/base.h"
#include "schema/words.h"

/* One pass over a document, with an explicit stack. Every length is checked against the end of the innermost open document before it is used. */

#define INLINE static inline __attribute__ ((always_inline))
#define BAD_SIZE SIZE_MAX

/* --- elements --------------------------------------------------------------------------------------------------------- */

/* How a type's size follows: low bits what to add, high bits what else there is. */
#define SHAPE_SIZE 0x1fu
#define SHAPE_LENGTH 0x20u /* ... plus the length that the value starts with */
#define SHAPE_ENDED 0x40u /* ... and its last byte is 0 */
#define SHAPE_RARE 0x80u /* fg_value_size knows */
#define SHAPE_EMPTY SHAPE_ENDED /* alone: a type without a value, where 0 is no type */

static const uint8_t shapes[256] = {
   [BSON_DOUBLE] = 8,
   [BSON_STRING] = SHAPE_LENGTH | SHAPE_ENDED | 4,
   [BSON_OBJECT] = SHAPE_LENGTH | SHAPE_ENDED,
   [BSON_ARRAY] = SHAPE_LENGTH | SHAPE_ENDED,
   [BSON_BINDATA] = SHAPE_LENGTH | 5,
   [BSON_UNDEFINED] = SHAPE_EMPTY,
   [BSON_OID] = 12,
   [BSON_BOOL] = 1,
   [BSON_DATE] = 8,
   [BSON_NULL] = SHAPE_EMPTY,
   [BSON_REGEX] = SHAPE_RARE,
   [BSON_DBPOINTER] = SHAPE_RARE,
   [BSON_CODE] = SHAPE_LENGTH | SHAPE_ENDED | 4,
   [BSON_SYMBOL] = SHAPE_LENGTH | SHAPE_ENDED | 4,
   [BSON_CODEWSCOPE] = SHAPE_RARE,
   [BSON_INT] = 4,
   [BSON_TIMESTAMP] = 8,
   [BSON_LONG] = 8,
   [BSON_DECIMAL] = 16,
   [BSON_MAXKEY] = SHAPE_EMPTY,
   [BSON_MINKEY] = SHAPE_EMPTY,
};

/* Least value of the length in front: a string counts its terminator, a document its frame. */
static const uint8_t least_lengths[20] = {
   [BSON_STRING] = 1, [BSON_OBJECT] = 5, [BSON_ARRAY] = 5, [BSON_CODE] = 1, [BSON_SYMBOL] = 1};

/* As fg_value_size, BAD_SIZE where that finds fault. */
INLINE size_t
value_size (uint8_t type, const uint8_t *value, size_t room)
{
   const uint8_t shape = shapes[type];
   size_t size = shape & SHAPE_SIZE;

   if (shape & SHAPE_LENGTH) {
      if (room < 4) {
         return BAD_SIZE;
      }
      uint32_t n = fg_read_u32le (value);
      size += n;
      if (n < least_lengths[type] || size > room || ((shape & SHAPE_ENDED) && value[size - 1] != 0)) {
         return BAD_SIZE;
      }
      return size;
   }
   if (__builtin_expect (shape == 0 || (shape & SHAPE_RARE), 0)) {
      return shape ? fg_value_size (type, value, room) : BAD_SIZE;
   }
   return size <= room ? size : BAD_SIZE;
}

INLINE uint32_t
type_bit (uint8_t type)
{
   return __builtin_expect (type <= BSON_DECIMAL, 1) ? 1u << type : fg_type_bit (type);
}

/* --- the pass ----------------------------------------------------------------------------------------------------------- */

typedef struct frame {
   const uint8_t *last; /* the terminator of this document or array */
   const fg_plan_state *state;
   uint64_t seen; /* names met, when there are at most 64 */
   uint64_t count; /* elements so far */
   const uint32_t *order; /* the name expected next */
   uint32_t words; /* first of the words of names met otherwise */
} frame;

typedef struct run {
   const fg_plan *plan;
   fg_eval *ev;
   const char *start, *limit; /* of the whole document */
   frame *top;
   frame *frames;
   uint64_t *seen;
} run;

INLINE uint64_t *
seen_words (run *r, frame *top)
{
   return top->state->n_names <= 64 ? &top->seen : r->seen + top->words;
}

/* The value's frame is known to be right. */
INLINE bool
open_state (run *r, frame *top, uint32_t words, const fg_plan_state *state, const fg_value *value)
{
   if (__builtin_expect (r->ev->depth_left == 0 || top > r->frames + FG_PLAN_DEPTH, 0)) {
      return false;
   }
   r->ev->depth_left--;
   top->last = value->data + value->len - 1;
   top->state = state;
   top->seen = 0;
   top->count = 0;
   top->order = r->plan->order + state->order;
   top->words = words;
   if (__builtin_expect (state->n_names > 64, 0)) {
      memset (r->seen + words, 0, (state->n_names + 63) / 64 * sizeof r->seen[0]);
   }
   r->top = top;
   return true;
}

/* At its end: whether all that it must have was there. */
INLINE bool
is_complete (run *r, frame *top)
{
   const fg_plan_state *state = top->state;

   if (top->count < state->least || top->count > state->most) {
      return false;
   }
   if (__builtin_expect (state->n_names <= 64, 1)) {
      return (state->required & ~top->seen) == 0;
   }
   const uint64_t *required = r->plan->words + state->required_words;
   for (uint32_t i = 0; i < (state->n_names + 63) / 64; i++) {
      if (required[i] & ~r->seen[top->words + i]) {
         return false;
      }
   }
   return true;
}

static bool
has_length (const fg_plan_op *op, const fg_value *value)
{
   size_t len, n = 0;
   const char *text = fg_value_string (value, &len);

   if (op->kind == FG_PLAN_MAX_LENGTH && len <= op->arg) {
      return true;
   }
   for (size_t i = 0; i < len && n <= op->arg; i++) {
      n += ((uint8_t)text[i] & 0xC0) != 0x80;
      if (op->kind == FG_PLAN_MIN_LENGTH && n >= op->arg) {
         return true;
      }
   }
   return op->kind == FG_PLAN_MAX_LENGTH ? n <= op->arg : n >= op->arg;
}

/* As fg_eval_encrypted; what that reads as a fault is merely not accepted. */
INLINE bool
is_encrypted (const fg_plan_op *op, const fg_value *value)
{
   const uint8_t *blob = value->data + 5;

   if (value->data[4] != 6) {
      return false;
   }
   return !op->typed ||
          (value->len - 5 >= 18 && (blob[0] == 1 || blob[0] == 2) && (fg_type_bit (blob[17]) & op->arg) != 0);
}

static bool
some_element_passes (run *r, const fg_node *node, const fg_value *array)
{
   fg_cursor cursor;
   fg_element element;
   bool hit = false;

   if (!fg_eval_enter (r->ev, &cursor, array)) {
      return false;
   }
   while (!hit && !r->ev->fault && fg_cursor_next (&cursor, &element)) {
      hit = fg_eval_test (r->ev, node, &element.value);
   }
   fg_eval_leave (r->ev, &cursor);
   return hit || fg_eval_test (r->ev, node, array);
}

static int64_t
integer_of (const fg_value *value)
{
   return value->type == BSON_INT ? fg_read_i32le (value->data) : (int64_t)fg_read_u64le (value->data);
}

static bool
is_within (run *r, const fg_node *node, const fg_value *value)
{
   if (value->type != BSON_INT && value->type != BSON_LONG) {
      return fg_eval_node (r->ev, node, value) && !r->ev->fault;
   }
   const int64_t number = integer_of (value), bound = integer_of (&node->u.rhs);
   switch ((int)node->kind) {
   case N_LT:
      return number < bound;
   case N_LTE:
      return number <= bound;
   case N_GT:
      return number > bound;
   default:
      return number >= bound;
   }
}

static bool
op_holds (run *r, const fg_plan_op *op, const fg_value *value)
{
   switch (op->kind) {
   case FG_PLAN_MIN_LENGTH:
   case FG_PLAN_MAX_LENGTH:
      return has_length (op, value);
   case FG_PLAN_BOUND:
      return is_within (r, r->plan->nodes[op->arg], value);
   case FG_PLAN_TEST:
      return fg_eval_test (r->ev, r->plan->nodes[op->arg], value) && !r->ev->fault;
   case FG_PLAN_ELEMENT:
      return some_element_passes (r, r->plan->nodes[op->arg], value) && !r->ev->fault;
   default:
      return fg_eval_node (r->ev, r->plan->nodes[op->arg], value) && !r->ev->fault;
   }
}

/* Tests the value, and makes it the top frame where there is something to test inside it. */
INLINE bool
meets (run *r, uint32_t number, const fg_value *value, bool *opened)
{
   const fg_plan_spot *spot = r->plan->spots + number;
   const uint32_t bit = type_bit (value->type);

   *opened = false;
   if (!(spot->types & bit)) {
      return false;
   }
   for (uint32_t i = 0; i < spot->n_ops; i++) {
      const fg_plan_op *op = r->plan->ops + spot->ops + i;
      if (!(op->types & bit)) {
         continue;
      }
      if (op->kind == FG_PLAN_ENCRYPTED ? !is_encrypted (op, value) : !op_holds (r, op, value)) {
         return false;
      }
   }
   uint32_t inside = value->type == BSON_OBJECT ? spot->object : value->type == BSON_ARRAY ? spot->array : FG_PLAN_NONE;
   if (inside == FG_PLAN_NONE) {
      return true;
   }
   frame *top = r->top;
   uint32_t names = top ? top->state->n_names : 0;
   uint32_t words = top ? top->words + (names > 64 ? (names + 63) / 64 : 0) : 0;
   *opened = true;
   return open_state (r, top ? top + 1 : r->frames, words, r->plan->states + inside, value);
}

/* Whether the name is that of the slot, whose length it then has. Documents tend to have their fields in the order of the schema: a comparison that comes out as expected
 * lets the processor go on with the next element before it has found the end of this one's name. */
INLINE bool
is_expected (const fg_plan_slot *slot, const char *name, size_t room)
{
   return fg_name_is (name, room, slot->head, slot->tail, slot->len);
}

INLINE const fg_plan_slot *
find_slot (const run *r, const fg_plan_state *state, const char *name, size_t len)
{
   uint64_t head, tail;

   if (state->n_names == 0) {
      return NULL;
   }
   fg_name_words_within (name, len, (size_t)(r->limit - name), &head, &tail);
   const fg_plan_slot *slots = r->plan->slots + state->slots;
   const uint64_t mask = ((uint64_t)1 << state->slot_bits) - 1;
   for (uint64_t i = fg_name_hash (head, tail, len, state->multiplier) >> (64 - state->slot_bits);;
        i = (i + 1) & mask) {
      const fg_plan_slot *slot = slots + i;
      if (slot->head == head && slot->tail == tail && slot->len == len &&
          (len <= 16 || memcmp (r->plan->names + slot->name, name, len) == 0)) {
         return slot;
      }
      if (slot->len == FG_PLAN_NONE) {
         return NULL;
      }
   }
}

static __attribute__ ((noinline)) bool
all_allow (run *r, const fg_plan_state *state, const fg_element *element)
{
   for (uint32_t i = 0; i < state->n_allowed; i++) {
      const fg_node *node = r->plan->nodes[state->allowed + i];
      if (!fg_eval_allows (r->ev, node->u.allowed, element) || r->ev->fault) {
         return false;
      }
   }
   return true;
}

static bool
starts_sound (const fg_value *array)
{
   fg_cursor cursor;
   fg_element first;

   return fg_cursor_open (&cursor, array) && (fg_cursor_next (&cursor, &first) || !cursor.bad);
}

/* A field: *spot is what its value must meet, 0 for a name that says nothing, or says it for the second time. */
INLINE bool
enter_field (run *r, frame *top, const fg_plan_slot *slot, const char *name, size_t len, const fg_value *value,
             uint32_t *spot)
{
   const fg_plan_state *state = top->state;

   *spot = 0;
   if (__builtin_expect (state->n_allowed && (state->patterns || !slot || !slot->allowed), 0)) {
      const fg_element element = {name, len, *value};
      if (!all_allow (r, state, &element)) {
         return false;
      }
   }
   if (!slot) {
      return true;
   }
   uint64_t *word = seen_words (r, top) + (state->n_names <= 64 ? 0 : slot->bit / 64);
   const uint64_t mask = (uint64_t)1 << (slot->bit & 63);
   if (__builtin_expect (slot->peek && value->type == BSON_ARRAY, 0) && !starts_sound (value)) {
      return false;
   }
   *spot = *word & mask ? 0 : slot->spot;
   *word |= mask;
   return true;
}

/* What the filter lets through. slot: of its name, where that is known already. *opened: its value is the top frame now. */
INLINE bool
take_element (run *r, const fg_plan_slot *slot, const uint8_t *at, size_t name_len, const uint8_t *data, size_t size,
              bool *opened)
{
   frame *top = r->top;
   const char *name = (const char *)at + 1;
   const fg_value value = {*at, data, size};
   uint32_t spot = top->state->items;

   *opened = false;
   if (!top->state->array) {
      slot = slot ? slot : find_slot (r, top->state, name, name_len);
      top->order = slot ? r->plan->order + top->state->order + slot->bit + 1 : top->order;
      if (!enter_field (r, top, slot, name, name_len, &value, &spot)) {
         return false;
      }
   }
   return spot == 0 || meets (r, spot, &value, opened);
}

/* Hops from element to element; those that lead nowhere cost a name's end, a size and a bit of the filter. */
static bool
walk (run *r, const uint8_t *at)
{
   const char *const start = r->start, *const limit = r->limit;
   const fg_plan_slot *const slots = r->plan->slots;
   const uint8_t *last = r->top->last;
   const uint32_t *order = r->top->order;
   uint64_t filter = r->top->state->filter, count = 0;
   bool opened;

   for (;;) {
      while (at < last) {
         const uint8_t *const element = at;
         const char *const name = (const char *)at + 1;
         const fg_plan_slot *slot = slots + *order;
         size_t len = slot->len;
         if (!is_expected (slot, name, (size_t)(limit - name))) {
            len = fg_name_length (name, start, limit);
            slot = NULL;
         }
         const uint8_t *const value = at + len + 2;
         if (__builtin_expect (value > last, 0)) {
            return false;
         }
         const size_t size = value_size (*at, value, (size_t)(last - value));
         if (__builtin_expect (size == BAD_SIZE, 0)) {
            return false;
         }
         at = value + size;
         count++;
         if (!slot && !(filter >> fg_name_filter_bit (name, len) & 1)) {
            continue;
         }
         if (!take_element (r, slot, element, len, value, size, &opened)) {
            return false;
         }
         if (opened) {
            r->top[-1].count = count;
            count = 0;
            at = value + 4;
            last = r->top->last;
            filter = r->top->state->filter;
         }
         order = r->top->order;
      }
      r->top->count = count;
      if (!is_complete (r, r->top)) {
         return false;
      }
      r->ev->depth_left++;
      if (r->top == r->frames) {
         return true;
      }
      r->top--;
      at++;
      count = r->top->count;
      last = r->top->last;
      order = r->top->order;
      filter = r->top->state->filter;
   }
}

bool
fg_plan_accepts (const fg_plan *plan, fg_eval *ev, const fg_value *document)
{
   frame frames[FG_PLAN_DEPTH + 1];
   uint64_t seen[FG_PLAN_SEEN_WORDS];
   const uint8_t *bytes = document->data;
   const size_t len = document->len;
   bool opened;

   if (len < 5 || fg_read_u32le (bytes) != len || bytes[len - 1] != 0) {
      return false;
   }
   run r = {plan, ev, (const char *)bytes, (const char *)bytes + len, NULL, frames, seen};
   return meets (&r, plan->root, document, &opened) && opened && walk (&r, bytes + 4);
}

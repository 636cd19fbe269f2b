/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/plan_build.h"

/* The conditions of one value: those about the value itself become its spot, those about what is inside go on to a state. */

#define OBJECTS fg_type_bit (BSON_OBJECT)
#define ARRAYS fg_type_bit (BSON_ARRAY)

typedef struct spot_terms {
   fg_plan_spot spot;
   fg_vec ops;
   fg_terms *object, *array; /* for the states */
   fg_terms **object_end, **array_end;
} spot_terms;

fg_terms *
fg_plan_term (fg_plan_builder *b, const fg_node *node, bool leaf, fg_terms *next)
{
   fg_terms *term = fg_parse_alloc (b->parser, sizeof *term);

   if (term) {
      *term = (fg_terms){node, leaf, next};
   }
   return term;
}

uint32_t
fg_plan_add_node (fg_plan_builder *b, const fg_node *node)
{
   const fg_node **place = fg_vec_add (&b->nodes, 1);

   if (!place) {
      return FG_PLAN_NONE;
   }
   *place = node;
   return (uint32_t)b->nodes.n - 1;
}

static bool
add_op (spot_terms *s, fg_plan_op_kind kind, uint32_t types, uint32_t arg, bool typed)
{
   fg_plan_op *op = fg_vec_add (&s->ops, 1);

   if (op) {
      *op = (fg_plan_op){(uint32_t)kind, types, arg, typed};
   }
   return op != NULL;
}

static bool
add_node_op (fg_plan_builder *b, spot_terms *s, fg_plan_op_kind kind, uint32_t types, const fg_node *node)
{
   uint32_t number = fg_plan_add_node (b, node);
   return number != FG_PLAN_NONE && add_op (s, kind, types, number, false);
}

/* The types for whose values the node's test is run; of values of other types it says nothing. */
static uint32_t
tested_types (const fg_node *node)
{
   return node->lenient ? node->lenient_types : FG_PLAN_ALL_TYPES;
}

static bool
is_inside_object (const fg_node *node)
{
   switch ((int)node->kind) {
   case N_REQUIRED:
      for (uint32_t i = 0; i < node->u.required.n; i++) {
         if (node->u.required.paths[i]->n_parts != 1) {
            return false;
         }
      }
      return true;
   case N_PROPERTIES:
      for (uint32_t i = 0; i < node->u.properties->n; i++) {
         if (node->u.properties->items[i].path) {
            return false;
         }
      }
      return true;
   case N_ALLOWED:
   case N_MIN_PROPERTIES:
   case N_MAX_PROPERTIES:
      return true;
   default:
      return false;
   }
}

static bool
is_inside_array (const fg_node *node)
{
   return node->kind == N_MIN_ITEMS || node->kind == N_MAX_ITEMS || (node->kind == N_ITEMS && node->from == 0);
}

/* {a: {$gt: 3}} beside other fields: a test of a field's value. */
static bool
is_field_leaf (const fg_node *node)
{
   bool query =
      (node->kind >= N_EQ && node->kind <= N_REGEX) || (node->kind >= N_BITS_ALL_SET && node->kind <= N_BITS_ANY_CLEAR);
   return query && node->path && node->path->n_parts == 1 && !node->lenient;
}

static bool
is_fle2 (const fg_node *node)
{
   return (node->kind == N_FLE2_PATH || node->kind == N_FLE2_VALUE) && node->path && node->path->n_parts == 1;
}

/* At the end: the order of the schema is the order in which its names are expected. */
static bool
push (fg_plan_builder *b, fg_terms ***end, const fg_node *node)
{
   **end = fg_plan_term (b, node, false, NULL);
   if (!**end) {
      return false;
   }
   *end = &(**end)->next;
   return true;
}

/* What the value is itself tested for, where a field with that name stands in a document. */
static bool
sort_leaf (fg_plan_builder *b, spot_terms *s, const fg_node *node, uint32_t depth)
{
   if (node->kind != N_FLE2_PATH || depth == 0) {
      bool elements = node->leaf_arrays;
      return add_node_op (b, s, FG_PLAN_TEST, elements ? ~ARRAYS : FG_PLAN_ALL_TYPES, node) &&
             (!elements || add_node_op (b, s, FG_PLAN_ELEMENT, ARRAYS, node));
   }
   s->spot.types &= ~ARRAYS;
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (!push (b, &s->object_end, node->kids[i])) {
         return false;
      }
   }
   return true;
}

static bool
is_integer_bound (const fg_node *node)
{
   return node->kind >= N_LT && node->kind <= N_GTE && (node->u.rhs.type == BSON_INT || node->u.rhs.type == BSON_LONG);
}

static bool
sort_inside (fg_plan_builder *b, spot_terms *s, const fg_node *node, fg_terms ***list, uint32_t type, uint32_t depth)
{
   if (!node->lenient) {
      s->spot.types &= type;
   }
   return depth == 0 ? add_node_op (b, s, FG_PLAN_NODE, tested_types (node), node) : push (b, list, node);
}

static bool
sort (fg_plan_builder *b, spot_terms *s, const fg_node *node, uint32_t depth)
{
   if (node->path) {
      return (is_field_leaf (node) || is_fle2 (node)) && depth > 0
                ? push (b, &s->object_end, node)
                : add_node_op (b, s, FG_PLAN_NODE, FG_PLAN_ALL_TYPES, node);
   }
   switch ((int)node->kind) {
   case N_AND:
   case N_SCHEMA:
      for (uint32_t i = 0; i < node->n_kids; i++) {
         if (!sort (b, s, node->kids[i], depth)) {
            return false;
         }
      }
      return true;
   case N_TRUE:
      return true;
   case N_TYPE:
      s->spot.types &= node->u.types.mask | ~tested_types (node);
      return true;
   case N_ENCRYPTED:
      s->spot.types &= fg_type_bit (BSON_BINDATA) | ~tested_types (node);
      return add_op (s, FG_PLAN_ENCRYPTED, tested_types (node) & fg_type_bit (BSON_BINDATA),
                     node->u.encrypted.types.mask, node->u.encrypted.typed);
   case N_MIN_LENGTH:
   case N_MAX_LENGTH:
      s->spot.types &= fg_type_bit (BSON_STRING) | ~tested_types (node);
      if (node->u.count <= INT32_MAX) {
         return add_op (s, node->kind == N_MIN_LENGTH ? FG_PLAN_MIN_LENGTH : FG_PLAN_MAX_LENGTH,
                        fg_type_bit (BSON_STRING), (uint32_t)node->u.count, false);
      }
      break;
   default:
      break;
   }
   if (is_inside_object (node)) {
      return sort_inside (b, s, node, &s->object_end, OBJECTS, depth);
   }
   if (is_inside_array (node)) {
      return sort_inside (b, s, node, &s->array_end, ARRAYS, depth);
   }
   return add_node_op (b, s, is_integer_bound (node) ? FG_PLAN_BOUND : FG_PLAN_NODE, tested_types (node), node);
}

static bool
finish_spot (fg_plan_builder *b, spot_terms *s, uint32_t *number)
{
   fg_plan_spot *place = fg_vec_add (&b->spots, 1);
   fg_plan_op *ops = place ? fg_vec_add (&b->ops, s->ops.n) : NULL;

   if (!ops) {
      return false;
   }
   s->spot.ops = (uint32_t)(b->ops.n - s->ops.n);
   s->spot.n_ops = (uint32_t)s->ops.n;
   if (s->ops.n) {
      memcpy (ops, s->ops.data, s->ops.n * sizeof *ops);
   }
   *place = s->spot;
   *number = (uint32_t)b->spots.n - 1;
   return true;
}

bool
fg_plan_build_spot (fg_plan_builder *b, const fg_terms *terms, uint32_t depth, uint32_t *number)
{
   spot_terms s = {.spot = {FG_PLAN_ALL_TYPES, 0, 0, FG_PLAN_NONE, FG_PLAN_NONE}, .ops = {.item = sizeof (fg_plan_op)}};
   bool ok = true;

   *number = 0;
   s.object_end = &s.object;
   s.array_end = &s.array;
   for (; terms && ok; terms = terms->next) {
      ok = terms->leaf ? sort_leaf (b, &s, terms->node, depth) : sort (b, &s, terms->node, depth);
   }
   ok = ok && (!s.object || fg_plan_build_object (b, s.object, depth - 1, &s.spot.object)) &&
        (!s.array || fg_plan_build_array (b, s.array, depth - 1, &s.spot.array));
   bool empty = s.spot.types == FG_PLAN_ALL_TYPES && s.ops.n == 0 && s.spot.object == FG_PLAN_NONE &&
                s.spot.array == FG_PLAN_NONE;
   ok = ok && (empty || finish_spot (b, &s, number));
   fg_vec_free (&s.ops);
   return ok;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------ */

static void *
keep (fg_parser *parser, const fg_vec *vec, bool *ok)
{
   void *copy = fg_parse_alloc (parser, vec->n * vec->item + 1);

   *ok = *ok && copy;
   if (copy && vec->n) {
      memcpy (copy, vec->data, vec->n * vec->item);
   }
   return copy;
}

static fg_plan *
finish (fg_plan_builder *b, uint32_t root)
{
   fg_plan *plan = fg_parse_alloc (b->parser, sizeof *plan);
   bool ok = plan != NULL;

   if (!ok) {
      return NULL;
   }
   plan->states = keep (b->parser, &b->states, &ok);
   plan->spots = keep (b->parser, &b->spots, &ok);
   plan->slots = keep (b->parser, &b->slots, &ok);
   plan->order = keep (b->parser, &b->order, &ok);
   plan->ops = keep (b->parser, &b->ops, &ok);
   plan->words = keep (b->parser, &b->words, &ok);
   plan->names = keep (b->parser, &b->names, &ok);
   plan->nodes = keep (b->parser, &b->nodes, &ok);
   plan->root = root;
   return ok ? plan : NULL;
}

bool
fg_plan_build (fg_parser *parser, const fg_node *root, const fg_plan **out)
{
   fg_plan_builder b = {.parser = parser,
                        .states = {.item = sizeof (fg_plan_state)},
                        .spots = {.item = sizeof (fg_plan_spot)},
                        .slots = {.item = sizeof (fg_plan_slot)},
                        .order = {.item = sizeof (uint32_t)},
                        .ops = {.item = sizeof (fg_plan_op)},
                        .words = {.item = sizeof (uint64_t)},
                        .names = {.item = 1},
                        .nodes = {.item = sizeof (fg_node *)}};
   const fg_terms terms = {root, false, NULL};
   uint32_t number = 0;

   /* Spot 0 asks nothing, slot 0 matches nothing, order 0 expects nothing. */
   fg_plan_slot *none = fg_vec_add (&b.slots, 1);
   bool ok = none && fg_vec_add (&b.spots, 1) && fg_vec_add (&b.order, 1);
   if (ok) {
      *none = (fg_plan_slot){.head = 1, .len = FG_PLAN_NONE};
   }
   ok = ok && fg_plan_build_spot (&b, &terms, FG_PLAN_DEPTH, &number);
   const fg_plan_spot *spot = FG_VEC_AT (&b.spots, fg_plan_spot, number);
   if (ok && number != 0 && !b.too_wide && spot->object != FG_PLAN_NONE) {
      *out = finish (&b, number);
      ok = *out != NULL;
   }
   fg_vec_free (&b.states);
   fg_vec_free (&b.spots);
   fg_vec_free (&b.slots);
   fg_vec_free (&b.order);
   fg_vec_free (&b.ops);
   fg_vec_free (&b.words);
   fg_vec_free (&b.names);
   fg_vec_free (&b.nodes);
   return ok || fg_parse_no_memory (parser);
}

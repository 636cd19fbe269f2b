/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/plan_build.h"

#include "schema/words.h"

/* The inside of an object or array: its names and what each of their values must meet. */

typedef struct object_terms {
   fg_plan_builder *b;
   fg_vec exits; /* fg_plan_exit */
   uint32_t *chains; /* by hash: an exit + 1 */
   uint32_t mask;
   fg_vec allowed; /* const fg_node * */
   bool patterns;
   uint64_t least, most;
} object_terms;

/* The exit of this name, made when it is the first to ask for it; NULL: out of memory. Pointers to other exits change. */
static fg_plan_exit *
exit_for (object_terms *o, const char *name, size_t len)
{
   uint64_t head, tail;

   fg_name_words (name, len, &head, &tail);
   uint32_t *chain = &o->chains[(fg_name_hash (head, tail, len, 1) >> 32) & o->mask];
   for (uint32_t i = *chain; i; i = FG_VEC_AT (&o->exits, fg_plan_exit, i - 1)->chained) {
      fg_plan_exit *known = FG_VEC_AT (&o->exits, fg_plan_exit, i - 1);
      if (known->len == len && memcmp (known->name, name, len) == 0) {
         return known;
      }
   }
   fg_plan_exit *fresh = fg_vec_add (&o->exits, 1);
   if (fresh) {
      *fresh = (fg_plan_exit){name, len, NULL, false, false, *chain};
      *chain = (uint32_t)o->exits.n;
   }
   return fresh;
}

static bool
add_term (object_terms *o, const char *name, size_t len, const fg_node *node, bool leaf, bool required)
{
   fg_plan_exit *at = exit_for (o, name, len);

   if (!at) {
      return false;
   }
   at->terms = fg_plan_term (o->b, node, leaf, at->terms);
   at->required = at->required || required;
   return at->terms != NULL;
}

static bool
add_properties (object_terms *o, const fg_properties *properties)
{
   for (uint32_t i = 0; i < properties->n; i++) {
      const fg_property *p = &properties->items[i];
      if (!add_term (o, p->name.text, p->name.len, p->schema, false, p->required)) {
         return false;
      }
   }
   return true;
}

static bool
add_required (object_terms *o, const fg_node *node)
{
   for (uint32_t i = 0; i < node->u.required.n; i++) {
      const fg_name *name = &node->u.required.paths[i]->parts[0];
      fg_plan_exit *at = exit_for (o, name->text, name->len);
      if (!at) {
         return false;
      }
      at->required = at->peek = true;
   }
   return true;
}

/* Whether a field that is not there passes: then its name need not be there. */
static bool
passes_missing (object_terms *o, const fg_node *node)
{
   static const fg_value missing = {0, NULL, 0};
   fg_eval ev;

   fg_eval_begin (&ev, o->b->parser->matcher);
   bool passes = fg_eval_test (&ev, node, &missing) && !ev.fault;
   fg_eval_end (&ev);
   return passes;
}

static bool
add_allowed (object_terms *o, const fg_node *node)
{
   const fg_allowed *allowed = node->u.allowed;

   if (allowed->n_patterns == 0 && (!allowed->additional || allowed->additional->kind == N_TRUE)) {
      return true;
   }
   const fg_node **place = fg_vec_add (&o->allowed, 1);
   if (place) {
      *place = node;
   }
   o->patterns = o->patterns || allowed->n_patterns > 0;
   return place != NULL;
}

static bool
gather (object_terms *o, const fg_node *node)
{
   uint64_t count = (uint64_t)node->u.count;

   switch ((int)node->kind) {
   case N_PROPERTIES:
      return add_properties (o, node->u.properties);
   case N_REQUIRED:
      return add_required (o, node);
   case N_ALLOWED:
      return add_allowed (o, node);
   case N_MIN_PROPERTIES:
      o->least = count > o->least ? count : o->least;
      return true;
   case N_MAX_PROPERTIES:
      o->most = count < o->most ? count : o->most;
      return true;
   default: /* a field's own test */
      return add_term (o, node->path->parts[0].text, node->path->parts[0].len, node, true, !passes_missing (o, node));
   }
}

static size_t
count_names (const fg_terms *terms)
{
   size_t n = 1;

   for (; terms; terms = terms->next) {
      const fg_node *node = terms->node;
      n += node->kind == N_PROPERTIES ? node->u.properties->n : node->kind == N_REQUIRED ? node->u.required.n : 1;
   }
   return n;
}

static bool
gather_all (object_terms *o, const fg_terms *terms)
{
   size_t n = count_names (terms), size = 8;

   while (size < n && size < UINT32_MAX / 8) {
      size *= 2;
   }
   o->chains = calloc (size, sizeof *o->chains);
   o->mask = (uint32_t)size - 1;
   for (bool ok = o->chains != NULL;; terms = terms->next) {
      if (!ok || !terms) {
         return ok;
      }
      ok = gather (o, terms->node);
   }
}

static bool
set_required (fg_plan_builder *b, fg_plan_state *state, const fg_plan_exit *exits, uint32_t n)
{
   const uint32_t n_words = (n + 63) / 64;
   uint64_t *words = &state->required;

   if (n > 64) {
      words = fg_vec_add (&b->words, n_words);
      if (!words) {
         return false;
      }
      state->required_words = (uint32_t)b->words.n - n_words;
   }
   for (uint32_t i = 0; i < n; i++) {
      words[i / 64] |= (uint64_t)exits[i].required << (i & 63);
   }
   return true;
}

static bool
set_allowed (object_terms *o, fg_plan_state *state)
{
   state->allowed = (uint32_t)o->b->nodes.n;
   state->n_allowed = (uint32_t)o->allowed.n;
   state->patterns = o->patterns;
   for (size_t i = 0; i < o->allowed.n; i++) {
      if (fg_plan_add_node (o->b, *FG_VEC_AT (&o->allowed, const fg_node *, i)) == FG_PLAN_NONE) {
         return false;
      }
   }
   return true;
}

/* The spots of all names; inner states are built meanwhile. */
static bool
build_spots (object_terms *o, uint32_t *spots, uint32_t n, uint32_t depth)
{
   for (uint32_t i = 0; i < n; i++) {
      if (!fg_plan_build_spot (o->b, FG_VEC_AT (&o->exits, fg_plan_exit, i)->terms, depth, &spots[i])) {
         return false;
      }
   }
   return true;
}

static bool
build (object_terms *o, uint32_t depth, uint32_t *number)
{
   fg_plan_builder *b = o->b;
   const uint32_t n = (uint32_t)o->exits.n, words = n > 64 ? (n + 63) / 64 : 0;
   const fg_plan_exit *exits = FG_VEC_AT (&o->exits, fg_plan_exit, 0);
   fg_plan_state state = {.least = o->least, .most = o->most};
   uint32_t *spots = calloc (n + 1, sizeof *spots);

   b->seen_words += words;
   b->too_wide = b->too_wide || b->seen_words > FG_PLAN_SEEN_WORDS;
   bool ok = spots && build_spots (o, spots, n, depth) && set_required (b, &state, exits, n) &&
             set_allowed (o, &state) && fg_plan_build_slots (b, &state, exits, spots, n);
   b->seen_words -= words;
   free (spots);
   fg_plan_state *place = ok ? fg_vec_add (&b->states, 1) : NULL;
   if (!place) {
      return false;
   }
   *place = state;
   *number = (uint32_t)b->states.n - 1;
   return true;
}

bool
fg_plan_build_object (fg_plan_builder *b, const fg_terms *terms, uint32_t depth, uint32_t *state)
{
   object_terms o = {
      .b = b, .exits = {.item = sizeof (fg_plan_exit)}, .allowed = {.item = sizeof (fg_node *)}, .most = UINT64_MAX};

   bool ok = gather_all (&o, terms) && build (&o, depth, state);
   free (o.chains);
   fg_vec_free (&o.exits);
   fg_vec_free (&o.allowed);
   return ok;
}

bool
fg_plan_build_array (fg_plan_builder *b, const fg_terms *terms, uint32_t depth, uint32_t *number)
{
   fg_plan_state state = {.filter = UINT64_MAX, .array = true, .most = UINT64_MAX};
   fg_terms *items = NULL;

   for (; terms; terms = terms->next) {
      uint64_t count = (uint64_t)terms->node->u.count;
      if (terms->node->kind == N_MIN_ITEMS) {
         state.least = count > state.least ? count : state.least;
      } else if (terms->node->kind == N_MAX_ITEMS) {
         state.most = count < state.most ? count : state.most;
      } else if (!(items = fg_plan_term (b, terms->node->kids[0], false, items))) {
         return false;
      }
   }
   if (!fg_plan_build_spot (b, items, depth, &state.items)) {
      return false;
   }
   fg_plan_state *place = fg_vec_add (&b->states, 1);
   if (place) {
      *place = state;
      *number = (uint32_t)b->states.n - 1;
   }
   return place != NULL;
}

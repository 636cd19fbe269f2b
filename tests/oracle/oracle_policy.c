/* SPDX-License-Identifier: Apache-2.0 */

/* Documents under the strict rules: for every value, which rules have come this far, and what they say of it. */

#include "tests/oracle/oracle_policy.h"

#include <stdlib.h>
#include <string.h>

/* A rule, and how many of its steps have been taken. */
typedef struct follower {
   const rule *r;
   unsigned number, at;
   bool looked; /* through an array, for the step to come */
} follower;

typedef struct followers {
   unsigned n;
   follower *list;
} followers;

typedef struct check {
   const oracle_policy *policy;
   fg_phase phase;
   bool strict;
} check;

static bool check_document (const check *c, const bson_t *doc, const followers *here, bool root);

static followers
room_for (unsigned n)
{
   followers f = {0, malloc ((n + 1) * sizeof (follower))};
   if (!f.list) {
      abort ();
   }
   return f;
}

static void
join (followers *f, follower one)
{
   for (unsigned i = 0; i < f->n; i++) {
      if (f->list[i].number == one.number && f->list[i].at == one.at && f->list[i].looked == one.looked) {
         return;
      }
   }
   f->list[f->n++] = one;
}

static const step *
next_step (const follower *f)
{
   return f->at < f->r->n_steps ? &f->r->steps[f->at] : NULL;
}

static follower
stepped (follower f)
{
   f.at++;
   f.looked = false;
   return f;
}

/* --- formulas ----------------------------------------------------------------------------------------------------- */

/* What a conjunction says of a value: demands, and offers of which one must hold. */
typedef struct opinion {
   bool demands, demands_hold;
   bool offers, offer_holds;
} opinion;

/* Whether the rule speaks of the value itself. */
static bool
speaks (const followers *here, unsigned number)
{
   for (unsigned i = 0; i < here->n; i++) {
      if (here->list[i].number == number && !next_step (&here->list[i])) {
         return true;
      }
   }
   return false;
}

static bool
holds (opinion o)
{
   return (!o.demands || o.demands_hold) && (!o.offers || o.offer_holds);
}

/* value NULL: the root, which is no ciphertext. */
static opinion
judge (const check *c, const formula *all, const followers *here, const bson_iter_t *value)
{
   opinion whole = {false, true, false, false};

   for (const formula *f = all->children; f; f = f->next) {
      bool every = true, any = false, one_holds = false;
      if (f->kind == RULE) {
         any = speaks (here, f->rule);
         one_holds = any && value && oracle_rule_holds (c->policy->rules[f->rule], value, c->phase, c->strict);
      }
      /* A branch that demands nothing lets the value escape: then the rules of all branches are only offers. */
      for (const formula *branch = f->children; branch; branch = branch->next) {
         opinion o = judge (c, branch, here, value);
         every = every && o.demands;
         any = any || o.demands || o.offers;
         one_holds = one_holds || ((o.demands || o.offers) && holds (o));
      }
      if (any && every) {
         whole.demands = true;
         whole.demands_hold = whole.demands_hold && one_holds;
      } else if (any) {
         whole.offers = true;
         whole.offer_holds = whole.offer_holds || one_holds;
      }
   }
   return whole;
}

/* A document (or array) that rules look into is no ciphertext: right where none is demanded. */
static bool
may_be_entered (const check *c, const followers *here)
{
   return !judge (c, c->policy->all, here, NULL).demands;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static void
into_element (const follower *f, unsigned index, const char *name, followers *there)
{
   const step *s = next_step (f);
   if (s && ((s->kind == STEP_ITEM && s->index == index) || (s->kind == STEP_ITEMS && s->index <= index))) {
      join (there, stepped (*f));
   }
   if (s && s->kind == STEP_NAME && s->through && !f->looked) {
      follower same = *f;
      if (strcmp (s->text, name) == 0) {
         join (there, stepped (*f));
      }
      same.looked = true;
      join (there, same);
   }
}

static bool
enters_arrays (const followers *here)
{
   for (unsigned i = 0; i < here->n; i++) {
      const step *s = next_step (&here->list[i]);
      if (s && (s->kind == STEP_ITEM || s->kind == STEP_ITEMS ||
                (s->kind == STEP_NAME && s->through && !here->list[i].looked))) {
         return true;
      }
   }
   return false;
}

static bool check_value (const check *c, const bson_iter_t *value, const followers *here, bool spared);

static bool
check_array (const check *c, const bson_iter_t *array, const followers *here)
{
   bson_iter_t element;
   bool fine = true;
   bson_iter_recurse (array, &element);
   for (unsigned i = 0; bson_iter_next (&element); i++) {
      followers there = room_for (2 * here->n);
      for (unsigned k = 0; k < here->n; k++) {
         into_element (&here->list[k], i, bson_iter_key (&element), &there);
      }
      fine = check_value (c, &element, &there, false) && fine;
      free (there.list);
   }
   return fine;
}

static bool
check_value (const check *c, const bson_iter_t *value, const followers *here, bool spared)
{
   bson_type_t type = bson_iter_type (value);
   bool inside = false, names_inside = false, at_end = false;
   bson_t sub;

   for (unsigned i = 0; i < here->n; i++) {
      const step *s = next_step (&here->list[i]);
      inside = inside || s;
      names_inside = names_inside || (s && s->kind != STEP_ITEM && s->kind != STEP_ITEMS);
      at_end = at_end || !next_step (&here->list[i]);
   }
   if (names_inside && type == BSON_TYPE_DOCUMENT) {
      oracle_sub (value, &sub);
      return may_be_entered (c, here) && check_document (c, &sub, here, false);
   }
   if (inside && type == BSON_TYPE_ARRAY && enters_arrays (here)) {
      return may_be_entered (c, here) && check_array (c, value, here);
   }
   if (at_end) {
      return holds (judge (c, c->policy->all, here, value));
   }
   return !inside || !c->strict || (spared && type != BSON_TYPE_ARRAY) || type == BSON_TYPE_NULL ||
          type == BSON_TYPE_UNDEFINED;
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static bool
is_other (const step *s, const char *name)
{
   bson_iter_t it, member;
   bson_t schema, sub;
   if (!bson_init_static (&schema, s->schema, s->schema_len)) {
      return false;
   }
   if (oracle_find (&schema, "properties", &it)) {
      oracle_sub (&it, &sub);
      if (oracle_find (&sub, name, &member)) {
         return false;
      }
   }
   if (oracle_find (&schema, "patternProperties", &it)) {
      bson_iter_recurse (&it, &member);
      while (bson_iter_next (&member)) {
         const char *text = bson_iter_key (&member);
         if (oracle_pattern_matches (text, strlen (text), false, name, strlen (name))) {
            return false;
         }
      }
   }
   return true;
}

static bool
takes (const follower *f, const char *name)
{
   const step *s = next_step (f);
   if (!s) {
      return false;
   }
   switch (s->kind) {
   case STEP_NAME:
      return strcmp (s->text, name) == 0;
   case STEP_PATTERN:
      return oracle_pattern_matches (s->text, strlen (s->text), false, name, strlen (name));
   case STEP_OTHER:
      return is_other (s, name);
   case STEP_ITEM:
   case STEP_ITEMS:
   default:
      return false;
   }
}

static followers
under_name (const followers *here, const char *name)
{
   followers there = room_for (here->n);
   for (unsigned i = 0; i < here->n; i++) {
      if (takes (&here->list[i], name)) {
         join (&there, stepped (here->list[i]));
      }
   }
   return there;
}

static bool
spelled (const followers *here, const char *name)
{
   for (unsigned i = 0; i < here->n; i++) {
      const step *s = next_step (&here->list[i]);
      if (s && s->kind == STEP_NAME && strcmp (s->text, name) == 0) {
         return true;
      }
   }
   return false;
}

/* Whether a value here can only be a ciphertext: no rule looks into it, or one holds in every alternative. */
static bool
only_ciphertext (const check *c, const followers *here)
{
   bool at_end = false, names_inside = false;
   for (unsigned i = 0; i < here->n; i++) {
      const step *s = next_step (&here->list[i]);
      at_end = at_end || !s;
      names_inside = names_inside || (s && s->kind != STEP_ITEM && s->kind != STEP_ITEMS);
   }
   return at_end && (!names_inside || !may_be_entered (c, here));
}

/* A name with dots that reads as a path to a rule, to the way to one, or through one. */
static bool
spells_a_path (const check *c, const followers *here, const char *name)
{
   const char *dot = strchr (name, '.');
   char part[64] = "";
   size_t n = dot ? (size_t)(dot - name) : strlen (name);
   memcpy (part, name, n < 63 ? n : 63);
   followers there = under_name (here, part);
   if (there.n == 0 && *part && strspn (part, "0123456789") == strlen (part)) {
      free (there.list);
      there = room_for (2 * here->n);
      for (unsigned i = 0; i < here->n; i++) {
         into_element (&here->list[i], (unsigned)strtoul (part, NULL, 10), part, &there);
      }
   }
   bool leads = there.n > 0 &&
                (!dot || (spelled (here, part) && only_ciphertext (c, &there)) || spells_a_path (c, &there, dot + 1));
   free (there.list);
   return leads;
}

static bool
seen_before (const bson_t *doc, bson_iter_t *field)
{
   bson_iter_t first;
   oracle_find (doc, bson_iter_key (field), &first);
   return bson_iter_offset (&first) != bson_iter_offset (field);
}

static bool
check_document (const check *c, const bson_t *doc, const followers *here, bool root)
{
   bson_iter_t field;
   bool fine = true;

   bson_iter_init (&field, doc);
   while (bson_iter_next (&field)) {
      const char *name = bson_iter_key (&field);
      /* A name that only patterns lead on may occur again: each occurrence is judged. */
      if (c->strict && seen_before (doc, &field) && spelled (here, name)) {
         fine = false;
      }
      /* Whatever fields a root has, _id is one that every document has. */
      bool spared = root && strcmp (name, "_id") == 0 && !spelled (here, name);
      if (c->strict && strchr (name, '.') && spells_a_path (c, here, name)) {
         fine = false;
      }
      followers there = under_name (here, name);
      fine = check_value (c, &field, &there, spared) && fine;
      free (there.list);
   }
   return fine;
}

fg_check
oracle_policy_check (const oracle_policy *policy, const bson_t *doc, fg_phase phase, bool strict)
{
   check c = {policy, phase, strict};
   followers all = room_for (policy->n_rules);
   for (unsigned i = 0; i < policy->n_rules; i++) {
      join (&all, (follower){policy->rules[i], i, 0, false});
   }
   bool fine = may_be_entered (&c, &all) && check_document (&c, doc, &all, true);
   free (all.list);
   return fine ? FG_CHECK_OK : FG_CHECK_VIOLATION;
}

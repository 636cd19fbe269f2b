/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint.h"

#include <stdio.h>

/* Walks a validator: the query tree, and every schema in it. It has parsed, so its nesting is bounded and its keywords have their types. */

/* The schemas that judge the same value as `schema`, all of which hold: itself, its allOf, and those that have it in theirs. */
typedef struct level {
   const bson_t *schema;
   const struct level *outer;
   bool root; /* the document itself, not a value in it */
} level;

static void walk_schema (fg_lint *lint, const bson_t *schema, const level *outer, bool root, fg_lint_place place);

/* --- paths ---------------------------------------------------------------------------------------------------------------- */

static size_t
enter (fg_lint *lint, const char *step)
{
   size_t mark = strlen (lint->path);
   const char *dot = mark && step[0] != '[' ? "." : "";

   snprintf (lint->path + mark, sizeof lint->path - mark, "%s%s", dot, step);
   return mark;
}

static void
leave (fg_lint *lint, size_t mark)
{
   lint->path[mark] = '\0';
}

/* --- what is stated about a value ------------------------------------------------------------------------------------------ */

static bool requires (const bson_t *schema, const char *name)
{
   bson_t branches, branch;
   bson_iter_t iter;

   if (fg_lint_names (schema, "required", name)) {
      return true;
   }
   if (fg_lint_child (schema, "allOf", &branches) && bson_iter_init (&iter, &branches)) {
      while (bson_iter_next (&iter)) {
         if (fg_lint_here (&iter, &branch) && requires (&branch, name)) {
            return true;
         }
      }
   }
   return false;
}

static bool
level_requires (const level *l, const char *name)
{
   for (; l; l = l->outer) {
      if (requires (l->schema, name)) {
         return true;
      }
   }
   return false;
}

typedef enum stated { STATED_NOT, STATED_ONLY, STATED_AMONG, STATED_OTHERS } stated;

/* What `type` or `bsonType` says about one type. */
static stated
type_stated (const bson_t *schema, const char *type)
{
   const char *keyword = bson_has_field (schema, "type") ? "type" : "bsonType";
   bson_t types;

   if (bson_has_field (schema, "encrypt")) {
      return STATED_OTHERS;
   }
   if (!bson_has_field (schema, keyword)) {
      return STATED_NOT;
   }
   if (!fg_lint_names (schema, keyword, type)) {
      return STATED_OTHERS;
   }
   return fg_lint_child (schema, keyword, &types) && bson_count_keys (&types) > 1 ? STATED_AMONG : STATED_ONLY;
}

/* The strongest statement of the level. A document is always an object. */
static stated
level_stated (const level *l, const char *type)
{
   stated best = STATED_NOT;

   for (; l; l = l->outer) {
      stated s = l->root && strcmp (type, "object") == 0 && !bson_has_field (l->schema, "type") &&
                       !bson_has_field (l->schema, "bsonType") && !bson_has_field (l->schema, "encrypt")
                    ? STATED_ONLY
                    : type_stated (l->schema, type);
      if (s == STATED_ONLY || s == STATED_OTHERS) {
         return s;
      }
      best = s == STATED_AMONG ? s : best;
   }
   return best;
}

/* Whether an `encrypt` stands in or below a schema. */
static bool
encrypts (const bson_t *document)
{
   bson_iter_t iter;
   bson_t child;

   if (!bson_iter_init (&iter, document)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (fg_lint_here (&iter, &child) &&
          ((strcmp (bson_iter_key (&iter), "encrypt") == 0 && BSON_ITER_HOLDS_DOCUMENT (&iter)) || encrypts (&child))) {
         return true;
      }
   }
   return false;
}

/* --- parts of a schema ------------------------------------------------------------------------------------------------------ */

static void
walk_below (fg_lint *lint, const char *step, const bson_t *schema, fg_lint_place place)
{
   size_t mark = enter (lint, step);
   walk_schema (lint, schema, NULL, false, place);
   leave (lint, mark);
}

static void
walk_property (fg_lint *lint, const char *name, const bson_t *schema, const level *here, fg_lint_place place)
{
   size_t mark = enter (lint, name);

   if (strchr (name, '.') && encrypts (schema)) {
      fg_lint_advise (lint, FG_ADVICE_DOTTED_PROPERTY, NULL);
   }
   if (bson_has_field (schema, "encrypt") && !place.negated && !level_requires (here, name)) {
      fg_lint_advise (lint, FG_ADVICE_NOT_REQUIRED, NULL);
   }
   walk_schema (lint, schema, NULL, false, place);
   leave (lint, mark);
}

static bool
additional_closed (const level *l)
{
   bson_iter_t iter;

   for (; l; l = l->outer) {
      if (bson_iter_init_find (&iter, l->schema, "additionalProperties") &&
          (BSON_ITER_HOLDS_DOCUMENT (&iter) || !bson_iter_as_bool (&iter))) {
         return true;
      }
   }
   return false;
}

static void
walk_object (fg_lint *lint, const level *here, fg_lint_place place)
{
   bson_t group, child;
   bson_iter_t iter;
   bool named = false;
   bool below = false;
   stated object = level_stated (here, "object");

   place.unreachable |= object == STATED_OTHERS;
   if (fg_lint_child (here->schema, "properties", &group) && bson_iter_init (&iter, &group)) {
      below = encrypts (&group);
      while (bson_iter_next (&iter)) {
         if (fg_lint_here (&iter, &child)) {
            named |= bson_has_field (&child, "encrypt");
            walk_property (lint, bson_iter_key (&iter), &child, here, place);
         }
      }
   }
   if (fg_lint_child (here->schema, "patternProperties", &group) && bson_iter_init (&iter, &group)) {
      below |= encrypts (&group);
      while (bson_iter_next (&iter)) {
         if (fg_lint_here (&iter, &child)) {
            walk_below (lint, "*", &child, place);
         }
      }
   }
   if (fg_lint_child (here->schema, "additionalProperties", &child)) {
      below |= encrypts (&child);
      walk_below (lint, "*", &child, place);
   }
   if (below && !place.negated && (object == STATED_NOT || object == STATED_AMONG)) {
      fg_lint_advise (lint, FG_ADVICE_PARENT_TYPE_OPEN, NULL);
   }
   if (named && !place.negated && !additional_closed (here)) {
      fg_lint_advise (lint, FG_ADVICE_ADDITIONAL_OPEN, NULL);
   }
}

static void
walk_array (fg_lint *lint, const level *here, fg_lint_place place)
{
   bson_t items, child;
   bson_iter_t iter;
   bool positional = bson_iter_init_find (&iter, here->schema, "items") && BSON_ITER_HOLDS_ARRAY (&iter);
   bool below = false;
   stated array = level_stated (here, "array");

   place.unreachable |= array == STATED_OTHERS || here->root;
   if (fg_lint_child (here->schema, "items", &items)) {
      below = encrypts (&items);
      if (!positional) {
         walk_below (lint, "[]", &items, place);
      } else if (bson_iter_init (&iter, &items)) {
         while (bson_iter_next (&iter)) {
            if (fg_lint_here (&iter, &child)) {
               walk_below (lint, "[]", &child, place);
            }
         }
      }
   }
   if (fg_lint_child (here->schema, "additionalItems", &child)) {
      fg_lint_place there = place;
      there.unreachable |= !positional; /* it counts beside an array of `items` only */
      below |= positional && encrypts (&child);
      walk_below (lint, "[]", &child, there);
   }
   if (below && !place.negated && !place.unreachable && (array == STATED_NOT || array == STATED_AMONG)) {
      fg_lint_advise (lint, FG_ADVICE_PARENT_TYPE_OPEN, NULL);
   }
}

/* An alternative of one branch is none. */
static void
walk_branches (fg_lint *lint, const level *here, const char *keyword, bool alternative, fg_lint_place place)
{
   bson_t branches, branch;
   bson_iter_t iter;

   if (!fg_lint_child (here->schema, keyword, &branches) || !bson_iter_init (&iter, &branches)) {
      return;
   }
   place.alternative |= alternative && bson_count_keys (&branches) > 1;
   while (bson_iter_next (&iter)) {
      if (fg_lint_here (&iter, &branch)) {
         walk_schema (lint, &branch, here, here->root, place);
      }
   }
}

static void
walk_logic (fg_lint *lint, const level *here, fg_lint_place place)
{
   bson_t group, child;
   bson_iter_t iter;

   walk_branches (lint, here, "allOf", false, place);
   walk_branches (lint, here, "anyOf", true, place);
   walk_branches (lint, here, "oneOf", true, place);
   if (fg_lint_child (here->schema, "not", &child)) {
      fg_lint_place there = place;
      there.negated = true;
      walk_schema (lint, &child, here, here->root, there);
   }
   if (fg_lint_child (here->schema, "dependencies", &group) && bson_iter_init (&iter, &group)) {
      place.alternative = true;
      while (bson_iter_next (&iter)) {
         if (BSON_ITER_HOLDS_DOCUMENT (&iter) && fg_lint_here (&iter, &child)) {
            walk_schema (lint, &child, here, here->root, place);
         }
      }
   }
}

static void
take_metadata (fg_lint *lint, const bson_t *schema, fg_lint_place *place)
{
   bson_t metadata;

   if (!fg_lint_child (schema, "encryptMetadata", &metadata)) {
      return;
   }
   const char *algorithm = fg_lint_string (&metadata, "algorithm");
   if (algorithm) {
      place->algorithm = true;
      place->deterministic = strstr (algorithm, "-Deterministic") != NULL;
   }
   place->key_id |= bson_has_field (&metadata, "keyId");
   fg_lint_advise (lint, FG_ADVICE_METADATA_INHERITED, NULL);
   if (fg_lint_string (&metadata, "keyId")) {
      fg_lint_advise (lint, FG_ADVICE_POINTER_KEY_ID, NULL);
   }
}

static void
walk_schema (fg_lint *lint, const bson_t *schema, const level *outer, bool root, fg_lint_place place)
{
   level here = {schema, outer, root};
   bson_t encrypt;

   take_metadata (lint, schema, &place);
   if (fg_lint_child (schema, "encrypt", &encrypt)) {
      fg_lint_place there = place;
      there.unreachable |= root; /* a document is no binary: nothing matches */
      fg_lint_encrypt (lint, schema, &encrypt, &there);
   }
   walk_array (lint, &here, place);
   walk_object (lint, &here, place);
   walk_logic (lint, &here, place);
}

/* --- the query tree ----------------------------------------------------------------------------------------------------------- */

static void
walk_query (fg_lint *lint, const bson_t *query, fg_lint_place place)
{
   bson_iter_t iter, kid;
   bson_t child, branch;

   if (!bson_iter_init (&iter, query)) {
      return;
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      fg_lint_place there = place;
      if (name[0] != '$' || !fg_lint_here (&iter, &child)) {
         continue;
      }
      if (strcmp (name, "$jsonSchema") == 0) {
         walk_schema (lint, &child, NULL, true, there);
         continue;
      }
      if (strcmp (name, "$and") != 0 && strcmp (name, "$or") != 0 && strcmp (name, "$nor") != 0) {
         continue;
      }
      there.negated |= strcmp (name, "$nor") == 0;
      there.alternative |= strcmp (name, "$or") == 0 && bson_count_keys (&child) > 1;
      for (bool more = bson_iter_init (&kid, &child); more && bson_iter_next (&kid);) {
         if (fg_lint_here (&kid, &branch)) {
            walk_query (lint, &branch, there);
         }
      }
   }
}

void
fg_lint_query (fg_lint *lint, const bson_t *query)
{
   walk_query (lint, query, (fg_lint_place){0});
}

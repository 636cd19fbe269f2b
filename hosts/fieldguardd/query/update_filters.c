/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

/* arrayFilters: each is a predicate over one name, which stands for an array's element. */

fgd_filter *
fgd_update_matcher (fgd_update *update, const uint8_t *predicate, size_t len, fg_error *err)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   fgd_filter *filter = fgd_arena_alloc (&update->arena, sizeof *filter);
   if (!filter) {
      fgd_no_memory (err);
      return NULL;
   }
   options.context = FG_MATCHER_PULL;
   filter->matcher = fg_matcher_compile (predicate, len, &options, err);
   if (!filter->matcher) {
      return NULL;
   }
   filter->next = update->matchers;
   update->matchers = filter;
   return filter;
}

/* Finds the one name that every condition of the predicate starts with. Bounded: the matcher has refused deeper ones. */
static bool
find_id (fgd_update *update, const uint8_t *doc, size_t len, const char **id, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, doc, len);
   while (fgd_walk_next (&walk, &element)) {
      if (element.name[0] == '$') {
         fgd_walk clauses;
         fgd_element clause;
         if (element.value.type != FGD_T_ARRAY) {
            continue;
         }
         fgd_walk_begin (&clauses, element.value.data, element.value.len);
         while (fgd_walk_next (&clauses, &clause)) {
            if (clause.value.type == FGD_T_OBJECT && !find_id (update, clause.value.data, clause.value.len, id, err)) {
               return false;
            }
         }
         continue;
      }
      const char *dot = memchr (element.name, '.', element.name_len);
      size_t name_len = dot ? (size_t)(dot - element.name) : element.name_len;
      const char *name = fgd_arena_copy (&update->arena, element.name, name_len);
      if (!name) {
         return fgd_no_memory (err);
      }
      if (*id && strcmp (*id, name) != 0) {
         return fgd_fail (
            err, FGD_FAILED_TO_PARSE,
            "Error parsing array filter :: caused by :: Expected a single top-level field name, found '%s' and '%s'",
            *id, name);
      }
      *id = name;
   }
   return true;
}

static bool
legal_id (const char *id)
{
   if (*id < 'a' || *id > 'z') {
      return false;
   }
   for (; *id; id++) {
      bool digit = *id >= '0' && *id <= '9';
      bool letter = (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z');
      if (!digit && !letter) {
         return false;
      }
   }
   return true;
}

static bool
add_filter (fgd_update *update, const fgd_element *element, fg_error *err)
{
   const char *id = NULL;
   if (element->value.type != FGD_T_OBJECT) {
      return fgd_fail (err, FGD_TYPE_MISMATCH,
                       "BSON field 'update.updates.arrayFilters.%s' is the wrong type '%s', expected type 'object'",
                       element->name, fgd_type_name (element->value.type));
   }
   fgd_filter *filter = fgd_update_matcher (update, element->value.data, element->value.len, err);
   if (!filter || !find_id (update, element->value.data, element->value.len, &id, err)) {
      return false;
   }
   if (!id) {
      return fgd_fail (err, FGD_FAILED_TO_PARSE,
                       "Cannot use an expression without a top-level field name in arrayFilters");
   }
   if (!legal_id (id)) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric "
                       "string beginning with a lowercase letter, found '%s'",
                       id);
   }
   for (size_t i = 0; i < update->n_filters; i++) {
      if (strcmp (update->filters[i]->id, id) == 0) {
         return fgd_fail (err, FGD_FAILED_TO_PARSE,
                          "Found multiple array filters with the same top-level field name %s", id);
      }
   }
   filter->id = id;
   update->filters[update->n_filters++] = filter;
   return true;
}

bool
fgd_filters_compile (fgd_update *update, const uint8_t *array, size_t len, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   update->filters = fgd_arena_alloc (&update->arena, (fgd_count (array, len) + 1) * sizeof *update->filters);
   if (!update->filters) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, array, len);
   while (fgd_walk_next (&walk, &element)) {
      if (!add_filter (update, &element, err)) {
         return false;
      }
   }
   return walk.bad ? fgd_bad_bson (err) : true;
}

bool
fgd_filters_resolve (fgd_update *update, fgd_path *path, fg_error *err)
{
   for (size_t i = 0; i < path->n; i++) {
      fgd_part *part = &path->parts[i];
      if (part->kind != FGD_PART_FILTERED) {
         continue;
      }
      size_t k = 0;
      while (k < update->n_filters && !fgd_is (part->name + 2, part->len - 3, update->filters[k]->id)) {
         k++;
      }
      if (k == update->n_filters) {
         return fgd_fail (err, FGD_BAD_VALUE, "No array filter found for identifier '%.*s' in path '%s'",
                          (int)(part->len - 3), part->name + 2, path->text);
      }
      part->filter = k;
      update->filters[k]->used = true;
   }
   return true;
}

bool
fgd_filters_all_used (const fgd_update *update, fg_error *err)
{
   for (size_t i = 0; i < update->n_filters; i++) {
      if (!update->filters[i]->used) {
         return fgd_fail (err, FGD_FAILED_TO_PARSE,
                          "The array filter for identifier '%s' was not used in the update ###",
                          update->filters[i]->id);
      }
   }
   return true;
}

fg_match
fgd_filter_check (const char *id, const fg_matcher *matcher, const fg_value *value, fg_error *err)
{
   fg_buf doc = {0};
   fg_match match = FG_MATCH_ERROR;
   size_t at = fgd_put_begin (&doc);
   fgd_put_value (&doc, id, strlen (id), value);
   fgd_put_end (&doc, at);
   if (doc.failed) {
      fgd_no_memory (err);
   } else {
      match = fg_matcher_check (matcher, doc.data, doc.len, err);
   }
   fg_buf_free (&doc);
   return match;
}

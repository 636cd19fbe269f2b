/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/stages.h"
#include "hosts/fieldguardd/query/update_private.h"

#include <stdlib.h>

static const char IMMUTABLE_ID[] = "Performing an update on the path '_id' would modify the immutable field '_id'";

/* --- compiling ------------------------------------------------------------------------------------------------------- */

static bool
dollar_refused (const char *name, fg_error *err)
{
   return fgd_fail (err, FGD_DOLLAR_FIELD,
                    "The dollar ($) prefixed field '%s' in '%s' is not allowed in the context of an update's "
                    "replacement document. Consider using an aggregation pipeline with $replaceWith.",
                    name, name);
}

static bool
compile_replacement (fgd_update *update, const fg_value *u, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, u->data, u->len);
   while (fgd_walk_next (&walk, &element)) {
      if (element.name[0] == '$') {
         return dollar_refused (element.name, err);
      }
   }
   update->replacement = u->data;
   update->replacement_len = u->len;
   return true;
}

static bool
compile_document (fgd_update *update, const fg_value *u, const uint8_t *filters, size_t filters_len, fg_error *err)
{
   fgd_walk walk;
   fgd_element first;
   fgd_walk_begin (&walk, u->data, u->len);
   if (fgd_walk_next (&walk, &first) && first.name[0] == '$') {
      update->style = FGD_UPDATE_OPERATORS;
      return (!filters || fgd_filters_compile (update, filters, filters_len, err)) &&
             fgd_operators_compile (update, u->data, u->len, err);
   }
   update->style = FGD_UPDATE_REPLACEMENT;
   if (filters) {
      return fgd_fail (err, FGD_FAILED_TO_PARSE, "arrayFilters may not be specified for replacement-style updates");
   }
   return compile_replacement (update, u, err);
}

static bool
compile (fgd_update *update, const fg_value *u, const uint8_t *filters, size_t filters_len, const uint8_t *let,
         size_t let_len, fg_error *err)
{
   if (u->type == FGD_T_OBJECT) {
      return compile_document (update, u, filters, filters_len, err);
   }
   update->style = FGD_UPDATE_PIPELINE;
   if (filters) {
      return fgd_fail (err, FGD_FAILED_TO_PARSE, "arrayFilters may not be specified for pipeline-syle updates");
   }
   update->stages = fgd_stages_compile (u->data, u->len, let, let_len, FGD_STAGES_UPDATE, err);
   return update->stages != NULL;
}

fgd_update *
fgd_update_compile (const fg_value *u, const uint8_t *array_filters, size_t array_filters_len, const uint8_t *let,
                    size_t let_len, fg_error *err)
{
   if (u->type != FGD_T_OBJECT && u->type != FGD_T_ARRAY) {
      fgd_fail (err, FGD_FAILED_TO_PARSE, "Update argument must be either an object or an array");
      return NULL;
   }
   if (!fgd_well_formed (u->data, u->len) || (array_filters && !fgd_well_formed (array_filters, array_filters_len))) {
      fgd_bad_bson (err);
      return NULL;
   }
   fgd_update *update = calloc (1, sizeof *update);
   if (!update) {
      fgd_no_memory (err);
      return NULL;
   }
   fg_value copy = fgd_make (&update->arena, u->type, u->data, u->len);
   bool ok = copy.type != 0 ? compile (update, &copy, array_filters, array_filters_len, let, let_len, err)
                            : fgd_no_memory (err);
   if (!ok) {
      fgd_update_free (update);
      return NULL;
   }
   return update;
}

void
fgd_update_free (fgd_update *update)
{
   if (!update) {
      return;
   }
   for (fgd_filter *filter = update->matchers; filter; filter = filter->next) {
      fg_matcher_free (filter->matcher);
   }
   fgd_stages_free (update->stages);
   fgd_arena_free (&update->arena);
   free (update);
}

fgd_update_style
fgd_update_get_style (const fgd_update *update)
{
   return update->style;
}

bool
fgd_update_needs_positional (const fgd_update *update)
{
   return update->positional;
}

/* --- what every post-image must be ------------------------------------------------------------------------------------- */

static bool
check_id (const fg_value *id, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (id->type == FGD_T_ARRAY || id->type == FGD_T_REGEX || id->type == FGD_T_UNDEFINED) {
      return fgd_fail (err, FGD_INVALID_ID, "The '_id' value cannot be of type %s", fgd_type_name (id->type));
   }
   if (id->type != FGD_T_OBJECT) {
      return true;
   }
   fgd_walk_begin (&walk, id->data, id->len);
   while (fgd_walk_next (&walk, &element)) {
      if (element.name[0] == '$' && strcmp (element.name, "$ref") != 0 && strcmp (element.name, "$id") != 0 &&
          strcmp (element.name, "$db") != 0) {
         return fgd_fail (err, FGD_DOLLAR_FIELD,
                          "_id fields may not contain '$'-prefixed fields: %s is not valid for storage.", element.name);
      }
   }
   return true;
}

static bool
check_image (const uint8_t *doc, size_t len, int32_t size_code, const char *what, fg_error *err)
{
   fgd_element id;
   if (len > FGD_MAX_DOCUMENT) {
      return fgd_fail (err, size_code, "%s is larger than %u", what, FGD_MAX_DOCUMENT);
   }
   unsigned depth = fgd_depth (doc, len);
   if (depth == 0) {
      return fgd_bad_bson (err);
   }
   if (depth > FGD_MAX_DEPTH) {
      return fgd_fail (err, FGD_OVERFLOW, "Document exceeds maximum nesting depth of %d", FGD_MAX_DEPTH);
   }
   return fgd_find (doc, len, "_id", 3, &id) ? check_id (&id.value, err) : true;
}

bool
fgd_document_check_storable (const uint8_t *doc, size_t len, fg_error *err)
{
   return check_image (doc, len, 10334, "BSONObj size is invalid: the document", err);
}

/* --- applying ---------------------------------------------------------------------------------------------------------- */

static void
put_replacement_field (const fgd_update_context *context, const fgd_element *element, fg_buf *out)
{
   /* Timestamp(0, 0) at the top asks for the server's time. */
   if (element->value.type == FGD_T_TIMESTAMP && fg_read_u64le (element->value.data) == 0) {
      uint64_t now = ((uint64_t)(context->now_ms / 1000) << 32) | context->increment;
      uint8_t bytes[8];
      for (int i = 0; i < 8; i++) {
         bytes[i] = (uint8_t)(now >> (8 * i));
      }
      fgd_put (out, FGD_T_TIMESTAMP, element->name, element->name_len, bytes, sizeof bytes);
      return;
   }
   fg_buf_append (out, element->start, element->size);
}

/* Writes replacement with the _id that it has or else the old one, in front. */
static bool
write_replacement (const fgd_update_context *context, const uint8_t *replacement, size_t replacement_len, bool stamp,
                   const uint8_t *doc, size_t len, fg_buf *out, fg_error *err)
{
   fgd_element old_id;
   fgd_element new_id;
   fgd_element element;
   fgd_walk walk;
   bool has_old = fgd_find (doc, len, "_id", 3, &old_id);
   bool has_new = fgd_find (replacement, replacement_len, "_id", 3, &new_id);
   if (has_old && has_new && fg_value_compare (&old_id.value, &new_id.value) != 0) {
      return fgd_fail (
         err, FGD_IMMUTABLE,
         "After applying the update, the (immutable) field '_id' was found to have been altered to _id: ###");
   }
   size_t at = fgd_put_begin (out);
   if (has_new || has_old) {
      const fgd_element *id = has_new ? &new_id : &old_id;
      fg_buf_append (out, id->start, id->size);
   }
   fgd_walk_begin (&walk, replacement, replacement_len);
   while (fgd_walk_next (&walk, &element)) {
      if (has_new && element.start == new_id.start) {
         continue;
      }
      if (element.name[0] == '$') {
         return dollar_refused (element.name, err);
      }
      if (stamp) {
         put_replacement_field (context, &element, out);
      } else {
         fg_buf_append (out, element.start, element.size);
      }
   }
   fgd_put_end (out, at);
   return walk.bad ? fgd_bad_bson (err) : true;
}

static bool
same_bytes (const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
   return a_len == b_len && memcmp (a, b, a_len) == 0;
}

static bool
apply_replacement (const fgd_update *update, const uint8_t *doc, size_t len, const fgd_update_context *context,
                   fg_buf *out, bool *modified, fg_error *err)
{
   *modified = !same_bytes (doc, len, update->replacement, update->replacement_len);
   return write_replacement (context, update->replacement, update->replacement_len, true, doc, len, out, err);
}

static bool
apply_pipeline (const fgd_update *update, const uint8_t *doc, size_t len, const fgd_update_context *context,
                fg_buf *out, bool *modified, fg_error *err)
{
   fg_buf image = {0};
   bool ok = fgd_stages_transform (update->stages, doc, len, context->now_ms, &image, err);
   if (ok) {
      *modified = !same_bytes (doc, len, image.data, image.len);
      ok = write_replacement (context, image.data, image.len, false, doc, len, out, err);
   }
   fg_buf_free (&image);
   return ok;
}

/* _id goes first, wherever an operator put it. */
static void
id_first (fgd_node *root)
{
   for (size_t i = 0; i < root->n; i++) {
      if (root->kids[i].name_len == 3 && memcmp (root->kids[i].name, "_id", 3) == 0) {
         fgd_node id = root->kids[i];
         memmove (root->kids + 1, root->kids, i * sizeof id);
         root->kids[0] = id;
         return;
      }
   }
}

/* An _id that was there must still be, with the same value; only a whole equal number may have changed its type. */
static bool
id_kept (const uint8_t *doc, size_t len, const fg_buf *out, fg_error *err)
{
   fgd_element before;
   fgd_element after;
   if (!fgd_find (doc, len, "_id", 3, &before)) {
      return true;
   }
   bool kept = fgd_find (out->data, out->len, "_id", 3, &after) &&
               (fgd_identical (&before.value, &after.value) ||
                (!fgd_is_container (&before.value) && fg_value_compare (&before.value, &after.value) == 0));
   return kept ? true : fgd_fail (err, FGD_IMMUTABLE, "%s", IMMUTABLE_ID);
}

static bool
run_operators (fgd_update_run *run, const uint8_t *doc, size_t len, fg_buf *out, bool *modified, fg_error *err)
{
   if (!fgd_operators_apply (run, modified, err)) {
      return false;
   }
   if (!*modified) {
      fg_buf_append (out, doc, len);
      return true;
   }
   id_first (&run->tree.root);
   fgd_tree_write (&run->tree, out);
   return out->failed || run->tree.arena.failed ? fgd_no_memory (err) : id_kept (doc, len, out, err);
}

static bool
apply_operators (const fgd_update *update, const uint8_t *doc, size_t len, const fgd_update_context *context,
                 bool is_insert, fg_buf *out, bool *modified, fg_error *err)
{
   fgd_update_run run = {.update = update, .context = context, .is_insert = is_insert};
   bool ok = fgd_tree_init (&run.tree, doc, len, err) && run_operators (&run, doc, len, out, modified, err);
   fgd_tree_free (&run.tree);
   return ok;
}

static bool
apply (const fgd_update *update, const uint8_t *doc, size_t len, const fgd_update_context *context, bool is_insert,
       fg_buf *out, bool *modified, fg_error *err)
{
   fgd_buf_reset (out);
   *modified = false;
   if (!fgd_well_formed (doc, len)) {
      return fgd_bad_bson (err);
   }
   bool ok =
      update->style == FGD_UPDATE_OPERATORS ? apply_operators (update, doc, len, context, is_insert, out, modified, err)
      : update->style == FGD_UPDATE_REPLACEMENT ? apply_replacement (update, doc, len, context, out, modified, err)
                                                : apply_pipeline (update, doc, len, context, out, modified, err);
   return ok && (out->failed ? fgd_no_memory (err) : true);
}

bool
fgd_update_apply (const fgd_update *update, const uint8_t *doc, size_t len, const fgd_update_context *context,
                  fg_buf *out, bool *modified, fg_error *err)
{
   return apply (update, doc, len, context, false, out, modified, err) &&
          (!*modified || check_image (out->data, out->len, 17419, "Resulting document after update", err));
}

static void
put_new_id (fg_buf *image, const uint8_t new_id[12], fg_buf *out)
{
   size_t at = fgd_put_begin (out);
   fgd_put (out, FGD_T_OID, "_id", 3, new_id, 12);
   fg_buf_append (out, image->data + 4, image->len - 5);
   fgd_put_end (out, at);
}

static bool
build_upsert (const fgd_update *update, fgd_tree *seed, const fgd_update_context *context, const uint8_t new_id[12],
              fg_buf *out, fg_error *err)
{
   fg_buf start = {0};
   fg_buf image = {0};
   fgd_element id;
   bool modified = false;
   id_first (&seed->root);
   fgd_tree_write (seed, &start);
   bool ok =
      start.failed ? fgd_no_memory (err) : apply (update, start.data, start.len, context, true, &image, &modified, err);
   if (ok && fgd_find (image.data, image.len, "_id", 3, &id)) {
      fg_buf_append (out, image.data, image.len);
   } else if (ok) {
      put_new_id (&image, new_id, out);
   }
   fg_buf_free (&start);
   fg_buf_free (&image);
   return ok;
}

bool
fgd_update_upsert (const fgd_update *update, const uint8_t *filter, size_t filter_len,
                   const fgd_update_context *context, const uint8_t new_id[12], fg_buf *out, fg_error *err)
{
   static const uint8_t empty[5] = {5, 0, 0, 0, 0};
   fgd_tree seed;
   fgd_buf_reset (out);
   if (!fgd_well_formed (filter, filter_len)) {
      return fgd_bad_bson (err);
   }
   bool ok = fgd_tree_init (&seed, empty, sizeof empty, err) &&
             fgd_upsert_seed (filter, filter_len, update->style == FGD_UPDATE_REPLACEMENT, &seed, err) &&
             build_upsert (update, &seed, context, new_id, out, err);
   fgd_tree_free (&seed);
   if (ok && out->failed) {
      return fgd_no_memory (err);
   }
   return ok && check_image (out->data, out->len, 17420, "Document to upsert", err);
}

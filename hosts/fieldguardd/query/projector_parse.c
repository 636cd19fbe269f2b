/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/projector.h"

/* Reading a projection: {a: 1, "b.c": 0, d: {e: 1}, f: <expression>}, and in find {g: {$slice: 1}, h: {$elemMatch: {...}}, "i.$": 1}. */

typedef struct parser {
   fgd_projector *projector;
   fgd_scope *scope;
   fg_error *err;
   bool id_included;
   bool id_excluded;
   unsigned depth;
} parser;

/* --- the tree of fields ---------------------------------------------------------------------------------------------------- */

static fgd_field *
field_named (fgd_fields *fields, const char *name, size_t len)
{
   for (size_t i = 0; i < fields->n; i++) {
      if (fields->items[i].len == len && memcmp (fields->items[i].name, name, len) == 0) {
         return &fields->items[i];
      }
   }
   return NULL;
}

static fgd_field *
new_field (fgd_scope *scope, fgd_fields *fields, const char *name, size_t len, fg_error *err)
{
   if (fields->n == fields->cap) {
      size_t cap = fields->cap ? fields->cap * 2 : 4;
      fgd_field *items = fgd_arena_alloc (scope->arena, cap * sizeof *items);
      if (!items) {
         fgd_no_memory (err);
         return NULL;
      }
      if (fields->n > 0) {
         memcpy (items, fields->items, fields->n * sizeof *items);
      }
      fields->items = items;
      fields->cap = cap;
   }
   fgd_field *field = &fields->items[fields->n++];
   *field = (fgd_field){.name = name, .len = len};
   return field;
}

static bool
collision (const fgd_projector *projector, const char *path, const char *rest, fg_error *err)
{
   if (projector->mode == FGD_PROJECT_ADD) {
      return fgd_fail (
         err, 40176, "specification contains two conflicting paths. Cannot specify both a path and a part of it: '%s'",
         path);
   }
   if (rest) {
      return fgd_fail (err, 31249, "Path collision at %s remaining portion %s", path, rest);
   }
   return fgd_fail (err, 31250, "Path collision at %s", path);
}

/* Puts a leaf at path. path outlives the projector. */
static fgd_field *
add_leaf (fgd_projector *projector, fgd_scope *scope, const char *path, bool computed, fg_error *err)
{
   fgd_fields *fields = &projector->fields;
   const char *at = path;
   for (;;) {
      size_t part = strcspn (at, ".");
      fgd_field *field = field_named (fields, at, part);
      bool last = at[part] == '\0';
      fields->computed = fields->computed || computed;
      if (field && (last || field->kind != FGD_FIELD_NESTED)) {
         collision (projector, path, last ? NULL : at + part + 1, err);
         return NULL;
      }
      if (!field) {
         field = new_field (scope, fields, at, part, err);
         if (!field || last) {
            return field;
         }
         field->kind = FGD_FIELD_NESTED;
         field->nested = fgd_arena_alloc (scope->arena, sizeof *field->nested);
         if (!field->nested) {
            fgd_no_memory (err);
            return NULL;
         }
      }
      fields = field->nested;
      at += part + 1;
   }
}

/* --- what one entry asks for ----------------------------------------------------------------------------------------------- */

static bool
include (parser *p, const char *path, bool yes)
{
   fgd_projector *projector = p->projector;
   fgd_projector_mode mode = yes ? FGD_PROJECT_INCLUSION : FGD_PROJECT_EXCLUSION;
   if (strcmp (path, "_id") == 0) {
      p->id_included = p->id_included || yes;
      p->id_excluded = p->id_excluded || !yes;
   } else if (projector->mode == FGD_PROJECT_UNDECIDED) {
      projector->mode = mode;
   } else if (projector->mode != mode) {
      return fgd_fail (p->err, yes ? 31253 : 31254, "Cannot do %s on field %s in %s projection",
                       yes ? "inclusion" : "exclusion", path, yes ? "exclusion" : "inclusion");
   }
   fgd_field *field = add_leaf (projector, p->scope, path, false, p->err);
   if (!field) {
      return false;
   }
   field->kind = yes ? FGD_FIELD_INCLUDE : FGD_FIELD_EXCLUDE;
   return true;
}

static bool
decide_inclusion (parser *p, const char *what)
{
   fgd_projector *projector = p->projector;
   if (projector->mode == FGD_PROJECT_EXCLUSION) {
      return fgd_fail (p->err, 31310, "Cannot use an expression %s in an exclusion projection", what);
   }
   if (projector->mode == FGD_PROJECT_UNDECIDED) {
      projector->mode = FGD_PROJECT_INCLUSION;
   }
   return true;
}

static bool
compute (parser *p, const char *path, const fgd_element *element)
{
   if (!decide_inclusion (p, path)) {
      return false;
   }
   fgd_field *field = add_leaf (p->projector, p->scope, path, true, p->err);
   if (!field) {
      return false;
   }
   fg_error inner;
   const char *name = NULL;
   field->kind = FGD_FIELD_COMPUTED;
   field->expr = fgd_expr_compile (p->scope, &element->value, &inner);
   if (field->expr) {
      return true;
   }
   if (p->projector->mode != FGD_PROJECT_ADD && fgd_expr_is_unknown (&element->value, &name)) {
      fgd_fail (&inner, 31325, "Unknown expression %s", name);
   }
   if (p->err) {
      *p->err = inner;
   }
   return false;
}

static bool
elem_match (parser *p, const char *path, const fg_value *condition)
{
   fg_buf predicate = {0};
   if (condition->type != FGD_T_OBJECT) {
      return fgd_fail (p->err, 31274, "elemMatch: Invalid argument, object required, but got %s",
                       fgd_type_name (condition->type));
   }
   if (strchr (path, '.')) {
      return fgd_fail (p->err, 31275, "Cannot use $elemMatch projection on a nested field");
   }
   if (p->projector->positional) {
      return fgd_fail (p->err, 31256, "Cannot specify positional operator and $elemMatch");
   }
   if (!decide_inclusion (p, "$elemMatch")) {
      return false;
   }
   fgd_field *field = add_leaf (p->projector, p->scope, path, true, p->err);
   if (!field) {
      return false;
   }
   size_t at = fgd_put_begin (&predicate);
   size_t inner = fgd_put_open (&predicate, FGD_T_OBJECT, path, strlen (path));
   fgd_put_value (&predicate, "$elemMatch", 10, condition);
   fgd_put_end (&predicate, inner);
   fgd_put_end (&predicate, at);
   field->kind = FGD_FIELD_ELEM_MATCH;
   p->projector->elem_match = true;
   if (predicate.failed) {
      fgd_no_memory (p->err);
   } else {
      field->matcher = fg_matcher_compile (predicate.data, predicate.len, NULL, p->err);
   }
   fg_buf_free (&predicate);
   return field->matcher != NULL;
}

static bool
add_slice (parser *p, const fgd_slice *slice)
{
   fgd_slice **end = &p->projector->slices;
   fgd_slice *copy = fgd_arena_alloc (p->scope->arena, sizeof *copy);
   if (!copy) {
      return fgd_no_memory (p->err);
   }
   *copy = *slice;
   while (*end) {
      end = &(*end)->next;
   }
   *end = copy;
   return true;
}

/* Numbers for $slice are cut to 32 bits' worth. */
static bool
slice_number (const fg_value *value, int64_t *out)
{
   if (!fgd_is_number (value) || !fgd_to_int64 (value, out)) {
      return false;
   }
   *out = *out > INT32_MAX ? INT32_MAX : *out < -INT32_MAX ? -INT32_MAX : *out;
   return true;
}

/* The field itself is included, where inclusion is what the others say: which is known only at the end (see settle_slices). */
static bool
slice (parser *p, const char *path, const fgd_element *outer, const fg_value *value)
{
   fgd_slice s = {.path = path};
   fgd_element first;
   fgd_element second;
   if (value->type == FGD_T_ARRAY) {
      size_t n = fgd_count (value->data, value->len);
      if (n != 2 || !fgd_find (value->data, value->len, "0", 1, &first) ||
          !fgd_find (value->data, value->len, "1", 1, &second) || !fgd_is_number (&first.value)) {
         return compute (p, path, outer); /* the expression of that name */
      }
      s.has_skip = true;
      if (!slice_number (&first.value, &s.skip) || !slice_number (&second.value, &s.limit) || s.limit <= 0) {
         return fgd_fail (p->err, 28724, "First argument to $slice must be an array, but is of type: int");
      }
   } else if (!slice_number (value, &s.limit)) {
      return fgd_fail (p->err, 28667,
                       "Invalid $slice syntax. The given syntax did not match the find() syntax because :: "
                       "Location31273: $slice only supports numbers and [skip, limit] arrays");
   }
   return add_slice (p, &s);
}

static bool
positional (parser *p, const char *path, size_t len, const fgd_element *element)
{
   fgd_slice s = {.positional = true};
   bool yes = fgd_truthy (&element->value);
   if ((!fgd_is_number (&element->value) && element->value.type != FGD_T_BOOL)) {
      return fgd_fail (p->err, 31271, "positional projection must be an inclusion");
   }
   if (!yes) {
      return fgd_fail (p->err, 31395, "positional projection cannot be used with exclusion");
   }
   if (p->projector->positional) {
      return fgd_fail (p->err, 31276, "Cannot specify more than one positional projection per query.");
   }
   if (p->projector->elem_match) {
      return fgd_fail (p->err, 31255, "Cannot specify positional operator and $elemMatch");
   }
   s.path = fgd_arena_copy (p->scope->arena, path, len - 2);
   if (!s.path) {
      return fgd_no_memory (p->err);
   }
   p->projector->positional = true;
   return fgd_field_path_check (s.path, len - 2, p->err) && include (p, s.path, true) && add_slice (p, &s);
}

/* --- walking the specification ----------------------------------------------------------------------------------------------- */

static bool entries (parser *p, const uint8_t *spec, size_t len, const char *prefix);

static const char *
join (parser *p, const char *prefix, const fgd_element *element)
{
   size_t before = prefix ? strlen (prefix) + 1 : 0;
   char *path = fgd_arena_alloc (p->scope->arena, before + element->name_len + 1);
   if (!path) {
      fgd_no_memory (p->err);
      return NULL;
   }
   if (prefix) {
      memcpy (path, prefix, before - 1);
      path[before - 1] = '.';
   }
   memcpy (path + before, element->name, element->name_len);
   return path;
}

static bool
object_entry (parser *p, const char *path, const fgd_element *element)
{
   fgd_walk walk;
   fgd_element first;
   fgd_walk_begin (&walk, element->value.data, element->value.len);
   if (!fgd_walk_next (&walk, &first)) {
      return fgd_fail (p->err, p->projector->mode == FGD_PROJECT_ADD ? 40180 : 51270,
                       "An empty sub-projection is not a valid value. Found empty object at path %s", path);
   }
   if (first.name[0] != '$') {
      return entries (p, element->value.data, element->value.len, path);
   }
   if (p->projector->for_find && strcmp (first.name, "$elemMatch") == 0) {
      return elem_match (p, path, &first.value);
   }
   if (p->projector->for_find && strcmp (first.name, "$slice") == 0) {
      return slice (p, path, element, &first.value);
   }
   return compute (p, path, element);
}

static bool
entry (parser *p, const char *prefix, const fgd_element *element)
{
   const char *path = join (p, prefix, element);
   if (!path) {
      return false;
   }
   size_t len = strlen (path);
   if (p->projector->for_find && len > 2 && strcmp (path + len - 2, ".$") == 0) {
      return positional (p, path, len, element);
   }
   if (!fgd_field_path_check (path, len, p->err)) {
      return false;
   }
   if (element->value.type == FGD_T_OBJECT) {
      return object_entry (p, path, element);
   }
   bool flag = fgd_is_number (&element->value) || element->value.type == FGD_T_BOOL;
   return flag && p->projector->mode != FGD_PROJECT_ADD ? include (p, path, fgd_truthy (&element->value))
                                                        : compute (p, path, element);
}

static bool
entries (parser *p, const uint8_t *spec, size_t len, const char *prefix)
{
   fgd_walk walk;
   fgd_element element;
   bool ok = true;
   if (++p->depth > FGD_EXPR_DEPTH_MAX) {
      return fgd_fail (p->err, FGD_OVERFLOW, "A projection nests deeper than %d levels", FGD_EXPR_DEPTH_MAX);
   }
   fgd_walk_begin (&walk, spec, len);
   while (ok && fgd_walk_next (&walk, &element)) {
      ok = entry (p, prefix, &element);
   }
   p->depth--;
   return ok;
}

/* Sliced fields are included where the projection includes; alone, everything else stays. */
static bool
settle_slices (parser *p)
{
   fgd_projector *projector = p->projector;
   for (const fgd_slice *s = projector->slices; s; s = s->next) {
      if (s->positional) {
         continue;
      }
      if (projector->mode == FGD_PROJECT_INCLUSION) {
         if (!include (p, s->path, true)) {
            return false;
         }
         continue;
      }
      /* Under exclusion the path must only not meet another one. */
      for (size_t i = 0; i < projector->fields.n; i++) {
         const fgd_field *field = &projector->fields.items[i];
         if (strcspn (s->path, ".") == field->len && memcmp (s->path, field->name, field->len) == 0) {
            return collision (projector, s->path, NULL, p->err);
         }
      }
   }
   return true;
}

static void
settle_mode (parser *p)
{
   fgd_projector *projector = p->projector;
   if (projector->mode == FGD_PROJECT_UNDECIDED) {
      bool only_id = p->id_included && !projector->slices;
      projector->mode = only_id ? FGD_PROJECT_INCLUSION : FGD_PROJECT_EXCLUSION;
   }
   projector->keep_id = !p->id_excluded;
}

bool
fgd_projector_compile (fgd_projector *projector, fgd_scope *scope, const uint8_t *spec, size_t len,
                       fgd_projector_mode mode, bool for_find, fg_error *err)
{
   parser p = {.projector = projector, .scope = scope, .err = err};
   *projector = (fgd_projector){.mode = mode, .for_find = for_find};
   if (!entries (&p, spec, len, NULL)) {
      return false;
   }
   settle_mode (&p);
   return settle_slices (&p);
}

bool
fgd_projector_exclude (fgd_projector *projector, fgd_scope *scope, const char *path, size_t len, fg_error *err)
{
   const char *copy = fgd_arena_copy (scope->arena, path, len);
   if (!copy) {
      return fgd_no_memory (err);
   }
   projector->mode = FGD_PROJECT_EXCLUSION;
   if (!fgd_field_path_check (copy, len, err)) {
      return false;
   }
   fgd_field *field = add_leaf (projector, scope, copy, false, err);
   if (!field) {
      return false;
   }
   field->kind = FGD_FIELD_EXCLUDE;
   return true;
}

static void
clear_fields (fgd_fields *fields)
{
   for (size_t i = 0; i < fields->n; i++) {
      fg_matcher_free (fields->items[i].matcher);
      if (fields->items[i].nested) {
         clear_fields (fields->items[i].nested);
      }
   }
}

void
fgd_projector_clear (fgd_projector *projector)
{
   clear_fields (&projector->fields);
   projector->fields = (fgd_fields){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/explain.h"

#include "base/base.h"

#include <stdio.h>

#define DEFAULT_MAX_SIZE (8u << 20)

void
fg_list_begin (fg_list *list, bson_t *parent, const char *name)
{
   list->n = 0;
   bson_append_array_begin (parent, name, -1, &list->bson);
}

void
fg_list_end (fg_list *list, bson_t *parent)
{
   bson_append_array_end (parent, &list->bson);
}

const char *
fg_list_next (fg_list *list)
{
   snprintf (list->key, sizeof list->key, "%u", (unsigned)list->n++);
   return list->key;
}

/* Functions, because libbson's BSON_APPEND macros evaluate the name twice. */
void
fg_list_add_text (fg_list *list, const char *text)
{
   bson_append_utf8 (&list->bson, fg_list_next (list), -1, text, -1);
}

void
fg_list_add_int (fg_list *list, int32_t number)
{
   bson_append_int32 (&list->bson, fg_list_next (list), -1, number);
}

/* Through a document of one element, which libbson can iterate: there is no call that appends raw bytes. */
static void
append_plain (bson_t *out, const char *name, const fg_value *value)
{
   fg_buf buf = {0};
   bson_t wrapped;
   bson_iter_t iter;
   uint32_t total = (uint32_t)(4 + 2 + value->len + 1);
   const uint8_t head[] = {(uint8_t)total,         (uint8_t)(total >> 8), (uint8_t)(total >> 16),
                           (uint8_t)(total >> 24), value->type,           0};

   fg_buf_append (&buf, head, sizeof head);
   fg_buf_append (&buf, value->data, value->len);
   fg_buf_append (&buf, "", 1);
   if (!buf.failed && bson_init_static (&wrapped, buf.data, buf.len) && bson_iter_init (&iter, &wrapped) &&
       bson_iter_next (&iter)) {
      bson_append_iter (out, name, -1, &iter);
   }
   fg_buf_free (&buf);
}

/* Element by element: libbson complains on stderr of an array whose first name is not "0", which a client may send. */
static void
append_array (bson_t *out, const char *name, const fg_value *array)
{
   fg_cursor cursor;
   fg_element element;
   fg_list list;

   fg_list_begin (&list, out, name);
   fg_cursor_open (&cursor, array);
   while (fg_cursor_next (&cursor, &element)) {
      if (element.value.type == BSON_ARRAY) {
         append_array (&list.bson, fg_list_next (&list), &element.value);
      } else {
         append_plain (&list.bson, fg_list_next (&list), &element.value);
      }
   }
   fg_list_end (&list, out);
}

void
fg_explain_value (fg_explain *x, bson_t *out, const char *name, const fg_value *value)
{
   bool nested = value->type == BSON_OBJECT || value->type == BSON_ARRAY;

   if (value->type == 0 || value->len > INT32_MAX - 16 ||
       (nested && !fg_value_is_sound (value, x->ev.matcher->max_depth))) {
      return;
   }
   if (value->len > x->budget) {
      x->overdrawn = true;
      return;
   }
   x->budget -= value->len;
   if (value->type == BSON_ARRAY) {
      append_array (out, name, value);
   } else {
      append_plain (out, name, value);
   }
}

static bool
is_withheld (const fg_explain *x, const fg_path *path, const fg_step *up)
{
   return x->redact || fg_shield_covers_path (x->shields[0], path, 0, up) ||
          fg_shield_covers_path (x->shields[1], path, 0, up);
}

void
fg_explain_considered (fg_explain *x, bson_t *out, const char *name, const fg_value *value, const fg_path *path,
                       const fg_step *up)
{
   if (!is_withheld (x, path, up)) {
      fg_explain_value (x, out, name, value);
   }
}

void
fg_explain_specified (bson_t *out, fg_explain *x, const char *name, const fg_value *spec)
{
   bson_t specified;

   if (x->truncate) {
      return;
   }
   bson_append_document_begin (out, "specifiedAs", -1, &specified);
   fg_explain_value (x, &specified, name, spec);
   bson_append_document_end (out, &specified);
}

static bool
explain_once (fg_explain *x, const fg_matcher *matcher, const fg_value *document, size_t max_size, bson_t *details,
              fg_error *err)
{
   x->budget = max_size;
   x->overdrawn = false;
   fg_eval_begin (&x->ev, matcher);
   if (matcher->root->op && strcmp (matcher->root->op, "implicitFLESchema") == 0) {
      fg_explain_fle2 (x, matcher->root, document, details);
   } else {
      fg_explain_clause (x, matcher->root, document, false, details);
   }
   fg_fault fault = x->ev.fault;
   fg_eval_end (&x->ev);
   return fault == FG_FAULT_NONE || fault == FG_FAULT_BLOB_TYPE || fg_fault_to_error (fault, err);
}

/* Too much to say: once more without values and specifiedAs, as mongod does. */
static bool
explain_without_values (fg_explain *x, const fg_matcher *matcher, const fg_value *document, size_t max_size,
                        bson_t *details, fg_error *err)
{
   x->redact = true;
   x->truncate = true;
   bson_reinit (details);
   if (!explain_once (x, matcher, document, max_size, details, err)) {
      return false;
   }
   if (x->overdrawn || details->len > max_size) {
      bson_reinit (details);
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "detailed error was too large");
   }
   BSON_APPEND_BOOL (details, "truncated", true);
   return true;
}

bool
fg_explain_document (const fg_matcher *matcher, const fg_matcher *also, const fg_value *document,
                     const fg_explain_options *options, bson_t *details, fg_error *err)
{
   fg_explain x = {.shields = {matcher->shields, also ? also->shields : NULL}};
   size_t max_size = options && options->max_size ? options->max_size : DEFAULT_MAX_SIZE;
   fg_cursor cursor;

   if (!fg_cursor_open (&cursor, document)) {
      return fg_fault_to_error (FG_FAULT_MALFORMED, err);
   }
   x.redact = options && options->redact;
   if (!explain_once (&x, matcher, document, max_size, details, err)) {
      return false;
   }
   if (x.overdrawn || details->len > max_size) {
      return explain_without_values (&x, matcher, document, max_size, details, err);
   }
   return true;
}

bool
fg_matcher_explain (const fg_matcher *matcher, const uint8_t *doc, size_t len, const fg_explain_options *options,
                    bson_t *details, fg_error *err)
{
   fg_value document = fg_value_of_document (doc, len);
   return fg_explain_document (matcher, NULL, &document, options, details, err);
}

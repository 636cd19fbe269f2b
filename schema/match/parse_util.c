/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

void *
fg_parse_error (fg_parser *parser, int32_t code, const char *format, ...)
{
   char message[FG_ERROR_MESSAGE_MAX];
   va_list args;

   va_start (args, format);
   vsnprintf (message, sizeof message, format, args);
   va_end (args);
   fg_error_set (parser->err, FG_ERROR_SERVER, code, parser->path, "%s", message);
   return NULL;
}

void *
fg_parse_no_memory (fg_parser *parser)
{
   fg_error_set (parser->err, FG_ERROR_SYSTEM, FG_E_NOMEM, parser->path, "out of memory");
   return NULL;
}

void *
fg_parse_alloc (fg_parser *parser, size_t size)
{
   void *p = fg_arena_alloc (&parser->matcher->arena, size);
   return p ? p : fg_parse_no_memory (parser);
}

void *
fg_parse_array (fg_parser *parser, size_t n, size_t size)
{
   if (n > (SIZE_MAX / 2) / size) {
      return fg_parse_no_memory (parser);
   }
   return fg_parse_alloc (parser, n ? n * size : size);
}

fg_node *
fg_parse_node (fg_parser *parser, fg_node_kind kind)
{
   fg_node *node = fg_parse_alloc (parser, sizeof *node);
   if (node) {
      node->kind = kind;
   }
   return node;
}

fg_node *
fg_parse_node_with_kids (fg_parser *parser, fg_node_kind kind, size_t n_kids)
{
   fg_node *node = fg_parse_node (parser, kind);
   if (!node) {
      return NULL;
   }
   node->kids = fg_parse_array (parser, n_kids, sizeof node->kids[0]);
   return node->kids ? node : NULL;
}

fg_node *
fg_parse_not (fg_parser *parser, fg_node *kid)
{
   fg_node *node = kid ? fg_parse_node_with_kids (parser, N_NOT, 1) : NULL;
   if (node) {
      node->kids[node->n_kids++] = kid;
   }
   return node;
}

fg_path *
fg_parse_path (fg_parser *parser, const char *dotted, size_t len)
{
   uint32_t n = 1;
   for (size_t i = 0; i < len; i++) {
      n += dotted[i] == '.';
   }
   fg_path *path = fg_parse_alloc (parser, sizeof *path + n * sizeof path->parts[0]);
   char *copy = path ? fg_parse_alloc (parser, len + 1) : NULL;
   if (!copy) {
      return NULL;
   }
   memcpy (copy, dotted, len);
   path->dotted = dotted;
   path->n_parts = n;
   char *start = copy;
   for (uint32_t i = 0; i < n; i++) {
      size_t part = strcspn (start, ".");
      path->parts[i] = (fg_name){start, part};
      start[part] = '\0';
      start += part + 1;
   }
   return path;
}

bool
fg_parse_enter (fg_parser *parser, const char *step, size_t *mark)
{
   *mark = strlen (parser->path);
   if (parser->depth_left == 0) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "exceeded maximum query tree depth of %u",
                      (unsigned)parser->matcher->max_depth);
      return false;
   }
   parser->depth_left--;
   if (*mark + 1 < sizeof parser->path) {
      snprintf (parser->path + *mark, sizeof parser->path - *mark, "%s%s", *mark ? "." : "", step);
   }
   return true;
}

void
fg_parse_leave (fg_parser *parser, size_t mark)
{
   parser->path[mark] = '\0';
   parser->depth_left++;
}

size_t
fg_parse_count (const fg_value *document)
{
   fg_cursor cursor;
   fg_element element;
   size_t n = 0;

   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &element)) {
      n++;
   }
   return n;
}

const char *
fg_type_name (uint8_t type)
{
   static const char *const names[] = {
      "missing", "double",    "string", "object", "array",     "binData",    "undefined", "objectId",
      "bool",    "date",      "null",   "regex",  "dbPointer", "javascript", "symbol",    "javascriptWithScope",
      "int",     "timestamp", "long",   "decimal"};
   if (type == BSON_MINKEY) {
      return "minKey";
   }
   if (type == BSON_MAXKEY) {
      return "maxKey";
   }
   return type < sizeof names / sizeof names[0] ? names[type] : "invalid";
}

static void append_value_text (fg_buf *buf, const fg_value *value, unsigned depth);

static void
append_document_text (fg_buf *buf, const fg_value *document, unsigned depth)
{
   bool array = document->type == BSON_ARRAY;
   fg_cursor cursor;
   fg_element element;
   const char *separator = array ? " " : " ";

   fg_buf_append_str (buf, array ? "[" : "{");
   fg_cursor_open (&cursor, document);
   while (depth && fg_cursor_next (&cursor, &element)) {
      fg_buf_append_str (buf, separator);
      if (!array) {
         fg_buf_printf (buf, "%s: ", element.name);
      }
      append_value_text (buf, &element.value, depth - 1);
      separator = ", ";
   }
   fg_buf_append_str (buf, array ? " ]" : " }");
}

static void
append_double_text (fg_buf *buf, double value)
{
   char text[64];

   snprintf (text, sizeof text, "%.16g", value);
   fg_buf_append_str (buf, text);
   if (!strpbrk (text, ".eni")) {
      fg_buf_append_str (buf, ".0");
   }
}

static void
append_value_text (fg_buf *buf, const fg_value *value, unsigned depth)
{
   switch (value->type) {
   case BSON_DOUBLE:
      append_double_text (buf, fg_number_double (value));
      return;
   case BSON_INT:
      fg_buf_printf (buf, "%d", fg_read_i32le (value->data));
      return;
   case BSON_LONG:
      fg_buf_printf (buf, "%lld", (long long)(int64_t)fg_read_u64le (value->data));
      return;
   case BSON_STRING:
      fg_buf_printf (buf, "\"%s\"", (const char *)value->data + 4);
      return;
   case BSON_BOOL:
      fg_buf_append_str (buf, fg_value_bool (value) ? "true" : "false");
      return;
   case BSON_NULL:
      fg_buf_append_str (buf, "null");
      return;
   case BSON_OBJECT:
   case BSON_ARRAY:
      append_document_text (buf, value, depth);
      return;
   default:
      fg_buf_append_str (buf, fg_type_name (value->type));
      return;
   }
}

const char *
fg_parse_element_text (const fg_element *element, char *out, size_t size)
{
   fg_buf buf = {0};

   fg_buf_printf (&buf, "%s: ", element->name);
   append_value_text (&buf, &element->value, 5);
   snprintf (out, size, "%.*s", (int)buf.len, buf.data ? (const char *)buf.data : "");
   fg_buf_free (&buf);
   return out;
}

/* An object whose first name starts with '$' and that is no DBRef. */
bool
fg_is_operator_document (const fg_value *value)
{
   fg_cursor cursor;
   fg_element first;

   if (value->type != BSON_OBJECT || !fg_cursor_open (&cursor, value) || !fg_cursor_next (&cursor, &first)) {
      return false;
   }
   return first.name[0] == '$' && strcmp (first.name, "$ref") != 0 && strcmp (first.name, "$id") != 0 &&
          strcmp (first.name, "$db") != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/walk.h"

#include "base/base.h"
#include "schema/match/number.h"

#define MALFORMED SIZE_MAX

/* int32 length + that many bytes, the last of them NUL. */
static size_t
string_size (const uint8_t *p, size_t n)
{
   if (n < 5) {
      return MALFORMED;
   }
   uint32_t len = fg_read_u32le (p);
   if (len < 1 || len > n - 4 || p[4 + len - 1] != 0) {
      return MALFORMED;
   }
   return 4 + (size_t)len;
}

static size_t
document_size (const uint8_t *p, size_t n)
{
   if (n < 5) {
      return MALFORMED;
   }
   uint32_t len = fg_read_u32le (p);
   if (len < 5 || len > n || p[len - 1] != 0) {
      return MALFORMED;
   }
   return len;
}

static size_t
bindata_size (const uint8_t *p, size_t n)
{
   if (n < 5) {
      return MALFORMED;
   }
   uint32_t len = fg_read_u32le (p);
   if (len > n - 5) {
      return MALFORMED;
   }
   return 5 + (size_t)len;
}

static size_t
regex_size (const uint8_t *p, size_t n)
{
   const uint8_t *pattern_end = memchr (p, 0, n);
   if (!pattern_end) {
      return MALFORMED;
   }
   const uint8_t *flags = pattern_end + 1;
   const uint8_t *flags_end = memchr (flags, 0, n - (size_t)(flags - p));
   return flags_end ? (size_t)(flags_end + 1 - p) : MALFORMED;
}

static size_t
dbpointer_size (const uint8_t *p, size_t n)
{
   size_t ns = string_size (p, n);
   return ns == MALFORMED || n - ns < 12 ? MALFORMED : ns + 12;
}

static size_t
code_with_scope_size (const uint8_t *p, size_t n)
{
   if (n < 14) {
      return MALFORMED;
   }
   uint32_t total = fg_read_u32le (p);
   if (total < 14 || total > n) {
      return MALFORMED;
   }
   size_t code = string_size (p + 4, total - 4);
   if (code == MALFORMED) {
      return MALFORMED;
   }
   return document_size (p + 4 + code, total - 4 - code) == total - 4 - code ? total : MALFORMED;
}

static size_t
fixed_size (size_t size, size_t n)
{
   return size <= n ? size : MALFORMED;
}

size_t
fg_value_size (uint8_t type, const uint8_t *p, size_t n)
{
   switch (type) {
   case BSON_DOUBLE:
   case BSON_DATE:
   case BSON_TIMESTAMP:
   case BSON_LONG:
      return fixed_size (8, n);
   case BSON_STRING:
   case BSON_CODE:
   case BSON_SYMBOL:
      return string_size (p, n);
   case BSON_OBJECT:
   case BSON_ARRAY:
      return document_size (p, n);
   case BSON_BINDATA:
      return bindata_size (p, n);
   case BSON_UNDEFINED:
   case BSON_NULL:
   case BSON_MINKEY:
   case BSON_MAXKEY:
      return 0;
   case BSON_OID:
      return fixed_size (12, n);
   case BSON_BOOL:
      return fixed_size (1, n);
   case BSON_REGEX:
      return regex_size (p, n);
   case BSON_DBPOINTER:
      return dbpointer_size (p, n);
   case BSON_CODEWSCOPE:
      return code_with_scope_size (p, n);
   case BSON_INT:
      return fixed_size (4, n);
   case BSON_DECIMAL:
      return fixed_size (16, n);
   default:
      return MALFORMED;
   }
}

fg_value
fg_value_of_document (const uint8_t *doc, size_t len)
{
   return (fg_value){BSON_OBJECT, doc, len};
}

bool
fg_cursor_open (fg_cursor *cursor, const fg_value *document)
{
   size_t size = document->data ? document_size (document->data, document->len) : MALFORMED;

   *cursor = (fg_cursor){NULL, NULL, true};
   if (size == MALFORMED || size != document->len) {
      return false;
   }
   *cursor = (fg_cursor){document->data + 4, document->data + size - 1, false};
   return true;
}

static bool
cursor_fail (fg_cursor *cursor)
{
   cursor->bad = true;
   cursor->p = cursor->end;
   return false;
}

bool
fg_cursor_next (fg_cursor *cursor, fg_element *element)
{
   if (cursor->bad || cursor->p == cursor->end) {
      return false;
   }
   uint8_t type = *cursor->p++;
   const uint8_t *name = cursor->p;
   const uint8_t *name_end = memchr (name, 0, (size_t)(cursor->end - name));
   if (!name_end) {
      return cursor_fail (cursor);
   }
   const uint8_t *data = name_end + 1;
   size_t size = fg_value_size (type, data, (size_t)(cursor->end - data));
   if (size == MALFORMED) {
      return cursor_fail (cursor);
   }
   element->name = (const char *)name;
   element->name_len = (size_t)(name_end - name);
   element->value = (fg_value){type, data, size};
   cursor->p = data + size;
   return true;
}

int
fg_value_find (const fg_value *document, const char *name, size_t name_len, fg_value *value)
{
   fg_cursor cursor;
   fg_element element;

   *value = (fg_value){0, NULL, 0};
   if (!fg_cursor_open (&cursor, document)) {
      return -1;
   }
   while (fg_cursor_next (&cursor, &element)) {
      if (element.name_len == name_len && memcmp (element.name, name, name_len) == 0) {
         *value = element.value;
         return 1;
      }
   }
   return cursor.bad ? -1 : 0;
}

const char *
fg_value_string (const fg_value *value, size_t *len)
{
   *len = value->len - 5;
   return (const char *)value->data + 4;
}

bool
fg_value_bool (const fg_value *value)
{
   return value->type == BSON_BOOL && value->data[0] != 0;
}

bool
fg_value_truthy (const fg_value *value)
{
   switch (value->type) {
   case 0:
   case BSON_NULL:
   case BSON_UNDEFINED:
      return false;
   case BSON_BOOL:
      return fg_value_bool (value);
   case BSON_INT:
   case BSON_LONG:
   case BSON_DOUBLE:
   case BSON_DECIMAL:
      return !fg_number_is_zero (value);
   default:
      return true;
   }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/compare.h"

#include "base/base.h"
#include "schema/match/number.h"

int
fg_type_order (uint8_t bson_type)
{
   switch (bson_type) {
   case BSON_MINKEY:
      return -1;
   case 0:
   case BSON_UNDEFINED:
      return 0;
   case BSON_NULL:
      return 5;
   case BSON_INT:
   case BSON_LONG:
   case BSON_DOUBLE:
   case BSON_DECIMAL:
      return 10;
   case BSON_STRING:
   case BSON_SYMBOL:
      return 15;
   case BSON_OBJECT:
      return 20;
   case BSON_ARRAY:
      return 25;
   case BSON_BINDATA:
      return 30;
   case BSON_OID:
      return 35;
   case BSON_BOOL:
      return 40;
   case BSON_DATE:
      return 45;
   case BSON_TIMESTAMP:
      return 47;
   case BSON_REGEX:
      return 50;
   case BSON_DBPOINTER:
      return 55;
   case BSON_CODE:
      return 60;
   case BSON_CODEWSCOPE:
      return 65;
   case BSON_MAXKEY:
      return 127;
   default:
      return 200;
   }
}

static int
sign (int n)
{
   return (n > 0) - (n < 0);
}

static int
compare_bytes (const void *a, size_t a_len, const void *b, size_t b_len)
{
   size_t common = a_len < b_len ? a_len : b_len;
   int order = common ? memcmp (a, b, common) : 0;
   return order ? sign (order) : (a_len > b_len) - (a_len < b_len);
}

static int
compare_strings (const fg_value *a, const fg_value *b)
{
   size_t a_len, b_len;
   const char *x = fg_value_string (a, &a_len);
   const char *y = fg_value_string (b, &b_len);
   return compare_bytes (x, a_len, y, b_len);
}

static int
compare_bindata (const fg_value *a, const fg_value *b)
{
   if (a->len != b->len) {
      return a->len < b->len ? -1 : 1;
   }
   return sign (memcmp (a->data + 4, b->data + 4, a->len - 4)); /* the subtype's byte comes first */
}

static int
compare_unsigned (uint64_t a, uint64_t b)
{
   return a < b ? -1 : a > b;
}

static int
compare_dates (const fg_value *a, const fg_value *b)
{
   int64_t x = (int64_t)fg_read_u64le (a->data);
   int64_t y = (int64_t)fg_read_u64le (b->data);
   return x < y ? -1 : x > y;
}

static int
compare_regexes (const fg_value *a, const fg_value *b)
{
   const char *x = (const char *)a->data;
   const char *y = (const char *)b->data;
   int order = strcmp (x, y);
   return order ? sign (order) : sign (strcmp (x + strlen (x) + 1, y + strlen (y) + 1));
}

static int
compare_dbpointers (const fg_value *a, const fg_value *b)
{
   if (a->len != b->len) {
      return a->len < b->len ? -1 : 1;
   }
   return sign (memcmp (a->data, b->data, a->len));
}

static int
fault (fg_comparison *c, fg_fault what)
{
   if (c->fault == FG_FAULT_NONE) {
      c->fault = what;
   }
   return 0;
}

static int
compare_elements (fg_comparison *c, const fg_element *a, const fg_element *b)
{
   int order = fg_type_order (a->value.type) - fg_type_order (b->value.type);
   if (order == 0) {
      order = compare_bytes (a->name, a->name_len, b->name, b->name_len);
   }
   return order ? sign (order) : fg_compare_values (c, &a->value, &b->value);
}

static int
compare_documents (fg_comparison *c, const fg_value *a, const fg_value *b)
{
   fg_cursor x, y;

   if (c->depth_left == 0) {
      return fault (c, FG_FAULT_TOO_DEEP);
   }
   if (!fg_cursor_open (&x, a) || !fg_cursor_open (&y, b)) {
      return fault (c, FG_FAULT_MALFORMED);
   }
   c->depth_left--;
   int order = 0;
   while (order == 0 && c->fault == FG_FAULT_NONE) {
      fg_element ea, eb;
      bool more_a = fg_cursor_next (&x, &ea);
      bool more_b = fg_cursor_next (&y, &eb);
      if (!more_a || !more_b) {
         order = more_a - more_b;
         break;
      }
      order = compare_elements (c, &ea, &eb);
   }
   c->depth_left++;
   return x.bad || y.bad ? fault (c, FG_FAULT_MALFORMED) : order;
}

/* {int32 total, string code, document scope} */
static void
split_code_with_scope (const fg_value *value, fg_value *code, fg_value *scope)
{
   size_t code_size = 4 + (size_t)fg_read_u32le (value->data + 4);
   *code = (fg_value){BSON_CODE, value->data + 4, code_size};
   *scope = (fg_value){BSON_OBJECT, value->data + 4 + code_size, value->len - 4 - code_size};
}

static int
compare_code_with_scope (fg_comparison *c, const fg_value *a, const fg_value *b)
{
   fg_value code_a, code_b, scope_a, scope_b;

   split_code_with_scope (a, &code_a, &scope_a);
   split_code_with_scope (b, &code_b, &scope_b);
   int order = compare_strings (&code_a, &code_b);
   return order ? order : compare_documents (c, &scope_a, &scope_b);
}

int
fg_compare_values (fg_comparison *c, const fg_value *a, const fg_value *b)
{
   int order = fg_type_order (a->type) - fg_type_order (b->type);
   if (order) {
      return sign (order);
   }
   switch (a->type) {
   case BSON_INT:
   case BSON_LONG:
   case BSON_DOUBLE:
   case BSON_DECIMAL:
      return fg_number_compare (a, b);
   case BSON_STRING:
   case BSON_SYMBOL:
   case BSON_CODE:
      return compare_strings (a, b);
   case BSON_OBJECT:
   case BSON_ARRAY:
      return compare_documents (c, a, b);
   case BSON_BINDATA:
      return compare_bindata (a, b);
   case BSON_OID:
      return sign (memcmp (a->data, b->data, 12));
   case BSON_BOOL:
      return fg_value_bool (a) - fg_value_bool (b);
   case BSON_DATE:
      return compare_dates (a, b);
   case BSON_TIMESTAMP:
      return compare_unsigned (fg_read_u64le (a->data), fg_read_u64le (b->data));
   case BSON_REGEX:
      return compare_regexes (a, b);
   case BSON_DBPOINTER:
      return compare_dbpointers (a, b);
   case BSON_CODEWSCOPE:
      return compare_code_with_scope (c, a, b);
   default:
      return 0; /* null, undefined, missing, MinKey, MaxKey: the type is the value */
   }
}

int
fg_value_compare (const fg_value *a, const fg_value *b)
{
   fg_comparison c = {FG_MATCHER_DEFAULT_DEPTH * 2, FG_FAULT_NONE};
   return fg_compare_values (&c, a, b);
}

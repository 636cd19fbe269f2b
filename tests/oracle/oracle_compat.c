/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Documents against validators, as mongod has it: every keyword of a schema is a predicate of its own over a path, and a dotted path asks for
 * any value that it reaches, each predicate for itself.
 */

#include "tests/oracle/oracle.h"

#include <string.h>

/* A place: NULL path is the document itself. */
typedef struct place {
   const bson_t *doc;
   const char *path;
   bool *refused;
} place;

static bool check_schema (const bson_t *schema, place at);

static bool
one_type (const bson_iter_t *value, void *arg)
{
   return value && oracle_types_have (arg, bson_iter_type (value));
}

static bool
has_type (place at, const oracle_types *types)
{
   oracle_types copy = *types;
   return oracle_any (at.doc, at.path, false, one_type, &copy);
}

static bool
exists (const bson_iter_t *value, void *arg)
{
   (void)arg;
   return value != NULL;
}

/* What a keyword needs to know while it looks at one value. */
typedef struct keyword {
   const bson_iter_t *it;
   const bson_t *schema;
   place at;
   bool (*object) (const struct keyword *k, const bson_t *object);
   int64_t index;
} keyword;

/* A value on its own: a document of one field of it. */
static bool
check_alone (const bson_iter_t *schema_value, const bson_iter_t *value, const keyword *k)
{
   if (bson_iter_type (schema_value) == BSON_TYPE_BOOL) {
      return bson_iter_bool (schema_value);
   }
   bson_t alone = BSON_INITIALIZER, schema;
   bson_append_iter (&alone, "i", 1, value);
   oracle_sub (schema_value, &schema);
   bool holds = check_schema (&schema, (place){&alone, "i", k->at.refused});
   bson_destroy (&alone);
   return holds;
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

static bool
limit (const bson_iter_t *value, const keyword *k, int sign, const char *exclusive)
{
   bson_iter_t flag;
   bool strictly = oracle_find (k->schema, exclusive, &flag) && bson_iter_bool (&flag);
   if (!value || !oracle_is_number (bson_iter_type (value))) {
      return false;
   }
   bool nan = oracle_number_is_nan (value), limit_nan = oracle_number_is_nan (k->it);
   if (nan || limit_nan) {
      return nan && limit_nan && !strictly;
   }
   int order = oracle_number_compare (value, k->it) * sign;
   return strictly ? order < 0 : order <= 0;
}

static bool
maximum (const bson_iter_t *value, void *arg)
{
   return limit (value, arg, 1, "exclusiveMaximum");
}

static bool
minimum (const bson_iter_t *value, void *arg)
{
   return limit (value, arg, -1, "exclusiveMinimum");
}

static bool
multiple_of (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   return value && oracle_is_number (bson_iter_type (value)) && oracle_number_is_multiple (value, k->it);
}

static int64_t
code_points (const char *text, uint32_t len)
{
   int64_t n = 0;
   for (uint32_t i = 0; i < len; i++) {
      n += ((uint8_t)text[i] & 0xc0) != 0x80;
   }
   return n;
}

static bool
length (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   uint32_t len;
   int64_t count;
   if (!value || bson_iter_type (value) != BSON_TYPE_UTF8) {
      return false;
   }
   const char *text = bson_iter_utf8 (value, &len);
   oracle_number_as_count (k->it, &count);
   return strcmp (bson_iter_key (k->it), "maxLength") == 0 ? code_points (text, len) <= count
                                                           : code_points (text, len) >= count;
}

static bool
pattern (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   uint32_t len, pattern_len;
   const char *text = bson_iter_utf8 (k->it, &pattern_len);
   if (!value || bson_iter_type (value) != BSON_TYPE_UTF8) {
      return false;
   }
   const char *subject = bson_iter_utf8 (value, &len);
   return oracle_pattern_matches (text, pattern_len, true, subject, len);
}

/* --- arrays ------------------------------------------------------------------------------------------------------- */

static bool
item_count (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_t array;
   int64_t count;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   oracle_sub (value, &array);
   oracle_number_as_count (k->it, &count);
   int64_t n = bson_count_keys (&array);
   return strcmp (bson_iter_key (k->it), "maxItems") == 0 ? n <= count : n >= count;
}

static bool
unique_items (const bson_iter_t *value, void *arg)
{
   bson_iter_t a, b;
   (void)arg;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   bson_iter_recurse (value, &a);
   while (bson_iter_next (&a)) {
      b = a;
      while (bson_iter_next (&b)) {
         if (oracle_equal (&a, &b, false)) {
            return false;
         }
      }
   }
   return true;
}

/* Every element from index on. */
static bool
items_from (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_iter_t element;
   bool holds = true;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   bson_iter_recurse (value, &element);
   for (int64_t i = 0; bson_iter_next (&element); i++) {
      holds = (i < k->index || check_alone (k->it, &element, k)) && holds;
   }
   return holds;
}

/* The element at index, if there is one. */
static bool
item_at (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_iter_t element;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   bson_iter_recurse (value, &element);
   for (int64_t i = 0; bson_iter_next (&element); i++) {
      if (i == k->index) {
         return check_alone (k->it, &element, k);
      }
   }
   return true;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static bool
object_match (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_t object;
   if (!value || bson_iter_type (value) != BSON_TYPE_DOCUMENT) {
      return false;
   }
   oracle_sub (value, &object);
   return k->object (k, &object);
}

static bool
names_exist (const bson_iter_t *names, const bson_t *object)
{
   bson_iter_t name;
   bson_iter_recurse (names, &name);
   while (bson_iter_next (&name)) {
      if (!oracle_any (object, bson_iter_utf8 (&name, NULL), false, exists, NULL)) {
         return false;
      }
   }
   return true;
}

static bool
required (const keyword *k, const bson_t *object)
{
   return names_exist (k->it, object);
}

static bool
is_required (const bson_t *schema, const char *name)
{
   bson_iter_t names, it;
   if (!oracle_find (schema, "required", &names)) {
      return false;
   }
   bson_iter_recurse (&names, &it);
   while (bson_iter_next (&it)) {
      if (strcmp (bson_iter_utf8 (&it, NULL), name) == 0) {
         return true;
      }
   }
   return false;
}

static bool
properties (const keyword *k, const bson_t *object)
{
   bson_iter_t property;
   bson_t schema;
   bool holds = true;

   bson_iter_recurse (k->it, &property);
   while (bson_iter_next (&property)) {
      const char *name = bson_iter_key (&property);
      oracle_sub (&property, &schema);
      bool one = check_schema (&schema, (place){object, name, k->at.refused});
      one = one || (!is_required (k->schema, name) && !oracle_any (object, name, false, exists, NULL));
      holds = holds && one;
   }
   return holds;
}

/* patternProperties and additionalProperties together: k->it is either. */
static bool
allowed_properties (const keyword *k, const bson_t *object)
{
   bson_iter_t field, patterns, it, named;
   bool holds = true;
   bool has_patterns = oracle_find (k->schema, "patternProperties", &patterns);
   bson_t properties_doc;
   bool has_properties = oracle_find (k->schema, "properties", &it);
   if (has_properties) {
      oracle_sub (&it, &properties_doc);
   }
   bson_iter_t additional;
   bool has_additional = oracle_find (k->schema, "additionalProperties", &additional);

   bson_iter_init (&field, object);
   while (bson_iter_next (&field)) {
      const char *name = bson_iter_key (&field);
      bool other = !has_properties || !oracle_find (&properties_doc, name, &named);
      if (has_patterns) {
         bson_iter_recurse (&patterns, &it);
         while (bson_iter_next (&it)) {
            if (oracle_pattern_matches (bson_iter_key (&it), strlen (bson_iter_key (&it)), false, name,
                                        strlen (name))) {
               other = false;
               holds = check_alone (&it, &field, k) && holds;
            }
         }
      }
      if (other && has_additional) {
         holds = check_alone (&additional, &field, k) && holds;
      }
   }
   return holds;
}

static bool
property_count (const keyword *k, const bson_t *object)
{
   int64_t count, n = bson_count_keys (object);
   oracle_number_as_count (k->it, &count);
   return strcmp (bson_iter_key (k->it), "maxProperties") == 0 ? n <= count : n >= count;
}

/* Whether the place holds an object in which the member of dependencies has something to say, and (names) whether its names are all there. */
static bool
dependency_stands (const keyword *k, const bson_t *object)
{
   return oracle_any (object, bson_iter_key (k->it), false, exists, NULL);
}

static bool
dependency_name (const keyword *k, const bson_t *object)
{
   return oracle_any (object, bson_iter_utf8 (k->it, NULL), false, exists, NULL);
}

static bool
object_at (keyword *k, bool (*test) (const keyword *, const bson_t *))
{
   k->object = test;
   return k->at.path ? oracle_any (k->at.doc, k->at.path, false, object_match, k) : test (k, k->at.doc);
}

static bool
dependencies (const bson_iter_t *list, const bson_t *schema, place at)
{
   bson_iter_t it, name;
   bson_t sub;
   bool holds = true;

   bson_iter_recurse (list, &it);
   while (bson_iter_next (&it)) {
      keyword k = {&it, schema, at, NULL, 0};
      if (bson_iter_type (&it) == BSON_TYPE_UTF8 || !object_at (&k, dependency_stands)) {
         continue;
      }
      if (bson_iter_type (&it) == BSON_TYPE_DOCUMENT) {
         oracle_sub (&it, &sub);
         holds = check_schema (&sub, at) && holds;
         continue;
      }
      bson_iter_recurse (&it, &name);
      while (bson_iter_next (&name)) {
         keyword n = {&name, schema, at, NULL, 0};
         holds = object_at (&n, dependency_name) && holds;
      }
   }
   return holds;
}

/* --- encryption --------------------------------------------------------------------------------------------------- */

static bool
is_encrypted (const bson_iter_t *value, void *arg)
{
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;
   (void)arg;
   if (!value || bson_iter_type (value) != BSON_TYPE_BINARY) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   return subtype == BSON_SUBTYPE_ENCRYPTED;
}

static bool
is_encrypted_type (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;
   oracle_types types;
   if (!is_encrypted (value, NULL)) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   if (len < 18) {
      return false;
   }
   if (data[0] > 18) {
      *k->at.refused = true;
      return false;
   }
   oracle_types_parse (k->it, false, true, &types);
   return data[0] >= 1 && data[0] <= 2 && oracle_types_have (&types, (bson_type_t)data[17]);
}

static bool
encrypt (const bson_iter_t *value, const bson_t *schema, place at)
{
   bson_t members;
   bson_iter_t types;
   oracle_sub (value, &members);
   if (!oracle_any (at.doc, at.path, false, is_encrypted, NULL)) {
      return false;
   }
   if (oracle_find (&members, "bsonType", &types)) {
      keyword k = {&types, schema, at, NULL, 0};
      return oracle_any (at.doc, at.path, false, is_encrypted_type, &k);
   }
   return true;
}

/* --- schemas ------------------------------------------------------------------------------------------------------ */

typedef enum applies { NUMBERS, STRINGS, ARRAYS, OBJECTS } applies;

/* A keyword for one type: with exactly one type stated it is that or nothing; otherwise values of other types pass. */
static bool
restricted (const oracle_types *stated, applies what, place at, bool leaf_arrays, oracle_test test, keyword *k)
{
   static const bson_type_t types[] = {0, BSON_TYPE_UTF8, BSON_TYPE_ARRAY, BSON_TYPE_DOCUMENT};
   oracle_types wanted = {true, what == NUMBERS, what == NUMBERS ? 0 : oracle_type_bit (types[what])};
   bool single = stated->stated && (stated->number ? stated->bits == 0 : (stated->bits & (stated->bits - 1)) == 0);

   if (single) {
      bool numeric = false;
      for (unsigned t = 1; t < 20; t++) {
         numeric = numeric || (oracle_is_number (t) && stated->bits == oracle_type_bit (t));
      }
      bool applies_here = what == NUMBERS ? stated->number || numeric : !stated->number && stated->bits == wanted.bits;
      bool passes = oracle_any (at.doc, at.path, leaf_arrays, test,
                                k); /* asked even where it does not count: what it meets does */
      return !applies_here || passes;
   }
   return !has_type (at, &wanted) || oracle_any (at.doc, at.path, leaf_arrays, test, k);
}

static bool
restricted_object (const oracle_types *stated, place at, bool (*test) (const keyword *, const bson_t *), keyword *k)
{
   k->object = test;
   return at.path ? restricted (stated, OBJECTS, at, false, object_match, k) : test (k, at.doc);
}

/* Keywords of one value: they say nothing about the document as a whole. */
static bool
value_keywords (const bson_t *schema, const oracle_types *stated, place at)
{
   static const struct {
      const char *name;
      applies what;
      bool leaf_arrays;
      oracle_test test;
   } table[] = {{"maximum", NUMBERS, true, maximum},        {"minimum", NUMBERS, true, minimum},
                {"multipleOf", NUMBERS, true, multiple_of}, {"maxLength", STRINGS, true, length},
                {"minLength", STRINGS, true, length},       {"pattern", STRINGS, true, pattern},
                {"minItems", ARRAYS, false, item_count},    {"maxItems", ARRAYS, false, item_count}};
   bson_iter_t it;
   bool holds = true;

   for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      if (oracle_find (schema, table[i].name, &it)) {
         keyword k = {&it, schema, at, NULL, 0};
         holds = restricted (stated, table[i].what, at, table[i].leaf_arrays, table[i].test, &k) && holds;
      }
   }
   if (oracle_find (schema, "uniqueItems", &it) && bson_iter_bool (&it)) {
      keyword k = {&it, schema, at, NULL, 0};
      holds = restricted (stated, ARRAYS, at, false, unique_items, &k) && holds;
   }
   return holds;
}

/* Every position of the list is a predicate of its own; together they are one restriction. */
static bool
positions (const bson_iter_t *items, const bson_t *schema, const oracle_types *stated, place at, int64_t *n)
{
   bson_iter_t it;
   bool holds = true;
   bson_iter_recurse (items, &it);
   for (*n = 0; bson_iter_next (&it); ++*n) {
      keyword k = {&it, schema, at, NULL, *n};
      holds = restricted (stated, ARRAYS, at, false, item_at, &k) && holds;
   }
   return holds;
}

static bool
item_keywords (const bson_t *schema, const oracle_types *stated, place at)
{
   bson_iter_t items, additional;
   bool holds = true;
   int64_t n;

   if (!oracle_find (schema, "items", &items)) {
      return true;
   }
   if (bson_iter_type (&items) == BSON_TYPE_DOCUMENT) {
      keyword k = {&items, schema, at, NULL, 0};
      return restricted (stated, ARRAYS, at, false, items_from, &k);
   }
   holds = positions (&items, schema, stated, at, &n);
   if (oracle_find (schema, "additionalItems", &additional)) {
      keyword k = {&additional, schema, at, NULL, n};
      holds = restricted (stated, ARRAYS, at, false, items_from, &k) && holds;
   }
   return holds;
}

static bool
object_keywords (const bson_t *schema, const oracle_types *stated, place at)
{
   static const struct {
      const char *name;
      bool (*test) (const keyword *, const bson_t *);
   } table[] = {{"required", required},
                {"properties", properties},
                {"minProperties", property_count},
                {"maxProperties", property_count}};
   bson_iter_t it;
   bool holds = true;

   for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      if (oracle_find (schema, table[i].name, &it)) {
         keyword k = {&it, schema, at, NULL, 0};
         holds = restricted_object (stated, at, table[i].test, &k) && holds;
      }
   }
   if (oracle_find (schema, "patternProperties", &it) || oracle_find (schema, "additionalProperties", &it)) {
      keyword k = {&it, schema, at, NULL, 0};
      holds = restricted_object (stated, at, allowed_properties, &k) && holds;
   }
   return !(oracle_find (schema, "dependencies", &it) && !dependencies (&it, schema, at)) && holds;
}

/* What is not there is as undefined. */
static bool
is_member (const bson_iter_t *value, void *arg)
{
   const bson_iter_t *member = arg;
   return value ? oracle_equal (value, member, false) : bson_iter_type (member) == BSON_TYPE_UNDEFINED;
}

static bool
enumeration (const bson_iter_t *list, place at)
{
   bson_iter_t member;
   bson_t whole = BSON_INITIALIZER;
   bool found = false;

   if (!at.path) {
      bson_append_document (&whole, "i", 1, at.doc);
   }
   bson_iter_recurse (list, &member);
   while (!found && bson_iter_next (&member)) {
      found = at.path ? oracle_any (at.doc, at.path, false, is_member, &member)
                      : bson_iter_type (&member) == BSON_TYPE_DOCUMENT &&
                           oracle_any (&whole, "i", false, is_member, &member);
   }
   bson_destroy (&whole);
   return found;
}

/* How many of the schemas hold; *n is how many there are. */
static int
count_holding (const bson_iter_t *list, place at, int *n)
{
   bson_iter_t it;
   bson_t schema;
   int holding = 0;
   bson_iter_recurse (list, &it);
   for (*n = 0; bson_iter_next (&it); ++*n) {
      oracle_sub (&it, &schema);
      holding += check_schema (&schema, at);
   }
   return holding;
}

static bool
logical_keywords (const bson_t *schema, place at)
{
   bson_iter_t it;
   bson_t sub;
   int n;
   bool holds = true;

   if (oracle_find (schema, "allOf", &it)) {
      int holding = count_holding (&it, at, &n);
      holds = holding == n && holds;
   }
   if (oracle_find (schema, "anyOf", &it)) {
      holds = count_holding (&it, at, &n) > 0 && holds;
   }
   if (oracle_find (schema, "oneOf", &it)) {
      holds = count_holding (&it, at, &n) == 1 && holds;
   }
   if (oracle_find (schema, "not", &it)) {
      oracle_sub (&it, &sub);
      holds = !check_schema (&sub, at) && holds;
   }
   return !(oracle_find (schema, "enum", &it) && !enumeration (&it, at)) && holds;
}

static oracle_types
stated_types (const bson_t *schema)
{
   bson_iter_t it;
   oracle_types types = {false, false, 0};
   if (oracle_find (schema, "type", &it)) {
      oracle_types_parse (&it, true, false, &types);
   } else if (oracle_find (schema, "bsonType", &it)) {
      oracle_types_parse (&it, false, false, &types);
   } else if (oracle_find (schema, "encrypt", &it)) {
      types = (oracle_types){true, false, oracle_type_bit (BSON_TYPE_BINARY)};
   }
   return types;
}

static bool
check_schema (const bson_t *schema, place at)
{
   oracle_types stated = stated_types (schema);
   bson_iter_t it;
   bool holds = true;

   if (!at.path) {
      holds = !stated.stated || oracle_types_have (&stated, BSON_TYPE_DOCUMENT);
   }
   if (at.path) {
      holds = (!stated.stated || has_type (at, &stated)) && holds;
      holds = value_keywords (schema, &stated, at) && holds;
      holds = item_keywords (schema, &stated, at) && holds;
      if (oracle_find (schema, "encrypt", &it)) {
         holds = encrypt (&it, schema, at) && holds;
      }
   }
   holds = object_keywords (schema, &stated, at) && holds;
   return logical_keywords (schema, at) && holds;
}

/* --- validators --------------------------------------------------------------------------------------------------- */

static bool
equals (const bson_iter_t *value, void *arg)
{
   const bson_iter_t *wanted = arg;
   return value ? oracle_equal (value, wanted, true) : bson_iter_type (wanted) == BSON_TYPE_NULL;
}

static bool
check_query (const bson_t *query, const bson_t *doc, bool *refused)
{
   bson_iter_t it, member;
   bson_t sub;
   bool holds = true;

   bson_iter_init (&it, query);
   while (bson_iter_next (&it)) {
      const char *name = bson_iter_key (&it);
      int n = 0, holding = 0;
      if (strcmp (name, "$jsonSchema") == 0) {
         oracle_sub (&it, &sub);
         holds = check_schema (&sub, (place){doc, NULL, refused}) && holds;
         continue;
      }
      if (name[0] != '$') {
         bson_iter_t wanted = it;
         holds = oracle_any (doc, name, true, equals, &wanted) && holds;
         continue;
      }
      bson_iter_recurse (&it, &member);
      for (; bson_iter_next (&member); n++) {
         oracle_sub (&member, &sub);
         holding += check_query (&sub, doc, refused);
      }
      holds = holds && (strcmp (name, "$and") == 0 ? holding == n : strcmp (name, "$or") == 0 ? holding > 0 : !holding);
   }
   return holds;
}

static bool
payload_fits (const bson_iter_t *value, const bson_iter_t *type_name)
{
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;
   oracle_types types;
   if (!is_encrypted (value, NULL)) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   if (len < 18 || !memchr ("\6\7\11\16\17\20\21", data[0], 7)) {
      return false;
   }
   return !type_name || (oracle_types_parse (type_name, false, false, &types) == 0 &&
                         oracle_types_have (&types, (bson_type_t)data[17]));
}

static bool
field_fits (const bson_t *doc, const char *path, const bson_iter_t *type_name)
{
   const char *dot = strchr (path, '.');
   char part[64];
   bson_iter_t value;
   bson_t sub;
   size_t n = dot ? (size_t)(dot - path) : strlen (path);

   memcpy (part, path, n < 63 ? n : 63);
   part[n < 63 ? n : 63] = '\0';
   if (!oracle_find (doc, part, &value)) {
      return true;
   }
   if (!dot) {
      return payload_fits (&value, type_name);
   }
   if (bson_iter_type (&value) == BSON_TYPE_ARRAY) {
      return false;
   }
   if (bson_iter_type (&value) != BSON_TYPE_DOCUMENT) {
      return true;
   }
   oracle_sub (&value, &sub);
   return field_fits (&sub, dot + 1, type_name);
}

static bool
check_encrypted_fields (const bson_t *options, const bson_t *doc)
{
   bson_iter_t it, fields, path, type;
   bson_t field;
   bool holds = true;

   if (!oracle_find (options, "encryptedFields", &it) || !bson_iter_recurse (&it, &fields) ||
       !bson_iter_find (&fields, "fields")) {
      return true;
   }
   bson_iter_recurse (&fields, &it);
   while (bson_iter_next (&it)) {
      oracle_sub (&it, &field);
      oracle_find (&field, "path", &path);
      bool typed = oracle_find (&field, "bsonType", &type);
      holds = field_fits (doc, bson_iter_utf8 (&path, NULL), typed ? &type : NULL) && holds;
   }
   return holds;
}

oracle_verdict
oracle_compat_check (const bson_t *options, const bson_t *doc)
{
   bson_iter_t it;
   bson_t validator;
   bool refused = false, holds = true;

   if (oracle_find (options, "validator", &it)) {
      oracle_sub (&it, &validator);
      holds = check_query (&validator, doc, &refused);
   }
   holds = check_encrypted_fields (options, doc) && holds;
   return refused ? ORACLE_REFUSED : holds ? ORACLE_YES : ORACLE_NO;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/rules.h"

/*
 * One $jsonSchema object and all below it. Keywords that cannot hold a rule are only known by name: whether they are right is the matcher's affair,
 * but a name that nobody knows may be a misspelt `encrypt`, and is refused.
 */

typedef enum keyword {
   KEY_UNKNOWN = 0,
   KEY_OTHER,
   KEY_UNSUPPORTED,
   KEY_TYPE,
   KEY_BSON_TYPE,
   KEY_ENCRYPT,
   KEY_METADATA,
   KEY_PROPERTIES,
   KEY_PATTERN_PROPERTIES,
   KEY_ADDITIONAL_PROPERTIES,
   KEY_ITEMS,
   KEY_ADDITIONAL_ITEMS,
   KEY_ALL_OF,
   KEY_ANY_OF,
   KEY_ONE_OF,
   KEY_NOT,
   KEY_DEPENDENCIES,
   KEY_COUNT
} keyword;

/* A keyword's value where it stands (wrapped, since libbson's iterators are aligned to more than their size). */
typedef struct found_keyword {
   bson_iter_t at;
   bool present;
} found_keyword;

/* What surrounds a schema object. */
typedef struct place {
   uint32_t *head; /* chain of the value that the schema describes */
   uint32_t formula;
   const fg_encrypt_spec *inherited;
   bool negated;
   uint32_t depth; /* levels left */
   const char *path; /* nearest property name, for messages */
} place;

static const struct {
   const char *name;
   keyword key;
} keywords[] = {{"type", KEY_TYPE},
                {"bsonType", KEY_BSON_TYPE},
                {"encrypt", KEY_ENCRYPT},
                {"encryptMetadata", KEY_METADATA},
                {"properties", KEY_PROPERTIES},
                {"patternProperties", KEY_PATTERN_PROPERTIES},
                {"additionalProperties", KEY_ADDITIONAL_PROPERTIES},
                {"items", KEY_ITEMS},
                {"additionalItems", KEY_ADDITIONAL_ITEMS},
                {"allOf", KEY_ALL_OF},
                {"anyOf", KEY_ANY_OF},
                {"oneOf", KEY_ONE_OF},
                {"not", KEY_NOT},
                {"dependencies", KEY_DEPENDENCIES},
                {"title", KEY_OTHER},
                {"description", KEY_OTHER},
                {"enum", KEY_OTHER},
                {"maximum", KEY_OTHER},
                {"minimum", KEY_OTHER},
                {"exclusiveMaximum", KEY_OTHER},
                {"exclusiveMinimum", KEY_OTHER},
                {"multipleOf", KEY_OTHER},
                {"maxLength", KEY_OTHER},
                {"minLength", KEY_OTHER},
                {"pattern", KEY_OTHER},
                {"minItems", KEY_OTHER},
                {"maxItems", KEY_OTHER},
                {"uniqueItems", KEY_OTHER},
                {"required", KEY_OTHER},
                {"minProperties", KEY_OTHER},
                {"maxProperties", KEY_OTHER},
                {"$ref", KEY_UNSUPPORTED},
                {"$schema", KEY_UNSUPPORTED},
                {"default", KEY_UNSUPPORTED},
                {"definitions", KEY_UNSUPPORTED},
                {"format", KEY_UNSUPPORTED},
                {"id", KEY_UNSUPPORTED}};

#define N_KEYWORDS (sizeof keywords / sizeof keywords[0])

static bool walk (fg_rules *rules, const bson_iter_t *schema, const place *at, fg_error *err);

static bool
malformed (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the options document is not well-formed BSON");
}

static bool
wrong_type (fg_error *err, const place *at, const char *name, const char *expected)
{
   return fg_error_set (err, FG_ERROR_SERVER, 14, at->path, "$jsonSchema keyword '%s' must be %s", name, expected);
}

static bool
reject (fg_error *err, const place *at, const char *text)
{
   return fg_error_set (err, FG_ERROR_SERVER, 9, at->path, "%s", text);
}

/* Finds each keyword of the object once; values stay where they are. */
static bool
index_keywords (bson_iter_t *schema, const place *at, found_keyword *found, fg_error *err)
{
   uint64_t seen = 0;
   bool ok = true;

   while (ok && fg_policy_next (schema, &ok, err)) {
      const char *name = bson_iter_key (schema);
      size_t i = 0;
      while (i < N_KEYWORDS && strcmp (keywords[i].name, name) != 0) {
         i++;
      }
      if (i == N_KEYWORDS) {
         return fg_error_set (err, FG_ERROR_SERVER, 9, at->path, "Unknown $jsonSchema keyword: %s", name);
      }
      if (keywords[i].key == KEY_UNSUPPORTED) {
         return fg_error_set (err, FG_ERROR_SERVER, 9, at->path, "$jsonSchema keyword '%s' is not currently supported",
                              name);
      }
      if (seen >> i & 1) {
         return fg_error_set (err, FG_ERROR_SERVER, 9, at->path, "Duplicate $jsonSchema keyword: %s", name);
      }
      seen |= (uint64_t)1 << i;
      found[keywords[i].key].at = *schema;
      found[keywords[i].key].present = true;
   }
   return ok;
}

static bool
check_conflicts (const found_keyword *found, const place *at, fg_error *err)
{
   if (found[KEY_TYPE].present && found[KEY_BSON_TYPE].present) {
      return reject (err, at, "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'");
   }
   if (found[KEY_ENCRYPT].present && (found[KEY_TYPE].present || found[KEY_BSON_TYPE].present)) {
      return fg_error_set (err, FG_ERROR_SERVER, 9, at->path,
                           "$jsonSchema keyword 'encrypt' cannot be used in conjunction with '%s', 'encrypt' implies "
                           "type 'bsonType::BinData'",
                           found[KEY_TYPE].present ? "type" : "bsonType");
   }
   if (found[KEY_ENCRYPT].present && found[KEY_METADATA].present) {
      return reject (err, at, "Cannot specify both $jsonSchema keywords 'encrypt' and 'encryptMetadata'");
   }
   return true;
}

static bool
add_encrypt (fg_rules *rules, const bson_iter_t *value, uint32_t node, const place *at, fg_error *err)
{
   fg_encrypt_spec spec = {0};
   fg_policy_rule rule = {0};

   if (!fg_policy_parse_encrypt (rules, value, false, at->path, &spec, err)) {
      return false;
   }
   if (at->negated) {
      return true;
   }
   const fg_encrypt_spec *keys = spec.has_keys ? &spec : at->inherited;
   const fg_encrypt_spec *algorithm = spec.has_algorithm ? &spec : at->inherited;
   rule.kind = FG_POLICY_CSFLE;
   rule.typed = spec.typed;
   rule.types = spec.typed ? spec.types : UINT64_MAX;
   rule.first_bytes = rules->strict && algorithm->has_algorithm ? algorithm->first_bytes : 1u << 1 | 1u << 2;
   rule.keys = keys->keys;
   rule.n_keys = keys->has_keys ? keys->n_keys : 0;
   return fg_rules_add_rule (rules, node, at->formula, &rule, err);
}

/* encryptMetadata: what it says replaces what came from above, member by member. */
static bool
inherit (fg_rules *rules, const bson_iter_t *value, const place *at, fg_encrypt_spec *merged, fg_error *err)
{
   fg_encrypt_spec own = {0};

   *merged = *at->inherited;
   if (!value) {
      return true;
   }
   if (!fg_policy_parse_encrypt (rules, value, true, at->path, &own, err)) {
      return false;
   }
   if (own.has_algorithm) {
      merged->has_algorithm = true;
      merged->first_bytes = own.first_bytes;
   }
   if (own.has_keys) {
      merged->has_keys = true;
      merged->keys = own.keys;
      merged->n_keys = own.n_keys;
   }
   return true;
}

/* --- names ---------------------------------------------------------------------------------------------------- */

/* A component that is a number also names an array position, as it does for mongod. */
static bool
array_position (const char *name, size_t len, uint32_t *position)
{
   *position = 0;
   for (size_t i = 0; i < len; i++) {
      if (name[i] < '0' || name[i] > '9' || i == 3) {
         return false;
      }
      *position = *position * 10 + (uint32_t)(name[i] - '0');
   }
   return len > 0 && (len == 1 || name[0] != '0');
}

/* The nodes that a component of a dotted name starts from: below the one before, and below an element of an array there. */
typedef struct dotted {
   uint32_t node;
   uint32_t element; /* FG_POLICY_NONE at the first component */
} dotted;

static bool
add_component (fg_rules *rules, const dotted *from, const char *name, size_t len, uint32_t to, fg_error *err)
{
   uint32_t position;

   if (!fg_rules_add_edge (rules, from->node, FG_EDGE_NAME, name, len, 0, to, err)) {
      return false;
   }
   if (from->element == FG_POLICY_NONE) {
      return true;
   }
   return fg_rules_add_edge (rules, from->element, FG_EDGE_NAME, name, len, 0, to, err) &&
          (!array_position (name, len, &position) ||
           fg_rules_add_edge (rules, from->node, FG_EDGE_ITEM, NULL, 0, position, to, err));
}

/* "a.b" means b below a, and mongod looks through one array on the way: every element is then held to the rest of the path. The last component
 * leads to the schema. */
static bool
walk_dotted (fg_rules *rules, uint32_t node, const char *name, const bson_iter_t *schema, const place *at,
             fg_error *err)
{
   dotted from = {node, FG_POLICY_NONE};
   place end = *at;
   uint32_t leaf = FG_POLICY_NONE, unused;

   for (const char *dot = strchr (name, '.'); dot; dot = strchr (name, '.')) {
      dotted next;
      uint32_t head = FG_POLICY_NONE, elements = FG_POLICY_NONE;
      if (end.depth-- < 2) {
         return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "the validator is nested too deeply");
      }
      if (!fg_rules_add_node (rules, &head, &next.node, err) ||
          !fg_rules_add_node (rules, &elements, &next.element, err) ||
          !fg_rules_add_edge (rules, next.node, FG_EDGE_REST, NULL, 0, 0, elements, err) ||
          !add_component (rules, &from, name, (size_t)(dot - name), head, err)) {
         return false;
      }
      from = next;
      name = dot + 1;
   }
   end.head = &leaf;
   end.depth--;
   return fg_rules_add_node (rules, &leaf, &unused, err) &&
          add_component (rules, &from, name, strlen (name), leaf, err) && walk (rules, schema, &end, err);
}

static bool
walk_below (fg_rules *rules, uint32_t node, fg_edge_kind kind, uint32_t index, const bson_iter_t *schema,
            const place *at, fg_error *err)
{
   uint32_t head = FG_POLICY_NONE, first;
   place below = *at;

   below.head = &head;
   below.depth = at->depth - 1;
   return fg_rules_add_node (rules, &head, &first, err) &&
          fg_rules_add_edge (rules, node, kind, NULL, 0, index, head, err) && walk (rules, schema, &below, err);
}

static bool
walk_properties (fg_rules *rules, const bson_iter_t *value, uint32_t node, bool exclusions, const place *at,
                 fg_error *err)
{
   bool ok = true;
   bson_iter_t member;
   place below = *at;

   if (!BSON_ITER_HOLDS_DOCUMENT (value)) {
      return wrong_type (err, at, "properties", "an object");
   }
   if (!bson_iter_recurse (value, &member)) {
      return malformed (err);
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      const char *name = bson_iter_key (&member);
      if (!BSON_ITER_HOLDS_DOCUMENT (&member)) {
         return fg_error_set (err, FG_ERROR_SERVER, 14, at->path,
                              "Nested schema for $jsonSchema property '%s' must be an object", name);
      }
      below.path = name;
      ok = walk_dotted (rules, node, name, &member, &below, err) &&
           (!exclusions ||
            fg_rules_add_edge (rules, node, FG_EDGE_EXCLUDED, name, strlen (name), 0, FG_POLICY_NONE, err));
   }
   return ok;
}

static bool
walk_patterns (fg_rules *rules, const bson_iter_t *value, uint32_t node, const place *at, fg_error *err)
{
   bool ok = true;
   bson_iter_t member;

   if (!BSON_ITER_HOLDS_DOCUMENT (value)) {
      return wrong_type (err, at, "patternProperties", "an object");
   }
   if (!bson_iter_recurse (value, &member)) {
      return malformed (err);
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      const char *source = bson_iter_key (&member);
      uint32_t pattern;
      place below = *at;
      if (!BSON_ITER_HOLDS_DOCUMENT (&member)) {
         return fg_error_set (err, FG_ERROR_SERVER, 14, at->path,
                              "$jsonSchema keyword 'patternProperties' has a pattern '%s' that is not an object",
                              source);
      }
      below.path = source;
      ok = fg_rules_add_pattern (rules, source, strlen (source), &pattern, err) &&
           walk_below (rules, node, FG_EDGE_PATTERN, pattern, &member, &below, err);
   }
   return ok;
}

/* --- arrays --------------------------------------------------------------------------------------------------- */

static bool
walk_items (fg_rules *rules, const bson_iter_t *items, const bson_iter_t *additional, uint32_t node, const place *at,
            fg_error *err)
{
   bool ok = true;
   uint32_t n = 0;
   bson_iter_t member;

   if (additional && !BSON_ITER_HOLDS_DOCUMENT (additional) && !BSON_ITER_HOLDS_BOOL (additional)) {
      return wrong_type (err, at, "additionalItems", "either an object or a boolean");
   }
   if (!items) { /* additionalItems alone is read, and applies to nothing */
      uint32_t head = FG_POLICY_NONE, unused;
      place nowhere = *at;
      nowhere.head = &head;
      nowhere.depth = at->depth - 1;
      nowhere.negated = true;
      return !additional || !BSON_ITER_HOLDS_DOCUMENT (additional) ||
             (fg_rules_add_node (rules, &head, &unused, err) && walk (rules, additional, &nowhere, err));
   }
   if (BSON_ITER_HOLDS_DOCUMENT (items)) {
      return walk_below (rules, node, FG_EDGE_REST, 0, items, at, err) &&
             walk_items (rules, NULL, additional, node, at, err);
   }
   if (!BSON_ITER_HOLDS_ARRAY (items)) {
      return wrong_type (err, at, "items", "an array or an object");
   }
   if (!bson_iter_recurse (items, &member)) {
      return malformed (err);
   }
   for (; ok && fg_policy_next (&member, &ok, err); n++) {
      if (!BSON_ITER_HOLDS_DOCUMENT (&member)) {
         return wrong_type (err, at, "items", "an array of objects");
      }
      ok = walk_below (rules, node, FG_EDGE_ITEM, n, &member, at, err);
   }
   if (ok && additional && BSON_ITER_HOLDS_DOCUMENT (additional)) {
      ok = walk_below (rules, node, FG_EDGE_REST, n, additional, at, err);
   }
   return ok;
}

/* --- logic ---------------------------------------------------------------------------------------------------- */

/* allOf, anyOf, oneOf. Alternatives become branches of one formula node, so that a value needs to satisfy only one of them. */
static bool
walk_branches (fg_rules *rules, const bson_iter_t *value, bool any, const place *at, fg_error *err)
{
   const char *name = bson_iter_key (value);
   bool ok = true;
   uint32_t n = 0;
   bson_iter_t member;
   place branch = *at;

   if (!BSON_ITER_HOLDS_ARRAY (value)) {
      return wrong_type (err, at, name, "an array");
   }
   if (!bson_iter_recurse (value, &member)) {
      return malformed (err);
   }
   while (fg_policy_next (&member, &ok, err)) {
      n++;
   }
   if (!ok || !bson_iter_recurse (value, &member)) {
      return malformed (err);
   }
   if (n == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, at->path, "$jsonSchema keyword '%s' must be a non-empty array",
                           name);
   }
   uint32_t group = at->formula;
   if (any && !fg_rules_add_formula (rules, FG_FORMULA_ANY, at->formula, n, &group, err)) {
      return false;
   }
   branch.depth = at->depth - 1;
   while (ok && fg_policy_next (&member, &ok, err)) {
      if (!BSON_ITER_HOLDS_DOCUMENT (&member)) {
         return wrong_type (err, at, name, "an array of objects");
      }
      branch.formula = group;
      ok = (!any || fg_rules_add_formula (rules, FG_FORMULA_ALL, group, 0, &branch.formula, err)) &&
           walk (rules, &member, &branch, err);
   }
   return ok;
}

/* "If this name is there, then ...": an alternative whose other branch says nothing. */
static bool
walk_dependencies (fg_rules *rules, const bson_iter_t *value, const place *at, fg_error *err)
{
   bool ok = true;
   bson_iter_t member;

   if (!BSON_ITER_HOLDS_DOCUMENT (value)) {
      return wrong_type (err, at, "dependencies", "an object");
   }
   if (!bson_iter_recurse (value, &member)) {
      return malformed (err);
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      uint32_t group;
      place branch = *at;
      branch.depth = at->depth - 1;
      if (!BSON_ITER_HOLDS_DOCUMENT (&member)) {
         continue;
      }
      ok = fg_rules_add_formula (rules, FG_FORMULA_ANY, at->formula, 2, &group, err) &&
           fg_rules_add_formula (rules, FG_FORMULA_ALL, group, 0, &branch.formula, err) &&
           walk (rules, &member, &branch, err);
   }
   return ok;
}

static bool
walk_logic (fg_rules *rules, const found_keyword *found, const place *at, fg_error *err)
{
   place below = *at;

   below.depth = at->depth - 1;
   below.negated = true;
   if (found[KEY_NOT].present && !BSON_ITER_HOLDS_DOCUMENT (&found[KEY_NOT].at)) {
      return wrong_type (err, at, "not", "an object");
   }
   return (!found[KEY_ALL_OF].present || walk_branches (rules, &found[KEY_ALL_OF].at, false, at, err)) &&
          (!found[KEY_ANY_OF].present || walk_branches (rules, &found[KEY_ANY_OF].at, true, at, err)) &&
          (!found[KEY_ONE_OF].present || walk_branches (rules, &found[KEY_ONE_OF].at, true, at, err)) &&
          (!found[KEY_NOT].present || walk (rules, &found[KEY_NOT].at, &below, err)) &&
          (!found[KEY_DEPENDENCIES].present || walk_dependencies (rules, &found[KEY_DEPENDENCIES].at, at, err));
}

static bool
walk_additional (fg_rules *rules, const bson_iter_t *value, uint32_t node, const place *at, fg_error *err)
{
   if (BSON_ITER_HOLDS_BOOL (value)) {
      return true;
   }
   if (!BSON_ITER_HOLDS_DOCUMENT (value)) {
      return wrong_type (err, at, "additionalProperties", "either an object or a boolean");
   }
   return walk_below (rules, node, FG_EDGE_ADDITIONAL, 0, value, at, err);
}

/* schema: an iterator that stands on the schema object. */
static bool
walk (fg_rules *rules, const bson_iter_t *schema, const place *at, fg_error *err)
{
   found_keyword found[KEY_COUNT];
   bson_iter_t member;
   fg_encrypt_spec inherited;
   place self = *at;
   uint32_t node;

   if (at->depth < 2) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "the validator is nested too deeply");
   }
   for (size_t i = 0; i < KEY_COUNT; i++) {
      found[i].present = false;
   }
   if (!bson_iter_recurse (schema, &member)) {
      return malformed (err);
   }
   if (!index_keywords (&member, at, found, err) || !check_conflicts (found, at, err) ||
       !fg_rules_add_node (rules, self.head, &node, err) ||
       !inherit (rules, found[KEY_METADATA].present ? &found[KEY_METADATA].at : NULL, at, &inherited, err)) {
      return false;
   }
   self.inherited = &inherited;
   const bson_iter_t *items = found[KEY_ITEMS].present ? &found[KEY_ITEMS].at : NULL;
   const bson_iter_t *more = found[KEY_ADDITIONAL_ITEMS].present ? &found[KEY_ADDITIONAL_ITEMS].at : NULL;
   bool additional = found[KEY_ADDITIONAL_PROPERTIES].present;
   bool exclusions = additional && BSON_ITER_HOLDS_DOCUMENT (&found[KEY_ADDITIONAL_PROPERTIES].at);
   return (!found[KEY_ENCRYPT].present || add_encrypt (rules, &found[KEY_ENCRYPT].at, node, &self, err)) &&
          walk_items (rules, items, more, node, &self, err) &&
          (!found[KEY_PROPERTIES].present ||
           walk_properties (rules, &found[KEY_PROPERTIES].at, node, exclusions, &self, err)) &&
          (!found[KEY_PATTERN_PROPERTIES].present ||
           walk_patterns (rules, &found[KEY_PATTERN_PROPERTIES].at, node, &self, err)) &&
          (!additional || walk_additional (rules, &found[KEY_ADDITIONAL_PROPERTIES].at, node, &self, err)) &&
          walk_logic (rules, found, &self, err);
}

bool
fg_policy_extract_schema (fg_rules *rules, const bson_iter_t *schema, uint32_t formula, bool negated, uint32_t depth,
                          fg_error *err)
{
   const fg_encrypt_spec nothing = {0};
   const place at = {&rules->root, formula, &nothing, negated, depth, ""};

   return walk (rules, schema, &at, err);
}

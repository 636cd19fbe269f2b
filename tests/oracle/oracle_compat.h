/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_ORACLE_COMPAT_H
#define FG_TEST_ORACLE_COMPAT_H

/*
 * Documents against validators, as mongod has it: every keyword of a schema is a predicate of its own over a path, and a dotted path asks for
 * any value that it reaches, each predicate for itself.
 */

#include "tests/oracle/oracle.h"

/* A place: NULL path is the document itself. */
typedef struct place {
   const bson_t *doc;
   const char *path;
   bool *refused;
} place;

/* What a keyword needs to know while it looks at one value. */
typedef struct keyword {
   const bson_iter_t *it;
   const bson_t *schema;
   place at;
   bool (*object) (const struct keyword *k, const bson_t *object);
   int64_t index;
} keyword;

/* --- oracle_compat_schema.c --------------------------------------------------------------------------------------- */

bool oracle_check_schema (const bson_t *schema, place at);
/* Whether the place has a value of one of these types. */
bool oracle_has_type (place at, const oracle_types *types);
bool oracle_exists (const bson_iter_t *value, void *arg);
/* A value on its own, under a schema or a boolean. */
bool oracle_check_alone (const bson_iter_t *schema_value, const bson_iter_t *value, const keyword *k);

/* --- tests of one value; arg is a keyword -------------------------------------------------------------------------- */

bool oracle_maximum (const bson_iter_t *value, void *arg);
bool oracle_minimum (const bson_iter_t *value, void *arg);
bool oracle_multiple_of (const bson_iter_t *value, void *arg);
bool oracle_length (const bson_iter_t *value, void *arg);
bool oracle_pattern (const bson_iter_t *value, void *arg);
bool oracle_item_count (const bson_iter_t *value, void *arg);
bool oracle_unique_items (const bson_iter_t *value, void *arg);
bool oracle_items_from (const bson_iter_t *value, void *arg);
bool oracle_item_at (const bson_iter_t *value, void *arg);
/* An object for which k->object holds. */
bool oracle_object_match (const bson_iter_t *value, void *arg);
/* BinData of subtype 6; arg is not looked at. */
bool oracle_is_encrypted (const bson_iter_t *value, void *arg);

/* --- tests of one object ------------------------------------------------------------------------------------------- */

bool oracle_required (const keyword *k, const bson_t *object);
bool oracle_properties (const keyword *k, const bson_t *object);
bool oracle_allowed_properties (const keyword *k, const bson_t *object);
bool oracle_property_count (const keyword *k, const bson_t *object);

/* --- of a place ---------------------------------------------------------------------------------------------------- */

bool oracle_dependencies (const bson_iter_t *list, const bson_t *schema, place at);
bool oracle_encrypt (const bson_iter_t *value, const bson_t *schema, place at);

#endif /* FG_TEST_ORACLE_COMPAT_H */

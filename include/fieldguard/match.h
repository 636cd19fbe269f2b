/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_MATCH_H
#define FIELDGUARD_MATCH_H

/*
 * The one matcher: BSON comparison, query predicates and $jsonSchema, as mongod 8.0 evaluates them.
 *
 * A matcher is a query predicate ({a: 1, b: {$gt: 2}, $jsonSchema: {...}}) compiled once into an immutable object. It stands
 * behind collection validators, find filters, partial index filters and $match. It knows BSON; it knows no server, file or
 * socket. Values are borrowed from the bytes that are checked; nothing of a document is kept.
 *
 * Preconditions: documents given to fg_matcher_check are checked for structure as they are walked: a length that lies or a
 * missing terminator gives FG_MATCH_ERROR, never a read outside [doc, doc + len).
 *
 * Threads: a compiled fg_matcher is read-only; any number of threads may use it at once. Since 1.0.
 */

#include <fieldguard/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _bson_t bson_t; /* libbson */

/* --- comparison ------------------------------------------------------------------------------------------------- */

/* One BSON value where it lies. Borrowed: valid as long as the bytes of its parent are. */
typedef struct fg_value {
   uint8_t
      type; /* BSON type byte; 0 means "missing" (sorts before everything but MinKey, as undefined does not exist) */
   const uint8_t *data; /* the value's bytes, after type and name */
   size_t len; /* how many */
} fg_value;

/* mongod's canonical type order (MinKey < undefined/missing < null < numbers < string, symbol < object < array < binData <
 * ObjectId < bool < date < timestamp < regex < DBPointer < code < code with scope < MaxKey). */
int fg_type_order (uint8_t bson_type);

/* Compares as mongod's simple collation does: <0, 0, >0. Numbers across their types by value (NaN lowest and equal to itself,
 * -0 equal to 0), strings and symbols bytewise, binData by length, then subtype, then bytes. Both must be well-formed (as
 * delivered by fg_matcher's own walk or validated by bson_validate). */
int fg_value_compare (const fg_value *a, const fg_value *b);

/* As fg_value_compare, but objects compare regardless of the order of their fields (enum, uniqueItems, root enum). Not an order. */
bool fg_value_equal_unordered (const fg_value *a, const fg_value *b);

/* A whole document as a value of type object. */
fg_value fg_value_of_document (const uint8_t *doc, size_t len);

/* --- matchers --------------------------------------------------------------------------------------------------- */

typedef struct fg_matcher fg_matcher;

/* Where the predicate stands: decides which operators are legal and how parse errors read. */
typedef enum fg_matcher_context {
   FG_MATCHER_FIND = 0, /* a find filter, $match, an update's or delete's q */
   FG_MATCHER_VALIDATOR = 1, /* a collection validator */
   FG_MATCHER_PARTIAL = 2, /* partialFilterExpression: a small subset, $jsonSchema banned */
   FG_MATCHER_PULL = 3 /* the predicate of $pull or of an array filter */
} fg_matcher_context;

#define FG_MATCHER_NO_ENCRYPT_KEYWORDS                                                                                 \
   0x1u /* encrypt/encryptMetadata are QueryFeatureNotAllowed here (warn, moderate, encryptedFields) */
#define FG_MATCHER_IGNORE_UNKNOWN_KEYWORDS 0x2u /* internalQueryIgnoreUnknownJSONSchemaKeywords */

typedef struct fg_matcher_options {
   size_t size; /* sizeof (fg_matcher_options) */
   fg_matcher_context context;
   uint32_t flags;
   uint32_t max_depth; /* of predicates and schemas while compiling, and of documents; 0: FG_MATCHER_DEFAULT_DEPTH */
   uint32_t match_limit; /* PCRE2 match limit; 0: FG_MATCHER_DEFAULT_MATCH_LIMIT. Exceeding it is FG_MATCH_ERROR */
} fg_matcher_options;

#define FG_MATCHER_DEFAULT_DEPTH 200u
#define FG_MATCHER_DEFAULT_MATCH_LIMIT 1000000u
#define FG_MATCHER_OPTIONS_INIT                                                                                        \
   {                                                                                                                   \
      sizeof (fg_matcher_options), FG_MATCHER_FIND, 0, 0, 0                                                            \
   }

/* Compiles predicate (one BSON document of len bytes, copied where needed). options may be NULL. NULL on error: in
 * FG_ERROR_SERVER with mongod's code and text (err->path: the schema or predicate path). Free with fg_matcher_free. */
fg_matcher *fg_matcher_compile (const uint8_t *predicate, size_t len, const fg_matcher_options *options,
                                fg_error *err) FG_WARN_UNUSED;

/* NULL is legal. */
void fg_matcher_free (fg_matcher *matcher);

typedef enum fg_match {
   FG_MATCH_ERROR =
      -1, /* could not be decided: malformed BSON, a limit. Never to be read as "no": under a negation that would pass */
   FG_MATCH_NO = 0,
   FG_MATCH_YES = 1
} fg_match;

/* Whether doc satisfies the predicate. No lock; allocates only for $-operators that need scratch space. */
fg_match fg_matcher_check (const fg_matcher *matcher, const uint8_t *doc, size_t len, fg_error *err) FG_WARN_UNUSED;

/* As fg_matcher_check for a bare value, as $pull and array filters apply a predicate to an array's element. */
fg_match fg_matcher_check_value (const fg_matcher *matcher, const fg_value *value, fg_error *err) FG_WARN_UNUSED;

/* As fg_matcher_check; on FG_MATCH_YES, *index is the position of the element through which the first array on the path
 * matched (what the positional operator `$` stands for), or SIZE_MAX when no array was traversed. */
fg_match fg_matcher_check_positional (const fg_matcher *matcher, const uint8_t *doc, size_t len, size_t *index,
                                      fg_error *err) FG_WARN_UNUSED;

typedef struct fg_explain_options {
   size_t size;
   bool redact; /* withhold consideredValue(s) everywhere */
   size_t max_size; /* bytes that details may take before `truncated`; 0: 8 MiB */
} fg_explain_options;
#define FG_EXPLAIN_OPTIONS_INIT                                                                                        \
   {                                                                                                                   \
      sizeof (fg_explain_options), false, 0                                                                            \
   }

/* Appends to details (an initialised, empty bson_t) what mongod puts into errInfo.details for a document that does not match:
 * {operatorName, schemaRulesNotSatisfied | clausesNotSatisfied | ...}. A second walk; call it only after FG_MATCH_NO.
 * consideredValue is always withheld below a path that an `encrypt` rule declares. False on error. */
bool fg_matcher_explain (const fg_matcher *matcher, const uint8_t *doc, size_t len, const fg_explain_options *options,
                         bson_t *details, fg_error *err) FG_WARN_UNUSED;

/* Equality conditions that the predicate states unconditionally ({a: 1}, {a: {$eq: 1}}, inside $and), for upserts, `_id` look-ups and index choice.
 * Calls visit for each with the dotted path; visit returns false to stop. */
void fg_matcher_visit_equalities (const fg_matcher *matcher,
                                  bool (*visit) (void *ctx, const char *path, const fg_value *value), void *ctx);

/* --- collection validators --------------------------------------------------------------------------------------- */

typedef enum fg_validation_level { FG_LEVEL_STRICT = 0, FG_LEVEL_MODERATE, FG_LEVEL_OFF } fg_validation_level;
typedef enum fg_validation_action { FG_ACTION_ERROR = 0, FG_ACTION_WARN, FG_ACTION_ERROR_AND_LOG } fg_validation_action;

/* What a collection's options document says about validation, compiled: `validator`, `validationLevel`, `validationAction`,
 * `encryptedFields` (mongod's implicit validator, ANDed). Other members of options are not looked at. */
typedef struct fg_validator fg_validator;

/* options: a collection options document as `create` takes it (without the collection name) or listCollections returns it.
 * Every combination that create refuses is refused here with the same code and text. Free with fg_validator_free. */
fg_validator *fg_validator_compile (const uint8_t *options, size_t len, uint32_t matcher_flags,
                                    fg_error *err) FG_WARN_UNUSED;
void fg_validator_free (fg_validator *validator);

fg_validation_level fg_validator_level (const fg_validator *validator);
fg_validation_action fg_validator_action (const fg_validator *validator);
bool
fg_validator_is_empty (const fg_validator *validator); /* no validator and no encryptedFields: everything matches */
bool fg_validator_has_encrypted_fields (const fg_validator *validator); /* a non-empty encryptedFields */

fg_match fg_validator_check (const fg_validator *validator, const uint8_t *doc, size_t len,
                             fg_error *err) FG_WARN_UNUSED;
bool fg_validator_explain (const fg_validator *validator, const uint8_t *doc, size_t len,
                           const fg_explain_options *options, bson_t *details, fg_error *err) FG_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_MATCH_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_POLICY_H
#define FIELDGUARD_POLICY_H

/*
 * Policies: the encryption rules of a collection, and nothing else, strictly.
 *
 * fg_policy_compile walks a collection's whole validator tree ($and/$or/$nor, field predicates, $jsonSchema with all its
 * nested schemas; predicates that are none of fieldguard's business, such as $expr or geo, are opaque and skipped) and its
 * encryptedFields, and extracts every `encrypt` rule that is not under a negation. Unlike mongod's reading of the same
 * rules, nothing weakens them: validationLevel, validationAction, arrays or scalars on the path, duplicate names, names
 * with literal dots, alternatives. Several rules that name one path in alternatives (anyOf, oneOf, $or) mean: at least one
 * of them holds. encryptMetadata fills in missing algorithm and keyId of rules below it, nearest ancestor first.
 *
 * What is checked of a value that lies under a rule (see docs/threat-model.md for what this cannot prove):
 * BinData subtype 6; a first byte that is legal at rest and fits the rule's kind and algorithm; the key id; the original
 * BSON type; the exact length where the type fixes it, minimum and block congruence otherwise; a body that is not plain text.
 *
 * A policy is a flat program: fg_policy_check makes one pass over the document in byte order, allocates nothing,
 * takes no lock. A policy is immutable: any number of threads may use it at once. Since 1.0.
 */

#include <fieldguard/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _bson_t bson_t; /* libbson */
typedef struct fg_policy fg_policy;

typedef struct fg_policy_options {
   size_t size; /* sizeof (fg_policy_options) */
   bool
      strict; /* false: only what an `encrypt` rule states in mongod's own reading (subtype, original type), without the shape checks; still
                          * never weakened by level, action or bypass. true (the default setting): everything above */
   uint32_t
      max_depth; /* of schemas, and so of the parts of a document that are looked into; 0 or more than it: FG_POLICY_DEFAULT_DEPTH. Parts that no rule
                        * reaches are hopped over, however deep they are */
   uint32_t match_limit; /* PCRE2 match limit for patternProperties; 0: 100,000. Its excess is FG_CHECK_ERROR */
} fg_policy_options;
#define FG_POLICY_DEFAULT_DEPTH 250u
#define FG_POLICY_OPTIONS_INIT                                                                                         \
   {                                                                                                                   \
      sizeof (fg_policy_options), true, 0, 0                                                                           \
   }

/* Compiles the rules of options: a collection options document (`validator`, `encryptedFields`; the rest is not looked at). Additional
 * documents of the same grammar (local rules) only ever add rules. A document that cannot be read is an error, in FG_ERROR_SERVER with
 * mongod's code where it is a grammar error of encrypt or encryptedFields. An options document without rules gives a policy
 * for which fg_policy_is_empty is true. Free with fg_policy_free. */
fg_policy *fg_policy_compile (const uint8_t *const *documents, const size_t *lengths, size_t n_documents,
                              const fg_policy_options *options, fg_error *err) FG_WARN_UNUSED;
void fg_policy_free (fg_policy *policy); /* NULL is legal */

bool fg_policy_is_empty (const fg_policy *policy);
size_t fg_policy_rule_count (const fg_policy *policy);

typedef enum fg_check {
   FG_CHECK_ERROR =
      -1, /* could not be decided (malformed BSON, depth, a pattern's match limit): the write must be refused */
   FG_CHECK_VIOLATION = 0,
   FG_CHECK_OK = 1
} fg_check;

typedef enum fg_phase {
   FG_PHASE_STORED = 0, /* the bytes are about to be stored: only at-rest payloads are legal */
   FG_PHASE_WIRE =
      1, /* as a client sent them, before the server's own rewriting: with encryptionInformation payload 11 is legal */
   FG_PHASE_APPLY = 2 /* replicated or migrated: judged as stored, but the host cannot refuse */
} fg_phase;

/* Why a value broke its rule. Stable: names (fg_reason_name) stand in audit records and errInfo. */
typedef enum fg_reason {
   FG_REASON_NONE = 0,
   FG_REASON_NOT_ENCRYPTED, /* not BinData subtype 6 */
   FG_REASON_WRONG_TYPE, /* original BSON type differs from bsonType, or may never be encrypted that way */
   FG_REASON_TOO_SHORT, /* shorter than the least that this kind of ciphertext can be */
   FG_REASON_BAD_LENGTH, /* not the exact length, or not a whole number of blocks */
   FG_REASON_NOT_AT_REST, /* a marking, placeholder or query payload: never stored */
   FG_REASON_UNKNOWN_SUBTYPE, /* first byte that no version defines */
   FG_REASON_WRONG_ALGORITHM, /* deterministic where random is declared, CSFLE where Queryable Encryption is, or the reverse */
   FG_REASON_WRONG_KEY, /* key id is not one that the rule names */
   FG_REASON_PRINTABLE_BODY, /* the body is plainly text */
   FG_REASON_ARRAY_ON_PATH, /* an array where the rule's path expects a document or the value */
   FG_REASON_SCALAR_ON_PATH, /* a scalar where the rule's path expects a document */
   FG_REASON_DUPLICATE_NAME, /* the same protected name twice in one document */
   FG_REASON_LITERAL_DOTTED, /* a literal name such as "a.b" that spells a protected path */
   FG_REASON_CANNOT_DECIDE /* malformed, too deep, or a match limit: refused because unknown */
} fg_reason;
const char *fg_reason_name (fg_reason reason); /* "notEncrypted", "wrongKey", ...; static */
const char *fg_reason_text (fg_reason reason); /* one clause for errInfo ("value was not encrypted"); static */

/* One pass over doc. FG_CHECK_ERROR fills err (a path of the rule, never a value). */
fg_check fg_policy_check (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase,
                          fg_error *err) FG_WARN_UNUSED;

/* One violation. Borrowed pointers live only during the visit. */
typedef struct fg_violation {
   size_t size;
   const char *
      rule_path; /* the rule's path; names that the document supplied (patternProperties, additionalProperties) are `*`, array positions `[]`: "a.*.list[].x" */
   fg_reason reason;
   uint8_t bson_type; /* of the offending value; 0 when there is none */
   uint8_t first_byte; /* of a BinData 6 value, else 0 */
   bool has_first_byte;
   uint32_t length; /* bytes of the offending value as stored (for binData: of its data) */
} fg_violation;

/* The second walk, only after FG_CHECK_VIOLATION: visits each violation in document order until visit returns false. Returns how many were visited. */
size_t fg_policy_visit_violations (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase,
                                   bool (*visit) (void *ctx, const fg_violation *violation), void *ctx);

/* Appends to details what mongod's errInfo.details looks like for these violations: {operatorName: "$jsonSchema", schemaRulesNotSatisfied: [{operatorName:
 * "properties", propertiesNotSatisfied: [{propertyName, details: [...{operatorName: "encrypt", reason}]}]}]} (items: itemIndex; encryptedFields: "fle2Encrypt"
 * below "implicitFLESchema"). Names that the document supplied are withheld. */
bool fg_policy_explain (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase, bson_t *details,
                        fg_error *err) FG_WARN_UNUSED;

/* By path, for hosts that never see a post-image: may this value be written at a.b.0.c? path is dotted, as in an update; value_type and value as in BSON. A value
 * written above a rule's path is walked; one written at or below it is judged. FG_CHECK_ERROR when the path is malformed. */
fg_check fg_policy_check_at (const fg_policy *policy, const char *path, uint8_t value_type, const uint8_t *value,
                             size_t len, fg_phase phase, fg_reason *reason, fg_error *err) FG_WARN_UNUSED;

/* Whether every rule of old_policy is still enforced by new_policy (NULL: no rules) at least as strictly. On false, *path_out (may be NULL) receives the first rule path that is
 * lost or loosened, cut to path_len. Used for ruleRemoval on collMod, drop, rename. */
bool fg_policy_covers (const fg_policy *new_policy, const fg_policy *old_policy, char *path_out, size_t path_len);

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_POLICY_H */

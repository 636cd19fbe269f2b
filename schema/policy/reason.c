/* SPDX-License-Identifier: Apache-2.0 */
#include <fieldguard/policy.h>

/* The names that stand in audit records, and the clauses that stand in errInfo. The first two clauses are mongod's own. */

static const struct {
   const char *name;
   const char *text;
} reasons[] = {
   [FG_REASON_NONE] = {"none", "no reason"},
   [FG_REASON_NOT_ENCRYPTED] = {"notEncrypted", "value was not encrypted"},
   [FG_REASON_WRONG_TYPE] = {"wrongType", "encrypted value has wrong type"},
   [FG_REASON_TOO_SHORT] = {"tooShort", "encrypted value is shorter than any ciphertext of its kind"},
   [FG_REASON_BAD_LENGTH] = {"badLength", "encrypted value has a length that no ciphertext of its type has"},
   [FG_REASON_NOT_AT_REST] = {"notAtRest", "value is a marking or a query payload, which is never stored"},
   [FG_REASON_UNKNOWN_SUBTYPE] = {"unknownSubtype", "encrypted value starts with an undefined byte"},
   [FG_REASON_WRONG_ALGORITHM] = {"wrongAlgorithm", "value was encrypted with another algorithm than the declared one"},
   [FG_REASON_WRONG_KEY] = {"wrongKey", "value was encrypted with another key than the declared one"},
   [FG_REASON_PRINTABLE_BODY] = {"printableBody", "value has the header of a ciphertext and a body that is text"},
   [FG_REASON_ARRAY_ON_PATH] = {"arrayOnPath", "an array stands on the path of an encrypted field"},
   [FG_REASON_SCALAR_ON_PATH] = {"scalarOnPath", "a value of another type stands on the path of an encrypted field"},
   [FG_REASON_DUPLICATE_NAME] = {"duplicateName", "an encrypted field, or one on its path, occurs twice"},
   [FG_REASON_LITERAL_DOTTED] = {"literalDotted", "a field name with dots spells the path of an encrypted field"},
   [FG_REASON_CANNOT_DECIDE] = {"cannotDecide", "the document could not be checked"}};

#define N_REASONS (sizeof reasons / sizeof reasons[0])

const char *
fg_reason_name (fg_reason reason)
{
   return (size_t)reason < N_REASONS ? reasons[reason].name : "unknown";
}

const char *
fg_reason_text (fg_reason reason)
{
   return (size_t)reason < N_REASONS ? reasons[reason].text : "unknown";
}

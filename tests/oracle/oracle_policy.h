/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_ORACLE_POLICY_H
#define FG_TEST_ORACLE_POLICY_H

/* What the parts of the oracle's policy share: rules, their paths, and the formula that says which of them must hold. */

#include "tests/oracle/oracle.h"

#define ORACLE_STEPS 16

typedef enum step_kind {
   STEP_NAME, /* text */
   STEP_PATTERN, /* text, a regular expression */
   STEP_OTHER, /* any name that schema's properties and patternProperties do not take */
   STEP_ITEM, /* index */
   STEP_ITEMS /* from index on */
} step_kind;

typedef struct step {
   step_kind kind;
   char text[32];
   bool through; /* a name after a dot: an array before it is looked through */
   const uint8_t *schema; /* of STEP_OTHER: its bytes */
   uint32_t schema_len;
   unsigned index;
} step;

typedef struct rule {
   unsigned n_steps;
   step steps[ORACLE_STEPS];
   bool field; /* an entry of encryptedFields */
   uint32_t first_bytes; /* a bit each */
   bool any_key;
   bson_t *keys; /* an array of binaries */
   oracle_types types;
} rule;

typedef enum formula_kind { ALL_OF, ONE_OF, RULE } formula_kind;

/* A conjunction of rules and alternatives; an alternative is a list of conjunctions. */
typedef struct formula {
   struct formula *next; /* among siblings */
   struct formula *children; /* of a conjunction: rules and alternatives; of an alternative: conjunctions */
   formula_kind kind;
   unsigned rule; /* of RULE: its number */
} formula;

#define ORACLE_RULES 256

struct oracle_policy {
   unsigned n_rules;
   rule *rules[ORACLE_RULES];
   formula *all;
};

/* Whether the value is ciphertext as the rule wants it. */
bool oracle_rule_holds (const rule *r, const bson_iter_t *value, fg_phase phase, bool strict);

#endif /* FG_TEST_ORACLE_POLICY_H */

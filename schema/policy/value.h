/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_VALUE_H
#define FG_POLICY_VALUE_H

#include "schema/policy/program.h"

/* Judges one value (type byte, and the bytes after the name) under one rule. The caller has checked that the value lies within its document. */
fg_reason fg_policy_judge (const fg_policy *policy, const fg_policy_rule *rule, uint8_t type, const uint8_t *value,
                           size_t len, fg_phase phase);

/* The same under a formula. kind is that of the rule which decided. */
fg_reason fg_policy_judge_formula (const fg_policy *policy, const uint32_t *formula, uint8_t type, const uint8_t *value,
                                   size_t len, fg_phase phase, fg_policy_kind *kind);

#define FG_POLICY_LAST_FIRST_BYTE 18u
/* The original types, as bits, that a value with this first byte can have under a strict policy; for 11, on the wire. */
uint32_t fg_policy_types_of (uint32_t first_byte);

#endif /* FG_POLICY_VALUE_H */

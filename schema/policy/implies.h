/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_IMPLIES_H
#define FG_POLICY_IMPLIES_H

#include "schema/policy/program.h"

/* Whether every value that satisfies newer's formula `strong` satisfies older's formula `weak`. Both as a state's `leaf` says: the number of operations, then the operations. */
bool fg_policy_implies (const fg_policy *newer, const uint32_t *strong, const fg_policy *older,
                        const uint32_t *weak) FG_WARN_UNUSED;

#endif /* FG_POLICY_IMPLIES_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_EXPLAIN_H
#define FGD_EXPLAIN_H

#include "hosts/fieldguardd/command.h"

void fgd_run_explain (fgd_request *request, fgd_reply *reply);

#endif /* FGD_EXPLAIN_H */

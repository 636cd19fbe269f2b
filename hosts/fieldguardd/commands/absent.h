/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_ABSENT_H
#define FGD_ABSENT_H

#include "hosts/fieldguardd/command.h"

/* What every row of fgd_commands_absent runs: listCommands leaves those out. */
void fgd_run_absent (fgd_request *request, fgd_reply *reply);

#endif /* FGD_ABSENT_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_PARAMETER_H
#define FGD_PARAMETER_H

#include "hosts/fieldguardd/server.h"

/* Server parameters: the modules' settings (fieldguard.*), and the few of fieldguardd's own that clients ask for. */

/* From the command line or the file; a name that nobody knows is an error. */
bool fgd_parameter_set_at_startup (fgd_server *server, const char *name, const char *value,
                                   fg_error *err) FG_WARN_UNUSED;

void fgd_run_get_parameter (fgd_request *request, fgd_reply *reply);
void fgd_run_set_parameter (fgd_request *request, fgd_reply *reply);

#endif /* FGD_PARAMETER_H */

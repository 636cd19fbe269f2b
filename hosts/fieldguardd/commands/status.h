/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STATUS_H
#define FGD_STATUS_H

#include "hosts/fieldguardd/server.h"

void fgd_run_server_status (fgd_request *request, fgd_reply *reply);

/* Appends what the modules count: "fieldguard.audit.records" becomes {fieldguard: {audit: {records: n}}}. */
void fgd_append_module_stats (fg_loader *loader, bson_t *out);

#endif /* FGD_STATUS_H */

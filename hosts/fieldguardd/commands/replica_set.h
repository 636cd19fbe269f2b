/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_REPLICA_SET_H
#define FGD_REPLICA_SET_H

/*
 * --replSet NAME: this process presents itself as the only member, and so the primary, of a replica set that needs no initiating. Nothing is replicated: it
 * is what drivers want to see before they use transactions and retryable writes. The member's address is the one that the client has connected
 * to, so that discovery leads every client back to where it came from.
 */

#include "hosts/fieldguardd/server.h"

/* hello's members of a replica set; nothing on a standalone. */
void fgd_append_replica_set (const fgd_request *request, bson_t *out);

void fgd_run_repl_set_get_status (fgd_request *request, fgd_reply *reply);
void fgd_run_repl_set_get_config (fgd_request *request, fgd_reply *reply);
void fgd_run_repl_set_initiate (fgd_request *request, fgd_reply *reply);

#endif /* FGD_REPLICA_SET_H */

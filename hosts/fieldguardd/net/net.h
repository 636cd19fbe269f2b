/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_NET_H
#define FGD_NET_H

/*
 * The network: one event loop thread for every socket, a pool of workers for reads, the store's writer for writes.
 *
 * A connection runs one command at a time, in the order in which they came; what a client sends ahead waits in a small buffer, then in the
 * socket. A command's reply is handed to the socket before the next command of that connection starts, so a client that does not read holds up itself alone.
 */

#include "hosts/fieldguardd/server.h"

/* Binds and listens; server->port and server->host_name are set. err.code of FG_ERROR_SYSTEM tells EADDRINUSE as FG_E_EXISTS. */
fgd_net *fgd_net_new (fgd_server *server, fg_error *err) FG_WARN_UNUSED;
/* Serves until SIGTERM, SIGINT, SIGHUP or fgd_net_request_stop. Commands in flight finish and are answered. */
void fgd_net_run (fgd_net *net);
/* From any thread. */
void fgd_net_request_stop (fgd_net *net);
void fgd_net_free (fgd_net *net); /* NULL is legal */

#endif /* FGD_NET_H */

/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/server.h"

#include "hosts/fieldguardd/net/net.h"
#include "hosts/fieldguardd/store/cursor.h"
#include "hosts/fieldguardd/store/store.h"
#include "hosts/fieldguardd/store/transaction.h"

#include <time.h>

#define CODE_MAX_TIME_EXPIRED 50

int64_t
fgd_now_us (void)
{
   struct timespec now;
   clock_gettime (CLOCK_MONOTONIC, &now);
   return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
fgd_wall_ms (void)
{
   struct timespec now;
   clock_gettime (CLOCK_REALTIME, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
fgd_request_expired (const fgd_request *request, fg_error *error)
{
   if (request->deadline_us == INT64_MAX || fgd_now_us () < request->deadline_us) {
      return false;
   }
   fg_error_set (error, FG_ERROR_SERVER, CODE_MAX_TIME_EXPIRED, NULL, "operation exceeded time limit");
   return true;
}

void
fgd_server_apply_limits (fgd_server *server)
{
   fgd_cursors *cursors = fgd_store_cursors (server->store);

   fgd_cursors_set_timeout (cursors, fgd_limit_get (&server->limits, FGD_LIMIT_CURSOR_TIMEOUT_MS));
   fgd_cursors_set_memory (cursors, (uint64_t)fgd_limit_bytes (&server->limits, FGD_LIMIT_CURSOR_MEMORY_MB));
   fgd_store_set_transaction_lifetime (server->store,
                                       fgd_limit_get (&server->limits, FGD_LIMIT_TRANSACTION_LIFETIME_S));
}

void
fgd_server_request_shutdown (fgd_server *server)
{
   fgd_net_request_stop (server->net);
}

bool
fgd_server_rotate (fgd_server *server, fg_error *error)
{
   bool ok = fgd_log_rotate (server->log, error);
   fg_loader_rotate (server->loader);
   return ok;
}

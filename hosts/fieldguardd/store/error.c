/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"

#include <errno.h>
#include <time.h>

static int32_t
server_code (int rc)
{
   switch (rc) {
   case MDB_MAP_FULL:
   case ENOSPC:
   case EDQUOT:
   case EFBIG:
      return 14031; /* OutOfDiskSpace */
   case EIO:
      return 39; /* FileStreamFailed */
   case ENOMEM:
      return 146; /* ExceededMemoryLimit */
   default:
      return 1; /* InternalError */
   }
}

bool
fgd_store_error (fg_error *err, int rc, const char *what)
{
   return fg_error_set (err, FG_ERROR_SERVER, server_code (rc), NULL, "%s: %s", what, mdb_strerror (rc));
}

bool
fgd_txn_break (fgd_txn *txn, int rc, const char *what, fg_error *err)
{
   if (!txn->broken) {
      txn->broken = true;
      fgd_store_error (&txn->failure, rc, what);
   }
   return fgd_store_error (err, rc, what);
}

bool
fgd_store_no_memory (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
}

int64_t
fgd_store_now_us (void)
{
   struct timespec now;

   clock_gettime (CLOCK_MONOTONIC, &now);
   return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
fgd_txn_set_deadline (fgd_txn *txn, int64_t deadline_us)
{
   txn->deadline_us = deadline_us;
}

bool
fgd_txn_expired (const fgd_txn *txn, fg_error *err)
{
   if (txn->deadline_us == INT64_MAX || fgd_store_now_us () < txn->deadline_us) {
      return false;
   }
   fg_error_set (err, FG_ERROR_SERVER, 50, NULL, "operation exceeded time limit");
   return true;
}

bool
fgd_txn_usable (const fgd_txn *txn, fg_error *err)
{
   if (txn->mdb && !txn->broken) {
      return true;
   }
   if (err) {
      *err = txn->failure;
   }
   return false;
}

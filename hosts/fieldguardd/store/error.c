/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"

#include <errno.h>

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

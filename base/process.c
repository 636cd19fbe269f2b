/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

bool
fg_process_harden (fg_error *err)
{
   const struct rlimit none = {0, 0};

   if (setrlimit (RLIMIT_CORE, &none) != 0) {
      return fg_error_set_errno (err, errno, NULL, "cannot disable core dumps");
   }
   if (prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
      return fg_error_set_errno (err, errno, NULL, "cannot make the process undumpable");
   }
   return true;
}

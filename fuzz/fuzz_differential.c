/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: oracle fieldguard-schema fieldguard-base ; -lbson-1.0 -lpcre2-8 -lm */

/*
 * Bytes into collection options and a document; the verdicts of fg_validator_compile, fg_validator_check and fg_policy_check beside those of the tests' own
 * naive interpreter (tests/oracle). A difference is printed as Extended JSON: the data is made up.
 */

#include "tests/oracle/differential.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   if (!differential_run (data, size)) {
      abort ();
   }
   return 0;
}

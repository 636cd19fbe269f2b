/* SPDX-License-Identifier: Apache-2.0 */

/* differential N SEED: N cases made from a seed; prints counts and "no difference", or the first difference and how to see it again. */

#include "tests/oracle/differential.h"
#include "tests/oracle/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BYTES 1024

static uint64_t
next (uint64_t *state)
{
   uint64_t z = (*state += 0x9e3779b97f4a7c15u);
   z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
   z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
   return z ^ (z >> 31);
}

/* Each case has a seed of its own, so that one can be repeated alone. */
static bool
run_case (uint64_t seed)
{
   uint64_t words[BYTES / 8];
   for (size_t i = 0; i < BYTES / 8; i++) {
      words[i] = next (&seed);
   }
   return differential_run ((const uint8_t *)words, sizeof words);
}

int
main (int argc, char **argv)
{
   if (argc < 3) {
      fprintf (stderr, "usage: %s CASES SEED [DIFFERENCES TO SHOW]\n", argv[0]);
      return 2;
   }
   uint64_t n = strtoull (argv[1], NULL, 10), seed = strtoull (argv[2], NULL, 10), different = 0;
   uint64_t show = argc > 3 ? strtoull (argv[3], NULL, 10) : 1;
   clock_t start = clock ();

   for (uint64_t i = 0; i < n && different < show; i++) {
      if (!run_case (seed + i)) {
         fprintf (stderr, "again: %s 1 %" PRIu64 "\n\n", argv[0], seed + i);
         different++;
      }
   }
   double seconds = (double)(clock () - start) / CLOCKS_PER_SEC;
   const differential_counts *c = &differential_total;
   printf ("%" PRIu64 " cases, %" PRIu64 " validators that parse, %" PRIu64 " documents that match, %" PRIu64
           " left out (unknown first byte), %" PRIu64
           " left open (more patterns match at once than a policy tells apart), %" PRIu64
           " policies with rules: %" PRIu64 " permitted, %" PRIu64 " forbidden; %" PRIu64
           " changes covered; %.0f cases a CPU second\n",
           c->cases, c->parsed, c->matched, c->refused, c->undecided, c->rules, c->permitted, c->forbidden, c->covered,
           (double)c->cases / (seconds > 0 ? seconds : 1));
   printf ("%" PRIu64 " differences\n", different);
   oracle_patterns_free ();
   return different != 0;
}

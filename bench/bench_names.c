/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which way of finding a document's name among those of a schema costs least: the measurement behind schema/words.h (docs/matcher.md). Every contender gets the same
 * bytes, names each with a NUL behind them as in a document, and says which of the schema's names each is, or none. Half of the names are the schema's, in its order or
 * shuffled. Turns are interleaved, medians of processor time compared. Prints one JSON object a line: ours against each other.
 */

#include "base/base.h"
#include "schema/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 301
#define MAX_NAMES 1000u
#define NONE UINT32_MAX

typedef struct name {
   char text[32];
   size_t len;
   uint64_t head, tail;
} name;

static name names[2 * MAX_NAMES]; /* the schema's n, then n others */
static uint32_t n;

static char stream[2 * MAX_NAMES * 33 + 64]; /* what is looked up, one name behind the other */
static size_t stream_len, stream_names;

static uint32_t
next_random (void)
{
   static uint64_t state = 42;
   state = state * 6364136223846793005u + 1442695040888963407u;
   return (uint32_t)(state >> 33);
}

static void
make_names (uint32_t count)
{
   static const char *const first[] = {
      "",     "home",  "work",    "billing", "shipping", "primary", "last",    "first",  "old",  "new",
      "max",  "min",   "account", "member",  "employee", "patient", "partner", "doctor", "unit", "total",
      "next", "prior", "base",    "gross",   "net",      "foreign", "local",   "remote", "main", "side",
      "east", "west",  "north",   "south",   "summer",   "winter",  "day",     "night",  "high", "low"};
   static const char *const second[] = {
      "Name",  "Phone", "Email",   "Street",  "City",   "Zip",    "Country", "Code",  "Date",     "Amount",
      "Price", "Tax",   "Account", "Number",  "Status", "Type",   "Notes",   "Score", "Revision", "Currency",
      "Level", "Group", "Policy",  "Address", "Title",  "Rating", "Weight",  "Size",  "Color",    "Owner",
      "State", "Id",    "Key",     "Value",   "Unit",   "Range",  "Limit",   "Count", "Index",    "Flag",
      "Token", "Hash",  "Stamp",   "Mark",    "Line",   "Page",   "Part",    "Step",  "Phase",    "Round"};

   n = count;
   for (uint32_t i = 0; i < 2 * n; i++) {
      uint32_t pick = i * 2000 / (2 * n) * 7 % 2000; /* spread over all 2,000 */
      name *to = &names[i];
      to->len = (size_t)snprintf (to->text, sizeof to->text, "%s%s", first[pick / 50], second[pick % 50]);
      fg_name_words (to->text, to->len, &to->head, &to->tail);
   }
}

static void
make_stream (bool shuffled)
{
   uint32_t order[2 * MAX_NAMES] = {0};

   for (uint32_t i = 0; i < n; i++) {
      order[2 * i] = i;
      order[2 * i + 1] = n + i;
   }
   for (uint32_t i = 2 * n; shuffled && i > 1; i--) {
      uint32_t j = next_random () % i, kept = order[i - 1];
      order[i - 1] = order[j];
      order[j] = kept;
   }
   stream_len = 0;
   stream_names = 2 * (size_t)n;
   for (uint32_t i = 0; i < 2 * n; i++) {
      memcpy (stream + stream_len, names[order[i]].text, names[order[i]].len + 1);
      stream_len += names[order[i]].len + 1;
   }
   stream_len += 32; /* as a document goes on behind its names */
}

/* --- the contenders: each reads one name at *at, moves *at behind it, and says which it is ------------------------------- */

static uint32_t
by_strcmp (const char **at)
{
   const char *text = *at;

   *at = text + strlen (text) + 1;
   for (uint32_t i = 0; i < n; i++) {
      if (strcmp (names[i].text, text) == 0) {
         return i;
      }
   }
   return NONE;
}

static uint32_t
by_length (const char **at)
{
   const char *text = *at;
   const size_t len = fg_name_length (text, stream, stream + stream_len);

   *at = text + len + 1;
   for (uint32_t i = 0; i < n; i++) {
      if (names[i].len == len && memcmp (names[i].text, text, len) == 0) {
         return i;
      }
   }
   return NONE;
}

static uint32_t fnv_table[4096], fnv_mask;

static uint32_t
fnv (const char *text, size_t len)
{
   uint32_t hash = 2166136261u;
   for (size_t i = 0; i < len; i++) {
      hash = (hash ^ (uint8_t)text[i]) * 16777619u;
   }
   return hash ^ hash >> 15;
}

static void
make_fnv (void)
{
   for (fnv_mask = 15; fnv_mask + 1 < 2 * n;) {
      fnv_mask = 2 * fnv_mask + 1;
   }
   memset (fnv_table, 0, sizeof fnv_table);
   for (uint32_t i = 0; i < n; i++) {
      uint32_t slot = fnv (names[i].text, names[i].len) & fnv_mask;
      while (fnv_table[slot]) {
         slot = (slot + 1) & fnv_mask;
      }
      fnv_table[slot] = i + 1;
   }
}

static uint32_t
by_fnv (const char **at)
{
   const char *text = *at;
   const size_t len = fg_name_length (text, stream, stream + stream_len);

   *at = text + len + 1;
   for (uint32_t slot = fnv (text, len) & fnv_mask; fnv_table[slot]; slot = (slot + 1) & fnv_mask) {
      const name *known = &names[fnv_table[slot] - 1];
      if (known->len == len && memcmp (known->text, text, len) == 0) {
         return fnv_table[slot] - 1;
      }
   }
   return NONE;
}

/* A row of 256 for each prefix: no faster trie is possible, smaller ones are. */
static uint32_t (*trie)[256];
static uint32_t *trie_name;

static void
make_trie (void)
{
   uint32_t rows = 1;

   if (!trie) {
      trie = calloc (20000, sizeof *trie);
      trie_name = calloc (20000, sizeof *trie_name);
   }
   memset (trie, 0, 20000 * sizeof *trie);
   memset (trie_name, 0, 20000 * sizeof *trie_name);
   for (uint32_t i = 0; i < n; i++) {
      uint32_t row = 1;
      for (size_t k = 0; k < names[i].len; k++) {
         uint32_t *next = &trie[row][(uint8_t)names[i].text[k]];
         row = *next = *next ? *next : ++rows;
      }
      trie_name[row] = i + 1;
   }
}

static uint32_t
by_trie (const char **at)
{
   const char *p = *at;
   uint32_t row = 1;

   for (; *p && row; p++) {
      row = trie[row][(uint8_t)*p];
   }
   *at = p + strlen (p) + 1;
   return trie_name[row] - 1;
}

/* As schema/match/plan_slots.c does it. */
static uint32_t word_table[4096], word_bits;
static uint64_t multiplier, filter;

static uint32_t
place_words (uint64_t with)
{
   uint32_t displaced = 0;

   memset (word_table, 0, sizeof word_table);
   for (uint32_t i = 0; i < n; i++) {
      uint64_t slot = fg_name_hash (names[i].head, names[i].tail, names[i].len, with) >> (64 - word_bits);
      displaced += word_table[slot] != 0;
      while (word_table[slot]) {
         slot = (slot + 1) & ((1u << word_bits) - 1);
      }
      word_table[slot] = i + 1;
   }
   return displaced;
}

static void
make_words (void)
{
   uint32_t fewest = UINT32_MAX;
   uint64_t candidate = 0;

   filter = 0;
   for (uint32_t i = 0; i < n; i++) {
      filter |= (uint64_t)1 << fg_name_filter_bit (names[i].text, names[i].len);
   }
   for (word_bits = 1; 1u << word_bits < 2 * n + 1;) {
      word_bits++;
   }
   for (int tries = 0; tries < 32 && fewest > 0; tries++) {
      candidate = fg_name_next_multiplier (candidate);
      uint32_t displaced = place_words (candidate);
      if (displaced < fewest) {
         fewest = displaced;
         multiplier = candidate;
      }
   }
   (void)place_words (multiplier);
}

static uint32_t
find_words (const char *text, size_t len)
{
   uint64_t head, tail;

   if (!(filter >> fg_name_filter_bit (text, len) & 1)) {
      return NONE;
   }
   fg_name_words_within (text, len, (size_t)(stream + stream_len - text), &head, &tail);
   for (uint64_t slot = fg_name_hash (head, tail, len, multiplier) >> (64 - word_bits); word_table[slot];
        slot = (slot + 1) & ((1u << word_bits) - 1)) {
      const name *known = &names[word_table[slot] - 1];
      if (known->head == head && known->tail == tail && known->len == len &&
          (len <= 16 || memcmp (known->text, text, len) == 0)) {
         return word_table[slot] - 1;
      }
   }
   return NONE;
}

static uint32_t
by_words (const char **at)
{
   const char *text = *at;
   const size_t len = fg_name_length (text, stream, stream + stream_len);

   *at = text + len + 1;
   return find_words (text, len);
}

static uint32_t expected;

static uint32_t
by_order (const char **at)
{
   const char *text = *at;
   const name *next = &names[expected < n ? expected : 0];

   if (fg_name_is (text, (size_t)(stream + stream_len - text), next->head, next->tail, (uint32_t)next->len)) {
      *at = text + next->len + 1;
      return expected++;
   }
   uint32_t found = by_words (at);
   expected = found == NONE ? expected : found + 1;
   return found;
}

/* --- measuring ----------------------------------------------------------------------------------------------------------- */

typedef struct contender {
   const char *what;
   uint32_t (*find) (const char **at);
   double samples[ROUNDS];
   double median;
} contender;

static contender all[] = {
   {.what = "expected order, then words", .find = by_order}, {.what = "words in a hash of their own", .find = by_words},
   {.what = "FNV hash and memcmp", .find = by_fnv},          {.what = "trie by bytes", .find = by_trie},
   {.what = "length and memcmp in turn", .find = by_length}, {.what = "strcmp in turn", .find = by_strcmp}};
#define CONTENDERS (sizeof all / sizeof all[0])

static double
now (void)
{
   struct timespec t;
   clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
   return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t
run (const contender *c)
{
   const char *at = stream;
   uint64_t sum = 0;

   expected = 0;
   for (size_t i = 0; i < stream_names; i++) {
      sum += c->find (&at) + 1u;
   }
   return sum;
}

static int
compare_doubles (const void *a, const void *b)
{
   double x = *(const double *)a, y = *(const double *)b;
   return (x > y) - (x < y);
}

static void
measure (const char *order)
{
   const uint64_t sum = run (&all[0]);
   const size_t repeat = 4000 / (stream_names + 1) + 1;

   for (size_t round = 0; round < ROUNDS; round++) {
      for (size_t i = 0; i < CONTENDERS; i++) {
         contender *c = &all[(i + round) % CONTENDERS];
         if (n > 100 && c->find != by_order && round % 20 != 0 && (c->find == by_strcmp || c->find == by_length)) {
            c->samples[round] = c->samples[round - 1]; /* slow, and no closer for more turns */
            continue;
         }
         double start = now ();
         for (size_t k = 0; k < repeat; k++) {
            if (run (c) != sum) {
               fprintf (stderr, "bench_names: %s finds something else\n", c->what);
               exit (EXIT_FAILURE);
            }
         }
         c->samples[round] = (now () - start) / (double)(repeat * stream_names);
      }
   }
   for (size_t i = 0; i < CONTENDERS; i++) {
      qsort (all[i].samples, ROUNDS, sizeof (double), compare_doubles);
      all[i].median = all[i].samples[ROUNDS / 2];
      fprintf (stderr, "%4" PRIu32 " names %-10s %-30s %8.2f ns\n", n, order, all[i].what, all[i].median);
   }
   for (size_t i = 1; i < CONTENDERS; i++) {
      printf ("{\"name\":\"names.%" PRIu32 ".%s\",\"peer\":\"%s\",\"ratio\":%.3f,\"goal\":null,\"ok\":true}\n", n,
              order, all[i].what, all[0].median / all[i].median);
   }
}

int
main (void)
{
   static const uint32_t counts[] = {8, 64, 1000};

   for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
      make_names (counts[i]);
      make_fnv ();
      make_trie ();
      make_words ();
      for (int shuffled = 0; shuffled < 2; shuffled++) {
         make_stream (shuffled);
         measure (shuffled ? "shuffled" : "in-order");
      }
   }
   free (trie);
   free (trie_name);
   return EXIT_SUCCESS;
}

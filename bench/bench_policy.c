/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a policy check costs, as ratios against two peers that read the same bytes: a walk that does nothing but hop from element to element
 * (nested documents included), and the recursive bson_iter walk that every libbson program is made of. All contenders of a case take turns in one run; medians are
 * compared, of processor time, so that what else the machine does counts little. Prints one JSON object a line.
 */

#include <fieldguard/policy.h>

#include <bson/bson.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 1001

/* --- allocations, counted by standing in front of the C library's ---------------------------------------------------- */

extern void *__libc_malloc (size_t n);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *p, size_t n);
extern void *__libc_memalign (size_t alignment, size_t n);

static volatile uint64_t allocations;

void *
malloc (size_t n)
{
   allocations++;
   return __libc_malloc (n);
}

void *
calloc (size_t n, size_t size)
{
   allocations++;
   return __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n)
{
   allocations++;
   return __libc_realloc (p, n);
}

void *
aligned_alloc (size_t alignment, size_t n)
{
   allocations++;
   return __libc_memalign (alignment, n);
}

/* --- the peers --------------------------------------------------------------------------------------------------------- */

static volatile uint64_t sink;

static inline uint32_t
length_at (const uint8_t *p)
{
   uint32_t n;
   memcpy (&n, p, sizeof n);
   return n;
}

/* Size of a value, or SIZE_MAX. */
static inline size_t
hop (uint8_t type, const uint8_t *value)
{
   static const uint8_t fixed[20] = {0, 8, 4, 0, 0, 5, 0, 12, 1, 8, 0, 0, 16, 4, 4, 0, 4, 8, 8, 16};
   static const uint32_t has_length = 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15;

   if (type > 19) {
      return type == 127 || type == 255 ? 0 : SIZE_MAX;
   }
   if (type == 11) {
      size_t n = strlen ((const char *)value) + 1;
      return n + strlen ((const char *)value + n) + 1;
   }
   return fixed[type] + (has_length >> type & 1 ? length_at (value) : 0);
}

/* Length of a name, eight bytes at a time where the buffer has them. */
static inline size_t
name_length (const uint8_t *name, const uint8_t *limit)
{
   const uint8_t *p = name;

   for (; limit - p >= 8; p += 8) {
      uint64_t word;
      memcpy (&word, p, sizeof word);
      uint64_t zeros = (word - 0x0101010101010101u) & ~word & 0x8080808080808080u;
      if (zeros) {
         return (size_t)(p - name) + ((size_t)__builtin_ctzll (zeros) >> 3);
      }
   }
   return (size_t)(p - name) + strlen ((const char *)p);
}

/* Touches the type byte and name of every element, nested ones included; no recursion, every length checked against the end. */
static bool
bare_walk (const uint8_t *doc, size_t len, uint64_t *elements)
{
   const uint8_t *ends[64], *at = doc + 4, *limit = doc + len;
   size_t depth = 0;

   ends[0] = limit - 1;
   for (;;) {
      if (at >= ends[depth]) {
         if (at != ends[depth]) {
            return false;
         }
         at++;
         if (depth-- == 0) {
            return true;
         }
         continue;
      }
      uint8_t type = *at;
      const uint8_t *value = at + name_length (at + 1, limit) + 2;
      if (value > ends[depth]) {
         return false;
      }
      size_t size = hop (type, value);
      if (size > (size_t)(ends[depth] - value)) {
         return false;
      }
      ++*elements;
      if ((type == 3 || type == 4) && depth < 63) {
         ends[++depth] = value + size - 1;
         at = value + 4;
         continue;
      }
      at = value + size;
   }
}

static bool
iter_walk (bson_iter_t *iter, uint64_t *elements)
{
   while (bson_iter_next (iter)) {
      bson_iter_t child;
      ++*elements;
      if ((BSON_ITER_HOLDS_DOCUMENT (iter) || BSON_ITER_HOLDS_ARRAY (iter)) &&
          (!bson_iter_recurse (iter, &child) || !iter_walk (&child, elements))) {
         return false;
      }
   }
   return true;
}

/* --- documents and rules --------------------------------------------------------------------------------------------------- */

static void
append_cipher (bson_t *doc, const char *name, uint64_t *seed)
{
   uint8_t blob[82] = {2};

   for (size_t i = 1; i < sizeof blob; i++) {
      *seed = *seed * 6364136223846793005u + 1442695040888963407u;
      blob[i] = (uint8_t)(*seed >> 56);
   }
   memset (blob + 1, 0x11, 16);
   blob[17] = 2;
   bson_append_binary (doc, name, -1, BSON_SUBTYPE_ENCRYPTED, blob, sizeof blob);
}

/* 1.1 KB, 23 elements, 6 encrypted fields on two levels. */
static bson_t *
reference_document (void)
{
   bson_t *doc = bson_new (), insurance;
   bson_oid_t oid;
   uint64_t seed = 1;

   bson_oid_init_from_string (&oid, "65f0a1b2c3d4e5f601020304");
   BSON_APPEND_OID (doc, "_id", &oid);
   BSON_APPEND_UTF8 (doc, "firstName", "Maria-Magdalena");
   BSON_APPEND_UTF8 (doc, "lastName", "Fernandez Gutierrez");
   append_cipher (doc, "ssn", &seed);
   append_cipher (doc, "birthDate", &seed);
   BSON_APPEND_UTF8 (doc, "email", "maria.fernandez.gutierrez@example.com");
   BSON_APPEND_INT32 (doc, "visits", 17);
   BSON_APPEND_DATE_TIME (doc, "createdAt", 1700000000000);
   BSON_APPEND_DATE_TIME (doc, "updatedAt", 1710000000000);
   append_cipher (doc, "bloodType", &seed);
   BSON_APPEND_BOOL (doc, "active", true);
   BSON_APPEND_DOUBLE (doc, "score", 0.75);
   BSON_APPEND_UTF8 (
      doc, "notes",
      "Referred by the community clinic; prefers appointments before noon, and letters on paper. Second visit "
      "this year after a long break; records from the previous practice were requested in March.");
   BSON_APPEND_DOCUMENT_BEGIN (doc, "insurance", &insurance);
   append_cipher (&insurance, "policyNumber", &seed);
   append_cipher (&insurance, "memberId", &seed);
   append_cipher (&insurance, "groupCode", &seed);
   BSON_APPEND_UTF8 (&insurance, "provider", "National Mutual Health");
   BSON_APPEND_INT32 (&insurance, "tier", 2);
   bson_append_document_end (doc, &insurance);
   BSON_APPEND_INT64 (doc, "revision", 42);
   BSON_APPEND_UTF8 (doc, "country", "ES");
   BSON_APPEND_UTF8 (doc, "language", "es-ES");
   BSON_APPEND_NULL (doc, "deletedAt");
   return doc;
}

/* The same document with every field, on both levels, in the opposite order: none is where the rules lead to expect it. */
static bson_t *reversed (const bson_t *doc);

static void
append_reversed (bson_t *out, bson_iter_t rest)
{
   const uint8_t *data;
   uint32_t len;
   bson_t kid;

   if (!bson_iter_next (&rest)) {
      return;
   }
   append_reversed (out, rest);
   if (!BSON_ITER_HOLDS_DOCUMENT (&rest)) {
      bson_append_iter (out, NULL, 0, &rest);
      return;
   }
   bson_iter_document (&rest, &len, &data);
   if (!bson_init_static (&kid, data, len)) {
      exit (EXIT_FAILURE);
   }
   bson_t *inner = reversed (&kid);
   bson_append_document (out, bson_iter_key (&rest), -1, inner);
   bson_destroy (inner);
}

static bson_t *
reversed (const bson_t *doc)
{
   bson_t *out = bson_new ();
   bson_iter_t iter;

   if (!bson_iter_init (&iter, doc)) {
      exit (EXIT_FAILURE);
   }
   append_reversed (out, iter);
   return out;
}

static void
append_rule (bson_t *properties, const char *name, bool full)
{
   static const uint8_t key[16] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                   0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
   bson_t schema, encrypt, keys;

   BSON_APPEND_DOCUMENT_BEGIN (properties, name, &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "encrypt", &encrypt);
   if (full) {
      BSON_APPEND_UTF8 (&encrypt, "bsonType", "string");
      BSON_APPEND_UTF8 (&encrypt, "algorithm", "AEAD_AES_256_CBC_HMAC_SHA_512-Random");
      BSON_APPEND_ARRAY_BEGIN (&encrypt, "keyId", &keys);
      BSON_APPEND_BINARY (&keys, "0", BSON_SUBTYPE_UUID, key, sizeof key);
      bson_append_array_end (&encrypt, &keys);
   }
   bson_append_document_end (&schema, &encrypt);
   bson_append_document_end (properties, &schema);
}

/* The reference document's six rules, and `more` on fields that it does not have, half of them in `insurance`. */
static fg_policy *
reference_policy (size_t more)
{
   bson_t options = BSON_INITIALIZER, validator, schema, properties, insurance, inner;
   char name[48];
   fg_error err = {0};

   BSON_APPEND_DOCUMENT_BEGIN (&options, "validator", &validator);
   BSON_APPEND_DOCUMENT_BEGIN (&validator, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   append_rule (&properties, "ssn", true);
   append_rule (&properties, "birthDate", true);
   append_rule (&properties, "bloodType", true);
   for (size_t i = 0; i < more - more / 2; i++) {
      snprintf (name, sizeof name, "protectedField%05zu", i);
      append_rule (&properties, name, true);
   }
   BSON_APPEND_DOCUMENT_BEGIN (&properties, "insurance", &insurance);
   BSON_APPEND_DOCUMENT_BEGIN (&insurance, "properties", &inner);
   append_rule (&inner, "policyNumber", true);
   append_rule (&inner, "memberId", true);
   append_rule (&inner, "groupCode", true);
   for (size_t i = 0; i < more / 2; i++) {
      snprintf (name, sizeof name, "protectedField%05zu", i);
      append_rule (&inner, name, true);
   }
   bson_append_document_end (&insurance, &inner);
   bson_append_document_end (&properties, &insurance);
   bson_append_document_end (&schema, &properties);
   bson_append_document_end (&validator, &schema);
   bson_append_document_end (&options, &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, &err);
   bson_destroy (&options);
   if (!policy) {
      fprintf (stderr, "bench_policy: %s\n", err.message);
      exit (EXIT_FAILURE);
   }
   return policy;
}

/* About 1 MiB in 20,000 fields, 50 of them protected. */
static bson_t *
wide_document (void)
{
   bson_t *doc = bson_new ();
   char name[48];
   uint64_t seed = 7;

   for (size_t i = 0; i < 20000; i++) {
      if (i % 400 == 0) {
         snprintf (name, sizeof name, "secret%02zu", i / 400);
         append_cipher (doc, name, &seed);
      } else {
         snprintf (name, sizeof name, "field%05zu", i);
         BSON_APPEND_UTF8 (doc, name, "thirty-odd bytes of ordinary value");
      }
   }
   return doc;
}

static fg_policy *
wide_policy (void)
{
   bson_t options = BSON_INITIALIZER, validator, schema, properties;
   char name[48];
   fg_error err = {0};

   BSON_APPEND_DOCUMENT_BEGIN (&options, "validator", &validator);
   BSON_APPEND_DOCUMENT_BEGIN (&validator, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   for (size_t i = 0; i < 50; i++) {
      snprintf (name, sizeof name, "secret%02zu", i);
      append_rule (&properties, name, true);
   }
   bson_append_document_end (&schema, &properties);
   bson_append_document_end (&validator, &schema);
   bson_append_document_end (&options, &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, &err);
   bson_destroy (&options);
   if (!policy) {
      fprintf (stderr, "bench_policy: %s\n", err.message);
      exit (EXIT_FAILURE);
   }
   return policy;
}

/* --- measuring --------------------------------------------------------------------------------------------------------------- */

typedef struct contender {
   const char *name;
   const fg_policy *policy; /* NULL: a peer */
   bool iter;
   const bson_t *doc;
   double samples[ROUNDS]; /* ns a document */
   double median;
} contender;

static double
now (void)
{
   struct timespec t;
   clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
   return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
run_once (const contender *c)
{
   const uint8_t *bytes = bson_get_data (c->doc);
   uint64_t elements = 0;

   if (c->policy) {
      if (fg_policy_check (c->policy, bytes, c->doc->len, FG_PHASE_STORED, NULL) != FG_CHECK_OK) {
         fprintf (stderr, "bench_policy: the reference document was refused\n");
         exit (EXIT_FAILURE);
      }
   } else if (c->iter) {
      bson_iter_t iter;
      if (!bson_iter_init (&iter, c->doc) || !iter_walk (&iter, &elements)) {
         exit (EXIT_FAILURE);
      }
   } else if (!bare_walk (bytes, c->doc->len, &elements)) {
      exit (EXIT_FAILURE);
   }
   sink += elements;
}

static int
compare_doubles (const void *a, const void *b)
{
   double x = *(const double *)a, y = *(const double *)b;
   return (x > y) - (x < y);
}

/* Everyone takes one turn of `repeat` documents a round. */
static void
measure (contender *all, size_t n, size_t repeat)
{
   for (size_t round = 0; round < ROUNDS; round++) {
      for (size_t i = 0; i < n; i++) {
         contender *c = all + (i + round) % n;
         double start = now ();
         for (size_t k = 0; k < repeat; k++) {
            run_once (c);
         }
         c->samples[round] = (now () - start) / (double)repeat;
      }
   }
   for (size_t i = 0; i < n; i++) {
      qsort (all[i].samples, ROUNDS, sizeof (double), compare_doubles);
      all[i].median = all[i].samples[ROUNDS / 2];
      fprintf (stderr, "%-28s %12.1f ns\n", all[i].name, all[i].median);
   }
}

static void
say (const char *name, const char *peer, double ratio, double goal)
{
   printf ("{\"name\":\"%s\",\"peer\":\"%s\",\"ratio\":%.3f,\"goal\":%.1f,\"ok\":%s}\n", name, peer, ratio, goal,
           ratio <= goal ? "true" : "false");
}

static void
bench_reference (void)
{
   bson_t *doc = reference_document (), *backwards = reversed (doc);
   fg_policy *policies[] = {reference_policy (0), reference_policy (4), reference_policy (994),
                            reference_policy (9994)};
   contender all[] = {{.name = "check, 6 rules", .policy = policies[0], .doc = doc},
                      {.name = "bare walk", .doc = doc},
                      {.name = "bson_iter walk", .iter = true, .doc = doc},
                      {.name = "check, 10 rules", .policy = policies[1], .doc = doc},
                      {.name = "check, 1,000 rules", .policy = policies[2], .doc = doc},
                      {.name = "check, 10,000 rules", .policy = policies[3], .doc = doc},
                      {.name = "check, fields backwards", .policy = policies[0], .doc = backwards},
                      {.name = "bare walk, fields backwards", .doc = backwards}};
   uint64_t elements = 0;

   if (!bare_walk (bson_get_data (doc), doc->len, &elements)) {
      exit (EXIT_FAILURE);
   }
   fprintf (stderr, "reference document: %u bytes, %" PRIu64 " elements\n", doc->len, elements);
   uint64_t before = allocations;
   for (size_t i = 0; i < 1000; i++) {
      run_once (all);
   }
   uint64_t used = allocations - before;
   measure (all, sizeof all / sizeof all[0], 400);
   say ("policy.check.1100B", "bare length-hopping walk", all[0].median / all[1].median, 1.5);
   say ("policy.check.1100B.fields-backwards", "bare length-hopping walk", all[6].median / all[7].median, 2.0);
   say ("policy.check.1100B", "recursive bson_iter walk", all[0].median / all[2].median, 1.0);
   say ("policy.check.allocations", "none", (double)used / 1000, 0);
   say ("policy.check.1000rules", "10 rules", all[4].median / all[3].median, 1.3);
   say ("policy.check.10000rules", "10 rules", all[5].median / all[3].median, 1.3);
   for (size_t i = 0; i < 4; i++) {
      fg_policy_free (policies[i]);
   }
   bson_destroy (doc);
   bson_destroy (backwards);
}

static void
bench_wide (void)
{
   bson_t *doc = wide_document (), *small = bson_new ();
   fg_policy *policy = wide_policy ();
   uint64_t seed = 7;
   char name[48];

   /* The same kinds of fields in the same mixture, in a hundredth of the size. */
   for (size_t i = 0; i < 200; i++) {
      snprintf (name, sizeof name, "field%05zu", i);
      if (i % 400 == 0) {
         append_cipher (small, "secret00", &seed);
      } else {
         BSON_APPEND_UTF8 (small, name, "thirty-odd bytes of ordinary value");
      }
   }
   contender all[] = {{.name = "check, 1 MiB", .policy = policy, .doc = doc},
                      {.name = "check, 10 KiB", .policy = policy, .doc = small},
                      {.name = "bare walk, 1 MiB", .doc = doc}};
   measure (all, sizeof all / sizeof all[0], 4);
   fprintf (stderr, "wide document: %u bytes; small: %u bytes\n", doc->len, small->len);
   say ("policy.check.1MiB.per-byte", "same fields in 10 KiB",
        (all[0].median / doc->len) / (all[1].median / small->len), 1.5);
   say ("policy.check.1MiB", "bare length-hopping walk", all[0].median / all[2].median, 1.5);
   fg_policy_free (policy);
   bson_destroy (doc);
   bson_destroy (small);
}

int
main (void)
{
   bench_reference ();
   bench_wide ();
   return EXIT_SUCCESS;
}

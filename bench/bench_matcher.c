/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a collection's validator costs in the server's own meaning (schema/match): compiling one of 1,000 properties against parsing its JSON with libbson, and
 * checking a document that matches against the recursive bson_iter walk that every libbson program is made of. Turns are interleaved, medians of processor
 * time compared. Prints one JSON object a line.
 */

#include <fieldguard/match.h>
#include <fieldguard/policy.h>

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROPERTIES 1000
#define MAX_ROUNDS 501

static bson_t *options; /* the validator of PROPERTIES properties, every fourth of them encrypted */
static char *options_json;
static size_t options_json_len;

static bson_t *document; /* PROPERTIES / 25 of its fields */
static fg_validator *validator, *alternatives;
static volatile uint64_t sink;

static void
stop (const char *why)
{
   fprintf (stderr, "bench_matcher: %s\n", why);
   exit (EXIT_FAILURE);
}

static void
append_property (bson_t *properties, int i)
{
   static const uint8_t key[16] = {1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16};
   bson_t schema, encrypt, keys;
   char name[24];

   snprintf (name, sizeof name, "property%04d", i);
   BSON_APPEND_DOCUMENT_BEGIN (properties, name, &schema);
   if (i % 4 == 0) {
      BSON_APPEND_DOCUMENT_BEGIN (&schema, "encrypt", &encrypt);
      BSON_APPEND_UTF8 (&encrypt, "bsonType", "string");
      BSON_APPEND_UTF8 (&encrypt, "algorithm", "AEAD_AES_256_CBC_HMAC_SHA_512-Random");
      BSON_APPEND_ARRAY_BEGIN (&encrypt, "keyId", &keys);
      BSON_APPEND_BINARY (&keys, "0", BSON_SUBTYPE_UUID, key, sizeof key);
      bson_append_array_end (&encrypt, &keys);
      bson_append_document_end (&schema, &encrypt);
   } else if (i % 4 == 1) {
      BSON_APPEND_UTF8 (&schema, "bsonType", "string");
      BSON_APPEND_INT32 (&schema, "maxLength", 200);
   } else {
      BSON_APPEND_UTF8 (&schema, "bsonType", "int");
      BSON_APPEND_INT32 (&schema, "minimum", 0);
   }
   bson_append_document_end (properties, &schema);
}

static bson_t *
make_options (bool with_alternatives)
{
   bson_t *made = bson_new (), predicate, schema, properties, branches, branch, kinds;

   BSON_APPEND_DOCUMENT_BEGIN (made, "validator", &predicate);
   BSON_APPEND_DOCUMENT_BEGIN (&predicate, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   for (int i = 0; i < PROPERTIES; i++) {
      append_property (&properties, i);
   }
   bson_append_document_end (&schema, &properties);
   if (with_alternatives) {
      BSON_APPEND_ARRAY_BEGIN (&schema, "anyOf", &branches);
      for (int i = 0; i < 3; i++) {
         BSON_APPEND_DOCUMENT_BEGIN (&branches, i == 0 ? "0" : i == 1 ? "1" : "2", &branch);
         BSON_APPEND_ARRAY_BEGIN (&branch, "required", &kinds);
         BSON_APPEND_UTF8 (&kinds, "0", i < 2 ? "neverThere" : "property0002");
         bson_append_array_end (&branch, &kinds);
         bson_append_document_end (&branches, &branch);
      }
      bson_append_array_end (&schema, &branches);
   }
   bson_append_document_end (&predicate, &schema);
   bson_append_document_end (made, &predicate);
   return made;
}

static bson_t *
make_document (void)
{
   bson_t *made = bson_new ();
   uint8_t blob[82] = {2, 1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16, 2};
   char name[24];

   BSON_APPEND_INT32 (made, "_id", 1);
   for (int i = 2; i < PROPERTIES; i += 25) {
      snprintf (name, sizeof name, "property%04d", i);
      if (i % 4 == 0) {
         BSON_APPEND_BINARY (made, name, BSON_SUBTYPE_ENCRYPTED, blob, sizeof blob);
      } else if (i % 4 == 1) {
         BSON_APPEND_UTF8 (made, name, "an ordinary value");
      } else {
         BSON_APPEND_INT32 (made, name, i);
      }
   }
   return made;
}

/* --- the contenders ---------------------------------------------------------------------------------------------------- */

static void
parse_json (void)
{
   bson_error_t error;
   bson_t *parsed = bson_new_from_json ((const uint8_t *)options_json, (ssize_t)options_json_len, &error);

   if (!parsed) {
      stop (error.message);
   }
   sink += parsed->len;
   bson_destroy (parsed);
}

static void
compile_validator (void)
{
   fg_error err = {0};
   fg_validator *compiled = fg_validator_compile (bson_get_data (options), options->len, 0, &err);

   if (!compiled) {
      stop (err.message);
   }
   fg_validator_free (compiled);
}

static void
compile_policy (void)
{
   fg_error err = {0};
   const uint8_t *bytes = bson_get_data (options);
   const size_t len = options->len;
   fg_policy *compiled = fg_policy_compile (&bytes, &len, 1, NULL, &err);

   if (!compiled) {
      stop (err.message);
   }
   fg_policy_free (compiled);
}

static void
walk (void)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, document)) {
      stop ("cannot walk");
   }
   while (bson_iter_next (&iter)) {
      sink++;
   }
}

static void
check_with (const fg_validator *with)
{
   fg_error err = {0};

   if (fg_validator_check (with, bson_get_data (document), document->len, &err) != FG_MATCH_YES) {
      stop ("the document was refused");
   }
}

static void
check (void)
{
   check_with (validator);
}

static void
check_alternatives (void)
{
   check_with (alternatives);
}

/* --- measuring ----------------------------------------------------------------------------------------------------------- */

typedef struct contender {
   const char *what;
   void (*run) (void);
   double samples[MAX_ROUNDS];
   double median;
} contender;

static double
now (void)
{
   struct timespec t;
   clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
   return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int
compare_doubles (const void *a, const void *b)
{
   double x = *(const double *)a, y = *(const double *)b;
   return (x > y) - (x < y);
}

static void
measure (contender *all, size_t n, size_t rounds, size_t repeat)
{
   for (size_t round = 0; round < rounds; round++) {
      for (size_t i = 0; i < n; i++) {
         contender *c = all + (i + round) % n;
         double start = now ();
         for (size_t k = 0; k < repeat; k++) {
            c->run ();
         }
         c->samples[round] = (now () - start) / (double)repeat;
      }
   }
   for (size_t i = 0; i < n; i++) {
      qsort (all[i].samples, rounds, sizeof (double), compare_doubles);
      all[i].median = all[i].samples[rounds / 2];
      fprintf (stderr, "%-36s %12.1f ns\n", all[i].what, all[i].median);
   }
}

/* goal 0: none, the ratio is for information. */
static void
say (const char *name, const char *peer, double ratio, double goal)
{
   char text[16] = "null";

   if (goal > 0) {
      snprintf (text, sizeof text, "%.1f", goal);
   }
   printf ("{\"name\":\"%s\",\"peer\":\"%s\",\"ratio\":%.3f,\"goal\":%s,\"ok\":%s}\n", name, peer, ratio, text,
           goal == 0 || ratio <= goal ? "true" : "false");
}

int
main (void)
{
   static contender compiling[] = {{.what = "libbson parses the JSON", .run = parse_json},
                                   {.what = "validator, 1,000 properties", .run = compile_validator},
                                   {.what = "policy, 1,000 properties", .run = compile_policy}};
   static contender checking[] = {{.what = "bson_iter walk", .run = walk},
                                  {.what = "check", .run = check},
                                  {.what = "check with anyOf", .run = check_alternatives}};
   fg_error err = {0};

   options = make_options (false);
   bson_t *other = make_options (true);
   document = make_document ();
   options_json = bson_as_canonical_extended_json (options, &options_json_len);
   validator = fg_validator_compile (bson_get_data (options), options->len, 0, &err);
   alternatives = fg_validator_compile (bson_get_data (other), other->len, 0, &err);
   if (!validator || !alternatives) {
      stop (err.message);
   }
   measure (compiling, 3, 61, 1);
   measure (checking, 3, MAX_ROUNDS, 200);
   say ("matcher.compile.1000properties", "libbson parsing its JSON", compiling[1].median / compiling[0].median, 3.0);
   say ("policy.compile.1000properties", "libbson parsing its JSON", compiling[2].median / compiling[0].median, 3.0);
   say ("matcher.check.1000properties", "recursive bson_iter walk", checking[1].median / checking[0].median, 0);
   say ("matcher.check.anyOf", "the same without alternatives", checking[2].median / checking[1].median, 0);
   fg_validator_free (validator);
   fg_validator_free (alternatives);
   bson_free (options_json);
   bson_destroy (options);
   bson_destroy (other);
   bson_destroy (document);
   return EXIT_SUCCESS;
}

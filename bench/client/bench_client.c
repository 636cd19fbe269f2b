/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values encrypted and decrypted per CPU second, as ratios against libmongocrypt doing the same in the same run, and against bare OpenSSL with contexts
 * that are prepared once. Contenders take turns; medians of the rounds are compared. Prints one JSON object a line.
 */

#include "bench/client/peer_mongocrypt.h"

#include <fieldguard/client.h>

#include <openssl/evp.h>
#include <time.h>

#define ROUNDS 31
#define OPS 1000
#define FIELDS 1500
#define MANY_KEYS 1000

static fg_key_vault *vault;
static fg_client *client;
static peer *theirs;
static uint8_t id[16];
static uint8_t many_ids[MANY_KEYS][16];
static bson_value_t value; /* an 11-character string */
static bson_t plain = BSON_INITIALIZER; /* {v: value} */
static bson_value_t blob;
static bson_t sealed = BSON_INITIALIZER; /* {v: blob} */
static bson_t bulk = BSON_INITIALIZER;
static volatile size_t sink;

static void
must (bool ok, const char *what, const fg_error *err)
{
   if (!ok) {
      fprintf (stderr, "bench_client: %s: %s\n", what, err ? err->message : "failed");
      exit (1);
   }
}

/* --- contenders ------------------------------------------------------------------------------------------------------ */

static void
our_encrypt (fg_algorithm algorithm, const uint8_t *key_id)
{
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   bson_value_t out;
   fg_error err = {0};

   options.key_id = key_id;
   options.algorithm = algorithm;
   must (fg_client_encrypt (client, &value, &options, &out, &err), "encrypt", &err);
   sink += out.value.v_binary.data_len;
   bson_value_destroy (&out);
}

static void
our_deterministic (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      our_encrypt (FG_ALGORITHM_DETERMINISTIC, id);
   }
}

static void
our_random (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      our_encrypt (FG_ALGORITHM_RANDOM, id);
   }
}

static void
our_decrypt (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      bson_value_t out;
      fg_error err = {0};
      must (fg_client_decrypt (client, &blob, &out, &err), "decrypt", &err);
      sink += out.value.v_utf8.len;
      bson_value_destroy (&out);
   }
}

/* The same operations spread over a thousand cached keys; the keys follow each other in no order. */
static void
our_many_keys (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      our_encrypt (FG_ALGORITHM_DETERMINISTIC, many_ids[i * 619 % MANY_KEYS]);
   }
}

static void
our_bulk (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      fg_error err = {0};
      bson_t *out = fg_client_decrypt_document (client, &bulk, &err);
      must (out != NULL, "bulk decrypt", &err);
      sink += out->len;
      bson_destroy (out);
   }
}

static void
count (void *arg, const uint8_t *data, size_t len)
{
   (void)arg;
   (void)data;
   sink += len;
}

static void
their_deterministic (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      must (peer_encrypt (theirs, id, true, &plain, count, NULL), "libmongocrypt encrypt", NULL);
   }
}

static void
their_random (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      must (peer_encrypt (theirs, id, false, &plain, count, NULL), "libmongocrypt encrypt", NULL);
   }
}

static void
their_decrypt (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      must (peer_decrypt (theirs, true, &sealed, count, NULL), "libmongocrypt decrypt", NULL);
   }
}

static void
their_bulk (size_t n)
{
   for (size_t i = 0; i < n; i++) {
      must (peer_decrypt (theirs, false, &bulk, count, NULL), "libmongocrypt bulk decrypt", NULL);
   }
}

/* --- bare OpenSSL ----------------------------------------------------------------------------------------------------- */

static EVP_CIPHER_CTX *raw_cipher;
static EVP_MD_CTX *raw_inner[2]; /* the hash of the inner pad: of the IV key, of the MAC key */
static EVP_MD_CTX *raw_outer[2];
static EVP_MD_CTX *raw_work;

static EVP_MD_CTX *
raw_pad (uint8_t pad)
{
   uint8_t block[128];
   EVP_MD_CTX *ctx = EVP_MD_CTX_new ();

   memset (block, pad, sizeof block);
   must (EVP_DigestInit_ex (ctx, EVP_sha512 (), NULL) && EVP_DigestUpdate (ctx, block, sizeof block), "SHA-512", NULL);
   return ctx;
}

static void
raw_set_up (void)
{
   const uint8_t key[32] = {0};

   raw_cipher = EVP_CIPHER_CTX_new ();
   raw_work = EVP_MD_CTX_new ();
   must (EVP_EncryptInit_ex (raw_cipher, EVP_aes_256_cbc (), NULL, key, NULL), "AES", NULL);
   for (int i = 0; i < 2; i++) {
      raw_inner[i] = raw_pad (0x36);
      raw_outer[i] = raw_pad (0x5c);
   }
}

static void
raw_hmac (int which, const uint8_t *data, size_t len, uint8_t mac[64])
{
   uint8_t digest[64];

   if (!EVP_MD_CTX_copy_ex (raw_work, raw_inner[which]) || !EVP_DigestUpdate (raw_work, data, len) ||
       !EVP_DigestFinal_ex (raw_work, digest, NULL) || !EVP_MD_CTX_copy_ex (raw_work, raw_outer[which]) ||
       !EVP_DigestUpdate (raw_work, digest, 64) || !EVP_DigestFinal_ex (raw_work, mac, NULL)) {
      exit (1);
   }
}

/* What a deterministic encryption of the value needs at least: an HMAC for the IV, two blocks of AES, an HMAC for the tag. */
static void
raw_deterministic (size_t n)
{
   uint8_t input[42] = {1};
   uint8_t text[16] = {2};
   uint8_t mac[64];

   for (size_t i = 0; i < n; i++) {
      uint8_t *out = malloc (98);
      int len = 0;
      raw_hmac (0, input, sizeof input, mac);
      memcpy (out, input, 18);
      memcpy (out + 18, mac, 16);
      if (!EVP_EncryptInit_ex (raw_cipher, NULL, NULL, NULL, mac) ||
          !EVP_EncryptUpdate (raw_cipher, out + 34, &len, text, sizeof text) ||
          !EVP_EncryptFinal_ex (raw_cipher, out + 34 + len, &len)) {
         exit (1);
      }
      raw_hmac (1, out, 74, mac);
      memcpy (out + 66, mac, 32);
      sink += out[97];
      free (out);
   }
}

/* --- measuring -------------------------------------------------------------------------------------------------------- */

static double
cpu_seconds (void)
{
   struct timespec t;

   clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
   return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
time_of (void (*run) (size_t), size_t n)
{
   double start = cpu_seconds ();

   run (n);
   return cpu_seconds () - start;
}

static int
by_size (const void *a, const void *b)
{
   double x = *(const double *)a;
   double y = *(const double *)b;

   return (x > y) - (x < y);
}

static double
median (double *times)
{
   qsort (times, ROUNDS, sizeof *times, by_size);
   return times[ROUNDS / 2];
}

/* Prints how many times faster (or, when at_most, slower) run is than against. */
static void
compare (const char *name, const char *peer_name, void (*run) (size_t), void (*against) (size_t), size_t n, double goal,
         bool at_most)
{
   double ours[ROUNDS];
   double others[ROUNDS];

   run (n / 10 + 1);
   against (n / 10 + 1);
   for (int i = 0; i < ROUNDS; i++) {
      ours[i] = time_of (run, n);
      others[i] = time_of (against, n);
   }
   double a = median (ours);
   double b = median (others);
   double ratio = at_most ? a / b : b / a;
   bool ok = at_most ? ratio <= goal : ratio >= goal;
   fprintf (stderr, "%-28s %9.0f ns against %9.0f ns\n", name, a / (double)n * 1e9, b / (double)n * 1e9);
   printf ("{\"name\":\"%s\",\"peer\":\"%s\",\"ratio\":%.3f,\"goal\":%.1f,\"ok\":%s}\n", name, peer_name, ratio, goal,
           ok ? "true" : "false");
   fflush (stdout);
}

/* --- set-up ----------------------------------------------------------------------------------------------------------- */

static bool
collect_keys (void *ctx, const bson_t *doc)
{
   bson_t **keys = ctx;

   *keys = bson_copy (doc);
   return true;
}

static void
create_key (uint8_t out[16])
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   fg_error err = {0};

   must (fg_client_create_data_key (client, "local", &options, out, &err), "create a key", &err);
}

static void
fill_bulk (void)
{
   for (int i = 0; i < FIELDS; i++) {
      char name[16];
      char text[16];
      fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
      bson_value_t v = {.value_type = BSON_TYPE_UTF8};
      bson_value_t out;
      fg_error err = {0};
      snprintf (name, sizeof name, "key%04d", i + 1);
      snprintf (text, sizeof text, "value %04d", i + 1);
      v.value.v_utf8.str = text;
      v.value.v_utf8.len = (uint32_t)strlen (text);
      options.key_id = id;
      options.algorithm = FG_ALGORITHM_DETERMINISTIC;
      must (fg_client_encrypt (client, &v, &options, &out, &err), "encrypt", &err);
      BSON_APPEND_VALUE (&bulk, name, &out);
      bson_value_destroy (&out);
   }
}

static void
set_up (void)
{
   static const uint8_t kek[96];
   static char text[] = "457-55-5462";
   static bson_t *key;
   bson_t *providers = BCON_NEW ("local", "{", "key", BCON_BIN (BSON_SUBTYPE_BINARY, kek, 96), "}");
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   fg_encrypt_options encrypt = FG_ENCRYPT_OPTIONS_INIT;
   fg_error err = {0};

   vault = fg_key_vault_memory_new (&err);
   options.key_vault = vault;
   options.kms_providers = providers;
   options.key_expiration_ms = 0;
   client = fg_client_new (&options, &err);
   must (client != NULL, "client", &err);
   bson_destroy (providers);
   create_key (id);
   must (fg_client_visit_keys (client, NULL, collect_keys, &key, &err), "key", &err);
   theirs = peer_new (&key, 1);
   value.value_type = BSON_TYPE_UTF8;
   value.value.v_utf8.str = text;
   value.value.v_utf8.len = sizeof text - 1;
   BSON_APPEND_VALUE (&plain, "v", &value);
   encrypt.key_id = id;
   encrypt.algorithm = FG_ALGORITHM_DETERMINISTIC;
   must (fg_client_encrypt (client, &value, &encrypt, &blob, &err), "encrypt", &err);
   BSON_APPEND_VALUE (&sealed, "v", &blob);
   fill_bulk ();
   raw_set_up ();
}

int
main (void)
{
   set_up ();
   compare ("client_deterministic", "libmongocrypt", our_deterministic, their_deterministic, OPS, 4.5, false);
   compare ("client_random", "libmongocrypt", our_random, their_random, OPS, 6.0, false);
   compare ("client_decrypt", "libmongocrypt", our_decrypt, their_decrypt, OPS, 5.0, false);
   compare ("client_bulk_decrypt_1500", "libmongocrypt", our_bulk, their_bulk, 4, 3.5, false);
   compare ("client_deterministic_raw", "OpenSSL, prepared", our_deterministic, raw_deterministic, OPS, 1.2, true);
   for (size_t i = 0; i < MANY_KEYS; i++) {
      create_key (many_ids[i]);
   }
   our_many_keys (MANY_KEYS);
   compare ("client_1000_keys", "1 key", our_many_keys, our_deterministic, OPS, 1.1, true);
   return 0;
}

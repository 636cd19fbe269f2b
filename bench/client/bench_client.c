/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values encrypted and decrypted per CPU second, as ratios against libmongocrypt doing the same in the same run (Debian's, and the newest one out of pymongocrypt's wheel, where
 * there is one), and against bare OpenSSL with contexts that are prepared once. Contenders take turns; medians of the rounds are compared. Prints one JSON object a line.
 */

#include "bench/client/peer_hooks.h"

#include <fieldguard/client.h>

#include <glob.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <time.h>

#define ROUNDS 61
#define OPS 1000
#define FIELDS 1500
#define MANY_KEYS 1000

static fg_key_vault *vault;
static fg_client *client;

/* The other libraries; theirs is the one that runs now. */
#define PEERS_MAX 2
typedef struct contender {
   char name[96];
   peer *peer;
} contender;
static contender peers[PEERS_MAX];
static size_t n_peers;
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

static void
print_row (const char *name, const char *peer_name, double ratio, double goal, bool ok)
{
   printf ("{\"name\":\"%s\",\"peer\":\"%s\",\"ratio\":%.3f,\"goal\":%.1f,\"ok\":%s}\n", name, peer_name, ratio, goal,
           ok ? "true" : "false");
   fflush (stdout);
}

/* How many times slower run is than against, which is to be goal at most. */
static void
compare_to (const char *name, const char *peer_name, void (*run) (size_t), void (*against) (size_t), size_t n,
            double goal)
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
   fprintf (stderr, "%-28s %9.0f ns, %9.0f ns %s\n", name, a / (double)n * 1e9, b / (double)n * 1e9, peer_name);
   print_row (name, peer_name, a / b, goal, a / b <= goal);
}

/* How many times faster than each of the other libraries: goal at least. */
static void
compare_with_peers (const char *name, void (*run) (size_t), void (*against) (size_t), size_t n, double goal)
{
   double ours[ROUNDS] = {0};
   double others[PEERS_MAX][ROUNDS] = {{0}};

   for (int i = -1; i < ROUNDS; i++) {
      double mine = time_of (run, n);
      if (i >= 0) {
         ours[i] = mine;
      }
      for (size_t p = 0; p < n_peers; p++) {
         theirs = peers[p].peer;
         double other = time_of (against, n);
         if (i >= 0) {
            others[p][i] = other;
         }
      }
   }
   double a = median (ours);
   for (size_t p = 0; p < n_peers; p++) {
      double b = median (others[p]);
      fprintf (stderr, "%-28s %9.0f ns, %9.0f ns %s\n", name, a / (double)n * 1e9, b / (double)n * 1e9, peers[p].name);
      print_row (name, peers[p].name, b / a, goal, b / a >= goal);
   }
}

/* --- two threads ------------------------------------------------------------------------------------------------------ */

#define THREADS 2
#define BULKS 40

static double
now_seconds (clockid_t clock)
{
   struct timespec t;

   clock_gettime (clock, &t);
   return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Documents per second of this thread's CPU time. */
static void *
bulk_thread (void *out)
{
   double start = now_seconds (CLOCK_THREAD_CPUTIME_ID);

   our_bulk (BULKS);
   *(double *)out = BULKS / (now_seconds (CLOCK_THREAD_CPUTIME_ID) - start);
   return NULL;
}

/* Documents per second of THREADS threads together, by the clock and by CPU time. */
static void
bulk_with (size_t n_threads, double *by_clock, double *by_cpu)
{
   pthread_t threads[THREADS];
   double rates[THREADS];
   double start = now_seconds (CLOCK_MONOTONIC);

   *by_cpu = 0;
   for (size_t i = 0; i < n_threads; i++) {
      must (pthread_create (&threads[i], NULL, bulk_thread, &rates[i]) == 0, "thread", NULL);
   }
   for (size_t i = 0; i < n_threads; i++) {
      pthread_join (threads[i], NULL);
      *by_cpu += rates[i];
   }
   *by_clock = (double)(n_threads * BULKS) / (now_seconds (CLOCK_MONOTONIC) - start);
}

/* What a second thread adds. By the clock on a machine that has two cores to spare; on a busy one by the CPU time that the threads were given, which shows what they cost each
 * other, and not what other programs cost them. */
static void
compare_threads (void)
{
   double one[ROUNDS], two[ROUNDS], one_cpu[ROUNDS], two_cpu[ROUNDS];
   double load = 99;
   bool idle = getloadavg (&load, 1) == 1 && load < 1.5; /* this program's own is about 1 */

   for (int i = 0; i < ROUNDS; i++) {
      bulk_with (1, &one[i], &one_cpu[i]);
      bulk_with (THREADS, &two[i], &two_cpu[i]);
   }
   double clock = median (two) / median (one);
   double cpu = median (two_cpu) / median (one_cpu);
   double ratio = idle ? clock : cpu;
   fprintf (stderr, "bulk, 2 threads: %.2f by the clock, %.2f by CPU time, load %.1f\n", clock, cpu, load);
   print_row ("client_bulk_2_threads", idle ? "1 thread" : "1 thread, by CPU time (busy machine)", ratio, 1.8,
              ratio >= 1.8);
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
add_peer (const char *path, const char *origin, bool hooks, bson_t **key)
{
   peer_api api;

   if (!peer_load (path, &api)) {
      fprintf (stderr, "no libmongocrypt %s\n", origin);
      return;
   }
   contender *c = &peers[n_peers++];
   snprintf (c->name, sizeof c->name, "libmongocrypt %s (%s)", api.version (NULL), origin);
   c->peer = peer_start (&api, hooks ? peer_use_openssl : NULL, key, 1);
}

/* pymongocrypt's brings no cryptography of its own: it is given OpenSSL's. */
static void
add_peers (bson_t **key)
{
   const char *clients = getenv ("FG_CLIENTS");
   char pattern[4096];
   glob_t found;

   add_peer ("libmongocrypt.so.0", "Debian", false, key);
   snprintf (pattern, sizeof pattern, "%s/venv/lib/python3*/site-packages/pymongocrypt/libmongocrypt.so",
             clients ? clients : "build/clients");
   if (glob (pattern, 0, NULL, &found) == 0) {
      add_peer (found.gl_pathv[0], "PyPI", true, key);
   } else {
      fprintf (stderr, "no pymongocrypt at %s: run ci/clients.sh\n", pattern);
   }
   globfree (&found);
   must (n_peers > 0, "libmongocrypt", NULL);
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
   add_peers (&key);
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
   compare_with_peers ("client_deterministic", our_deterministic, their_deterministic, OPS, 4.5);
   compare_with_peers ("client_random", our_random, their_random, OPS, 6.0);
   compare_with_peers ("client_decrypt", our_decrypt, their_decrypt, OPS, 5.0);
   compare_with_peers ("client_bulk_decrypt_1500", our_bulk, their_bulk, 4, 3.5);
   compare_threads ();
   compare_to ("client_deterministic_raw", "OpenSSL, prepared", our_deterministic, raw_deterministic, OPS, 1.2);
   for (size_t i = 0; i < MANY_KEYS; i++) {
      create_key (many_ids[i]);
   }
   our_many_keys (MANY_KEYS);
   compare_to ("client_1000_keys", "1 key", our_many_keys, our_deterministic, 5 * OPS, 1.1);
   return 0;
}

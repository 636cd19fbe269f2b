/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_internal.h"

#include "client/secret/secret.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const fg_suite_name = "client.torture";

/*
 * Every allocation that the library and OpenSSL make on its behalf fails once in turn, pages for secrets included: the call says so, nothing crashes or is left
 * behind, and the next attempt succeeds. The functions below stand in for the C library's. libbson ends the process when it has no memory, so its own are left alone.
 */

static long calls;
static long fail_at; /* 0: never */
static bool counting;

static inline bool
fails (void)
{
   if (counting && ++calls == fail_at) {
      errno = ENOMEM;
      return true;
   }
   return false;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
void *__libc_malloc (size_t n);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *p, size_t n);
void *__libc_memalign (size_t alignment, size_t n);
void __libc_free (void *p);

void *
malloc (size_t n)
{
   return fails () ? NULL : __libc_malloc (n);
}

void *
calloc (size_t n, size_t size)
{
   return fails () ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n)
{
   return fails () ? NULL : __libc_realloc (p, n);
}

void *
aligned_alloc (size_t alignment, size_t n)
{
   return fails () ? NULL : __libc_memalign (alignment, n);
}

void *
mmap (void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
   return fails () ? MAP_FAILED : (void *)syscall (SYS_mmap, at, n, protection, flags, fd, offset);
}

int
mlock (const void *at, size_t n)
{
   return fails () ? -1 : (int)syscall (SYS_mlock, at, n);
}

static void
keep_libbson_going (void)
{
   const bson_mem_vtable_t direct = {
      .malloc = __libc_malloc, .calloc = __libc_calloc, .realloc = __libc_realloc, .free = __libc_free};

   bson_mem_set_vtable (&direct);
}
#endif

#if !OWN_ALLOCATOR
static void
keep_libbson_going (void)
{
}
#endif

/* --- a KMS that wraps by adding eight bytes, after credentials were asked for -------------------------------------------------- */

static const char plaintext[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static bool
answer (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request, fg_http_reply *reply,
        fg_io_failure *failure, fg_error *err)
{
   int n;

   (void)ctx;
   (void)tls;
   (void)timeout_ms;
   (void)failure;
   (void)err;
   n = snprintf ((char *)reply->body->bytes, reply->body->len,
                 strstr (request->path, "token") ? "{\"access_token\": \"T\", \"expires_in\": 60}"
                                                 : "{\"value\": \"%s\"}",
                 plaintext);
   reply->len = (size_t)n;
   reply->status = 200;
   return true;
}

static int64_t
now (void *ctx)
{
   (void)ctx;
   return 1540000000;
}

static void
no_pause (void *ctx, int64_t ms)
{
   (void)ctx;
   (void)ms;
}

static const fg_kms_io io = {.http = answer, .now = now, .pause_ms = no_pause};

/* --- everything that a client does ---------------------------------------------------------------------------------------------- */

typedef struct scenario {
   fg_key_vault *vault;
   const bson_t *providers;
   const bson_t *azure_key;
   fg_error err;
} scenario;

static bool
use_values (fg_client *client, const uint8_t id[16], const char *name, fg_error *err)
{
   static char text[] = "a value that is longer than a block of the cipher";
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   bson_value_t value = {.value_type = BSON_TYPE_UTF8};
   bson_value_t blob, back;
   bson_t document = BSON_INITIALIZER;

   value.value.v_utf8.str = text;
   value.value.v_utf8.len = sizeof text - 1;
   options.key_id = name ? NULL : id;
   options.key_alt_name = name;
   options.algorithm = name ? FG_ALGORITHM_RANDOM : FG_ALGORITHM_DETERMINISTIC;
   if (!fg_client_encrypt (client, &value, &options, &blob, err)) {
      return false;
   }
   BSON_APPEND_VALUE (&document, "v", &blob);
   bool ok = fg_client_decrypt (client, &blob, &back, err);
   if (ok) {
      CU_ASSERT_STRING_EQUAL (back.value.v_utf8.str, text);
      bson_value_destroy (&back);
      fg_client_forget_key (client, NULL);
      bson_t *plain = fg_client_decrypt_document (client, &document, err);
      ok = plain != NULL;
      bson_destroy (plain);
   }
   bson_value_destroy (&blob);
   bson_destroy (&document);
   return ok;
}

static bool
use_keys (fg_client *client, const uint8_t id[16], fg_error *err)
{
   fg_rewrap_options rewrap = FG_REWRAP_OPTIONS_INIT;
   fg_rewrap_result result;
   bson_t *document = NULL;
   bool deleted = false;

   bool ok = fg_client_get_key (client, id, &document, err);
   bson_destroy (document);
   document = NULL;
   ok = ok && fg_client_add_key_alt_name (client, id, "second", &document, err);
   bson_destroy (document);
   document = NULL;
   ok = ok && fg_client_get_key_by_alt_name (client, "second", &document, err);
   bson_destroy (document);
   document = NULL;
   ok = ok && fg_client_rewrap_many_data_key (client, NULL, &rewrap, &result, err);
   ok = ok && fg_client_remove_key_alt_name (client, id, "second", &document, err);
   bson_destroy (document);
   return ok && fg_client_delete_key (client, id, &deleted, err);
}

static bool
play (scenario *s)
{
   static const char *const names[] = {"name"};
   static const uint8_t zeros[96];
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   fg_data_key_options key_options = FG_DATA_KEY_OPTIONS_INIT;
   uint8_t local[16], azure[16];

   options.key_vault = s->vault;
   options.kms_providers = s->providers;
   fg_client *client = fg_client_new_with_io (&options, &io, &s->err);
   if (!client) {
      return false;
   }
   key_options.key_alt_names = names;
   key_options.n_key_alt_names = 1;
   bool ok = fg_client_create_data_key (client, "local", &key_options, local, &s->err) &&
             use_values (client, local, NULL, &s->err) && use_values (client, local, "name", &s->err) &&
             use_keys (client, local, &s->err);
   key_options.n_key_alt_names = 0;
   key_options.master_key = s->azure_key;
   key_options.key_material = zeros; /* as the KMS above answers */
   ok = ok && fg_client_create_data_key (client, "azure", &key_options, azure, &s->err) &&
        use_values (client, azure, NULL, &s->err) && use_keys (client, azure, &s->err);
   fg_client_free (client);
   return ok;
}

static bool
remove_visited (void *ctx, const bson_t *doc)
{
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t len;

   if (bson_iter_init_find (&iter, doc, "_id")) {
      bson_iter_binary (&iter, NULL, &len, &data);
      memcpy (ctx, data, 16);
   }
   return false;
}

/* What a failure left in the vault is whole: its documents are read and removed. */
static size_t
empty_vault (fg_key_vault *vault)
{
   static const bson_t all = BSON_INITIALIZER;
   size_t n = 0;

   for (bool removed = true; removed; n += removed ? 1 : 0) {
      uint8_t id[16] = {0};
      removed = false;
      if (vault->ops->find_matching (vault->self, &all, remove_visited, id, NULL)) {
         (void)!vault->ops->remove (vault->self, id, &removed, NULL);
      }
   }
   return n;
}

static void
test_every_allocation (void)
{
   static const uint8_t kek[96];

   if (!OWN_ALLOCATOR) {
      fg_test_skip ("the sanitizer has an allocator of its own");
      return;
   }
   keep_libbson_going ();
   bson_t *providers =
      BCON_NEW ("local", "{", "key", BCON_BIN (BSON_SUBTYPE_BINARY, kek, 96), "}", "azure", "{", "tenantId",
                BCON_UTF8 ("t"), "clientId", BCON_UTF8 ("c"), "clientSecret", BCON_UTF8 ("s"), "}");
   bson_t *azure_key = BCON_NEW ("keyVaultEndpoint", BCON_UTF8 ("v.vault.azure.net"), "keyName", BCON_UTF8 ("k"));
   scenario s = {.vault = fg_key_vault_memory_new (NULL), .providers = providers, .azure_key = azure_key};
   CU_ASSERT_PTR_NOT_NULL_FATAL (s.vault);
   bool once = play (&s); /* what OpenSSL sets up once is set up */
   if (!once) {
      fprintf (stderr, "%s\n", s.err.message);
   }
   CU_ASSERT_TRUE_FATAL (once);
   long failed = 0;
   for (long i = 1;; i++) {
      memset (&s.err, 0, sizeof s.err);
      calls = 0;
      fail_at = i;
      counting = true;
      bool ok = play (&s);
      counting = false;
      bool reached = calls >= i;
      if (!ok && s.err.message[0] == '\0') {
         fprintf (stderr, "allocation %ld: failed without an error\n", i);
         CU_FAIL ("no error");
      }
      failed += ok ? 0 : 1;
      CU_ASSERT_EQUAL (fg_secret_in_use (), 0);
      empty_vault (s.vault);
      if (!reached) {
         CU_ASSERT_TRUE (ok);
         break;
      }
   }
   CU_ASSERT_TRUE (play (&s));
   CU_ASSERT_TRUE (failed > 50); /* the failures were real ones */
   fg_key_vault_free (s.vault);
   bson_destroy (providers);
   bson_destroy (azure_key);
}

const fg_test fg_tests[] = {
   {"every_allocation", test_every_allocation},
   {NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kmip.h"
#include "tests/unit/client/vectors.h"

const char *const fg_suite_name = "client.kmip";

static fg_kms_provider provider = {.name = (char *)(uintptr_t) "kmip"};

/* The bytes of a named message out of kms-message's tests. */
static size_t
message (const char *name, uint8_t *out, size_t size)
{
   bson_t *doc = vector_json ("extracted/kmip-messages.json");
   bson_iter_t iter;
   bson_iter_t element;
   size_t n = 0;

   if (doc && bson_iter_init_find (&iter, doc, "messages") && bson_iter_recurse (&iter, &element)) {
      while (bson_iter_next (&element)) {
         const uint8_t *data;
         uint32_t len;
         bson_t one;
         bson_iter_document (&element, &len, &data);
         const char *own = bson_init_static (&one, data, len) ? text_of (&one, "name") : NULL;
         if (own && strcmp (own, name) == 0) {
            n = unhex (text_of (&one, "hex"), out, size);
         }
      }
   }
   bson_destroy (doc);
   return n;
}

static void
compare_request (const fg_kmip_request *request, const char *name)
{
   uint8_t want[1024];
   size_t len = message (name, want, sizeof want);
   fg_ttlv_writer w;

   CU_ASSERT_TRUE_FATAL (fg_kmip_build (request, &w, NULL));
   CU_ASSERT_EQUAL (w.len, len);
   CU_ASSERT_EQUAL (memcmp (w.out->bytes, want, len), 0);
   fg_secret_free (w.out);
}

static void
test_requests (void)
{
   uint8_t secret[96];
   const char *id = "7FJYvnV6XkaUCWuY96bCSc6AuhvkPpqI";

   if (message ("REGISTER_SECRETDATA_SECRETDATA", secret, sizeof secret) != 96) {
      fg_test_skip ("no vectors here");
      return;
   }
   compare_request (&(fg_kmip_request){.operation = FG_KMIP_REGISTER, .data = secret, .len = 96},
                    "REGISTER_SECRETDATA_REQUEST");
   compare_request (&(fg_kmip_request){.operation = FG_KMIP_GET, .id = id}, "GET_REQUEST");
   compare_request (&(fg_kmip_request){.operation = FG_KMIP_ACTIVATE, .id = id}, "ACTIVATE_REQUEST");
}

static void
test_replies (void)
{
   uint8_t bytes[1024], secret[96];
   size_t len = message ("SUCCESS_GET_RESPONSE", bytes, sizeof bytes);
   const uint8_t *data = NULL;
   char id[FG_KMIP_ID_MAX];
   fg_ttlv payload;
   fg_error err = {0};

   if (len == 0) {
      fg_test_skip ("no vectors here");
      return;
   }
   CU_ASSERT_EQUAL (message ("SUCCESS_GET_RESPONSE_SECRETDATA", secret, sizeof secret), 96);
   CU_ASSERT_TRUE_FATAL (fg_kmip_read (&provider, FG_KMIP_GET, bytes, len, &payload, &err));
   CU_ASSERT_TRUE_FATAL (fg_kmip_read_secret (&provider, &payload, &data, &err));
   CU_ASSERT_EQUAL (memcmp (data, secret, 96), 0);
   CU_ASSERT_FALSE (
      fg_kmip_read (&provider, FG_KMIP_REGISTER, bytes, len, &payload, &err)); /* answers something else */
   len = message ("SUCCESS_REGISTER_RESPONSE", bytes, sizeof bytes);
   CU_ASSERT_TRUE_FATAL (fg_kmip_read (&provider, FG_KMIP_REGISTER, bytes, len, &payload, &err));
   CU_ASSERT_TRUE (fg_kmip_read_id (&provider, &payload, id, &err));
   CU_ASSERT_STRING_EQUAL (id, "39");
   len = message ("ERROR_GET_RESPOSE_NOTFOUND", bytes, sizeof bytes);
   CU_ASSERT_FALSE (fg_kmip_read (&provider, FG_KMIP_GET, bytes, len, &payload, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "Item Not Found"));
}

/* A reply cut anywhere, or with any byte changed, is an error or a reply, never a read outside. */
static void
test_hostile_replies (void)
{
   uint8_t bytes[1024];
   size_t len = message ("SUCCESS_GET_RESPONSE", bytes, sizeof bytes);
   fg_ttlv payload;
   const uint8_t *data;

   if (len == 0) {
      fg_test_skip ("no vectors here");
      return;
   }
   for (size_t cut = 0; cut < len; cut++) {
      uint8_t *exact = malloc (cut ? cut : 1);
      memcpy (exact, bytes, cut);
      CU_ASSERT_FALSE (fg_kmip_read (&provider, FG_KMIP_GET, exact, cut, &payload, NULL));
      free (exact);
   }
   for (size_t i = 0; i < len; i++) {
      uint8_t *exact = malloc (len);
      memcpy (exact, bytes, len);
      for (unsigned v = 0; v < 256; v += 3) {
         exact[i] = (uint8_t)v;
         if (fg_kmip_read (&provider, FG_KMIP_GET, exact, len, &payload, NULL) &&
             fg_kmip_read_secret (&provider, &payload, &data, NULL)) {
            CU_ASSERT_TRUE (data >= exact && data + 96 <= exact + len);
         }
      }
      free (exact);
   }
   CU_PASS ("no crash");
}

/* Lengths that no buffer holds, nesting beyond the limit, a message that does not fit. */
static void
test_writer_limits (void)
{
   static uint8_t big[FG_TTLV_REQUEST_MAX];
   const fg_kmip_request request = {.operation = FG_KMIP_ENCRYPT, .id = "x", .data = big, .len = sizeof big};
   fg_ttlv_writer w;
   fg_ttlv item;
   size_t used;
   const uint8_t lying[16] = {0x42, 0, 0x7B, 1, 0xFF, 0xFF, 0xFF, 0xFF};
   const uint8_t no_type[16] = {0x42, 0, 0x7B, 0};

   CU_ASSERT_FALSE (fg_kmip_build (&request, &w, NULL));
   fg_secret_free (w.out);
   CU_ASSERT_TRUE_FATAL (fg_ttlv_writer_init (&w, NULL));
   for (size_t i = 0; i <= FG_TTLV_DEPTH_MAX; i++) {
      fg_ttlv_begin (&w, 0x420078);
   }
   CU_ASSERT_TRUE (w.failed);
   fg_secret_free (w.out);
   CU_ASSERT_FALSE (fg_ttlv_read (lying, sizeof lying, &item, &used));
   CU_ASSERT_FALSE (fg_ttlv_read (no_type, sizeof no_type, &item, &used));
   CU_ASSERT_FALSE (fg_ttlv_read (lying, 7, &item, &used));
}

const fg_test fg_tests[] = {
   {"requests", test_requests},
   {"replies", test_replies},
   {"hostile_replies", test_hostile_replies},
   {"writer_limits", test_writer_limits},
   {NULL, NULL},
};

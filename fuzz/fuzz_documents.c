/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: documents fieldguard-base ; -lbson-1.0 */
#include "cli/documents.h"

#include <bson/bson.h>
#include <stdlib.h>

/*
 * The streaming reader on any bytes. The first byte is the size of its reads, so that documents and lines lie across them; the same bytes in one read must give the same
 * documents. What was read from JSON must be BSON that libbson takes; offsets never go back and never leave the input.
 */

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct input {
   const uint8_t *data;
   size_t left, step;
} input;

static ssize_t
source (void *ctx, void *buf, size_t len)
{
   input *in = ctx;
   size_t n = len < in->step ? len : in->step;

   n = n < in->left ? n : in->left;
   if (n) {
      memcpy (buf, in->data, n);
   }
   in->data += n;
   in->left -= n;
   return (ssize_t)n;
}

static void
check (const fg_document *document, uint64_t last, size_t size)
{
   bson_t bson;

   if (document->offset < last || document->offset >= size || document->len < 5) {
      abort ();
   }
   if (document->line && (!bson_init_static (&bson, document->data, document->len) ||
                          !bson_validate (&bson, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL, NULL))) {
      abort ();
   }
}

/* A sum over every document and how the reading ended. */
static uint64_t
read_all (const uint8_t *data, size_t size, size_t step)
{
   input in = {data, size, step};
   fg_documents *documents = fg_documents_new (source, &in, "input", FG_DOCUMENTS_DETECT, NULL);
   fg_documents_result result = FG_DOCUMENTS_ERROR;
   fg_document document;
   fg_error err = {0};
   uint64_t sum = 14695981039346656037u;
   uint64_t last = 0;

   if (!documents) {
      return 0;
   }
   while ((result = fg_documents_next (documents, &document, &err)) == FG_DOCUMENTS_ONE) {
      check (&document, last, size);
      last = document.offset;
      for (size_t i = 0; i < document.len; i++) {
         sum = (sum ^ document.data[i]) * 1099511628211u;
      }
      sum = (sum ^ document.offset) * 1099511628211u;
   }
   if (result == FG_DOCUMENTS_ERROR && !err.message[0]) {
      abort ();
   }
   fg_documents_free (documents);
   return sum ^ (uint64_t)(int64_t)result;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   if (size > 1 && read_all (data + 1, size - 1, (size_t)data[0] + 1) != read_all (data + 1, size - 1, SIZE_MAX)) {
      abort ();
   }
   return 0;
}

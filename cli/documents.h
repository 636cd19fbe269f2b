/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_DOCUMENTS_H
#define FG_CLI_DOCUMENTS_H

/*
 * Documents, one after another, from a file, a pipe or memory: newline-delimited Extended JSON, or BSON as mongodump writes it; which of them is seen from the first bytes.
 *
 * Memory holds one document and one read-ahead block, whatever the input's size. A BSON document larger than FG_DOCUMENT_MAX, or a line longer than FG_LINE_MAX, is an error before
 * memory is taken for it. Errors name the input, the offset in bytes from its start and, for JSON, the line; they quote nothing.
 */

#include "base/base.h"

#include <sys/types.h>

#define FG_DOCUMENT_MAX (64u * 1024u * 1024u)
#define FG_LINE_MAX (256u * 1024u * 1024u)

typedef enum fg_documents_format { FG_DOCUMENTS_DETECT = 0, FG_DOCUMENTS_JSON, FG_DOCUMENTS_BSON } fg_documents_format;

/* As read(2): how many bytes, 0 at the end, -1 with errno. */
typedef ssize_t (*fg_documents_source) (void *ctx, void *buf, size_t len);

typedef enum fg_documents_result {
   FG_DOCUMENTS_ERROR = -1,
   FG_DOCUMENTS_END = 0,
   FG_DOCUMENTS_ONE = 1
} fg_documents_result;

typedef struct fg_document {
   const uint8_t *data; /* BSON; until the next call */
   size_t len;
   uint64_t offset; /* of its first byte, or of its line's, in the input */
   uint64_t line; /* from 1; 0 in BSON */
} fg_document;

typedef struct fg_documents fg_documents;

/* name: for messages; borrowed, as ctx is. */
fg_documents *fg_documents_new (fg_documents_source source, void *ctx, const char *name, fg_documents_format format,
                                fg_error *err) FG_WARN_UNUSED;
/* The same for an open file, from its start. A regular file is not copied but looked at where it lies in the page cache (cli/window.h). */
fg_documents *fg_documents_new_file (int fd, const char *name, fg_documents_format format,
                                     fg_error *err) FG_WARN_UNUSED;
void fg_documents_free (fg_documents *documents); /* NULL is legal */

/* The length and the terminator of a BSON document are checked here, what lies between is not. */
fg_documents_result fg_documents_next (fg_documents *documents, fg_document *out, fg_error *err) FG_WARN_UNUSED;

/* Bytes taken from the input so far. */
uint64_t fg_documents_position (const fg_documents *documents);

#endif /* FG_CLI_DOCUMENTS_H */

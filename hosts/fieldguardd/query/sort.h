/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_SORT_H
#define FGD_QUERY_SORT_H

/*
 * Sorting as mongod does it: a pattern ({a: 1, "b.c": -1}) gives each document a key, the smallest of the keys that an index of that pattern would hold for it
 * (arrays give one key an element; [] sorts as undefined, missing as null; two arrays that are not the same one: 2 BadValue).
 *
 * Threads: a compiled fgd_sort is read-only; an fgd_sorter belongs to one thread. Since 1.0.
 */

#include <fieldguard/error.h>
#include <fieldguard/match.h>

#include "base/base.h"

typedef struct fgd_sort fgd_sort;

/* spec is copied. An empty one is legal: every document has the same key. {$natural: 1 or -1} is understood alone. Errors: 15974, 15975, ... */
fgd_sort *fgd_sort_compile (const uint8_t *spec, size_t len, fg_error *err) FG_WARN_UNUSED;
void fgd_sort_free (fgd_sort *sort); /* NULL is legal */
size_t fgd_sort_fields (const fgd_sort *sort);
/* The dotted path of field i and whether it descends: for callers that look for an index in that order. */
const char *fgd_sort_field (const fgd_sort *sort, size_t i, bool *descending);
/* 1 or -1 for {$natural: ...}, else 0. The caller reads the store in that order and sorts nothing. */
int fgd_sort_natural (const fgd_sort *sort);

/* The document's key, {"": v, "": v, ...}; out is emptied first. */
bool fgd_sort_key (const fgd_sort *sort, const uint8_t *doc, size_t len, fg_buf *out, fg_error *err) FG_WARN_UNUSED;
/* <0, 0, >0 for two keys of fgd_sort_key. */
int fgd_sort_compare (const fgd_sort *sort, const uint8_t *a, const uint8_t *b);

/* Collects documents and gives them back in order (equal keys in the order in which they came). */
typedef struct fgd_sorter fgd_sorter;
#define FGD_SORT_MEMORY (100u * 1024u * 1024u)

/* limit: keep only the first so many (0: all; with a skip the caller adds it). max_bytes: 0 for FGD_SORT_MEMORY; beyond it 292. sort is borrowed until the sorter is freed. */
fgd_sorter *fgd_sorter_new (const fgd_sort *sort, size_t limit, size_t max_bytes, fg_error *err) FG_WARN_UNUSED;
void fgd_sorter_free (fgd_sorter *sorter);
/* Copies doc. tag comes back with it (a record id, the positional index, ...). */
bool fgd_sorter_add (fgd_sorter *sorter, const uint8_t *doc, size_t len, uint64_t tag, fg_error *err) FG_WARN_UNUSED;
/* Ends the adding. */
void fgd_sorter_finish (fgd_sorter *sorter);
/* After finish: the next document, valid until the sorter is freed; false at the end. */
bool fgd_sorter_next (fgd_sorter *sorter, const uint8_t **doc, size_t *len, uint64_t *tag);

#endif /* FGD_QUERY_SORT_H */

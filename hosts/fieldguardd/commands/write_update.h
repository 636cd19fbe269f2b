/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_WRITE_UPDATE_H
#define FGD_WRITE_UPDATE_H

/*
 * One update or delete statement: what update, delete, findAndModify and bulkWrite have in common. Updates are judged and stored document by document, as
 * mongod does: when the third of five is refused, the first two are changed.
 */

#include "hosts/fieldguardd/commands/write_doc.h"
#include "hosts/fieldguardd/query/update.h"
#include "hosts/fieldguardd/store/retry.h"

/* Views; absent members have type 0. */
typedef struct fgd_statement {
   fg_value filter;
   fg_value update; /* type 0: a delete */
   fg_value array_filters;
   fg_value constants; /* c of a statement; the command's let otherwise */
   fg_value collation;
   fg_value hint;
   fg_value sort;
   bool multi;
   bool upsert;
   /* findAndModify: the image to be given back */
   bool want_pre;
   bool want_post;
} fgd_statement;

typedef struct fgd_outcome {
   int64_t matched; /* deletes: deleted. An upsert that inserted is not counted here */
   int64_t modified;
   bool upserted;
   fg_buf upserted_id; /* {_id: ...} of an upsert */
   fg_buf image; /* want_pre, want_post: the document, empty when there is none */
   size_t positional; /* how the image was matched */
} fgd_outcome;

void fgd_outcome_free (fgd_outcome *outcome);
/* What a retry of the statement has to know, and back. The result borrows from the outcome. */
fgd_statement_result fgd_outcome_result (const fgd_outcome *outcome);
bool fgd_outcome_recall (fgd_outcome *outcome, const fgd_statement_result *result, fgd_failure *failure) FG_WARN_UNUSED;

/* outcome is zero-initialised by the caller; on false it says what was done before the refusal. */
bool fgd_write_update (fgd_write *write, const fgd_statement *statement, fgd_outcome *outcome,
                       fgd_failure *failure) FG_WARN_UNUSED;
bool fgd_write_delete (fgd_write *write, const fgd_statement *statement, fgd_outcome *outcome,
                       fgd_failure *failure) FG_WARN_UNUSED;

#endif /* FGD_WRITE_UPDATE_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_WRITER_CALL_H
#define FGD_WRITER_CALL_H

/*
 * What a read command has the writer thread do: an aggregate runs its pipeline in a read snapshot on its own thread and hands over what it found in bounded
 * batches, so that the one writer is held for a batch at a time.
 */

#include "hosts/fieldguardd/commands/crud_args.h"

/* Runs work on the writer thread, with a request of its own whose txn is the write transaction, and waits until what it wrote is on disk (or is lost: then
 * false, whatever work itself had found). Never on the writer thread itself, and never inside a multi-document transaction. */
bool fgd_call_writer (const fgd_request *request, void (*work) (void *ctx, fgd_request *inner), void *ctx,
                      fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_WRITER_CALL_H */

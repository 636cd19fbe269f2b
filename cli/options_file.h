/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_OPTIONS_FILE_H
#define FG_CLI_OPTIONS_FILE_H

/*
 * A collection's options in a file: what `create` takes or listCollections returns under `options`, as one Extended JSON object over any number of lines.
 */

#include "base/base.h"

#define FG_OPTIONS_FILE_MAX (64u * 1024u * 1024u)

/* The file's object as BSON; fg_buf_free it. "-" is standard input. Errors name file and offset. */
bool fg_options_file_read (const char *path, fg_buf *options, fg_error *err) FG_WARN_UNUSED;

/* What `create` refuses beside the validator itself: a member that it does not know, `validator` beside `timeseries`. In FG_ERROR_SERVER with mongod's code and text. */
bool fg_options_file_check (const fg_buf *options, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLI_OPTIONS_FILE_H */

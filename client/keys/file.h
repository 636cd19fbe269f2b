/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_FILE_H
#define FG_CLIENT_FILE_H

/* The few file operations that vaults in files, backups and journals share. */

#include <fieldguard/error.h>

/* A whole regular file of at most max bytes; free it. what: "the key vault", for messages. */
bool fg_file_read (const char *path, size_t max, const char *what, uint8_t **data, size_t *len,
                   fg_error *err) FG_WARN_UNUSED;
/* Goes on after interrupted and short writes; errno on failure. */
bool fg_file_write_all (int fd, const void *data, size_t len) FG_WARN_UNUSED;
/* The folder that holds path; errno on failure. */
bool fg_file_sync_folder (const char *path) FG_WARN_UNUSED;

#endif /* FG_CLIENT_FILE_H */

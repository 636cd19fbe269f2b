/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/io.h"

#include <time.h>

void
fg_sigpipe_block (fg_sigpipe *state)
{
   sigset_t pipe_set;
   sigset_t waiting;

   sigemptyset (&pipe_set);
   sigaddset (&pipe_set, SIGPIPE);
   sigpending (&waiting);
   state->was_pending = sigismember (&waiting, SIGPIPE) == 1;
   pthread_sigmask (SIG_BLOCK, &pipe_set, &state->old);
}

void
fg_sigpipe_restore (const fg_sigpipe *state)
{
   const struct timespec none = {0, 0};
   sigset_t pipe_set;

   sigemptyset (&pipe_set);
   sigaddset (&pipe_set, SIGPIPE);
   while (!state->was_pending && sigtimedwait (&pipe_set, NULL, &none) == SIGPIPE) {
   }
   pthread_sigmask (SIG_SETMASK, &state->old, NULL);
}

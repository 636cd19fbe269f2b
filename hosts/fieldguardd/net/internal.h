/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_NET_INTERNAL_H
#define FGD_NET_INTERNAL_H

/* What the files of net/ share. Everything here belongs to the loop thread unless it says otherwise. */

#include "hosts/fieldguardd/net/net.h"
#include "hosts/fieldguardd/net/wire.h"
#include "hosts/fieldguardd/store/store.h"

#include <pthread.h>
#include <uv.h>

#define FGD_LISTENERS_MAX 8
#define FGD_SCRATCH_LEN 65536

typedef struct fgd_connection fgd_connection;
typedef struct fgd_pool fgd_pool;

/* One command, from its last byte read to its reply's last byte written. While it is with a worker or the writer nobody else touches it. */
typedef struct fgd_op {
   fgd_job job; /* first: the store hands it back */
   fgd_connection *conn;
   uint8_t *bytes; /* the message; owned */
   size_t len;
   fgd_message message;
   const fgd_command *command;
   fgd_request request;
   fgd_reply reply;
   struct fgd_op *next; /* in the pool's queue, then in the done list */
   uint8_t head[FGD_REPLY_HEAD_MAX];
   int_fast64_t held_out; /* bytes of its reply that are counted */
   uv_write_t write;
} fgd_op;

struct fgd_connection {
   uv_tcp_t tcp;
   uv_timer_t hold; /* for a reply that waits (awaitable hello) */
   fgd_net *net;
   fgd_connection *prev, *next;
   fgd_session session;
   int open_handles; /* tcp and hold, until their close callbacks */
   bool closing;
   bool paused; /* not reading: enough is waiting */
   bool held; /* op waits for the timer */
   bool starved; /* not reading: there is no memory for its message */
   fgd_op *op; /* in flight */
   uint8_t *in; /* bytes not yet taken as messages */
   size_t in_len;
   size_t in_cap;
   size_t in_counted; /* of in_cap, in the process's total */
   int64_t in_since_us; /* when the message in `in` began to arrive */
   size_t unsent; /* of its reply, when it last read enough to count */
   int64_t unsent_since_us;
};

struct fgd_net {
   fgd_server *server;
   uv_loop_t loop;
   uv_async_t wake;
   uv_signal_t signals[4];
   uv_timer_t tick;
   uv_timer_t retry; /* while connections wait for memory */
   uv_timer_t grace; /* after it a shutdown no longer waits for slow readers */
   uv_tcp_t listeners[FGD_LISTENERS_MAX];
   size_t n_listeners;
   fgd_pool *pool;
   fgd_connection *connections;
   int max_connections;
   int64_t next_connection_id;
   int32_t next_request_id;
   size_t in_flight; /* operations with the pool or the writer */
   bool stalled[FGD_LISTENERS_MAX]; /* a connection could not be accepted for want of memory: the tick tries again */
   bool stopping;
   bool wake_closed;
   pthread_mutex_t mutex; /* of the two below: any thread */
   fgd_op *done_head, *done_tail;
   bool stop_requested;
   uint8_t scratch[FGD_SCRATCH_LEN];
};

/* connection.c */
void fgd_connection_accept (fgd_net *net, uv_stream_t *listener);
void fgd_connection_close (fgd_connection *conn, const char *why); /* why NULL: the client ended it */
void fgd_connection_pump (fgd_connection *conn); /* takes the next message, if one is whole and nothing is in flight */
void fgd_connection_release (fgd_connection *conn); /* frees it once it is closed and nothing is in flight */
/* The reply is out, or there is none: frees op. False: the connection is closing, and may be gone. */
bool fgd_connection_op_done (fgd_connection *conn);

/* After a wait for memory: reads on, if there is some now. */
void fgd_connection_try_again (fgd_connection *conn);

/* memory.c */
void fgd_memory_count_in (fgd_connection *conn); /* after every change of in_cap */
bool fgd_memory_admit (fgd_connection *conn, size_t want); /* may close others */
bool fgd_memory_exhausted (const fgd_net *net); /* what has arrived already cannot be kept either */
void fgd_memory_starve (fgd_connection *conn);
void fgd_memory_count_out (fgd_op *op); /* any thread that has the operation */
void fgd_memory_forget_out (fgd_op *op);
bool fgd_memory_out_full (const fgd_server *server); /* any thread */
void fgd_memory_note_unsent (fgd_connection *conn);
void fgd_memory_look_at_readers (fgd_net *net);
bool
fgd_memory_hopeless (const fgd_net *net); /* a large reply cannot be kept for a client that does not read it at once */

/* dispatch.c */
fgd_op *fgd_op_new (fgd_connection *conn, uint8_t *bytes,
                    size_t len); /* takes bytes; NULL: out of memory, bytes freed */
void fgd_op_free (fgd_op *op);
void fgd_op_dispatch (fgd_op *op); /* called by the pump */
void
fgd_op_finish_and_pump (fgd_op *op); /* called by everybody else: sends the reply, then looks for the next message */

/* net.c */
void fgd_net_post (fgd_net *net, fgd_op *op); /* any thread: op is done, finish it on the loop */
void fgd_net_check_stopped (fgd_net *net);

/* generic.c: reads $db and the arguments that every command takes. Any thread. */
bool fgd_generic_read (fgd_op *op, fg_error *err) FG_WARN_UNUSED;

/* reply.c: adds ok, or what an error reply holds. Any thread. */
void fgd_reply_complete (fgd_reply *reply);

/* pool.c */
fgd_pool *fgd_pool_new (fgd_net *net, fg_error *err) FG_WARN_UNUSED;
void fgd_pool_submit (fgd_pool *pool, fgd_op *op);
bool fgd_pool_starved (fgd_pool *pool); /* any thread */
void fgd_pool_wake (fgd_pool *pool); /* there is memory for replies again, or nobody may wait for it any more */
void fgd_pool_free (fgd_pool *pool); /* the queue is empty; NULL is legal */

#endif /* FGD_NET_INTERNAL_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_SERVER_H
#define FGD_SERVER_H

/*
 * The server: what belongs to the process and to nobody in particular.
 *
 * One fgd_server lives from main's first line to its last. It is filled in this order: config, log, loader (modules loaded, settings applied, started),
 * store (collections loaded), then the network is opened; and taken down in reverse. Members are written by main before the
 * network opens and only read afterwards, except the counters and stopping (atomic) and what the parts guard themselves (log, loader, store).
 *
 * Rooms: net/ (sockets, threads), store/ (what is kept), query/ (pure BSON), commands/ (what clients ask). Commands get the server through
 * their request; nothing reaches it by a global.
 */

#include "hosts/fieldguardd/command.h"
#include "hosts/fieldguardd/config.h"
#include "hosts/fieldguardd/limits.h"
#include "hosts/fieldguardd/log.h"

#include <fieldguard/host.h>

#include <stdatomic.h>

#define FGD_HOST_NAME "fieldguardd"
#define FGD_MONGO_VERSION "8.0.0" /* the server version whose behaviour is followed, and its wire version */
#define FGD_MAX_WIRE_VERSION 25
#define FGD_MAX_BSON_SIZE 16777216 /* a user's document */
#define FGD_MAX_BSON_INTERNAL_SIZE (FGD_MAX_BSON_SIZE + 16 * 1024) /* a command or reply around one */
#define FGD_MAX_MESSAGE_SIZE 48000000
#define FGD_MAX_WRITE_BATCH 100000
#define FGD_MAX_BSON_DEPTH 200

typedef struct fgd_store fgd_store; /* store/store.h */
typedef struct fgd_net fgd_net; /* net/net.h */

/* Counted where it happens: opcounters by dispatch (inserts, updates and deletes one a statement), network and connections by net/. */
typedef struct fgd_counters {
   atomic_int_fast64_t inserts, queries, updates, deletes, getmores, commands;
   atomic_int_fast64_t bytes_in, bytes_out, requests;
   atomic_int_fast64_t bytes_held_in, bytes_held_out; /* by messages and replies under way (net/memory.c) */
   atomic_int_fast64_t connections_current, connections_created, connections_rejected, connections_active;
} fgd_counters;

struct fgd_server {
   fgd_config config;
   fgd_limits limits;
   fgd_log *log;
   fg_loader *loader;
   fgd_store *store;
   fgd_net *net;
   fgd_counters counters;
   int64_t started_us; /* monotonic */
   char process_id[25]; /* an ObjectId of this process, hexadecimal: hello's topologyVersion.processId */
   char host_name[256]; /* "name:port" */
   int port; /* as bound; config.port may be 0 */
   int max_connections; /* config.max_connections, or what the limit on open files allows */
   atomic_bool stopping; /* a shutdown has begun: long work on other threads comes to an end */
};

/* A connection's state that outlives one command. Commands of one connection never overlap, so it needs no lock. */
struct fgd_session {
   fg_client_info client; /* points into this struct */
   char remote_ip[64];
   char local_ip[64];
   char app_name[129]; /* from hello's client.application.name, "" before */
   bool has_metadata;
};

/* Monotonic microseconds: what fgd_request.deadline_us is measured in. */
int64_t fgd_now_us (void);
/* Milliseconds since 1970, UTC. */
int64_t fgd_wall_ms (void);

/* True when the request's maxTimeMS is over; error then says 50 MaxTimeMSExpired. Long loops ask every hundred documents or so. */
bool fgd_request_expired (const fgd_request *request, fg_error *error);

/* Tells the store those limits that it keeps for itself. Any thread, once the store is open. */
void fgd_server_apply_limits (fgd_server *server);

/* Asks the event loop to end the process in order (any thread). */
void fgd_server_request_shutdown (fgd_server *server);
/* Rotates the log and tells the modules. False with error when the log could not be rotated. Any thread. */
bool fgd_server_rotate (fgd_server *server, fg_error *error) FG_WARN_UNUSED;

#endif /* FGD_SERVER_H */

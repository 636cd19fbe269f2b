/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * One KMIP message over TLS: certificate and host name verified, client certificate from the options, one deadline for everything. The socket does not block, so that
 * a server which stalls half-way costs no more than the time limit. Name resolution is the C library's and has its own limit.
 */

typedef struct connection {
   SSL_CTX *ctx;
   SSL *ssl;
   int fd;
   int64_t deadline_ms;
} connection;

static int64_t
monotonic_ms (void)
{
   struct timespec now;

   clock_gettime (CLOCK_MONOTONIC, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
wait_for (const connection *c, short events, fg_error *err)
{
   for (;;) {
      int64_t left = c->deadline_ms - monotonic_ms ();
      struct pollfd p = {.fd = c->fd, .events = events};
      int n = left > 0 ? poll (&p, 1, (int)(left < INT32_MAX ? left : INT32_MAX)) : 0;
      if (n > 0) {
         return true;
      }
      if (n == 0) {
         return fg_error_set (err, FG_ERROR_KMS, FG_E_INTERRUPTED, NULL, "timed out");
      }
      if (errno != EINTR) {
         return fg_error_set_errno (err, errno, NULL, "cannot wait for the network");
      }
   }
}

/* OpenSSL's own words for what went wrong; none of them has a key in it. */
static bool
tls_failed (const connection *c, const char *what, fg_error *err)
{
   long verify = c->ssl ? SSL_get_verify_result (c->ssl) : X509_V_OK;
   unsigned long code = ERR_peek_last_error ();
   char text[160] = "connection closed";

   if (verify != X509_V_OK) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_DENIED, NULL, "%s: the server's certificate does not verify: %s",
                           what, X509_verify_cert_error_string (verify));
   }
   if (code) {
      ERR_error_string_n (code, text, sizeof text);
   }
   ERR_clear_error ();
   return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "%s: %s", what, text);
}

/* --- connecting -------------------------------------------------------------------------------------------------------- */

static bool
connect_one (connection *c, const struct addrinfo *ai, fg_error *err)
{
   int failure = 0;
   socklen_t len = sizeof failure;

   c->fd = socket (ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
   if (c->fd < 0) {
      return fg_error_set_errno (err, errno, NULL, "cannot make a socket");
   }
   if (connect (c->fd, ai->ai_addr, ai->ai_addrlen) != 0 && errno != EINPROGRESS) {
      fg_error_set_errno (err, errno, NULL, "cannot connect");
   } else if (wait_for (c, POLLOUT, err)) {
      if (getsockopt (c->fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0) {
         return true;
      }
      fg_error_set_errno (err, failure ? failure : errno, NULL, "cannot connect");
   }
   close (c->fd);
   c->fd = -1;
   return false;
}

static bool
connect_to (connection *c, const char *host, const char *port, fg_error *err)
{
   const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
   struct addrinfo *list = NULL;
   bool ok = false;
   int rc = getaddrinfo (host, port, &hints, &list);

   if (rc != 0) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_NOT_FOUND, NULL, "cannot resolve the host: %s", gai_strerror (rc));
   }
   for (struct addrinfo *ai = list; ai && !ok; ai = ai->ai_next) {
      ok = connect_one (c, ai, err);
   }
   freeaddrinfo (list);
   return ok;
}

static int
give_password (char *buf, int size, int writing, void *arg)
{
   const fg_secret *password = arg;

   (void)writing;
   if (!password || password->len > (size_t)size) {
      return -1; /* never a prompt on the terminal */
   }
   memcpy (buf, password->bytes, password->len);
   return (int)password->len - 1;
}

static bool
set_up_tls (connection *c, const fg_tls_options *tls, fg_error *err)
{
   c->ctx = SSL_CTX_new (TLS_client_method ());
   if (!c->ctx || SSL_CTX_set_min_proto_version (c->ctx, TLS1_2_VERSION) != 1) {
      return tls_failed (c, "cannot set TLS up", err);
   }
   SSL_CTX_set_verify (c->ctx, SSL_VERIFY_PEER, NULL);
   SSL_CTX_set_default_passwd_cb (c->ctx, give_password);
   SSL_CTX_set_default_passwd_cb_userdata (c->ctx, tls->password);
   int ok = tls->ca_file ? SSL_CTX_load_verify_locations (c->ctx, tls->ca_file, NULL)
                         : SSL_CTX_set_default_verify_paths (c->ctx);
   if (ok != 1) {
      return tls_failed (c, "cannot read tlsCAFile", err);
   }
   if (tls->cert_key_file && (SSL_CTX_use_certificate_chain_file (c->ctx, tls->cert_key_file) != 1 ||
                              SSL_CTX_use_PrivateKey_file (c->ctx, tls->cert_key_file, SSL_FILETYPE_PEM) != 1 ||
                              SSL_CTX_check_private_key (c->ctx) != 1)) {
      return tls_failed (c, "cannot use tlsCertificateKeyFile", err);
   }
   return true;
}

static bool
wait_for_tls (const connection *c, int rc, const char *what, fg_error *err)
{
   switch (SSL_get_error (c->ssl, rc)) {
   case SSL_ERROR_WANT_READ:
      return wait_for (c, POLLIN, err);
   case SSL_ERROR_WANT_WRITE:
      return wait_for (c, POLLOUT, err);
   default:
      return tls_failed (c, what, err);
   }
}

static bool
is_address (const char *host)
{
   ASN1_OCTET_STRING *ip = a2i_IPADDRESS (host);

   ASN1_OCTET_STRING_free (ip);
   return ip != NULL;
}

/* SSL_set_tlsext_host_name, whose cast drops a const. */
static bool
set_server_name (SSL *ssl, const char *host)
{
   return SSL_ctrl (ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) == 1;
}

static bool
shake_hands (connection *c, const char *host, fg_error *err)
{
   int rc;

   c->ssl = SSL_new (c->ctx);
   if (!c->ssl || SSL_set_fd (c->ssl, c->fd) != 1) {
      return tls_failed (c, "cannot set TLS up", err);
   }
   bool named = is_address (host) ? X509_VERIFY_PARAM_set1_ip_asc (SSL_get0_param (c->ssl), host) == 1
                                  : SSL_set1_host (c->ssl, host) == 1 && set_server_name (c->ssl, host);
   if (!named) {
      return tls_failed (c, "cannot set TLS up", err);
   }
   while ((rc = SSL_connect (c->ssl)) != 1) {
      if (!wait_for_tls (c, rc, "TLS handshake", err)) {
         return false;
      }
   }
   return true;
}

/* --- talking ----------------------------------------------------------------------------------------------------------- */

static bool
send_all (connection *c, const uint8_t *data, size_t len, fg_error *err)
{
   while (len) {
      size_t n = 0;
      int rc = SSL_write_ex (c->ssl, data, len, &n);
      if (rc != 1 && !wait_for_tls (c, rc, "cannot send", err)) {
         return false;
      }
      data += n;
      len -= n;
   }
   return true;
}

static bool
receive_all (connection *c, uint8_t *data, size_t len, fg_error *err)
{
   while (len) {
      size_t n = 0;
      int rc = SSL_read_ex (c->ssl, data, len, &n);
      if (rc != 1 && !wait_for_tls (c, rc, "the reply ends too early", err)) {
         return false;
      }
      data += n;
      len -= n;
   }
   return true;
}

/* A structure's tag and type, its length, and so many bytes. */
static bool
receive_message (connection *c, fg_secret **reply, fg_error *err)
{
   uint8_t head[8];

   if (!receive_all (c, head, sizeof head, err)) {
      return false;
   }
   size_t len = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
   if (head[3] != 1 || len > FG_KMS_REPLY_MAX) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_INVALID, NULL, "the reply is no KMIP message of at most %u bytes",
                           FG_KMS_REPLY_MAX);
   }
   *reply = fg_secret_new (sizeof head + len, err);
   if (!*reply) {
      return false;
   }
   memcpy ((*reply)->bytes, head, sizeof head);
   if (!receive_all (c, (*reply)->bytes + sizeof head, len, err)) {
      fg_secret_free (*reply);
      *reply = NULL;
      return false;
   }
   return true;
}

static void
disconnect (connection *c)
{
   if (c->ssl) {
      SSL_shutdown (c->ssl);
      SSL_free (c->ssl);
   }
   SSL_CTX_free (c->ctx);
   if (c->fd >= 0) {
      close (c->fd);
   }
   ERR_clear_error ();
}

bool
fg_io_kmip (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const char *endpoint, const uint8_t *message,
            size_t len, fg_secret **reply, fg_error *err)
{
   connection c = {.fd = -1, .deadline_ms = monotonic_ms () + timeout_ms};
   char host[256];
   fg_sigpipe sigpipe;

   (void)ctx;
   *reply = NULL;
   const char *colon = strrchr (endpoint, ':');
   if (!colon || (size_t)(colon - endpoint) >= sizeof host) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_INVALID, NULL, "invalid endpoint");
   }
   memcpy (host, endpoint, (size_t)(colon - endpoint));
   host[colon - endpoint] = '\0';
   ERR_clear_error ();
   fg_sigpipe_block (&sigpipe);
   bool ok = set_up_tls (&c, tls, err) && connect_to (&c, host, colon + 1, err) && shake_hands (&c, host, err) &&
             send_all (&c, message, len, err) && receive_message (&c, reply, err);
   disconnect (&c);
   fg_sigpipe_restore (&sigpipe);
   return ok;
}

/* --- the clock --------------------------------------------------------------------------------------------------------- */

static int64_t
real_now (void *ctx)
{
   (void)ctx;
   return (int64_t)time (NULL);
}

static void
real_pause (void *ctx, int64_t ms)
{
   struct timespec left = {ms / 1000, ms % 1000 * 1000000};

   (void)ctx;
   while (nanosleep (&left, &left) != 0 && errno == EINTR) {
   }
}

const fg_kms_io fg_kms_real_io = {
   .ctx = NULL,
   .http = fg_io_http,
   .kmip = fg_io_kmip,
   .now = real_now,
   .pause_ms = real_pause,
};

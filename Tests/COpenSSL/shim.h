// System OpenSSL for tests: a TLS implementation that shares no code with the one the agent uses.
#pragma once
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

static inline int copenssl_set_min_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int copenssl_set_max_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}
static inline void copenssl_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    SSL_CTX_add_extra_chain_cert(context, certificate);
}
static inline int copenssl_select_first(SSL *tls, const unsigned char **out, unsigned char *length, const unsigned char *in,
                                 unsigned int count, void *unused) {
    (void)tls;
    (void)unused;
    if (count < 1 || in[0] >= count) return SSL_TLSEXT_ERR_NOACK;
    *out = in + 1;
    *length = in[0];
    return SSL_TLSEXT_ERR_OK;
}
/// The server takes the first protocol that the client names.
static inline void copenssl_accept_any_alpn(SSL_CTX *context) {
    SSL_CTX_set_alpn_select_cb(context, copenssl_select_first, NULL);
}

/*
 * OpenSSL's error queue in the operator's words.  Three sources, best first:
 * our own verdict on the peer's certificate, the alert the peer sent about
 * us, the reason OpenSSL stopped.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/internal.h"

struct words {
	int code;         /* alert number or reason */
	const char *text; /* the whole message */
};

#define REFUSED "the peer does not accept our certificate "
#define NO_TLS  "the peer speaks no tls"
#define ANON    " (is one side anonymous or without a certificate?)"

/* Alerts from the peer: RFC 8446 section 6. */
static const struct words alerts[] = {
	{ SSL3_AD_UNEXPECTED_MESSAGE, "the peer did not expect our message" },
	{ SSL3_AD_BAD_RECORD_MAC, "the peer received damaged data" },
	{ SSL3_AD_HANDSHAKE_FAILURE,
	    "the peer refuses the handshake: nothing in common" ANON },
	{ SSL3_AD_NO_CERTIFICATE, "the peer misses our certificate" },
	{ SSL3_AD_BAD_CERTIFICATE, REFUSED "(bad certificate)" },
	{ SSL3_AD_UNSUPPORTED_CERTIFICATE, REFUSED "(unsupported kind)" },
	{ SSL3_AD_CERTIFICATE_REVOKED, REFUSED "(revoked)" },
	{ SSL3_AD_CERTIFICATE_EXPIRED, REFUSED "(expired)" },
	{ SSL3_AD_CERTIFICATE_UNKNOWN, REFUSED "(no reason given)" },
	{ SSL3_AD_ILLEGAL_PARAMETER, "the peer calls our handshake illegal" },
	{ TLS1_AD_UNKNOWN_CA, REFUSED "(unknown ca)" },
	{ TLS1_AD_ACCESS_DENIED, "the peer denies us access" },
	{ TLS1_AD_DECODE_ERROR, "the peer cannot read our handshake" },
	{ TLS1_AD_DECRYPT_ERROR, "the peer cannot verify our signature" },
	{ TLS1_AD_PROTOCOL_VERSION,
	    "no tls version in common with the peer" ANON },
	{ TLS1_AD_INSUFFICIENT_SECURITY,
	    "the peer wants stronger ciphers than ours" },
	{ TLS1_AD_INTERNAL_ERROR, "the peer reports an internal error" },
	{ TLS1_AD_USER_CANCELLED, "the peer cancelled the handshake" },
	{ TLS13_AD_MISSING_EXTENSION,
	    "the peer misses an extension in our handshake" ANON },
	{ TLS13_AD_CERTIFICATE_REQUIRED,
	    "the peer requires a certificate and we sent none" },
};

static const struct words reasons[] = {
	{ SSL_R_WRONG_VERSION_NUMBER, NO_TLS },
	{ SSL_R_HTTP_REQUEST, NO_TLS " but http" },
	{ SSL_R_HTTPS_PROXY_REQUEST, NO_TLS " but http" },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, NO_TLS },
	{ SSL_R_BAD_PACKET_LENGTH, NO_TLS },
	{ SSL_R_UNKNOWN_PROTOCOL, NO_TLS },
	{ SSL_R_RECORD_LENGTH_MISMATCH, NO_TLS },
	{ SSL_R_UNEXPECTED_MESSAGE, "the peer broke the tls protocol" },
	{ SSL_R_UNSUPPORTED_PROTOCOL,
	    "the peer speaks only tls older than 1.2" },
	{ SSL_R_UNSUPPORTED_SSL_VERSION,
	    "the peer speaks only tls older than 1.2" },
	{ SSL_R_VERSION_TOO_LOW, "the peer speaks only tls older than 1.2" },
	{ SSL_R_WRONG_SSL_VERSION, "no tls version in common with the peer" },
	{ SSL_R_NO_SHARED_CIPHER, "no cipher in common with the peer" ANON },
	{ SSL_R_NO_SHARED_GROUPS, "no key exchange group in common with the "
				  "peer" ANON },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange group in common with "
				       "the peer" ANON },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
	    "no signature algorithm in common with the peer" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
	    "the peer sent no certificate" },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED,
	    "the peer's certificate is refused" },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
	    "data was damaged on the way" },
	{ SSL_R_NO_RENEGOTIATION, "the peer wants to renegotiate" },
};

static const char *
find(const struct words *table, size_t n, int code)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].text;
	return NULL;
}

/* The oldest entry of the queue that OpenSSL's TLS code made: the newest is
 * often only "verification failed". */
static unsigned long
first_ssl_error(void)
{
	unsigned long e, any = 0;

	while ((e = ERR_get_error()) != 0) {
		if (any == 0)
			any = e;
		if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
			ERR_clear_error();
			return e;
		}
	}
	return any;
}

static void
say_lost(SSL *ssl, int saved, char *out, size_t out_size)
{
	const char *during =
	    ssl != NULL && SSL_in_init(ssl) ? " during the tls handshake" : "";

	if (saved != 0)
		snprintf(out, out_size, "connection lost%s: %s", during,
		    strerror(saved));
	else
		snprintf(out, out_size, "the peer closed the connection%s%s",
		    during, during[0] == '\0' ? "" : " (does it speak tls?)");
}

static void
say_reason(SSL *ssl, unsigned long e, char *out, size_t out_size)
{
	int reason = ERR_GET_REASON(e);
	const char *text = NULL;

	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		say_lost(ssl, 0, out, out_size);
		return;
	}
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
	    reason <= SSL_AD_REASON_OFFSET + 255) {
		text = find(alerts, sizeof alerts / sizeof alerts[0],
		    reason - SSL_AD_REASON_OFFSET);
		if (text == NULL) {
			snprintf(out, out_size, "the peer sent alert %d",
			    reason - SSL_AD_REASON_OFFSET);
			return;
		}
	} else if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
		text =
		    find(reasons, sizeof reasons / sizeof reasons[0], reason);
	}
	if (text == NULL)
		text = ERR_reason_error_string(e);
	snprintf(out, out_size, "%s", text == NULL ? "tls failure" : text);
}

char *
mu_tls_error(struct ssl_st *ssl, int ssl_error, char *out, size_t out_size)
{
	int saved = errno;
	unsigned long e = first_ssl_error();
	const char *verdict = ssl == NULL ? NULL : mu_tls_verdict(ssl);

	if (verdict != NULL)
		snprintf(out, out_size, "%s", verdict);
	else if (e != 0)
		say_reason(ssl, e, out, out_size);
	else if (ssl_error == SSL_ERROR_ZERO_RETURN)
		snprintf(out, out_size, "the peer closed the connection");
	else if (ssl_error == SSL_ERROR_WANT_READ ||
		 ssl_error == SSL_ERROR_WANT_WRITE)
		snprintf(out, out_size,
		    "the peer did not finish the tls "
		    "handshake");
	else
		say_lost(ssl, ssl_error == SSL_ERROR_SYSCALL ? saved : 0, out,
		    out_size);
	ERR_clear_error();
	return out;
}

/*
 * What may stand in names, hosts, paths and topics of a layout.
 */
#ifndef MU_LAYOUT_NAMES_H
#define MU_LAYOUT_NAMES_H

#include <stddef.h>

/* Each gives NULL when the text is fine, otherwise what is wrong with it,
 * to be put behind the text: "is empty", "is longer than 64 characters". */
const char *mu_name_fault(const char *s);
const char *mu_text_fault(const char *s);
const char *mu_host_fault(const char *s);
const char *mu_address_fault(const char *s);
const char *mu_path_fault(const char *s);
const char *mu_directory_fault(const char *s);
const char *mu_topic_fault(const char *s);
/* The name of an event, or the beginning of one and *. */
const char *mu_event_fault(const char *s);
/* An argument of a program. */
const char *mu_argument_fault(const char *s);

/* The address to bind when a host is this machine's own and no other's: the
 * host itself if it is a loopback address, 127.0.0.1 for localhost; NULL for
 * every other host. */
const char *mu_host_loopback(const char *host);

/*
 * One spelling of a host for all of the same address: names in small letters
 * and without a dot at the end, IPv6 in its short form, and 127.0.0.1 for
 * localhost.  What does not fit into size is cut.
 */
void mu_host_plain(const char *host, char *out, size_t size);

#endif

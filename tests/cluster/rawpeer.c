/*
 * A peer for tests that does what it is told, good or bad, step by step:
 *
 *   rawpeer [OPTION ...] connect|listen HOST PORT STEP ...
 *
 * options
 *   --tls CERT KEY       encrypt; "" "": without a certificate
 *   --anonymous          encrypt as Broker does without certificates
 *   --id low|high|UUID   endpoint id (default: random)
 *   --filter TOPIC       subscribe; may be repeated
 *   --magic HEX --version N
 *   --deadline S         give up after S seconds (default 20): status 3
 * steps
 *   handshake            to its end; status 1 if it fails
 *   greet                only the first message
 *   hello NAME           Cluster::hello to the peer's nodeid topic
 *   publish TOPIC EVENT [ARG ...] .   arguments as on musterctl's command line
 *   data TOPIC HEX       an envelope with these payload bytes
 *   send HEX, frame HEX  raw bytes; behind a length
 *   envelope TYPE TOPIC HEX
 *   nested TOPIC N       a data envelope of N nested vectors
 *   flood TOPIC N SIZE   N events with a string of SIZE bytes
 *   expect TOPIC EVENT   read until it came ("-": any)
 *   eof                  read until the peer ends the connection
 *   quiet MS             read for so long
 *   echo WORD            print a line
 *   hold                 read until standard input ends
 *   stall                do not read until standard input ends
 *   bye                  BYE, and wait for its answer
 *
 * Everything received is printed, one line each.  Status 0 when all steps
 * worked.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/uuid.h"
#include "muster/event.h"
#include "muster/value.h"
#include "wire.h"

#define MAX_TOPICS 64

static struct wire wire = { .version = 1, .magic = 0x5a45454b };
static char **args; /* next word */

static void
on_alarm(int sig)
{
	static const char text[] = "deadline\n";

	(void)sig;
	if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
		_exit(4);
	_exit(3);
}

static char *
word(const char *what)
{
	if (*args == NULL) {
		fprintf(stderr, "rawpeer: %s is missing\n", what);
		exit(64);
	}
	return *args++;
}

static uint8_t *
unhex(const char *hex, size_t *len)
{
	uint8_t *p = malloc(strlen(hex) / 2 + 1);
	long n = mu_text_unhex(hex, p);

	if (n < 0) {
		fprintf(stderr, "rawpeer: %s is not hex\n", hex);
		exit(64);
	}
	*len = (size_t)n;
	return p;
}

/* Read and print; stops at topic and event if they are given. */
static bool
read_until(const char *topic, const char *event, int ms)
{
	uint8_t *f;
	size_t len;
	bool found = false;

	while (!found && (f = wire_next(&wire, &len, ms)) != NULL) {
		char *e, *t = wire_show(&wire, f, len, &e);

		found = topic != NULL && t != NULL && strcmp(t, topic) == 0 &&
			(strcmp(event, "-") == 0 ||
			    (e != NULL && strcmp(e, event) == 0));
		free(t);
		free(e);
		free(f);
	}
	if (!found && wire.closed)
		printf("closed\n");
	return found;
}

static bool
publish(const char *topic, const char *name, struct muster_value *vector,
    bool to_peer)
{
	struct muster_value *v = muster_event_new(name, vector, NULL);
	uint8_t *bytes;
	size_t len;
	bool ok;

	if (v == NULL || muster_value_enc(v, &bytes, &len) != 0)
		abort();
	ok = wire_data(&wire, topic, bytes, len, to_peer);
	muster_value_unref(v);
	free(bytes);
	return ok;
}

/* --- steps ----------------------------------------------------------- */

static bool
do_handshake(void)
{
	return wire_handshake(&wire, -1);
}

static bool
do_greet(void)
{
	wire_greet(&wire);
	return true;
}

static bool
do_hello(void)
{
	struct muster_value *v = muster_value_vector();
	char id[MU_UUID_TEXT], topic[128];
	struct mu_uuid own, peer;

	memcpy(own.bytes, wire.id, ID);
	memcpy(peer.bytes, wire.peer, ID);
	snprintf(topic, sizeof topic, "zeek/cluster/nodeid/%s/",
	    mu_uuid_format(&peer, id));
	muster_value_append(v, muster_value_cstring(word("name")));
	muster_value_append(v, muster_value_cstring(mu_uuid_format(&own, id)));
	return publish(topic, "Cluster::hello", v, false);
}

static bool
do_publish(void)
{
	const char *topic = word("topic"), *name = word("event");
	struct muster_value *vector = muster_value_vector(), *v;
	const char *arg;

	while (strcmp(arg = word("."), ".") != 0) {
		if (muster_value_from_text(arg, &v) != 0)
			exit(64);
		muster_value_append(vector, v);
	}
	return publish(topic, name, vector, false);
}

static bool
do_envelope_of(uint8_t type)
{
	const char *topic = word("topic");
	size_t len;
	uint8_t *p = unhex(word("hex"), &len);
	bool ok = wire_envelope(&wire, type, topic, p, len, false);

	free(p);
	return ok;
}

static bool
do_data(void)
{
	return do_envelope_of(1);
}

static bool
do_envelope(void)
{
	return do_envelope_of((uint8_t)atoi(word("type")));
}

static bool
do_raw(bool framed)
{
	size_t len;
	uint8_t *p = unhex(word("hex"), &len);
	bool ok = framed ? wire_frame(&wire, p, len) : wire_send(&wire, p, len);

	free(p);
	return ok;
}

static bool
do_send(void)
{
	return do_raw(false);
}

static bool
do_frame(void)
{
	return do_raw(true);
}

static bool
do_nested(void)
{
	const char *topic = word("topic");
	size_t n = (size_t)atol(word("depth"));
	uint8_t *p = malloc(2 * n + 1);
	bool ok;

	for (size_t i = 0; i < n; i++) {
		p[2 * i] = 14; /* a vector of one element */
		p[2 * i + 1] = 1;
	}
	p[2 * n] = 0;
	ok = wire_data(&wire, topic, p, 2 * n + 1, false);
	free(p);
	return ok;
}

static bool
do_flood(void)
{
	const char *topic = word("topic");
	long n = atol(word("number"));
	size_t size = (size_t)atol(word("size"));
	char *text = malloc(size + 1);
	bool ok = true;

	memset(text, 'x', size);
	for (long i = 0; ok && i < n; i++) {
		struct muster_value *v = muster_value_vector();

		muster_value_append(v, muster_value_count((uint64_t)i));
		muster_value_append(v, muster_value_string(text, size));
		ok = publish(topic, "Test::flood", v, false);
	}
	free(text);
	return ok;
}

static bool
do_expect(void)
{
	const char *topic = word("topic"), *event = word("event");

	return read_until(topic, event, -1);
}

static bool
do_eof(void)
{
	read_until(NULL, NULL, -1);
	return wire.closed;
}

static bool
do_quiet(void)
{
	read_until(NULL, NULL, atoi(word("milliseconds")));
	return !wire.closed;
}

static bool
do_echo(void)
{
	printf("%s\n", word("text"));
	return true;
}

/* Standard input ended? */
static bool
ended(int ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char c[64];

	return poll(&p, 1, ms) > 0 && read(STDIN_FILENO, c, sizeof c) <= 0;
}

static bool
do_hold(void)
{
	while (!ended(0) && !wire.closed)
		read_until(NULL, NULL, 100);
	return !wire.closed;
}

static bool
do_stall(void)
{
	while (!ended(1000))
		;
	return true;
}

static bool
do_bye(void)
{
	static const char bye[] = "BYE\1\0\0\0\0\0\0\0";

	wire_envelope(&wire, 4, "<$>", bye, sizeof bye - 1, true);
	read_until(NULL, NULL, 3000);
	return true;
}

/* clang-format off */
static const struct {
	const char *name;
	bool (*run)(void);
} steps[] = {
	{ "handshake", do_handshake }, { "greet", do_greet },
	{ "hello", do_hello },         { "publish", do_publish },
	{ "data", do_data },           { "envelope", do_envelope },
	{ "send", do_send },           { "frame", do_frame },
	{ "nested", do_nested },       { "flood", do_flood },
	{ "expect", do_expect },       { "eof", do_eof },
	{ "quiet", do_quiet },         { "echo", do_echo },
	{ "hold", do_hold },           { "stall", do_stall },
	{ "bye", do_bye },
};
/* clang-format on */

static bool
run_step(const char *name)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strcmp(steps[i].name, name) == 0)
			return steps[i].run();
	fprintf(stderr, "rawpeer: no step %s\n", name);
	exit(64);
}

static void
set_id(const char *text)
{
	struct mu_uuid u;
	FILE *f = fopen("/dev/urandom", "rb");

	if (f == NULL || fread(u.bytes, 1, ID, f) != ID)
		exit(2);
	fclose(f);
	u.bytes[6] = (uint8_t)(0x50 | (u.bytes[6] & 0x0f));
	u.bytes[8] = (uint8_t)(0x80 | (u.bytes[8] & 0x3f));
	if (text != NULL && strcmp(text, "low") == 0)
		u.bytes[0] = u.bytes[1] = 0;
	else if (text != NULL && strcmp(text, "high") == 0)
		u.bytes[0] = u.bytes[1] = 0xff;
	else if (text != NULL && mu_uuid_parse(&u, text) != 0)
		exit(64);
	memcpy(wire.id, u.bytes, ID);
}

static void
options(struct wire_tls *tls)
{
	static const char *topics[MAX_TOPICS];
	const char *id = NULL;
	unsigned deadline = 20;

	for (; *args != NULL && strncmp(*args, "--", 2) == 0;) {
		const char *o = *args++;

		if (strcmp(o, "--tls") == 0) {
			tls->on = true;
			tls->cert = word("certificate");
			tls->key = word("key");
			if (*tls->cert == '\0')
				tls->cert = NULL;
		} else if (strcmp(o, "--anonymous") == 0) {
			tls->on = tls->anonymous = true;
		} else if (strcmp(o, "--id") == 0) {
			id = word("id");
		} else if (strcmp(o, "--filter") == 0 &&
			   wire.ntopics < MAX_TOPICS) {
			topics[wire.ntopics++] = word("topic");
		} else if (strcmp(o, "--magic") == 0) {
			wire.magic = (uint32_t)strtoul(word("magic"), NULL, 16);
		} else if (strcmp(o, "--version") == 0) {
			wire.version = (uint8_t)atoi(word("version"));
		} else if (strcmp(o, "--deadline") == 0) {
			deadline = (unsigned)atoi(word("seconds"));
		} else {
			fprintf(stderr, "rawpeer: no option %s\n", o);
			exit(64);
		}
	}
	wire.topics = topics;
	set_id(id);
	alarm(deadline);
}

int
main(int argc, char **argv)
{
	struct wire_tls tls = { 0 };
	char why[256];
	bool ok, server;
	const char *host, *port;

	(void)argc;
	args = argv + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, on_alarm);
	signal(SIGPIPE, SIG_IGN);
	options(&tls);
	server = strcmp(word("connect or listen"), "listen") == 0;
	host = word("host");
	port = word("port");
	ok = wire_open(&wire, host, port, server, &tls, why, sizeof why);
	if (!ok)
		printf("no connection: %s\n", why);
	while (ok && *args != NULL) {
		const char *name = *args++;

		ok = run_step(name);
		if (!ok)
			printf("failed: %s\n", name);
	}
	wire_close(&wire);
	return ok ? 0 : 1;
}

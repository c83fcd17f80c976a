/*
 * A whole store as JSON lines, {"key":K,"value":V} and, from the master,
 * "expiry":"N ms".  Nothing but the last key is kept, which is where a new
 * connection goes on.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/store.h"
#include "ctl/store_copy.h"
#include "proto/jtext.h"
#include "sys/exit.h"

struct dump {
	struct copy copy;
	struct client cl;
	struct mu_buf last; /* the key of the last pair */
	int status;
};

static bool
is_true(const struct mu_jtext *v, const char *member)
{
	struct mu_jtext m = mu_jtext_member(v, member);

	return m.len == 4 && memcmp(m.at, "true", 4) == 0;
}

/* The answer that ends the stream. */
static enum copy_end
last_line(
    struct dump *d, const struct mu_jtext *v, const char *line, size_t len)
{
	struct mu_jtext master = mu_jtext_member(v, "master");

	if (copy_may_pass(&d->copy, line, len))
		return COPY_LOST;
	copy_shown(&d->copy);
	d->status = client_verdict(line, len);
	if (d->status != EXIT_OK)
		return COPY_FAILED;
	if (!is_true(v, "expiry") && !d->copy.c->quiet &&
	    mu_jtext_kind(&master) == MU_JTEXT_STRING)
		say("no expiry times: only the master knows them, on %.*s",
		    (int)master.len - 2, master.at + 1);
	return COPY_DONE;
}

/* One line of the stream: true once it has ended, with *end. */
static bool
take_line(struct dump *d, const char *line, size_t len, enum copy_end *end)
{
	struct mu_jtext v, pair, key;

	*end = COPY_FAILED;
	if (mu_jtext_check(line, len, NULL) != 0) {
		complain("the daemon's answer is not JSON");
		return true;
	}
	v = mu_jtext_over(line, len);
	pair = mu_jtext_member(&v, "pair");
	if (mu_jtext_kind(&pair) != MU_JTEXT_OBJECT) {
		*end = last_line(d, &v, line, len);
		return true;
	}
	fwrite(pair.at, 1, pair.len, stdout);
	putchar('\n');
	if (ferror(stdout))
		return true; /* finish() says why */
	key = mu_jtext_member(&pair, "key");
	mu_buf_reset(&d->last);
	mu_buf_put(&d->last, key.at, key.len);
	copy_moved(&d->copy, d->copy.pairs + 1);
	return false;
}

static bool
put_request(struct dump *d, struct mu_buf *b)
{
	const struct ctl *c = d->copy.c;

	store_begin(b, "store_dump", d->copy.name, d->copy.ms);
	if (c->prefix != NULL) {
		mu_buf_str(b, ",\"prefix\":");
		mu_jtext_put_cstring(b, c->prefix);
	}
	if (mu_buf_len(&d->last) > 0) {
		mu_buf_str(b, ",\"after\":");
		mu_buf_put(b, mu_buf_data(&d->last), mu_buf_len(&d->last));
	} else if (c->after != NULL &&
		   !store_put_value(b, "after", c->after, NULL)) {
		d->status = EXIT_USAGE;
		return false;
	}
	mu_buf_str(b, "}\n");
	return true;
}

/* The life of one connection. */
static enum copy_end
run(struct dump *d)
{
	enum copy_end end = COPY_FAILED;
	struct mu_buf b;
	char *line;
	size_t len;
	int r;

	mu_buf_init(&b, 0);
	if (put_request(d, &b))
		end = copy_connect(&d->copy, &d->cl);
	if (end == COPY_DONE) {
		r = client_send(&d->cl, &b);
		do {
			if (r == 0)
				r = client_line(&d->cl, &line, &len,
				    (int)d->copy.ms + STORE_GRACE_MS);
		} while (r == 0 && !take_line(d, line, len, &end));
		if (r != 0) {
			d->copy.err = r;
			end = COPY_LOST;
		}
	}
	client_close(&d->cl);
	mu_buf_clear(&b);
	return end;
}

int
store_dump(struct ctl *c, const char *name)
{
	struct dump d = {
		.copy = { .c = c, .name = name, .ms = store_timeout(c) },
		.cl = { .fd = -1 },
		.status = EXIT_FAILED,
	};
	enum copy_end end;

	if (d.copy.ms < 0)
		return EXIT_USAGE;
	mu_buf_init(&d.last, 0);
	do
		end = run(&d);
	while (end == COPY_LOST && copy_again(&d.copy));
	copy_shown(&d.copy);
	if (end != COPY_DONE && d.copy.pairs > 0 &&
	    mu_buf_error(&d.last) == 0 && !ferror(stdout))
		complain("%llu pairs so far; go on with --after '%.*s'",
		    d.copy.pairs, (int)mu_buf_len(&d.last),
		    (const char *)mu_buf_data(&d.last));
	mu_buf_clear(&d.last);
	return end == COPY_DONE ? EXIT_OK : d.status;
}

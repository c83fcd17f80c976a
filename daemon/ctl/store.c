/*
 * store: one operation of a store, answered by the daemon once it is done.
 * Each operation is a row: the daemon's name for it and what its operands are.
 */
#include "ctl/store.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "muster/value.h"
#include "proto/jtext.h"
#include "sys/exit.h"

#define PAGE "1000" /* keys that are asked for at once */

struct operation {
	const char *name;
	const char *verb;     /* of the daemon; NULL: run does it */
	const char *operands; /* a letter each: key, value, index, expected;
				 + the amount, which is 1 if it is missing */
	const char *usage;
	int (*run)(struct ctl *c, const char *store);
};

/* clang-format off */
static const struct operation operations[] = {
	{ "put", "put", "kv", "KEY VALUE", NULL },
	{ "get", "get", "k", "KEY", NULL },
	{ "erase", "erase", "k", "KEY", NULL },
	{ "exists", "exists", "k", "KEY", NULL },
	{ "index", "index", "ki", "KEY INDEX", NULL },
	{ "keys", "keys", "", "", NULL },
	{ "put-unique", "put_unique", "kv", "KEY VALUE", NULL },
	{ "put-if", "put_if", "kev", "KEY EXPECTED VALUE", NULL },
	{ "increment", "increment", "k+", "KEY [AMOUNT]", NULL },
	{ "decrement", "decrement", "k+", "KEY [AMOUNT]", NULL },
	{ "append", "append", "kv", "KEY STRING", NULL },
	{ "insert-into-set", "insert_into_set", "kv", "KEY VALUE", NULL },
	{ "insert-into-table", "insert_into_table", "kiv", "KEY INDEX VALUE", NULL },
	{ "remove-from", "remove_from", "kv", "KEY VALUE", NULL },
	{ "push", "push", "kv", "KEY VALUE", NULL },
	{ "pop", "pop", "k", "KEY", NULL },
	{ "clear", "clear", "", "", NULL },
	{ "watch", NULL, "", "", store_watch },
	{ "dump", NULL, "", "", store_dump },
	{ "restore", NULL, "", "", store_restore },
};
/* clang-format on */
#define NOPERATIONS (sizeof operations / sizeof operations[0])

const char *const store_operation_names[] = { "put", "get", "erase", "exists",
	"index", "keys", "put-unique", "put-if", "increment", "decrement",
	"append", "insert-into-set", "insert-into-table", "remove-from", "push",
	"pop", "clear", "watch", "dump", "restore", NULL };

/* --- shared ----------------------------------------------------------------
 */

int64_t
store_timeout(const struct ctl *c)
{
	int64_t ms = STORE_TIMEOUT_MS;

	if (c->timeout != NULL)
		ms = duration_option("timeout", c->timeout);
	if (ms == 0)
		ms = 1;
	return ms > 86400000 ? 86400000 : ms;
}

void
store_begin(
    struct mu_buf *b, const char *op, const char *name, int64_t timeout_ms)
{
	mu_buf_printf(b, "{\"op\":\"%s\",\"store\":", op);
	mu_jtext_put_cstring(b, name);
	if (timeout_ms > 0)
		mu_buf_printf(b, ",\"timeout_ms\":%lld", (long long)timeout_ms);
}

bool
store_put_value(
    struct mu_buf *b, const char *member, const char *text, const char *type)
{
	struct mu_buf typed;
	char *whole = NULL;
	int r = 0;

	mu_buf_printf(b, ",\"%s\":", member);
	if (type != NULL) {
		mu_buf_init(&typed, 0);
		mu_buf_printf(&typed, "%s:%s", type, text);
		whole = mu_buf_take_string(&typed);
		mu_buf_clear(&typed);
		r = whole == NULL ? MUSTER_ENOMEM : 0;
	}
	if (r == 0)
		r = value_from_text(b, whole != NULL ? whole : text);
	mu_free(whole);
	if (r == MUSTER_ENOMEM)
		complain("out of memory");
	else if (r != 0)
		complain("%s \"%s\": not %s%s", member, text,
		    type == NULL ? "a value (type:value or JSON)" : "a ",
		    type == NULL ? "" : type);
	return r == 0;
}

void
store_print(const struct ctl *c, const struct mu_jtext *v)
{
	if (c->json)
		fwrite(v->at, 1, v->len, stdout);
	else
		value_print(stdout, v);
	putchar('\n');
}

/* --- one question ----------------------------------------------------------
 */

static bool
append_wants_string(const struct operation *op, const char *text)
{
	return strcmp(op->name, "append") == 0 && text[0] != '{' &&
	       strncmp(text, "string:", 7) != 0;
}

static bool
put_operand(struct mu_buf *b, const struct ctl *c, const struct operation *op,
    char what, const char *text)
{
	const char *type = c->type;

	switch (what) {
	case 'k':
		return store_put_value(b, "key", text, NULL);
	case 'i':
		return store_put_value(b, "index", text, NULL);
	case 'e':
		/* "-" means: if there is no such key. */
		return strcmp(text, "-") == 0 ||
		       store_put_value(b, "expected", text, type);
	default:
		if (type == NULL && append_wants_string(op, text))
			type = "string";
		return store_put_value(b, "value", text, type);
	}
}

static bool
put_operands(struct mu_buf *b, const struct ctl *c, const struct operation *op)
{
	int n = c->nargs - 2, want = (int)strlen(op->operands);
	bool amount = strchr(op->operands, '+') != NULL;

	if (n > want || n < want - (amount ? 1 : 0)) {
		complain("store %s STORE %s: %s", op->name, op->usage,
		    n > want ? "too many operands" : "an operand is missing");
		return false;
	}
	for (int i = 0; i < n; i++)
		if (!put_operand(b, c, op, op->operands[i], c->args[i + 2]))
			return false;
	if (n < want)
		return store_put_value(
		    b, "value", "1", c->type != NULL ? c->type : "count");
	return true;
}

static bool
put_options(struct mu_buf *b, const struct ctl *c)
{
	if (c->expiry != NULL) {
		if (duration_option("expiry", c->expiry) < 0)
			return false;
		mu_buf_str(b, ",\"expiry\":");
		mu_jtext_put_cstring(b, c->expiry);
	}
	if (c->type != NULL && muster_type_from_name(c->type) < 0) {
		complain("--type %s: no such type (count, string, address, "
			 "...)",
		    c->type);
		return false;
	}
	return true;
}

/* From a copy whose master is not heard of: true once, and maybe still. */
static void
note_stale(const struct ctl *c, const struct mu_jtext *answer)
{
	struct mu_jtext stale = mu_jtext_member(answer, "stale_ms");
	int64_t ms;

	if (c->quiet || mu_jtext_integer(&stale, &ms) != 0)
		return;
	say("stale: this copy has not heard of its master for %lld.%01lld s",
	    (long long)ms / 1000, (long long)ms % 1000 / 100);
}

/* What came: the value alone; whether it is one that says no. */
static int
show(const struct ctl *c, const struct operation *op, const char *line,
    size_t len)
{
	struct mu_jtext answer = mu_jtext_over(line, len), v, data;

	v = mu_jtext_member(&answer, "value");
	data = mu_jtext_member(&v, "data");
	if (strcmp(op->name, "get") == 0 || strcmp(op->name, "index") == 0 ||
	    strcmp(op->name, "exists") == 0)
		store_print(c, &v);
	note_stale(c, &answer);
	return strcmp(op->name, "exists") == 0 && *data.at == 'f' ? EXIT_FALSE
								  : EXIT_OK;
}

static int
ask_one(struct ctl *c, const struct operation *op, int64_t ms)
{
	struct client cl = { .fd = -1 };
	struct mu_buf b;
	char *line;
	size_t len;
	int status = EXIT_USAGE, r;

	mu_buf_init(&b, 0);
	store_begin(&b, "store", c->args[1], ms);
	mu_buf_printf(&b, ",\"do\":\"%s\"", op->verb);
	if (!put_operands(&b, c, op) || !put_options(&b, c)) {
		mu_buf_clear(&b);
		return status;
	}
	mu_buf_str(&b, "}\n");
	status = client_open(&cl, c);
	if (status == EXIT_OK) {
		r = client_request(
		    &cl, &b, &line, &len, (int)ms + STORE_GRACE_MS);
		status = r == 0 ? client_verdict(line, len) : client_lost(r);
		if (status == EXIT_OK)
			status = show(c, op, line, len);
	}
	mu_buf_clear(&b);
	client_close(&cl);
	return status;
}

/* --- keys, a page at a time ------------------------------------------------
 */

/* Print a page; *more is where to go on, owned, or NULL: that was all. */
static void
print_keys(const struct ctl *c, const char *line, size_t len, char **more)
{
	struct mu_jtext answer = mu_jtext_over(line, len), v, next, key;
	struct mu_jtext_walk w;

	v = mu_jtext_member(&answer, "value");
	v = mu_jtext_member(&v, "data");
	w = mu_jtext_walk(&v);
	while (mu_jtext_next(&w, NULL, &key))
		store_print(c, &key);
	note_stale(c, &answer);
	next = mu_jtext_member(&answer, "more");
	*more = mu_jtext_kind(&next) == MU_JTEXT_OBJECT
		    ? mu_memdup0(next.at, next.len)
		    : NULL;
}

static int
ask_keys(struct ctl *c, int64_t ms)
{
	struct client cl;
	struct mu_buf b;
	char *line, *more = NULL;
	size_t len;
	int status = client_open(&cl, c), r;
	bool first = true;

	mu_buf_init(&b, 0);
	while (status == EXIT_OK && (first || more != NULL)) {
		store_begin(&b, "store", c->args[1], ms);
		mu_buf_str(&b, ",\"do\":\"keys\",\"limit\":" PAGE);
		if (c->prefix != NULL) {
			mu_buf_str(&b, ",\"prefix\":");
			mu_jtext_put_cstring(&b, c->prefix);
		}
		if (more != NULL)
			mu_buf_printf(&b, ",\"after\":%s", more);
		else if (c->after != NULL &&
			 !store_put_value(&b, "after", c->after, NULL)) {
			status = EXIT_USAGE;
			break;
		}
		mu_buf_str(&b, "}\n");
		mu_free(more);
		more = NULL;
		first = false;
		r = client_request(
		    &cl, &b, &line, &len, (int)ms + STORE_GRACE_MS);
		status = r == 0 ? client_verdict(line, len) : client_lost(r);
		if (status == EXIT_OK)
			print_keys(c, line, len, &more);
	}
	mu_free(more);
	mu_buf_clear(&b);
	client_close(&cl);
	return status;
}

/* --- the command -----------------------------------------------------------
 */

static const struct operation *
find(const char *name)
{
	const char *near;

	for (size_t i = 0; i < NOPERATIONS; i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	near = mu_text_nearest(name, store_operation_names, NOPERATIONS);
	complain("store: no operation \"%s\"%s%s%s", name,
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
	return NULL;
}

int
cmd_store(struct ctl *c)
{
	const struct operation *op = find(c->args[0]);
	int64_t ms;

	if (op == NULL)
		return EXIT_USAGE;
	if (c->nargs > 2 && op->operands[0] == '\0') {
		complain("store %s STORE: too many operands", op->name);
		return EXIT_USAGE;
	}
	if (op->run != NULL)
		return op->run(c, c->args[1]);
	ms = store_timeout(c);
	if (ms < 0)
		return EXIT_USAGE;
	if (strcmp(op->name, "keys") == 0)
		return ask_keys(c, ms);
	return ask_one(c, op, ms);
}

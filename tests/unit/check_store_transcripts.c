/*
 * Recorded conversations of Broker's and Zeek's masters and clones, replayed
 * with our machine in the place of each of them.  As master it gets what the
 * clones sent and, at its time, each write that the recorded master made
 * itself; what it broadcasts must be, key by key, what was recorded, and what
 * it answers to one clone (snapshots, what it lacks, what is gone, an action
 * once more) the same, repetitions aside.  As clone it gets what the master
 * sent and makes the recorded clone's writes.  Both must end with the contents
 * that follow from the recording, and, where that was recorded, have told local
 * subscribers the same events.
 *
 * Known differences: expiry runs on ticks of another phase, so an expire may
 * come between other neighbours; Broker's master also broadcasts the result of
 * a put_unique of its own callers; a clone that asks for its handshake again
 * after acknowledging it (raw-clone) gets a fresh offset from us.
 */
#include "store_record.h"

#include "store/clone.h"
#include "store/master.h"
#include "unit.h"

/* --- streams of actions ------------------------------------------------ */

struct stream {
	struct mu_command at[MAX_ACTIONS]; /* decoded, owned */
	size_t n;
};

static void
stream_add(struct stream *s, const uint8_t *payload, size_t len)
{
	ck_assert_uint_lt(s->n, MAX_ACTIONS);
	ck_assert_int_eq(mu_command_dec(&s->at[s->n], payload, len), 0);
	s->n++;
}

static void
stream_clear(struct stream *s)
{
	while (s->n > 0)
		mu_command_clear(&s->at[--s->n]);
}

static bool
concerns(const struct mu_command *a, const struct mu_command *b)
{
	if (a->tag == MU_CMD_PUT_UNIQUE_RESULT ||
	    b->tag == MU_CMD_PUT_UNIQUE_RESULT)
		return a->tag == b->tag && a->req_id == b->req_id &&
		       mu_entity_eq(&a->who, &b->who);
	if (a->key == NULL || b->key == NULL)
		return a->key == b->key;
	return muster_value_cmp(a->key, b->key) == 0;
}

static bool
same_action(const struct mu_command *a, const struct mu_command *b)
{
	return a->tag == b->tag && a->has_expiry == b->has_expiry &&
	       a->expiry_ns == b->expiry_ns && a->inserted == b->inserted &&
	       mu_entity_eq(&a->publisher, &b->publisher) &&
	       (a->value == NULL) == (b->value == NULL) &&
	       (a->value == NULL || muster_value_cmp(a->value, b->value) == 0);
}

/* The same actions on each key in the same order. */
static void
same_streams(
    const struct stream *want, const struct stream *got, const char *who)
{
	bool used[MAX_ACTIONS] = { false };

	for (size_t i = 0; i < want->n; i++) {
		size_t j = 0;

		while (j < got->n &&
		       (used[j] || !concerns(&want->at[i], &got->at[j])))
			j++;
		ck_assert_msg(j < got->n,
		    "%s does not say action %llu of command %d", who,
		    (unsigned long long)want->at[i].seq, want->at[i].tag);
		used[j] = true;
		ck_assert_msg(same_action(&want->at[i], &got->at[j]),
		    "%s says something else than action %llu of command %d",
		    who, (unsigned long long)want->at[i].seq, want->at[i].tag);
	}
	ck_assert_msg(want->n == got->n, "%s says %zu actions instead of %zu",
	    who, got->n, want->n);
}

/* --- a run ------------------------------------------------------------- */

/* Which recorded messages concern this store and master. */
struct run {
	const char *store;
	struct mu_entity master;
	uint64_t begin, end; /* its life */
	struct mu_entity clone;
	uint64_t base; /* of ticks */
	bool tells;    /* the recording has what local subscribers saw */
};

static bool
is_part(const struct run *run, const struct record *r)
{
	return strcmp(r->store, run->store) == 0 && r->t >= run->begin &&
	       r->t <= run->end;
}

static void
request_of(const struct mu_command *cmd, struct mu_store_request *req)
{
	memset(req, 0, sizeof *req);
	switch (cmd->tag) {
	case MU_CMD_PUT:
		req->op = MU_STORE_PUT;
		break;
	case MU_CMD_PUT_UNIQUE:
		req->op = MU_STORE_PUT_UNIQUE;
		break;
	case MU_CMD_ERASE:
		req->op = MU_STORE_ERASE;
		break;
	case MU_CMD_ADD:
		req->op = MU_STORE_ADD;
		break;
	case MU_CMD_SUBTRACT:
		req->op = MU_STORE_SUBTRACT;
		break;
	default:
		req->op = MU_STORE_CLEAR;
	}
	req->key = cmd->key;
	req->value = cmd->value;
	req->init_type = cmd->init_type;
	req->expiry_ns = cmd->has_expiry ? cmd->expiry_ns : 0;
	req->timeout_ns = UINT64_C(3600000000000);
}

/* --- as master --------------------------------------------------------- */

struct master_run {
	struct mu_master *m;
	struct mu_store_now now;
	struct stream got;
	struct mu_command acks[16]; /* the last one to each writer */
	size_t nacks;
	unsigned nhandshakes;
	struct saids said;
	const char *store;
	struct told told;
};

static void
note_ack(struct master_run *x, const struct mu_command *cmd)
{
	size_t i = 0;

	while (
	    i < x->nacks && !mu_entity_eq(&x->acks[i].receiver, &cmd->receiver))
		i++;
	ck_assert_uint_lt(i, 16);
	x->acks[i] = *cmd;
	if (i == x->nacks)
		x->nacks++;
}

static void
drain_master(struct master_run *x)
{
	struct mu_store_out out;

	mu_master_flush(x->m);
	while (mu_master_next(x->m, &out)) {
		struct mu_command cmd;

		if (out.kind == MU_STORE_EVENT)
			note_told(&x->told, x->store, &out);
		if (out.kind != MU_STORE_SEND)
			continue;
		ck_assert(!out.to_master);
		ck_assert_int_eq(mu_command_dec(&cmd, out.payload, out.len), 0);
		ck_assert_uint_lt(cmd.tag, MU_CMD_PUT_IF);
		if (mu_command_is_action(cmd.tag) && out.receiver == NULL)
			stream_add(&x->got, out.payload, out.len);
		if (cmd.tag == MU_CMD_CUMULATIVE_ACK)
			note_ack(x, &cmd);
		x->nhandshakes += cmd.tag == MU_CMD_ACK_CLONE;
		note_said(&x->said, &cmd, out.receiver);
		mu_command_clear(&cmd);
	}
}

static void
local_put(
    void *ctx, const struct muster_value *key, const struct muster_value *value)
{
	struct master_run *x = ctx;
	struct mu_store_request req = {
		.op = MU_STORE_PUT, .key = key, .value = value
	};

	ck_assert_int_eq(mu_master_request(x->m, &req, &x->now), 0);
}

static void
master_reach(struct master_run *x, uint64_t t)
{
	while (mu_master_deadline(x->m) <= t) {
		x->now.mono = mu_master_deadline(x->m);
		x->now.wall = (int64_t)x->now.mono;
		mu_master_tick(x->m, &x->now);
		drain_master(x);
	}
	x->now.mono = t;
	x->now.wall = (int64_t)t;
}

static bool
is_local_write(const struct run *run, const struct mu_command *cmd)
{
	return mu_entity_eq(&cmd->publisher, &run->master) &&
	       (cmd->tag == MU_CMD_PUT || cmd->tag == MU_CMD_ERASE ||
		   cmd->tag == MU_CMD_CLEAR);
}

/* An action of the recorded master, which tells of a local write. */
static void
imitate_action(const struct run *run, struct master_run *x,
    const struct record *r, struct mu_backend *want, struct stream *said)
{
	struct mu_store_request req;

	fold(want, &r->cmd);
	if (r->cmd.tag == MU_CMD_PUT_UNIQUE_RESULT &&
	    mu_uuid_eq(&r->cmd.who.endpoint, &run->master.endpoint))
		return;
	stream_add(said, r->payload, r->len);
	if (!is_local_write(run, &r->cmd))
		return;
	request_of(&r->cmd, &req);
	ck_assert_int_eq(mu_master_request(x->m, &req, &x->now), 0);
	drain_master(x);
}

/* The first record of that number; the one that was broadcast may have been
 * lost on its way, and come later for the one who asked. */
static const struct record *
find_action(const struct run *run, uint64_t seq)
{
	for (size_t i = 0; i < nrecords; i++)
		if (is_part(run, &records[i]) && !records[i].to_master &&
		    mu_command_is_action(records[i].cmd.tag) &&
		    records[i].cmd.seq == seq &&
		    mu_entity_eq(&records[i].cmd.sender, &run->master))
			return &records[i];
	return NULL;
}

/* A message of the recorded master: what it says of local writes, its own and
 * those before it. */
static void
imitate(const struct run *run, struct master_run *x, const struct record *r,
    uint64_t *seq, struct mu_backend *want, struct stream *said)
{
	if (r->cmd.tag == MU_CMD_ACK_CLONE && *seq == 0) {
		/* what was written while nobody listened */
		fold(want, &r->cmd);
		each_pair(&r->cmd, local_put, x);
		*seq = 1;
	}
	if (!mu_command_is_action(r->cmd.tag) || r->cmd.seq <= *seq)
		return;
	if (*seq == 0)
		*seq = r->cmd.seq - 1;
	while (*seq < r->cmd.seq) {
		const struct record *each = find_action(run, ++*seq);

		if (each != NULL)
			imitate_action(run, x, each, want, said);
	}
}

/* Snapshots of the first clone show what was there before it. */
static void
prefill(const struct run *run, struct master_run *x, struct mu_backend *want,
    uint64_t *seq)
{
	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];

		if (!is_part(run, r) || r->to_master ||
		    r->cmd.tag != MU_CMD_ACK_CLONE ||
		    !mu_entity_eq(&r->cmd.sender, &run->master))
			continue;
		fold(want, &r->cmd);
		each_pair(&r->cmd, local_put, x);
		*seq = r->cmd.number;
		drain_master(x);
		return;
	}
}

static void
check_acks(const struct run *run, const struct master_run *x)
{
	for (size_t i = 0; i < x->nacks; i++) {
		uint64_t last = 0;

		for (size_t j = 0; j < nrecords; j++) {
			const struct record *r = &records[j];

			if (is_part(run, r) && !r->to_master &&
			    r->cmd.tag == MU_CMD_CUMULATIVE_ACK &&
			    mu_entity_eq(
				&r->cmd.receiver, &x->acks[i].receiver))
				last = r->cmd.number;
		}
		ck_assert_uint_ge(x->acks[i].number, last);
	}
}

static void
as_master(const struct run *run, const char *what)
{
	static struct stream said;
	static struct master_run x;
	static struct saids answers;
	struct mu_backend *want = mu_backend_memory_new(0);
	struct mu_backend *have = mu_backend_memory_new(0);
	struct mu_master_config config;
	uint64_t seq = 0;

	mu_master_config_init(&config);
	config.entity = run->master;
	/* no history that nobody lacks, as Broker */
	config.limits.keep_actions = config.limits.keep_bytes = 0;
	memset(&x, 0, sizeof x);
	x.store = run->store;
	answers.n = 0;
	x.now.mono = run->base;
	x.now.wall = (int64_t)run->base;
	x.m = mu_master_new(&config, have, &x.now);
	prefill(run, &x, want, &seq);
	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];

		if (!is_part(run, r))
			continue;
		master_reach(&x, r->t);
		if (r->to_master)
			ck_assert_int_eq(
			    mu_master_feed(x.m, r->payload, r->len, &x.now), 0);
		else if (mu_entity_eq(&r->cmd.sender, &run->master)) {
			imitate(run, &x, r, &seq, want, &said);
			note_said(&answers, &r->cmd, &r->receiver);
		}
		drain_master(&x);
	}
	master_reach(&x, run->end + 200000000);
	same_streams(&said, &x.got, what);
	same_contents(want, have, what);
	check_acks(run, &x);
	same_answers(&answers, &x.said, what);
	if (run->tells)
		same_events(&x.told, false, what);
	told_clear(&x.told);
	ck_assert(seq == 0 || x.nhandshakes > 0);
	stream_clear(&said);
	stream_clear(&x.got);
	mu_master_free(x.m);
	want->ops->close(want);
}

/* --- as clone ---------------------------------------------------------- */

struct clone_run {
	struct mu_clone *c;
	struct mu_store_now now;
	struct stream got;
	unsigned tags[MU_CMD_RESULT + 1];
	const char *store;
	struct told told;
	uint64_t acked, opened; /* last numbers of an ack and attach_writer */
};

static void
drain_clone(struct clone_run *x)
{
	struct mu_store_out out;

	mu_clone_flush(x->c);
	while (mu_clone_next(x->c, &out)) {
		struct mu_command cmd;

		if (out.kind == MU_STORE_EVENT)
			note_told(&x->told, x->store, &out);
		if (out.kind != MU_STORE_SEND)
			continue;
		ck_assert(out.to_master);
		ck_assert_int_eq(mu_command_dec(&cmd, out.payload, out.len), 0);
		ck_assert_uint_lt(cmd.tag, MU_CMD_PUT_IF);
		x->tags[cmd.tag]++;
		if (cmd.tag == MU_CMD_CUMULATIVE_ACK)
			x->acked = cmd.number;
		if (cmd.tag == MU_CMD_ATTACH_WRITER)
			x->opened = cmd.number;
		/* once: the recording may ask for some again */
		if (mu_command_is_action(cmd.tag) && cmd.seq == x->got.n + 2)
			stream_add(&x->got, out.payload, out.len);
		mu_command_clear(&cmd);
	}
}

static void
clone_reach(struct clone_run *x, uint64_t t)
{
	while (mu_clone_deadline(x->c) <= t) {
		x->now.mono = mu_clone_deadline(x->c);
		mu_clone_tick(x->c, &x->now);
		drain_clone(x);
	}
	x->now.mono = t;
}

/* Was it sent to this clone?  Its connections are those on which it spoke. */
static bool
reaches(const struct run *run, const struct record *r)
{
	if (!mu_uuid_is_nil(&r->receiver) &&
	    !mu_uuid_eq(&r->receiver, &run->clone.endpoint))
		return false;
	for (size_t i = 0; i < nrecords; i++)
		if (records[i].to_master &&
		    strcmp(records[i].link, r->link) == 0 &&
		    mu_uuid_eq(
			&records[i].cmd.sender.endpoint, &run->clone.endpoint))
			return true;
	return false;
}

/* Apply the action of that number, whenever it came. */
static bool
fold_next(const struct run *run, struct mu_backend *want, uint64_t seq)
{
	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];

		if (!is_part(run, r) || r->to_master || r->cmd.seq != seq ||
		    !mu_command_is_action(r->cmd.tag) || !reaches(run, r) ||
		    !mu_entity_eq(&r->cmd.sender, &run->master))
			continue;
		fold(want, &r->cmd);
		return true;
	}
	return false;
}

/* Who and number of a put_unique are the machine's own. */
static void
same_writes(
    const struct stream *want, const struct stream *got, const char *what)
{
	ck_assert_msg(want->n == got->n, "%s: %zu writes instead of %zu", what,
	    got->n, want->n);
	for (size_t i = 0; i < want->n; i++) {
		ck_assert_msg(
		    same_action(&want->at[i], &got->at[i]) &&
			want->at[i].seq == got->at[i].seq &&
			want->at[i].init_type == got->at[i].init_type &&
			mu_entity_eq(
			    &want->at[i].receiver, &got->at[i].receiver) &&
			mu_entity_eq(&want->at[i].sender, &got->at[i].sender),
		    "%s: write %zu is another one", what, i);
	}
}

static void
as_clone(const struct run *run, const char *what)
{
	static struct stream said;
	static struct clone_run x;
	struct mu_backend *want = mu_backend_memory_new(0);
	struct mu_backend *have = mu_backend_memory_new(0);
	struct mu_clone_config config;
	struct mu_store_request req;
	uint64_t written = 1, offset = 0;
	bool attached = false;

	mu_clone_config_init(&config);
	config.entity = run->clone;
	memset(&x, 0, sizeof x);
	x.store = run->store;
	x.now.mono = run->base;
	x.c = mu_clone_new(&config, have, &x.now);
	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];

		if (!is_part(run, r))
			continue;
		clone_reach(&x, r->t);
		if (!r->to_master && reaches(run, r) &&
		    mu_entity_eq(&r->cmd.sender, &run->master)) {
			bool mine = mu_entity_eq(&r->cmd.receiver, &run->clone);

			if (r->cmd.tag == MU_CMD_ACK_CLONE && mine &&
			    !attached) {
				attached = true;
				offset = r->cmd.number;
				fold(want, &r->cmd);
			}
			ck_assert_int_eq(
			    mu_clone_feed(x.c, r->payload, r->len, &x.now), 0);
		} else if (r->to_master &&
			   mu_entity_eq(&r->cmd.sender, &run->clone) &&
			   mu_command_is_action(r->cmd.tag) &&
			   r->cmd.seq > written) {
			written = r->cmd.seq;
			stream_add(&said, r->payload, r->len);
			request_of(&r->cmd, &req);
			ck_assert_int_eq(
			    mu_clone_request(x.c, &req, &x.now), 0);
		}
		drain_clone(&x);
	}
	ck_assert_msg(attached, "%s never attaches", what);
	while (fold_next(run, want, offset + 1))
		offset++;
	same_writes(&said, &x.got, what);
	same_contents(want, have, what);
	if (run->tells)
		same_events(&x.told, true, what);
	told_clear(&x.told);
	clone_reach(&x, run->end + 1000000000); /* acks come twice a second */
	ck_assert_msg(x.acked == offset, "%s acknowledges %llu, not %llu", what,
	    (unsigned long long)x.acked, (unsigned long long)offset);
	ck_assert_uint_gt(x.tags[MU_CMD_NACK], 0);
	ck_assert_uint_gt(x.tags[MU_CMD_ATTACH_WRITER], 0);
	ck_assert_uint_eq(x.opened, 1);
	ck_assert_uint_eq(x.tags[MU_CMD_RETRANSMIT_FAILED], 0);
	stream_clear(&said);
	stream_clear(&x.got);
	mu_clone_free(x.c);
	want->ops->close(want);
}

/* --- all of a recording ------------------------------------------------ */

/* The life of a master: from the end of the one before to its last word. */
static bool
find_run(struct run *run, size_t nth)
{
	struct mu_entity seen[16];
	const char *stores[16];
	size_t n = 0;

	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];
		bool known = false;

		for (size_t j = 0; j < n; j++)
			known |= strcmp(stores[j], r->store) == 0 &&
				 mu_entity_eq(&seen[j], &r->cmd.sender);
		if (r->to_master || known)
			continue;
		if (n < nth) {
			stores[n] = r->store;
			seen[n++] = r->cmd.sender;
			continue;
		}
		memset(run, 0, sizeof *run);
		run->store = r->store;
		run->master = r->cmd.sender;
		for (size_t j = 0; j < nrecords; j++) {
			const struct record *o = &records[j];

			if (o->to_master || strcmp(o->store, run->store) != 0)
				continue;
			if (mu_entity_eq(&o->cmd.sender, &run->master))
				run->end = o->t;
			else if (o->t < r->t)
				run->begin = o->t + 1;
		}
		run->base = records[0].t;
		if (run->base < run->begin)
			run->base = run->begin;
		return true;
	}
	return false;
}

/* Clones are those who sent such a command. */
static bool
find_clone(struct run *run, size_t nth, enum mu_command_tag tag)
{
	struct mu_entity seen[16];
	size_t n = 0;

	for (size_t i = 0; i < nrecords; i++) {
		const struct record *r = &records[i];
		bool known = false;

		if (!is_part(run, r) || !r->to_master ||
		    r->cmd.tag != tag)
			continue;
		for (size_t j = 0; j < n; j++)
			known |= mu_entity_eq(&seen[j], &r->cmd.sender);
		if (known)
			continue;
		seen[n++] = r->cmd.sender;
		if (n > nth) {
			run->clone = r->cmd.sender;
			return true;
		}
	}
	return false;
}

static void
replay_clones(const char *name, unsigned nmasters, unsigned nclones,
    enum mu_command_tag tag)
{
	struct run run;
	unsigned masters = 0, clones = 0;
	char what[300];

	load(name);
	for (size_t i = 0; find_run(&run, i); i++) {
		run.tells = ntellings > 0 && nmasters == 1;
		snprintf(
		    what, sizeof what, "%s: master of %s", name, run.store);
		as_master(&run, what);
		masters++;
		for (size_t j = 0; nclones > 0 && find_clone(&run, j, tag);
		     j++) {
			snprintf(what, sizeof what, "%s: clone %zu of %s", name,
			    j, run.store);
			as_clone(&run, what);
			clones++;
		}
	}
	ck_assert_uint_eq(masters, nmasters);
	ck_assert_uint_eq(clones, nclones);
	unload();
}

static void
replay(const char *name, unsigned nmasters, unsigned nclones)
{
	replay_clones(name, nmasters, nclones, MU_CMD_ATTACH_WRITER);
}

START_TEST(full_client_originator)
{
	replay("full-client-originator.jsonl", 1, 1);
}
END_TEST

START_TEST(full_server_originator)
{
	replay("full-server-originator.jsonl", 1, 1);
}
END_TEST

START_TEST(clone_before_master)
{
	replay("clone-before-master.jsonl", 1, 1);
}
END_TEST

START_TEST(reconnect)
{
	replay("reconnect.jsonl", 1, 1);
}
END_TEST

START_TEST(lost_tail)
{
	replay("lost-tail.jsonl", 1, 1);
}
END_TEST

START_TEST(raw_clone)
{
	replay("raw-clone.jsonl", 1, 0);
}
END_TEST

START_TEST(master_restart)
{
	replay("master-restart.jsonl", 2, 1);
}
END_TEST

START_TEST(zeek_stores)
{
	replay("zeek-stores.jsonl.gz", 6, 11);
}
END_TEST

START_TEST(zeek_known_stores)
{
	replay("zeek-known-stores.jsonl.gz", 4, 12);
}
END_TEST

/* The clones of Zeek's asked, and had given up when the master answered; ours
 * are attached by that answer. */
START_TEST(zeek_stores_no_master)
{
	replay_clones("zeek-stores-no-master.jsonl.gz", 2, 2, MU_CMD_NACK);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_transcripts");
	TCase *tc = tcase_create("replay");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, full_client_originator);
	tcase_add_test(tc, full_server_originator);
	tcase_add_test(tc, clone_before_master);
	tcase_add_test(tc, reconnect);
	tcase_add_test(tc, lost_tail);
	tcase_add_test(tc, raw_clone);
	tcase_add_test(tc, master_restart);
	tcase_add_test(tc, zeek_stores);
	tcase_add_test(tc, zeek_known_stores);
	tcase_add_test(tc, zeek_stores_no_master);
	suite_add_tcase(s, tc);
	return unit_run(s);
}

/* Values in and out of a backend; queries. */
#include "store/entry.h"

#include <math.h>
#include <string.h>

#include "base/cursor.h"
#include "muster/err.h"
#include "store/apply.h"
#include "value/codec.h"

#define SCAN_STEPS 200000 /* entries looked at for one page of keys */

enum mu_store_status
mu_entry_status(int err)
{
	switch (err) {
	case 0:
		return MU_STORE_OK;
	case MUSTER_ENOENT:
		return MU_STORE_NO_SUCH_KEY;
	case MUSTER_ENOMEM:
		return MU_STORE_NOMEM;
	case MUSTER_ELIMIT:
		return MU_STORE_FULL;
	case MUSTER_EPROTO:
		return MU_STORE_DAMAGED;
	default:
		return MU_STORE_BACKEND;
	}
}

enum mu_store_status
mu_entry_key(struct mu_buf *b, const struct muster_value *key)
{
	double real = muster_value_get_real(key);

	if (muster_value_type(key) == MUSTER_REAL && isnan(real))
		return MU_STORE_INVALID;
	mu_value_enc(b, key);
	if (mu_buf_error(b) != 0)
		return MU_STORE_NOMEM;
	if (muster_value_type(key) == MUSTER_REAL && real == 0)
		memset(mu_buf_data(b) + 1, 0, mu_buf_len(b) - 1);
	return MU_STORE_OK;
}

/* What a backend gives was encoded by us: anything else is its failure. */
static enum mu_store_status
decode(struct mu_bytes bytes, struct muster_value **out)
{
	int rc = muster_value_dec(bytes.at, bytes.len, out);

	if (rc == 0)
		return MU_STORE_OK;
	return rc == MUSTER_ENOMEM ? MU_STORE_NOMEM : MU_STORE_DAMAGED;
}

enum mu_store_status
mu_entry_get_due(struct mu_backend *b, struct mu_bytes key,
    struct muster_value **out, int64_t *deadline)
{
	struct mu_bytes value;
	int rc = b->ops->get(b, key, &value, deadline);

	return rc == 0 ? decode(value, out) : mu_entry_status(rc);
}

enum mu_store_status
mu_entry_get(
    struct mu_backend *b, struct mu_bytes key, struct muster_value **out)
{
	int64_t deadline;

	return mu_entry_get_due(b, key, out, &deadline);
}

/* --- keys -------------------------------------------------------------- */

static bool
is_wanted(const struct muster_value *key, const struct muster_value *prefix)
{
	size_t n, m;
	const char *p, *k;

	if (prefix == NULL)
		return true;
	if (muster_value_type(key) != MUSTER_STRING)
		return false;
	p = muster_value_get_string(prefix, &n);
	k = muster_value_get_string(key, &m);
	return m >= n && memcmp(k, p, n) == 0;
}

/* Walk from the key in last; keys wanted go to set until limit or, with a
 * limit of the caller's, until enough was looked at. */
static enum mu_store_status
scan(struct mu_backend *b, const struct mu_store_request *req, uint32_t limit,
    struct mu_buf *last, struct muster_value *set, struct muster_value **more)
{
	struct mu_bytes from = { NULL, 0 }, key, value;
	int64_t deadline;
	size_t steps = 0;
	int rc;

	if (mu_buf_len(last) > 0)
		from = mu_bytes_of(last);
	while ((rc = b->ops->after(b, from, &key, &value, &deadline)) == 0) {
		struct muster_value *k;
		enum mu_store_status status;

		if (muster_value_size(set) >= limit ||
		    (req->limit != 0 && steps++ >= SCAN_STEPS)) {
			if (req->limit == 0)
				return MU_STORE_TOO_LARGE;
			return decode(from, more);
		}
		status = decode(key, &k);
		if (status != MU_STORE_OK)
			return status;
		mu_buf_reset(last);
		mu_buf_put(last, key.at, key.len);
		from = mu_bytes_of(last);
		if (!is_wanted(k, req->value))
			muster_value_unref(k);
		else if (muster_value_insert(set, k) != 0)
			return MU_STORE_NOMEM;
		if (mu_buf_error(last) != 0)
			return MU_STORE_NOMEM;
	}
	return rc == MUSTER_ENOENT ? MU_STORE_OK : mu_entry_status(rc);
}

static enum mu_store_status
query_keys(struct mu_backend *b, const struct mu_store_request *req,
    uint32_t max_keys, struct mu_out *done, struct muster_value **out)
{
	struct muster_value *set = muster_value_set();
	enum mu_store_status status = MU_STORE_NOMEM;
	uint32_t limit = max_keys;
	struct mu_buf last;

	if (req->limit != 0 && req->limit < limit)
		limit = req->limit;
	mu_buf_init(&last, 0);
	if (set != NULL)
		status = req->after == NULL ? MU_STORE_OK
					    : mu_entry_key(&last, req->after);
	if (status == MU_STORE_OK)
		status = scan(b, req, limit, &last, set, &done->more);
	mu_buf_clear(&last);
	if (status == MU_STORE_OK)
		*out = set;
	else
		muster_value_unref(set);
	done->out.more = done->more;
	return status;
}

/* --- all queries ------------------------------------------------------- */

static enum mu_store_status
query_one(struct mu_backend *b, const struct mu_store_request *req,
    struct mu_out *done, struct muster_value **out)
{
	struct muster_value *v = NULL;
	int64_t deadline = 0;
	enum mu_store_status status;
	struct mu_buf key;

	mu_buf_init(&key, 0);
	status = mu_entry_key(&key, req->key);
	if (status == MU_STORE_OK)
		status = mu_entry_get_due(b, mu_bytes_of(&key), &v, &deadline);
	mu_buf_clear(&key);
	if (req->op == MU_STORE_GET && status == MU_STORE_OK)
		done->out.deadline = deadline;
	if (req->op == MU_STORE_EXISTS &&
	    (status == MU_STORE_OK || status == MU_STORE_NO_SUCH_KEY)) {
		*out = muster_value_boolean(status == MU_STORE_OK);
		status = *out == NULL ? MU_STORE_NOMEM : MU_STORE_OK;
	} else if (req->op == MU_STORE_GET_INDEX && status == MU_STORE_OK) {
		status = mu_apply_index(v, req->value, out);
	} else if (status == MU_STORE_OK) {
		*out = muster_value_ref(v);
	}
	muster_value_unref(v);
	return status;
}

void
mu_entry_query(struct mu_backend *b, const struct mu_store_request *req,
    uint32_t max_keys, struct mu_out *done)
{
	struct muster_value *result = NULL;
	enum mu_store_status status =
	    req->op == MU_STORE_KEYS
		? query_keys(b, req, max_keys, done, &result)
		: query_one(b, req, done, &result);

	mu_out_set_result(done, status, result);
	muster_value_unref(result);
}

int
mu_entry_say_erased(
    struct mu_backend *b, const struct mu_entity *publisher, struct mu_outq *q)
{
	struct mu_bytes from = { NULL, 0 }, key, value;
	bool good = true;
	int64_t deadline;
	struct mu_buf last;

	mu_buf_init(&last, 0);
	while (good && b->ops->after(b, from, &key, &value, &deadline) == 0) {
		struct muster_value *k = NULL;
		struct mu_out *event = NULL;

		if (muster_value_dec(key.at, key.len, &k) == 0)
			event = mu_out_event(
			    MU_STORE_ERASED, k, NULL, NULL, publisher);
		muster_value_unref(k);
		mu_buf_reset(&last);
		mu_buf_put(&last, key.at, key.len);
		from = mu_bytes_of(&last);
		good = event != NULL && mu_buf_error(&last) == 0;
		mu_outq_push(q, event);
	}
	mu_buf_clear(&last);
	return good ? 0 : MUSTER_ENOMEM;
}

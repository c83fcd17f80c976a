/* Identifiers in the control protocol: list, get, set, publish. */
#include "control/control_idents.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "core/idents.h"
#include "muster/err.h"
#include "value/codec.h"

void
control_set_idents(struct control *c, struct idents *i)
{
	c->idents = i;
}

static void
refuse_unknown(struct control_session *s, const char *name)
{
	const struct idents *i = s->control->idents;
	size_t n = idents_count(i);
	const char **names = mu_calloc(n, sizeof(*names)), *near = NULL;
	char shown[80];

	for (size_t k = 0; names != NULL && k < n; k++) {
		struct idents_fact f;

		idents_fact(i, k, &f);
		names[k] = f.name;
	}
	if (names != NULL)
		near = mu_text_nearest(name, names, n);
	answer_refuse(&s->out, "no_such_identifier",
	    "no identifier \"%s\"%s%s%s",
	    mu_text_printable(name, strlen(name), shown, sizeof shown),
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
	mu_free(names);
}

static void
refuse(struct control_session *s, int rc, const char *name, const char *why)
{
	if (rc == MUSTER_ENOENT)
		refuse_unknown(s, name);
	else if (rc == MUSTER_ENOMEM)
		answer_refuse(&s->out, "memory", "out of memory");
	else if (rc == MUSTER_EPERM)
		answer_refuse(
		    &s->out, "usage", "identifier %s is read only", name);
	else if (rc == MUSTER_ETYPE)
		answer_refuse(
		    &s->out, "usage", "identifier %s is of another type", name);
	else
		answer_refuse(&s->out, "usage", "identifier %s: %s", name,
		    why[0] != '\0' ? why : muster_strerror(rc));
}

/* The name of a request; NULL after a refusal; owned by the caller. */
static char *
name_of(struct control_session *s, const struct control_args *a)
{
	char *name = mu_jtext_cstring(&a->field[CONTROL_NAME]);

	if (s->control->idents == NULL) {
		answer_refuse(&s->out, "usage", "no identifiers here");
		mu_free(name);
		return NULL;
	}
	if (name == NULL)
		answer_refuse(&s->out, "usage", "name: not a name");
	return name;
}

void
control_on_ids(struct control_session *s, const struct control_args *a)
{
	const struct idents *i = s->control->idents;
	struct muster_value *v;
	struct idents_fact f;
	int rc;

	(void)a;
	answer_ok(&s->out);
	answer_open(&s->out, "identifiers", '[');
	for (size_t k = 0; i != NULL && k < idents_count(i); k++) {
		idents_fact(i, k, &f);
		v = idents_get(i, f.name, &rc);
		answer_open(&s->out, NULL, '{');
		answer_text(&s->out, "name", f.name);
		answer_text(&s->out, "type", muster_type_name(f.type));
		answer_text(&s->out, "about", f.about);
		answer_bool(&s->out, "fixed", f.fixed);
		answer_number(&s->out, "updates", f.updates);
		if (v != NULL) {
			mu_buf_str(&s->out, ",\"value\":");
			mu_value_enc_json(&s->out, v);
		}
		answer_close(&s->out, '}');
		muster_value_unref(v);
	}
	answer_close(&s->out, ']');
	if (i != NULL) {
		answer_number(&s->out, "updated", idents_stats(i)->updated);
		answer_number(&s->out, "refused", idents_stats(i)->refused);
		answer_number(&s->out, "requests", idents_stats(i)->requests);
		answer_number(
		    &s->out, "unanswered", idents_stats(i)->unanswered);
	}
	answer_end(&s->out);
}

void
control_on_id_get(struct control_session *s, const struct control_args *a)
{
	char *name = name_of(s, a);
	struct muster_value *v;
	int rc;

	if (name == NULL)
		return;
	v = idents_get(s->control->idents, name, &rc);
	if (v == NULL) {
		refuse(s, rc, name, "");
	} else {
		answer_ok(&s->out);
		answer_text(&s->out, "name", name);
		mu_buf_str(&s->out, ",\"value\":");
		mu_value_enc_json(&s->out, v);
		answer_end(&s->out);
	}
	muster_value_unref(v);
	mu_free(name);
}

void
control_on_id_set(struct control_session *s, const struct control_args *a)
{
	const struct mu_jtext *json = &a->field[CONTROL_VALUE];
	char *name = name_of(s, a), why[IDENTS_WHY] = "";
	struct muster_value *v = NULL;
	int rc;

	if (name == NULL)
		return;
	rc = muster_value_from_json(json->at, json->len, &v);
	if (rc == 0)
		rc = idents_set(s->control->idents, name, v, why);
	else if (rc != MUSTER_ENOMEM)
		snprintf(why, sizeof why, "not a value");
	if (why[0] != '\0')
		rc = MUSTER_EINVAL;
	muster_value_unref(v);
	if (rc != 0) {
		refuse(s, rc, name, why);
	} else {
		answer_ok(&s->out);
		answer_text(&s->out, "name", name);
		answer_end(&s->out);
	}
	mu_free(name);
}

void
control_on_id_publish(struct control_session *s, const struct control_args *a)
{
	char *name = name_of(s, a);
	struct mu_buf topic;
	int rc;

	if (name == NULL)
		return;
	mu_buf_init(&topic, 0);
	rc = mu_jtext_string(&a->field[CONTROL_TOPIC], &topic);
	if (rc == 0)
		rc = idents_publish(s->control->idents, name,
		    mu_buf_len(&topic) == 0 ? ""
					    : (const char *)mu_buf_data(&topic),
		    mu_buf_len(&topic));
	mu_buf_clear(&topic);
	if (rc < 0) {
		refuse(s, rc, name, "");
	} else {
		answer_ok(&s->out);
		answer_number(&s->out, "receivers", (uint64_t)rc);
		answer_end(&s->out);
	}
	mu_free(name);
}

/* Types of log columns; see type.h. */
#include "logrec/type.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names of the elementary types; sets and vectors are put together. */
static const char *const names[] = {
	[MU_LOG_BOOL] = "bool",
	[MU_LOG_INT] = "int",
	[MU_LOG_COUNT] = "count",
	[MU_LOG_DOUBLE] = "double",
	[MU_LOG_TIME] = "time",
	[MU_LOG_INTERVAL] = "interval",
	[MU_LOG_STRING] = "string",
	[MU_LOG_ENUM] = "enum",
	[MU_LOG_PORT] = "port",
	[MU_LOG_ADDR] = "addr",
	[MU_LOG_SUBNET] = "subnet",
	[MU_LOG_FUNC] = "func",
	[MU_LOG_FILE] = "file",
};
#define NNAMES (sizeof names / sizeof names[0])

int
mu_log_fail(struct mu_log_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why != NULL) {
		va_start(ap, fmt);
		vsnprintf(why->text, sizeof why->text, fmt, ap);
		va_end(ap);
	}
	return err;
}

static bool
is_element(uint64_t type)
{
	return type < NNAMES && names[type] != NULL;
}

bool
mu_log_type_ok(uint64_t type, uint64_t subtype)
{
	if (type == MU_LOG_SET || type == MU_LOG_VECTOR)
		return is_element(subtype);
	return is_element(type);
}

char *
mu_log_type_format(unsigned type, unsigned subtype, char out[MU_LOG_TYPE_TEXT])
{
	if (!mu_log_type_ok(type, subtype))
		snprintf(out, MU_LOG_TYPE_TEXT, "?");
	else if (mu_log_is_list(type))
		snprintf(out, MU_LOG_TYPE_TEXT, "%s[%s]",
		    type == MU_LOG_SET ? "set" : "vector", names[subtype]);
	else
		snprintf(out, MU_LOG_TYPE_TEXT, "%s", names[type]);
	return out;
}

static enum mu_log_type
element(const char *s, size_t len)
{
	for (unsigned i = 0; i < NNAMES; i++)
		if (names[i] != NULL && strlen(names[i]) == len &&
		    memcmp(names[i], s, len) == 0)
			return (enum mu_log_type)i;
	return MU_LOG_VOID;
}

bool
mu_log_type_parse(const char *s, size_t len, enum mu_log_type *type,
    enum mu_log_type *subtype)
{
	static const struct {
		const char *head;
		enum mu_log_type type;
	} lists[] = {
		{ "set[", MU_LOG_SET },
		{ "table[", MU_LOG_SET },
		{ "vector[", MU_LOG_VECTOR },
	};

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		size_t n = strlen(lists[i].head);

		if (len <= n + 1 || memcmp(s, lists[i].head, n) != 0 ||
		    s[len - 1] != ']')
			continue;
		*type = lists[i].type;
		*subtype = element(s + n, len - n - 1);
		return *subtype != MU_LOG_VOID;
	}
	*type = element(s, len);
	*subtype = MU_LOG_VOID;
	return *type != MU_LOG_VOID;
}

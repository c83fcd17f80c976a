/*
 * Values as Zeek prints them, for people who ask with Zeek's tools; unlike the
 * text of Broker.
 */
#ifndef MU_VALUE_DESCRIBE_H
#define MU_VALUE_DESCRIBE_H

struct mu_buf;
struct muster_value;

/* Append: "2", "T", "1.0 min 30.0 secs", "{\n\t[a] = 1\n}", "[x, y]". */
void mu_describe(struct mu_buf *b, const struct muster_value *v);

#endif
